//! What `/links/{link}/first` shows: the link's status, looked at for one record.

use model::{
    link::Start,
    problem::Problem,
    status::{LinkStatus, TopicStatus},
};
use store::Link;

use super::FirstView;
use crate::{Context, access::Actor, api::status, pages::link::query::trouble};

/// How long nobody need worry, seconds.
const PATIENCE_S: i64 = 30;
/// Topics that are named.
const MOST_NAMED: usize = 10;

/// Returns the view of a link that was just started.
pub async fn view(context: &Context, actor: &Actor, name: &str) -> Result<FirstView, Problem> {
    let seen = |link: &Link, status: &LinkStatus| seen(context.now_ms, link, status);
    status::with_link(context, actor, name, seen).await
}

fn seen(now_ms: i64, link: &Link, status: &LinkStatus) -> FirstView {
    let waited_s = ((now_ms - link.updated_at_ms) / 1_000).max(0);
    let worth_knowing = waited_s >= PATIENCE_S && status.first_record.is_none();
    let is_silent = |topic: &&TopicStatus| worth_knowing && topic.rates.records_total == 0;
    let silent = || status.topics.iter().filter(is_silent);
    FirstView {
        name: link.spec.name.to_string(),
        source: link.spec.source.to_string(),
        destination: link.spec.destination.to_string(),
        state: status.state,
        first: status.first_record.clone(),
        waited_s,
        topics: status.topics.len() as u32,
        silent: silent()
            .take(MOST_NAMED)
            .map(|topic| topic.topic.clone())
            .collect(),
        silent_more: silent().count().saturating_sub(MOST_NAMED) as u32,
        from_end: link.spec.start == Start::Latest,
        troubles: status.problems.iter().map(trouble).collect(),
    }
}
