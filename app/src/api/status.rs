//! The status of a link: what the engine reports, or what its phase says where nothing runs.

use model::{
    link::Phase,
    problem::Problem,
    status::{LinkStatus, Rates, State},
};
use store::Link;

use super::links::readable;
use crate::{Context, access::Actor};

/// How long after a change of phase a worker may take to report.
const FIRST_REPORT_MS: i64 = 15_000;

/// Returns what a link does now.
pub async fn of_link(context: &Context, actor: &Actor, name: &str) -> Result<LinkStatus, Problem> {
    let link = readable(context, actor, name).await?;
    let reported = context
        .engine
        .status(name)
        .filter(|status| status.phase == link.phase);
    Ok(reported.unwrap_or_else(|| unreported(&link, context.now_ms)))
}

/// The status of a link that no worker has reported since its phase changed.
fn unreported(link: &Link, now_ms: i64) -> LinkStatus {
    let state = match link.phase {
        Phase::Draft => State::Draft,
        Phase::Paused => State::Paused,
        Phase::Stopped => State::Stopped,
        Phase::Running if now_ms - link.updated_at_ms < FIRST_REPORT_MS => State::Starting,
        Phase::Running => State::Unknown,
    };
    LinkStatus {
        link: link.spec.name.to_string(),
        phase: link.phase,
        state,
        since_ms: link.updated_at_ms,
        measured_at_ms: now_ms,
        rates: Rates::default(),
        lag_records: None,
        lag_time_ms: None,
        latency: None,
        topics: Vec::new(),
        findings: Vec::new(),
        problems: Vec::new(),
        slots_owned: 0,
        slots: link.spec.slots,
        memory_bytes: 0,
        data_producer_id: None,
    }
}
