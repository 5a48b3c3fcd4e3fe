//! What the pages of one link show, read from intent and from the engine's last word.

use model::{
    Name, format,
    link::{LinkSpec, LinkView, Phase},
    nearest::nearest,
    problem::Problem,
    sample::{History, STEP_MS},
    status::LinkStatus,
    summary::{self, LinkInput},
};
use store::{Link, PageQuery};

mod found;
mod rows;

use super::{
    Behind, ConfigView, DeleteView, EventsView, FindingsView, Head, Now, OverviewView, Series,
    Trouble, listing::Listing, settings, topics::TopicsTabView, trend,
};
use crate::{
    Context,
    access::Actor,
    api::{links, status},
    error::UiError,
    pages::{events, lag::Lag},
};
use rows::{page_of, worst_of};

/// Topics on the overview.
const WORST_TOPICS: usize = 10;
/// Events on the overview.
const LAST_EVENTS: u32 = 5;
/// Share of the time from which a brake is felt.
const LEAST_SHARE: f64 = 0.01;
/// Names that resemble an unknown one.
const NEAREST: usize = 3;

/// Returns what the tab *Overview* shows.
pub async fn overview(
    context: &Context,
    actor: &Actor,
    name: &str,
) -> Result<OverviewView, Problem> {
    let link = links::readable(context, actor, name).await?;
    let (found, cards) = found::worst(context, &link).await?;
    let events = events::query::last(context, &link, LAST_EVENTS).await?;
    let history = context.engine.history(name).unwrap_or_default();
    Ok(status::with(context, &link, |link, status| OverviewView {
        head: head(context, link, status),
        now: now(context, &link.spec, status, &history),
        behind: behind(link, status),
        troubles: status.problems.iter().map(trouble).collect(),
        findings: cards,
        found,
        events,
        topics: worst_of(status, WORST_TOPICS),
        series: series(&history),
    }))
}

/// Returns what the tab *Topics* shows of `listing`.
pub async fn topics(
    context: &Context,
    actor: &Actor,
    name: &str,
    listing: &Listing,
) -> Result<TopicsTabView, Problem> {
    status::with_link(context, actor, name, |link, status| TopicsTabView {
        head: head(context, link, status),
        topics: page_of(status, listing),
    })
    .await
}

/// Returns what the tab *Config* shows.
pub async fn config(context: &Context, actor: &Actor, name: &str) -> Result<ConfigView, Problem> {
    let head = head_of(context, actor, name).await?;
    let LinkView {
        spec,
        updated_at_ms,
        ..
    } = links::get(context, actor, name).await?;
    Ok(ConfigView {
        head,
        settings: settings::in_words(&spec),
        json: serde_json::to_string_pretty(&spec).unwrap_or_default(),
        updated_at_ms,
    })
}

/// Returns what the tab *Events* shows; `after` is the cursor of the page before, or empty.
pub async fn events(
    context: &Context,
    actor: &Actor,
    name: &str,
    after: &str,
) -> Result<EventsView, Problem> {
    Ok(EventsView {
        head: head_of(context, actor, name).await?,
        list: events::query::of_link(context, actor, name, after).await?,
    })
}

/// Returns one page of all findings, those that are held first; `after` is the cursor of the page before, or empty.
pub async fn findings(
    context: &Context,
    actor: &Actor,
    name: &str,
    after: &str,
) -> Result<FindingsView, Problem> {
    let link = links::readable(context, actor, name).await?;
    let (found, items, next) = found::page(context, &link, after).await?;
    Ok(FindingsView {
        head: status::with(context, &link, |link, status| head(context, link, status)),
        found,
        items,
        next,
        further: !after.is_empty(),
    })
}

/// Returns what the page that deletes a link shows.
pub async fn to_delete(
    context: &Context,
    actor: &Actor,
    name: &str,
) -> Result<DeleteView, Problem> {
    let head = head_of(context, actor, name).await?;
    Ok(DeleteView {
        may: head.phase.may_delete(),
        head,
    })
}

/// Adds the names closest to `name` to the problem of an unknown link.
pub async fn explained(context: &Context, actor: &Actor, name: &str, problem: Problem) -> UiError {
    let error = UiError::from(problem);
    if error.problem.status != 404 {
        return error;
    }
    let all = links::list(context, actor, &PageQuery::first(1_000)).await;
    let all = all.map(|list| list.items).unwrap_or_default();
    let closest = nearest(
        name,
        all.iter().map(|link| link.spec.name.as_str()),
        NEAREST,
    );
    error
        .keep("nearest", &closest.join(" "))
        .keep("wanted", name)
}

