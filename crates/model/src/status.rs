//! What runs now: the status of links, topics and partitions.

use serde::{Deserialize, Serialize};

use crate::{finding::Finding, link::Phase, problem::Problem};

/// Shown state of a link, topic or partition, worst first (UX 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    NeedsDecision,
    Waiting,
    Unknown,
    FallingBehind,
    CatchingUp,
    Starting,
    SourceDeleted,
    Retired,
    Paused,
    Stopped,
    Mirroring,
    Draft,
}

impl State {
    /// Returns the words that a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Self::NeedsDecision => "needs a decision",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::FallingBehind => "falling behind",
            Self::CatchingUp => "catching up",
            Self::Starting => "starting",
            Self::SourceDeleted => "source deleted",
            Self::Retired => "retired",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Mirroring => "mirroring",
            Self::Draft => "draft",
        }
    }
}

/// Status of one link as one process sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    pub link: String,
    pub phase: Phase,
    pub state: State,
    pub since_ms: i64,
    pub measured_at_ms: i64,
    pub rates: Rates,
    #[serde(default)]
    pub throttled: Throttled,
    #[serde(default)]
    pub batches: Batches,
    pub lag_records: Option<i64>,
    pub lag_time_ms: Option<i64>,
    pub latency: Option<Latency>,
    pub topics: Vec<TopicStatus>,
    pub findings: Vec<Finding>,
    /// What keeps the link from copying, if anything does.
    pub problems: Vec<Problem>,
    /// Slots that this process owns.
    pub slots_owned: u32,
    pub slots: u32,
    pub memory_bytes: u64,
    pub data_producer_id: Option<i64>,
    /// What this process delivered first since it took the link up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_record: Option<FirstRecord>,
}

impl LinkStatus {
    /// Returns the last moment for which the lag surely holds, milliseconds since the epoch UTC; `None` while it is
    /// measured. A link that waits or stands still reads no source ends: its lag is the one of when that began.
    pub fn lag_as_of_ms(&self) -> Option<i64> {
        match self.state {
            State::Waiting | State::Paused | State::Stopped => {
                Some(self.since_ms.min(self.measured_at_ms))
            }
            State::Unknown => Some(self.measured_at_ms),
            _ => None,
        }
    }

    /// Returns how many partitions it tells of, and of how many of them the lag is not known.
    pub fn partitions_and_unknown(&self) -> (usize, usize) {
        let all = || self.topics.iter().flat_map(|topic| &topic.partitions);
        let unknown = all().filter(|partition| partition.lag_records.is_none());
        (all().count(), unknown.count())
    }
}

/// A record that is readable at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstRecord {
    pub topic: String,
    pub mirror_topic: String,
    pub partition: i32,
    pub source_offset: i64,
    pub destination_offset: i64,
    /// When the destination acknowledged it, milliseconds since the epoch, UTC.
    pub acknowledged_at_ms: i64,
    /// Its own timestamp, milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// Whether it was written after copying began, so that the difference of both times is a latency.
    pub live: bool,
}

/// 10-second means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    pub records_per_s: f64,
    pub bytes_per_s: f64,
    pub records_total: u64,
    pub bytes_total: u64,
}

/// Source batches that took more than a new header, since this process took the link up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// Rebuilt: compaction holes, log-append times, cropped or split ones.
    pub rebuilt_total: u64,
    /// Small ones that were put together with others.
    pub merged_total: u64,
}

/// How long data had to wait although it could have gone on, by cause. Never an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throttled {
    /// The link's own limit.
    pub limit: ThrottledBy,
    /// The source broker's quota: `throttle_time_ms` of Fetch responses (KIP-219).
    pub source: ThrottledBy,
    /// The destination broker's quota: `throttle_time_ms` of Produce responses.
    pub destination: ThrottledBy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThrottledBy {
    /// Share of the last 10 s, 0 to 1.
    pub share: f64,
    /// Seconds since this process took the link up, summed over connections.
    pub seconds_total: f64,
}

/// Record timestamp to acknowledged write, last 60 s, live records only.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p5_ms: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub records: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicStatus {
    pub topic: String,
    pub topic_id: String,
    pub mirror_topic: String,
    pub state: State,
    pub problem: Option<Problem>,
    pub lag_records: Option<i64>,
    pub rates: Rates,
    pub partitions: Vec<PartitionStatus>,
    /// Properties in which the mirror is not as the link wants it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deviations: Vec<Deviation>,
}

/// A property in which a mirror topic is not as the link wants it (SEMANTICS 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    pub property: String,
    /// What the link wants; `None` for the destination's default.
    pub wanted: Option<String>,
    /// What the mirror has set; `None` for the destination's default.
    pub mirror: Option<String>,
    pub why: DeviationCause,
}

/// Why a mirror is not as the link wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviationCause {
    /// Somebody changed it at the destination, and the link only reports that.
    Drift,
    /// The destination refused the value, with this error's name.
    NotApplied(String),
}

/// Returns a topic property's value as sentences name it.
pub fn shown_property(value: &Option<String>) -> String {
    match value {
        Some(value) => format!("`{value}`"),
        None => "the destination's default".to_owned(),
    }
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = shown_property;
        let (property, wanted) = (&self.property, shown(&self.wanted));
        match &self.why {
            DeviationCause::Drift => {
                let mirror = shown(&self.mirror);
                write!(f, "Drift: `{property}` is {mirror}, wanted is {wanted}.")
            }
            DeviationCause::NotApplied(error) => {
                write!(f, "Not applied: `{property}` = {wanted}: {error}.")
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionStatus {
    pub partition: i32,
    pub slot: u32,
    pub state: State,
    pub source_start: Option<i64>,
    pub source_end: Option<i64>,
    /// Next source offset to copy.
    pub position: Option<i64>,
    pub destination_end: Option<i64>,
    pub lag_records: Option<i64>,
    /// Whether the broker's producer state checks every append.
    pub guarded: bool,
    pub problem: Option<Problem>,
}
