//! What `/links/{link}/first` shows: the link's status, looked at for one record.

use model::{link::Start, problem::Problem, status::TopicStatus};

use super::FirstView;
use crate::{Context, access::Actor, api};

/// How long nobody need worry, seconds.
const PATIENCE_S: i64 = 30;
/// Topics that are named.
const MOST_NAMED: usize = 10;

/// Returns the view of a link that was just started.
pub async fn view(context: &Context, actor: &Actor, name: &str) -> Result<FirstView, Problem> {
    let link = api::links::get(context, actor, name).await?;
    let status = api::status::of_link(context, actor, name).await?;
    let waited_s = ((context.now_ms - link.updated_at_ms) / 1_000).max(0);
    let is_silent = |topic: &&TopicStatus| topic.rates.records_total == 0;
    let mut silent: Vec<String> = Vec::new();
    if waited_s >= PATIENCE_S && status.first_record.is_none() {
        let topics = status.topics.iter().filter(is_silent);
        silent = topics.map(|topic| topic.topic.clone()).collect();
    }
    let silent_more = silent.len().saturating_sub(MOST_NAMED) as u32;
    silent.truncate(MOST_NAMED);
    Ok(FirstView {
        name: link.spec.name.to_string(),
        source: link.spec.source.to_string(),
        destination: link.spec.destination.to_string(),
        state: status.state,
        first: status.first_record,
        waited_s,
        topics: status.topics.len() as u32,
        silent,
        silent_more,
        from_end: link.spec.start == Start::Latest,
        problems: status.problems,
    })
}
