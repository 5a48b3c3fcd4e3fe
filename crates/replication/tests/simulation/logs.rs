//! The logs of the simulated brokers: source partitions, mirror partitions, the control topic.

use std::collections::{BTreeMap, VecDeque};

use replication::protocol::{
    ports::{ControlBatch, ControlEntry, SourceClass},
    sequence,
};

/// A record: its number is its content, and grows in the order of appending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rec {
    pub id: u64,
    pub timestamp_ms: i64,
    /// Offset at the source.
    pub offset: i64,
}

#[derive(Clone, Debug)]
pub struct SourceLogBatch {
    pub base: i64,
    pub last: i64,
    pub epoch: i32,
    pub class: SourceClass,
    pub records: Vec<Rec>,
}

/// What became of a record that was appended to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stands,
    Compacted,
    Deleted,
    Truncated,
}

#[derive(Clone, Debug)]
pub struct Remembered {
    pub offset: i64,
    pub committed: bool,
    pub fate: Fate,
}

#[derive(Debug, Default)]
pub struct SourceLog {
    pub log_start: i64,
    pub end: i64,
    pub epoch: i32,
    /// Start offset of each epoch.
    pub epochs: BTreeMap<i32, i64>,
    pub batches: Vec<SourceLogBatch>,
    pub all: BTreeMap<u64, Remembered>,
    /// Offset ranges that were truncated.
    pub truncated: Vec<(i64, i64)>,
}

impl SourceLog {
    pub fn append(&mut self, class: SourceClass, records: Vec<(u64, i64)>) {
        let base = self.end;
        let length = i64::try_from(records.len()).unwrap().max(1);
        let records: Vec<Rec> = records
            .into_iter()
            .zip(base..)
            .map(|((id, timestamp_ms), offset)| Rec {
                id,
                timestamp_ms,
                offset,
            })
            .collect();
        for rec in &records {
            let committed = class == SourceClass::Data;
            self.all.insert(
                rec.id,
                Remembered {
                    offset: rec.offset,
                    committed,
                    fate: Fate::Stands,
                },
            );
        }
        self.end += length;
        let epoch = self.epoch;
        self.epochs.entry(epoch).or_insert(base);
        self.batches.push(SourceLogBatch {
            base,
            last: self.end - 1,
            epoch,
            class,
            records,
        });
    }

    pub fn new_leader(&mut self) {
        self.epoch += 1;
        self.epochs.insert(self.epoch, self.end);
    }

    pub fn end_of_epoch(&self, epoch: i32) -> (i32, i64) {
        if epoch >= self.epoch {
            return (self.epoch, self.end);
        }
        let (_, end) = self.epochs.range(epoch + 1..).next().unwrap();
        let floor = self
            .epochs
            .range(..=epoch)
            .next_back()
            .map_or(epoch, |e| *e.0);
        (floor, (*end).max(self.log_start))
    }

    /// Loses everything from the batch that holds `offset` on: an unclean election.
    pub fn truncate(&mut self, offset: i64) {
        let before = self.end;
        while let Some(batch) = self.batches.last().filter(|b| b.last >= offset) {
            for rec in &batch.records {
                self.all.get_mut(&rec.id).unwrap().fate = Fate::Truncated;
            }
            self.end = batch.base.max(self.log_start);
            self.batches.pop();
        }
        let end = self.end;
        self.truncated.push((end, before));
        self.epochs.retain(|_, start| *start < end);
        self.new_leader();
    }

    pub fn delete_below(&mut self, offset: i64) {
        self.log_start = self.log_start.max(offset.min(self.end));
        let start = self.log_start;
        for batch in &mut self.batches {
            for rec in batch.records.iter().filter(|r| r.offset < start) {
                let fate = &mut self.all.get_mut(&rec.id).unwrap().fate;
                if *fate == Fate::Stands {
                    *fate = Fate::Deleted;
                }
            }
        }
        self.batches.retain(|b| b.last >= start);
    }

