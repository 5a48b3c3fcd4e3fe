//! The records of the control topic (DESIGN 6) as typed JSON, and the state that follows from reading them.
//!
//! Every value is an object with `v`, its major version: unknown fields are ignored, a higher version is refused.

use std::collections::BTreeMap;

use model::{
    finding::Finding,
    link::{Guarantee, Phase, Rename, TopicSelection},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    offset_map::{OffsetMap, Segment},
    ports::{ControlEntry, ControlWrite},
    position::{Meaning, Position},
};

/// Version of the values written here.
pub const VERSION: u32 = 1;

/// First of the producer ids that write control topics, the same in every installation ("CAUSEWAY" in ASCII). A new
/// generation of claims, once the 16-bit epochs of the last are used up, takes the next id.
pub const CONTROL_PRODUCER_ID: i64 = 0x4341_5553_4557_4159;

/// Generations of claim epochs; 65,536 times 32,767 claims of one slot.
const GENERATIONS: i64 = 1 << 16;

/// A record of the control topic that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Written by a newer Causeway.
    #[error("control record `{key}` has version {version}; update this worker")]
    Newer { key: String, version: u32 },
    /// Not what this version writes.
    #[error("control record `{key}` cannot be read: {cause}")]
    Malformed { key: String, cause: String },
}

/// `spec` in partition 0: enough to fail over with no database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub link_id: String,
    pub name: String,
    /// UUID of the installation that owns the link.
    pub installation: String,
    pub phase: Phase,
    /// Revision of the link's settings.
    pub revision: i64,
    pub source_cluster_id: String,
    pub selection: TopicSelection,
    pub rename: Rename,
    /// Slots, fixed when the link first starts.
    pub slots: u32,
    /// Fixed as well.
    #[serde(default)]
    pub guarantee: Guarantee,
    /// The idempotent producer id that writes the link's data; `None` until slot 0's owner got one.
    pub data_producer_id: Option<i64>,
    #[serde(default)]
    pub former_producer_ids: Vec<i64>,
    /// The sequence meaning in force.
    pub meaning: Meaning,
    /// Whether the topics that the selection took when it was last changed were all looked at: topics seen later begin at
    /// offset 0, not at the link's start.
    #[serde(default)]
    pub topics_seen: bool,
}

/// `topic/<topic id>` in partition 0: written before any position of the topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRecord {
    pub topic: String,
    pub mirror_topic: String,
    pub mirror_topic_id: String,
    /// Partitions at first sight: these begin at the link's start, later ones at offset 0.
    pub partitions: i32,
    /// Whether the topic was there at the link's first start.
    pub at_first_start: bool,
    /// The properties that the link last set on the mirror; `None` until it looked at them. What differs from them at the
    /// mirror was changed there, what differs at the source was changed there (SEMANTICS 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<BTreeMap<String, String>>,
}

/// `slot/<n>` in partition n: the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub worker: String,
    /// Random id of the worker's process.
    pub process: String,
    /// Which of the control producer ids the epoch belongs to.
    #[serde(default)]
    pub generation: u32,
    pub epoch: i16,
    /// Longest time that a request of this owner, or of an unreleased one before, may be on its way.
    #[serde(default = "default_produce_timeout_ms")]
    pub produce_timeout_ms: i64,
    /// The owner left, and no request of it or of anyone before it can still be on its way.
    pub released: bool,
}

fn default_produce_timeout_ms() -> i64 {
    10_000
}

/// `home/<topic id>/<partition>` in partition 0: the slot where it differs from the formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    pub slot: u32,
}

/// Value of `segments/<topic id>/<partition>/<chunk>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub segments: Vec<Segment>,
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    value: &'a T,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    v: u32,
}

fn write<T: Serialize>(key: String, value: &T) -> ControlWrite {
    let json = serde_json::to_string(&Versioned { v: VERSION, value })
        .expect("control values are plain data with text keys");
    ControlWrite {
        key,
        value: Some(json),
    }
}

fn read<T: DeserializeOwned>(key: &str, json: &str) -> Result<T, ControlError> {
    let malformed = |cause: serde_json::Error| ControlError::Malformed {
        key: key.to_owned(),
        cause: cause.to_string(),
    };
    let version: Version = serde_json::from_str(json).map_err(malformed)?;
    if version.v > VERSION {
        return Err(ControlError::Newer {
            key: key.to_owned(),
            version: version.v,
        });
    }
    serde_json::from_str(json).map_err(malformed)
}

