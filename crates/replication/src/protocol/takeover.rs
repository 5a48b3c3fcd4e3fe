//! Taking over a partition (EXACTLY_ONCE 3): where to go on, proved by both logs.
//!
//! Invariants: facts are judged only if neither leader nor log end moved while they were read. Only the *plain*
//! continuation (guarded, counted exactly, same settings, nothing found) begins before `quiet_at`; everything else is judged
//! on facts read after it, because a late request could still change them. Whatever is not a continuation by counting or matching begins a
//! new producer epoch, so that a later request of the old one is refused and never taken for a repetition.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use model::{
    finding::{Choice, Finding, FindingKind},
    link::Policy,
};

use super::{
    offset_map::{OffsetMap, Segment},
    ports::{Clock, Destination, PortError, Source},
    position::{Identity, Meaning, Position},
};

mod conclude;
mod facts;
mod judge;
mod words;

/// Where a partition without a position begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// The first offset that the source still has.
    LogStart,
    /// This offset; what is missing above it is a loss.
    Offset(i64),
}

/// What happens on findings, and what operators chose.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Kinds left out follow [`FindingKind::default_policy`].
    pub by_kind: BTreeMap<FindingKind, Policy>,
    /// Choices by finding id.
    pub choices: HashMap<String, Choice>,
}

/// The facts of a take-over that the shell knows.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    pub identity: &'a Identity,
    /// The stored position (`ControlState::position`), after the claim.
    pub stored: Option<&'a Position>,
    /// Its offset map.
    pub map: &'a OffsetMap,
    /// The settings in force now.
    pub meaning: Meaning,
    /// The link's data producer id, from `spec`.
    pub producer_id: i64,
    /// Where to begin without a stored position.
    pub start: StartAt,
    /// A mirror with records and no position may be appended to.
    pub may_append: bool,
    pub policies: &'a Policies,
    /// Monotonic time until which requests of former owners, or lost ones of ours, may reach the destination:
    /// [`super::quiet::Quiet::at_ms`].
    pub quiet_at_ms: i64,
    /// Destination end that was acknowledged to this process, where it was.
    pub acknowledged_end: Option<i64>,
    /// Half of the destination's `producer.id.expiration.ms`; one hour where it cannot be read.
    pub guard_ms: i64,
    /// The position was stored in one transaction with its records: it alone tells where to go on.
    pub transactional: bool,
}

/// Why a take-over waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Requests of a former owner, or lost ones of ours, may still arrive.
    Quiet,
    /// The high watermark has not reached the log end.
    HighWatermark,
    /// The leader changed while its facts were read.
    Moving,
    /// The position was stored under newer settings than ours.
    Settings,
    /// The producer id's epochs are used up: slot 0's owner must get a new one and write `spec`.
    ProducerId,
    /// The source does not reach to the position, and does not say that it was truncated.
    SourceBehind,
}

/// Where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    pub position: Position,
    /// The position, the map and the findings must be stored before anything is sent.
    pub must_store: bool,
    /// The facts were read when nothing sent before could change them any more.
    pub quiet: bool,
    /// Timestamp of our last batch if the broker's producer state checks appends.
    pub guard_timestamp_ms: Option<i64>,
    /// The destination's offset map from here on: cut it there, then push `segments`.
    pub map_cut: Option<i64>,
    pub segments: Vec<Segment>,
    /// To be recorded in one batch with the position.
    pub findings: Vec<Finding>,
}

/// What came of a take-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Resumed(Box<Resumed>),
    /// The partition is held until an operator chooses.
    Held(Box<Finding>),
    /// Ask again after this time.
    Wait(Why, Duration),
}

/// Reads both logs and says where to go on.
///
/// # Errors
/// When a cluster does not answer: try again.
pub async fn take_over<S: Source, D: Destination, C: Clock>(
    source: &S,
    destination: &D,
    clock: &C,
    case: &Case<'_>,
) -> Result<Outcome, PortError> {
    let started_ms = clock.monotonic_ms();
    let outcome = judge::judge(source, destination, clock.wall_ms(), case).await?;
    let quiet = started_ms >= case.quiet_at_ms;
    Ok(match outcome {
        judge::Judged::Done(Outcome::Resumed(resumed)) => resumed_at(resumed, quiet),
        judge::Judged::Done(outcome) => outcome,
        judge::Judged::Plain(resumed) if quiet || resumed.guard_timestamp_ms.is_some() => {
            resumed_at(resumed, quiet)
        }
        judge::Judged::Changed(outcome) if quiet => outcome,
        judge::Judged::Plain(_) | judge::Judged::Changed(_) => {
            let wait = (case.quiet_at_ms - clock.monotonic_ms()).max(1);
            Outcome::Wait(Why::Quiet, Duration::from_millis(wait.unsigned_abs()))
        }
    })
}

fn resumed_at(resumed: Box<Resumed>, quiet: bool) -> Outcome {
    Outcome::Resumed(Box::new(Resumed { quiet, ..*resumed }))
}

/// Says whether the source still holds what was fetched up to `fetch_offset` in `epoch`: call before the first batch of
/// another leader epoch is pushed; `false` means take over again.
///
/// # Errors
/// When the source does not answer: try again.
pub async fn verify_source<S: Source>(
    source: &S,
    fetch_offset: i64,
    epoch: i32,
) -> Result<bool, PortError> {
    if epoch < 0 {
        return Ok(true);
    }
    Ok(source
        .end_of_epoch(epoch)
        .await?
        .is_none_or(|(_, end)| end >= fetch_offset))
}

impl Policies {
    /// Returns what to do with a finding: a choice made for it, the policy's way, or `None` to hold the partition.
    pub fn ruling(&self, finding: &Finding) -> Option<Choice> {
        if let Some(choice) = self.choices.get(&finding.id) {
            return (*choice != Choice::Retry).then_some(*choice);
        }
        let default = finding.kind.default_policy();
        let policy = self.by_kind.get(&finding.kind).copied().unwrap_or(default);
        // Where going on can mean several things, only a person says which.
        let several = matches!(
            finding.kind,
            FindingKind::DestinationChanged | FindingKind::SourceRecreated
        );
        (policy == Policy::Continue && !several).then_some(Choice::Continue)
    }
}