    /// Takes the records away that `doomed` names, below `below`; empty batches may go or stay.
    pub fn compact(&mut self, below: i64, mut doomed: impl FnMut() -> bool) {
        for batch in self.batches.iter_mut().filter(|b| b.last < below) {
            let all = &mut self.all;
            batch.records.retain(|rec| {
                let keep = !doomed();
                if !keep {
                    all.get_mut(&rec.id).unwrap().fate = Fate::Compacted;
                }
                keep
            });
        }
        self.batches
            .retain(|b| !b.records.is_empty() || b.last >= below || !doomed());
    }
}

#[derive(Clone, Debug)]
pub struct MirrorBatch {
    pub base: i64,
    pub last: i64,
    pub producer_id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
    pub max_timestamp_ms: i64,
    /// With their destination offsets.
    pub records: Vec<(i64, Rec)>,
}

#[derive(Clone, Debug)]
pub struct Known {
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_timestamp_ms: i64,
    recent: VecDeque<(i32, i32, i64)>,
}

/// The broker's check of an idempotent append.
fn admit(
    known: Option<&Known>,
    epoch: i16,
    base_sequence: i32,
    last_sequence: i32,
) -> Result<Option<i64>, i16> {
    let Some(known) = known else { return Ok(None) };
    if epoch < known.epoch {
        return Err(47);
    }
    if epoch > known.epoch {
        return if base_sequence == 0 {
            Ok(None)
        } else {
            Err(45)
        };
    }
    let again = known
        .recent
        .iter()
        .find(|r| (r.0, r.1) == (base_sequence, last_sequence));
    if let Some((_, _, offset)) = again {
        return Ok(Some(*offset));
    }
    if sequence::advance(known.last_sequence, 1) == base_sequence {
        Ok(None)
    } else {
        Err(45)
    }
}

fn remember(known: &mut Option<Known>, epoch: i16, batch: (i32, i32, i64), timestamp_ms: i64) {
    let mut recent = match known.take() {
        Some(known) if known.epoch == epoch => known.recent,
        _ => VecDeque::new(),
    };
    recent.push_back(batch);
    if recent.len() > 5 {
        recent.pop_front();
    }
    *known = Some(Known {
        epoch,
        last_sequence: batch.1,
        last_timestamp_ms: timestamp_ms,
        recent,
    });
}

#[derive(Debug, Default)]
pub struct MirrorLog {
    pub log_start: i64,
    pub end: i64,
    pub leader_epoch: i32,
    pub batches: Vec<MirrorBatch>,
    pub known: Option<Known>,
    /// The high watermark stays behind until then.
    pub lags_until_ms: i64,
    /// From this offset on nothing is replicated until a time: a clean election may take it away.
    pub unreplicated: Option<(i64, i64)>,
    /// Everything appended that no election took away, retention and compaction apart.
    pub history: Vec<(i64, Rec)>,
    /// Records that readers saw and that an unclean election took away.
    pub truncated: Vec<(i64, Rec)>,
    /// An election took batches away, which compaction may have emptied before.
    pub cut: bool,
}

pub const DATA_PRODUCER: i64 = 7;

impl MirrorLog {
    pub fn append(&mut self, mut batch: MirrorBatch) -> Result<i64, i16> {
        let length = i64::try_from(batch.records.len()).unwrap();
        let last = sequence::advance(batch.base_sequence, length - 1);
        if batch.producer_id == DATA_PRODUCER
            && let Some(offset) =
                admit(self.known.as_ref(), batch.epoch, batch.base_sequence, last)?
        {
            return Ok(offset);
        }
        batch.base = self.end;
        batch.last = self.end + length - 1;
        for (record, offset) in batch.records.iter_mut().zip(batch.base..) {
            record.0 = offset;
        }
        self.end += length;
        self.note(&batch);
        self.history.extend(&batch.records);
        let base = batch.base;
        self.batches.push(batch);
        Ok(base)
    }