impl Spec {
    /// Returns the record to write.
    pub fn write(&self) -> ControlWrite {
        write("spec".to_owned(), self)
    }
}

impl TopicRecord {
    /// Returns the record to write.
    pub fn write(&self, topic_id: &str) -> ControlWrite {
        write(format!("topic/{topic_id}"), self)
    }
}

impl Claim {
    /// Returns the record to write.
    pub fn write(&self, slot: u32) -> ControlWrite {
        write(format!("slot/{slot}"), self)
    }
}

impl Position {
    /// Returns the record to write.
    pub fn write(&self) -> ControlWrite {
        write(
            format!("position/{}/{}", self.source_topic_id, self.partition),
            self,
        )
    }
}

/// Returns the record of a finding.
pub fn write_finding(finding: &Finding) -> ControlWrite {
    write(format!("finding/{}", finding.id), finding)
}

/// Returns the record of one chunk of an offset map, `None` for a tombstone.
pub fn write_chunk(
    topic_id: &str,
    partition: i32,
    chunk: usize,
    segments: Option<Vec<Segment>>,
) -> ControlWrite {
    let key = format!("segments/{topic_id}/{partition}/{chunk}");
    match segments {
        Some(segments) => write(key, &Chunk { segments }),
        None => ControlWrite { key, value: None },
    }
}

/// Returns the records that store a position with the chunks of its map that changed.
pub fn write_progress(position: &Position, map: &mut OffsetMap) -> Vec<ControlWrite> {
    let mut records = vec![position.write()];
    for (chunk, segments) in map.take_dirty() {
        records.push(write_chunk(
            &position.source_topic_id,
            position.partition,
            chunk,
            segments,
        ));
    }
    records
}

/// What the records of one slot, or of partition 0, say. Fold entries in offset order with [`ControlState::apply`].
///
/// Compaction tolerant: only the last record of a key need be there. Records of an epoch older than one already seen are
/// ignored: their writer had lost the slot.
#[derive(Clone, Debug, Default)]
pub struct ControlState {
    /// Newest generation and epoch seen.
    newest: Option<(u32, i16)>,
    /// Offset after the last entry folded.
    pub next_offset: i64,
    pub claims: BTreeMap<u32, Claim>,
    pub spec: Option<Spec>,
    /// By topic id.
    pub topics: BTreeMap<String, TopicRecord>,
    /// By topic id and partition.
    pub homes: BTreeMap<(String, i32), Home>,
    /// By topic id and partition.
    pub positions: BTreeMap<(String, i32), Position>,
    /// By topic id and partition, then chunk.
    pub chunks: BTreeMap<(String, i32), BTreeMap<usize, Vec<Segment>>>,
    /// By finding id.
    pub findings: BTreeMap<String, Finding>,
    /// Entries that no claim of ours wrote; they are ignored.
    pub foreign: u64,
}

impl ControlState {
    /// Folds one entry.
    ///
    /// # Errors
    /// When a record of ours cannot be understood; stop and ask. `next_offset` stays before it, so that nobody who reads on
    /// passes it.
    pub fn apply(&mut self, entry: &ControlEntry) -> Result<(), ControlError> {
        self.fold(entry)?;
        self.next_offset = self.next_offset.max(entry.offset.saturating_add(1));
        Ok(())
    }

    fn fold(&mut self, entry: &ControlEntry) -> Result<(), ControlError> {
        // Its writer was the slot's only one, or the transaction would not have been committed.
        if entry.transactional {
            return self.keep(&entry.key, entry.value.as_deref());
        }
        // Anybody's producer id may stand here, also one from which ours cannot be subtracted.
        let generation = entry.producer_id.checked_sub(CONTROL_PRODUCER_ID);
        let Some(generation) = generation.filter(|n| (0..GENERATIONS).contains(n)) else {
            self.foreign += 1;
            return Ok(());
        };
        let claim = (u32::try_from(generation).unwrap_or(u32::MAX), entry.epoch);
        if self.newest.is_some_and(|newest| claim < newest) {
            return Ok(());
        }
        self.newest = Some(claim);
        self.keep(&entry.key, entry.value.as_deref())
    }

