//! What `/` shows, read from intent and from the engine's last word.

use std::collections::BTreeMap;

use model::{
    finding::FindingState,
    format,
    problem::Problem,
    sample::STEP_MS,
    status::{LinkStatus, State},
    summary,
};
use store::{Link, PageQuery};

use super::{Attention, LinkRow, OverviewView};
use crate::{Context, access::Actor, api, pages::lag::Lag};

/// Attention is asked for at most this often; the rest stands on the links' pages.
const MOST_ATTENTION: usize = 8;

/// What the page takes from one link.
struct Seen {
    input: summary::LinkInput,
    row: LinkRow,
    attention: Vec<Attention>,
}

/// Returns the view of the first page.
pub async fn view(context: &Context, actor: &Actor) -> Result<OverviewView, Problem> {
    let see = |link: &Link, status: &LinkStatus| see(context, link, status);
    let mut all = api::status::with_all(context, actor, see).await?;
    all.sort_by(|a, b| a.input.worst_first(&b.input));
    let (mut inputs, mut attention, mut links) = (Vec::new(), Vec::new(), BTreeMap::new());
    for seen in all {
        attention.extend(seen.attention);
        links.insert(seen.input.name.clone(), seen.row);
        inputs.push(seen.input);
    }
    attention.truncate(MOST_ATTENTION);
    Ok(OverviewView {
        sentences: summary::sentences(&inputs),
        attention,
        order: inputs.into_iter().map(|input| input.name).collect(),
        clusters_missing: links.is_empty() && !has_two_clusters(context, actor).await?,
        links,
    })
}

async fn has_two_clusters(context: &Context, actor: &Actor) -> Result<bool, Problem> {
    let clusters = api::clusters::list(context, actor, &PageQuery::first(2)).await?;
    Ok(clusters.items.len() == 2)
}

fn see(context: &Context, link: &Link, status: &LinkStatus) -> Seen {
    let spec = &link.spec;
    let history = context.engine.history(&status.link).unwrap_or_default();
    let mut input = summary::LinkInput::of(status, spec.source.as_str(), spec.destination.as_str());
    if status.state == State::CatchingUp {
        input.eta_ms = summary::eta_of_lags(&history.lag_records, STEP_MS);
    }
    let row = LinkRow {
        source: spec.source.to_string(),
        destination: spec.destination.to_string(),
        state: status.state,
        note: note(status, input.eta_ms),
        lag: Lag::of(status, context.now_ms),
        records_per_s: status.rates.records_per_s.round(),
        bytes_per_s: (status.rates.bytes_per_s / 1_000.0).round() * 1_000.0,
        p99_ms: status.latency.map(|latency| latency.p99_ms.round()),
        rate: history.records_per_s.clone(),
    };
    Seen {
        input,
        row,
        attention: attention(status),
    }
}

/// Says what the word of the state leaves open.
fn note(status: &LinkStatus, eta_ms: Option<i64>) -> String {
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
        State::CatchingUp => eta_ms
            .map(|ms| format!("ETA {}", format::span_short(ms)))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// Returns what needs a person at one link: what is held first, then what keeps it from copying.
fn attention(status: &LinkStatus) -> Vec<Attention> {
    let held = status
        .findings
        .iter()
        .filter(|finding| finding.state == FindingState::Held)
        .map(|finding| Attention::of_finding(&status.link, finding));
    // What is held has a finding, which is told already.
    let problems = status
        .problems
        .iter()
        .filter(|problem| problem.code != "partition.held")
        .map(|problem| Attention::of_problem(&status.link, status.state, problem));
    held.chain(problems).collect()
}