    fn note(&mut self, batch: &MirrorBatch) {
        if batch.producer_id == DATA_PRODUCER {
            let last = sequence::advance(batch.base_sequence, batch.last - batch.base);
            let entry = (batch.base_sequence, last, batch.base);
            remember(&mut self.known, batch.epoch, entry, batch.max_timestamp_ms);
        }
    }

    pub fn high_watermark(&self, now_ms: i64) -> i64 {
        let behind = if now_ms < self.lags_until_ms { 2 } else { 0 };
        let open = self.unreplicated.filter(|(_, until_ms)| now_ms < *until_ms);
        let end = open.map_or(self.end, |(from, _)| from.min(self.end));
        end.min(self.end - behind).max(self.log_start)
    }

    /// A follower that lacks what is not replicated becomes the leader. Nothing of that was acknowledged.
    pub fn elect_behind(&mut self, now_ms: i64) {
        let open = self.unreplicated.filter(|(_, until_ms)| now_ms < *until_ms);
        let Some((from, _)) = open else { return };
        while self.batches.last().is_some_and(|batch| batch.base >= from) {
            self.batches.pop();
        }
        self.end = self.end.min(from.max(self.log_start));
        self.history.retain(|record| record.0 < from);
        self.known = None;
        for batch in self.batches.clone() {
            self.note(&batch);
        }
    }

    pub fn expire(&mut self, older_than_ms: i64) {
        self.known = self
            .known
            .take()
            .filter(|k| k.last_timestamp_ms >= older_than_ms);
    }

    /// Loses the last `count` batches, and rebuilds the producer's state from what is left.
    pub fn truncate(&mut self, count: usize) {
        for _ in 0..count {
            let Some(batch) = self.batches.pop() else {
                break;
            };
            self.end = batch.base.max(self.log_start);
            self.truncated.extend(batch.records);
            self.cut = true;
        }
        let end = self.end;
        self.history.retain(|record| record.0 < end);
        self.known = None;
        for batch in self.batches.clone() {
            self.note(&batch);
        }
        self.leader_epoch += 1;
    }

    pub fn delete_below(&mut self, offset: i64) {
        self.log_start = self.log_start.max(offset.min(self.end));
        let start = self.log_start;
        self.batches.retain(|b| b.last >= start);
    }

    pub fn compact(&mut self, below: i64, mut doomed: impl FnMut() -> bool) {
        for batch in self.batches.iter_mut().filter(|b| b.last < below) {
            batch.records.retain(|_| !doomed());
        }
        let keep = self.batches.last().map_or(0, |b| b.base);
        self.batches
            .retain(|b| !b.records.is_empty() || b.base >= keep || !doomed());
    }
}

#[derive(Debug, Default)]
pub struct ControlPartition {
    pub end: i64,
    pub entries: Vec<ControlEntry>,
    known: BTreeMap<i64, Option<Known>>,
}

impl ControlPartition {
    pub fn append(&mut self, batch: &ControlBatch) -> Result<i64, i16> {
        let length = i64::try_from(batch.records.len()).unwrap();
        let last = sequence::advance(batch.base_sequence, length - 1);
        let known = self.known.entry(batch.producer_id).or_default();
        if let Some(offset) = admit(known.as_ref(), batch.epoch, batch.base_sequence, last)? {
            return Ok(offset);
        }
        let base = self.end;
        remember(known, batch.epoch, (batch.base_sequence, last, base), 0);
        for record in &batch.records {
            self.entries.push(ControlEntry {
                offset: self.end,
                producer_id: batch.producer_id,
                epoch: batch.epoch,
                transactional: false,
                key: record.key.clone(),
                value: record.value.clone(),
            });
            self.end += 1;
        }
        Ok(base)
    }

    /// Keeps the last record of each key.
    pub fn compact(&mut self) {
        let mut last = BTreeMap::new();
        for entry in &self.entries {
            last.insert(entry.key.clone(), entry.offset);
        }
        let end = self.end;
        self.entries
            .retain(|e| last[&e.key] == e.offset || e.offset + 3 >= end);
    }
}
