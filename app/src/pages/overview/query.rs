//! What `/` shows, read from intent and from the engine's last word.

use model::{
    finding::FindingState,
    problem::Problem,
    status::{LinkStatus, State},
    summary,
};
use store::{Link, PageQuery};

use super::{Attention, LinkRow, OverviewView};
use crate::{Context, access::Actor, api};

/// Attention is asked for at most this often; the rest stands on the links' pages.
const MOST_ATTENTION: usize = 8;

/// Returns the view of the first page.
pub async fn view(context: &Context, actor: &Actor) -> Result<OverviewView, Problem> {
    let mut all = api::status::of_all(context, actor).await?;
    all.sort_by(|(_, a), (_, b)| {
        let lag = |status: &LinkStatus| std::cmp::Reverse(status.lag_time_ms);
        (a.state, lag(a), &a.link).cmp(&(b.state, lag(b), &b.link))
    });
    let clusters = api::clusters::list(context, actor, &PageQuery::first(1_000)).await?;
    let inputs: Vec<summary::LinkInput> = all.iter().map(input).collect();
    Ok(OverviewView {
        sentences: summary::sentences(&inputs),
        attention: attention(&all),
        order: all.iter().map(|(_, status)| status.link.clone()).collect(),
        links: all.iter().map(|pair| row(context, pair)).collect(),
        clusters: clusters.items.len() as u32,
    })
}

fn input((link, status): &(Link, LinkStatus)) -> summary::LinkInput {
    let spec = &link.spec;
    summary::LinkInput::of(status, spec.source.as_str(), spec.destination.as_str())
}

fn row(context: &Context, (link, status): &(Link, LinkStatus)) -> (String, LinkRow) {
    let history = context.engine.history(&status.link);
    let row = LinkRow {
        name: status.link.clone(),
        source: link.spec.source.to_string(),
        destination: link.spec.destination.to_string(),
        state: status.state,
        note: note(status),
        lag_time_ms: status.lag_time_ms,
        lag_records: status.lag_records,
        records_per_s: status.rates.records_per_s.round(),
        bytes_per_s: (status.rates.bytes_per_s / 1_000.0).round() * 1_000.0,
        p99_ms: status.latency.map(|latency| latency.p99_ms.round()),
        rate: history.unwrap_or_default().records_per_s,
    };
    (status.link.clone(), row)
}

/// Says what the word of the state leaves open.
fn note(status: &LinkStatus) -> String {
    let partitions = || status.topics.iter().flat_map(|topic| &topic.partitions);
    match status.state {
        State::NeedsDecision => {
            let held = |state| state == State::NeedsDecision;
            let going = partitions().filter(|p| !held(p.state)).count();
            format!("{going} of {} go on", partitions().count())
        }
        State::Waiting => status
            .problems
            .first()
            .map(|problem| problem.title.clone())
            .unwrap_or_default(),
        _ => String::new(),
    }
}

fn attention(all: &[(Link, LinkStatus)]) -> Vec<Attention> {
    let of_link = |(_, status): &(Link, LinkStatus)| {
        let held = status
            .findings
            .iter()
            .filter(|finding| finding.state == FindingState::Held)
            .map(|finding| Attention::of_finding(&status.link, finding));
        let problems = status
            .problems
            .iter()
            .map(|problem| Attention::of_problem(&status.link, status.state, problem));
        held.chain(problems).collect::<Vec<_>>()
    };
    all.iter().flat_map(of_link).take(MOST_ATTENTION).collect()
}