    /// Folds what was just acknowledged at our own claim.
    ///
    /// # Errors
    /// As [`ControlState::apply`].
    pub fn keep(&mut self, key: &str, value: Option<&str>) -> Result<(), ControlError> {
        let mut parts = key.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("spec"), None, None, None) => {
                self.spec = value.map(|v| read(key, v)).transpose()?
            }
            (Some("slot"), Some(slot), None, None) => {
                set(&mut self.claims, number(key, slot)?, key, value)?;
            }
            (Some("topic"), Some(id), None, None) => {
                set(&mut self.topics, id.to_owned(), key, value)?;
            }
            (Some("finding"), Some(id), None, None) => {
                set(&mut self.findings, id.to_owned(), key, value)?;
            }
            (Some("home"), Some(id), Some(partition), None) => {
                set(
                    &mut self.homes,
                    (id.to_owned(), number(key, partition)?),
                    key,
                    value,
                )?;
            }
            (Some("position"), Some(id), Some(partition), None) => {
                set(
                    &mut self.positions,
                    (id.to_owned(), number(key, partition)?),
                    key,
                    value,
                )?;
            }
            (Some("segments"), Some(id), Some(partition), Some(chunk)) => {
                self.keep_chunk(id, number(key, partition)?, number(key, chunk)?, key, value)?;
            }
            // A kind of record that a later minor version added.
            _ => {}
        }
        Ok(())
    }

    fn keep_chunk(
        &mut self,
        id: &str,
        partition: i32,
        number: usize,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), ControlError> {
        let chunks = self.chunks.entry((id.to_owned(), partition)).or_default();
        match value {
            Some(json) => {
                let segments = read::<Chunk>(key, json)?.segments;
                if let Some(wrong) = segments.iter().find(|segment| !segment.is_possible()) {
                    return Err(ControlError::Malformed {
                        key: key.to_owned(),
                        cause: format!("{wrong:?} is no range of offsets"),
                    });
                }
                chunks.insert(number, segments);
            }
            // A shorter map ends here: a tombstone stands for all later chunks too.
            None => drop(chunks.split_off(&number)),
        }
        Ok(())
    }

    /// Returns the newest generation and epoch of claims.
    pub fn newest_claim(&self) -> Option<(u32, i16)> {
        self.newest
    }

    /// Returns the position of a partition; where the topic id has none, that of an earlier topic of the same name, so
    /// that a re-created source is noticed.
    pub fn position(&self, topic_id: &str, topic: &str, partition: i32) -> Option<&Position> {
        self.positions
            .get(&(topic_id.to_owned(), partition))
            .or_else(|| {
                self.positions
                    .values()
                    .filter(|p| p.source_topic == topic && p.partition == partition)
                    .max_by_key(|p| p.stored_at_ms)
            })
    }

    /// Returns the offset map of a partition.
    pub fn map(&self, topic_id: &str, partition: i32) -> OffsetMap {
        let chunks = self.chunks.get(&(topic_id.to_owned(), partition));
        OffsetMap::from_chunks(chunks.into_iter().flat_map(|c| c.values().cloned()))
    }
}

fn number<N: std::str::FromStr<Err = std::num::ParseIntError>>(
    key: &str,
    text: &str,
) -> Result<N, ControlError> {
    text.parse()
        .map_err(|cause: std::num::ParseIntError| ControlError::Malformed {
            key: key.to_owned(),
            cause: cause.to_string(),
        })
}

fn set<K: Ord, T: DeserializeOwned>(
    map: &mut BTreeMap<K, T>,
    place: K,
    key: &str,
    value: Option<&str>,
) -> Result<(), ControlError> {
    match value {
        Some(json) => {
            map.insert(place, read(key, json)?);
        }
        None => {
            map.remove(&place);
        }
    }
    Ok(())
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_understood_is_not_passed() {
        let entry = |offset, value: &str| ControlEntry {
            offset,
            producer_id: CONTROL_PRODUCER_ID,
            epoch: 0,
            transactional: false,
            key: "home/id/0".to_owned(),
            value: Some(value.to_owned()),
        };
        let mut state = ControlState::default();
        state.apply(&entry(4, r#"{"v":1,"slot":3}"#)).unwrap();
        for _ in 0..2 {
            let newer = state.apply(&entry(5, r#"{"v":2,"slot":3}"#));
            assert!(matches!(newer, Err(ControlError::Newer { version: 2, .. })));
            assert_eq!(state.next_offset, 5);
        }
    }
}