async fn head_of(context: &Context, actor: &Actor, name: &str) -> Result<Head, Problem> {
    status::with_link(context, actor, name, |link, status| {
        head(context, link, status)
    })
    .await
}

fn head(context: &Context, link: &Link, status: &LinkStatus) -> Head {
    let since = match link.phase {
        Phase::Draft => String::new(),
        _ => format::span(context.now_ms - status.since_ms),
    };
    Head {
        name: link.spec.name.to_string(),
        title: link.spec.title.clone(),
        source: link.spec.source.to_string(),
        destination: link.spec.destination.to_string(),
        phase: link.phase,
        state: status.state,
        since,
        topics: status.topics.len() as u32,
        revision: link.revision,
    }
}

/// Returns what brakes a link, the strongest first.
fn throttled(spec: &LinkSpec, status: &LinkStatus) -> String {
    let by = &status.throttled;
    let limit = spec.limit_bytes_per_s.unwrap_or(0) as f64;
    let quota = |cluster: &Name| format!("throttled by the quota at {cluster}");
    let mut all = [
        (
            by.limit.share,
            format!("limited to {} MB/s", format::megabytes(limit)),
        ),
        (by.source.share, quota(&spec.source)),
        (by.destination.share, quota(&spec.destination)),
    ];
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let felt = all.into_iter().filter(|(share, _)| *share >= LEAST_SHARE);
    let words = felt.map(|(share, what)| format!("{what}, {:.0} % of the time", share * 100.0));
    words.collect::<Vec<_>>().join(" · ")
}

fn now(context: &Context, spec: &LinkSpec, status: &LinkStatus, history: &History) -> Now {
    Now {
        measured_at_ms: status.measured_at_ms,
        records_per_s: rows::rate(status.rates.records_per_s),
        bytes_per_s: (status.rates.bytes_per_s / 100_000.0).round() * 100_000.0,
        throttled: throttled(spec, status),
        lag: Lag::of(status, context.now_ms),
        trend: trend::words(&history.lag_records, STEP_MS),
        p50_ms: status.latency.map(|latency| latency.p50_ms.round()),
        p99_ms: status.latency.map(|latency| latency.p99_ms.round()),
    }
}

fn series(history: &History) -> Series {
    Series {
        end_ms: history.end_ms(),
        records_per_s: history.records_per_s.clone(),
        bytes_per_s: history.bytes_per_s.clone(),
        lag_time_ms: history.lag_time_ms.clone(),
        p5_ms: history.p5_ms.clone(),
        p50_ms: history.p50_ms.clone(),
        p99_ms: history.p99_ms.clone(),
    }
}

fn behind(link: &Link, status: &LinkStatus) -> Option<Behind> {
    if link.phase == Phase::Draft {
        return None;
    }
    let spec = &link.spec;
    let input = LinkInput::of(status, spec.source.as_str(), spec.destination.as_str());
    Some(Behind {
        records: input.lag_records,
        lag_time_ms: input.lag_time_ms,
        at_least: input.as_of_ms.is_some() || input.unknown_partitions > 0,
        sentence: summary::stays_behind(&input),
    })
}

/// Returns a problem as the pages of its link show it.
pub fn trouble(problem: &Problem) -> Trouble {
    let since = problem
        .first_seen_ms
        .map(|ms| format!("since {}", format::moment(ms)));
    // A held partition is not tried: it waits for a person.
    let held = problem.code == "partition.held";
    let next_step = match held {
        true => Some("Choose under Findings how it goes on.".to_owned()),
        false => problem.next_step.clone(),
    };
    let count = problem.count.filter(|_| !held).map(|count| match count {
        1 => "1 try so far".to_owned(),
        count => format!("{} tries so far", format::grouped(count as i64)),
    });
    let next = problem
        .next_try_ms
        .map(|ms| format!("next try at {} UTC", format::time(ms)));
    let parts = [problem.and_more(), since, count, next];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Trouble {
        problem: Problem {
            first_seen_ms: None,
            count: None,
            next_try_ms: None,
            more_partitions: None,
            next_step,
            ..problem.clone()
        },
        tries: parts.join(" · "),
    }
}
