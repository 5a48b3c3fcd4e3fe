//! Concluding from the walk over the mirror and the count at the source where to go on.

use model::finding::{Choice, Finding, FindingKind};

use super::{
    Outcome, Resumed, Why, facts,
    judge::{BEHIND, Held, Judged, Room},
    words::{DISAGREES, found_destination, found_duplicate, found_foreign, halt_words},
};
use crate::protocol::{
    finding::Found,
    offset_map::Segment,
    ports::{Bounds, Destination, PortError, Source},
    position::Position,
    sequence,
    walk::{Halt, Walk},
};

/// Last data epoch that is used; at it the producer id is retired.
const LAST_EPOCH: i16 = 32_000;

/// Where the source goes on after the tail.
pub(super) struct Tail {
    pub resume: i64,
    /// The least offset up to which the source was copied.
    pub least: i64,
    /// Source and destination start and length of what the tail holds.
    pub segments: Vec<Segment>,
    /// Matched by content instead of counted: the leader epoch at the resume point.
    pub matched: Option<i32>,
    pub doubtful: Option<(i64, i64)>,
    /// Records of the tail that the source does not hold any more.
    pub missing: i64,
}

impl Room<'_> {
    /// Rules on what the walk found, and fills in what it could not see.
    pub(super) fn complete(
        &self,
        stored: &Position,
        walk: &mut Walk,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Held> {
        if let Some(halt) = walk.halt {
            let range = (stored.destination_end, self.facts.log_end);
            findings.push(self.destination_changed(range, halt_words(halt))?.1);
        }
        if walk.missing > 0 && walk.halt.is_none() {
            self.ask_producer(stored, walk);
        }
        for range in &walk.duplicates {
            findings.push(self.rule(found_duplicate(None, Some(*range)))?.1);
        }
        for range in &walk.foreign {
            findings.push(self.rule(found_foreign(*range))?.1);
        }
        let lost = self
            .case
            .acknowledged_end
            .filter(|end| *end > self.facts.log_end);
        if let Some(end) = lost {
            let range = (self.facts.log_end, end);
            let found =
                found_destination(range, "The mirror lost records that had been acknowledged.");
            findings.push(found.finding(self.case.identity, self.now_ms));
        }
        let (written, known) = (walk.written, self.facts.producer);
        let last = sequence::advance(stored.next_sequence, written - 1);
        let disagrees = known.is_some_and(|known| {
            known.epoch > stored.epoch
                || (known.epoch == stored.epoch
                    && walk.last.map_or(last, |found| found.1) != known.last_sequence)
        });
        if disagrees && walk.halt.is_none() {
            let range = (stored.destination_end, self.facts.log_end);
            findings.push(self.destination_changed(range, DISAGREES)?.1);
            walk.halt = Some(Halt::Refilled);
        }
        Ok(())
    }

    /// The end of the tail is gone: only the broker's producer state knows what stood there.
    pub(super) fn ask_producer(&self, stored: &Position, walk: &mut Walk) {
        let known = self
            .facts
            .producer
            .filter(|known| known.epoch == stored.epoch);
        let Some(known) = known else {
            walk.unknown = walk.missing;
            return;
        };
        let expected = sequence::advance(stored.next_sequence, walk.written);
        let more = sequence::distance(expected, known.last_sequence) + 1;
        // Gone offsets that the broker does not count were others', or ours before an election.
        walk.unknown = (walk.missing - more.max(0)).max(0);
        walk.written += more.clamp(0, walk.missing);
        if more >= 0 {
            walk.last = Some((known.epoch, known.last_sequence));
        }
    }

    /// What nobody can explain is sent again: at most that many records from the resume point on stand there twice.
    pub(super) async fn doubt_unknown<S: Source>(
        &self,
        source: &S,
        stored: &Position,
        unknown: i64,
        tail: &mut Tail,
        end: i64,
    ) -> Result<(), PortError> {
        let counter = facts::count(source, stored, tail.least, unknown).await?;
        let to = if counter.hole() { end } else { counter.next() };
        let known_end = tail.doubtful.map_or(0, |range| range.1);
        tail.doubtful = Some((tail.least, to.max(known_end).max(tail.least + unknown)));
        Ok(())
    }

    pub(super) fn destination_changed(
        &self,
        range: (i64, i64),
        words: &str,
    ) -> Result<(Choice, Finding), Held> {
        self.rule(found_destination(range, words))
    }

    /// Finds the tail's records at the source: by counting, else by content.
    pub(super) async fn at_source<S: Source, D: Destination>(
        &self,
        source: &S,
        destination: &D,
        stored: &Position,
        walk: &Walk,
        bounds: Bounds,
    ) -> Result<Tail, PortError> {
        if bounds.log_start <= stored.source_next || walk.written == 0 {
            let counter = facts::count(source, stored, stored.source_next, walk.written).await?;
            if !counter.hole() {
                let segments = join(counter.runs(), walk);
                let (resume, missing) = (counter.next() + counter.remaining(), counter.remaining());
                let (matched, doubtful) = (None, None);
                return Ok(Tail {
                    resume,
                    least: resume,
                    segments,
                    matched,
                    doubtful,
                    missing,
                });
            }
        }
        let found = facts::match_content(source, destination, stored, walk, bounds).await?;
        let at = source
            .headers(found.resume - 1, stored.meaning.isolation)
            .await?;
        let epoch = at
            .first()
            .map_or(stored.source_leader_epoch, |batch| batch.leader_epoch);
        let one = |pair: &(i64, i64)| Segment {
            source_start: pair.0,
            destination_start: pair.1,
            length: 1,
        };
        Ok(Tail {
            resume: found.resume,
            least: found.least,
            segments: found.pairs.iter().map(one).collect(),
            matched: Some(epoch),
            doubtful: found.doubtful,
            missing: 0,
        })
    }

    /// Source truncated below what was copied? Only the end of the stored leader epoch proves it.
    pub(super) async fn truncated<S: Source>(
        &self,
        source: &S,
        stored: &Position,
        tail: &Tail,
    ) -> Result<Option<(i32, i64)>, PortError> {
        if stored.source_leader_epoch < 0 {
            return Ok(None);
        }
        let end = source.end_of_epoch(stored.source_leader_epoch).await?;
        Ok(end.filter(|(_, end)| *end < tail.least))
    }

    pub(super) fn conclude(
        &self,
        stored: &Position,
        walk: &Walk,
        tail: Tail,
        truncated: Option<(i32, i64)>,
        bounds: Bounds,
        mut findings: Vec<Finding>,
    ) -> Judged {
        let mut next = stored.clone();
        next.advance(tail.resume, self.facts.log_end, walk.written);
        next.own_end = walk.own_end.unwrap_or(stored.own_end);
        if let Some(epoch) = tail.matched {
            next.source_leader_epoch = epoch;
        }
        let lost = truncated.is_some() || tail.least < bounds.log_start;
        if lost {
            next.source_next = tail.least;
        }
        let jump = lost || tail.doubtful.is_some();
        let ruled = self
            .diverged(&mut next, truncated, &mut findings)
            .and_then(|()| self.pass_loss(&mut next, bounds, &mut findings))
            .and_then(|()| self.doubt(&tail, walk, &mut findings));
        if let Err(held) = ruled {
            return Judged::Changed(Outcome::Held(held));
        }
        let settings =
            self.case.meaning != stored.meaning || self.case.producer_id != stored.producer_id;
        let new_epoch = settings || jump || walk.halt.is_some() || !walk.ends_in_sequence(stored);
        let plain = !new_epoch && tail.matched.is_none() && !walk.holes && findings.is_empty();
        if new_epoch {
            next = self.new_epoch(&next, next.source_next);
        }
        let refilled = walk.halt == Some(Halt::Refilled);
        if refilled {
            next.anchor = self.anchor(next.source_next);
        }
        if next.epoch > LAST_EPOCH {
            return Judged::Done(Outcome::Wait(Why::ProducerId, BEHIND));
        }
        let resumed = Box::new(Resumed {
            position: next,
            must_store: !plain,
            quiet: true,
            guard_timestamp_ms: self.guard(stored, new_epoch),
            map_cut: Some(if refilled { 0 } else { stored.destination_end }),
            segments: clip(
                tail.segments,
                if refilled {
                    0
                } else {
                    truncated.map_or(i64::MAX, |t| t.1)
                },
            ),
            findings,
        });
        if plain {
            Judged::Plain(resumed)
        } else {
            Judged::Changed(Outcome::Resumed(resumed))
        }
    }

    pub(super) fn diverged(
        &self,
        next: &mut Position,
        truncated: Option<(i32, i64)>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Held> {
        let Some((epoch, end)) = truncated else {
            return Ok(());
        };
        let found = Found {
            kind: FindingKind::Divergence,
            source: Some((end, next.source_next)),
            destination: None,
            detail: "The source lost records that the mirror holds.".to_owned(),
        };
        findings.push(self.rule(found)?.1);
        next.source_next = end;
        next.source_leader_epoch = epoch;
        Ok(())
    }

    pub(super) fn doubt(
        &self,
        tail: &Tail,
        walk: &Walk,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Held> {
        if let Some(range) = tail.doubtful {
            let gone = (walk.unknown > 0).then_some((walk.missing_from, self.facts.log_end));
            findings.push(self.rule(found_duplicate(Some(range), gone))?.1);
        }
        Ok(())
    }

    /// The timestamp by which the broker remembers us, where it does and the next append is checked by it.
    pub(super) fn guard(&self, stored: &Position, new_epoch: bool) -> Option<i64> {
        let known = self.facts.producer?;
        let same_id = stored.producer_id == self.case.producer_id;
        let fresh = self.now_ms - known.last_timestamp_ms < self.case.guard_ms;
        let follows = new_epoch || known.epoch == stored.epoch || stored.epoch_records == 0;
        (same_id && fresh && follows).then_some(known.last_timestamp_ms)
    }
}

/// Keeps what lies below a source offset: above it the source holds other records now.
fn clip(segments: Vec<Segment>, source_end: i64) -> Vec<Segment> {
    let below = |s: Segment| Segment {
        length: s.length.min(source_end - s.source_start),
        ..s
    };
    segments
        .into_iter()
        .map(below)
        .filter(|s| s.length > 0)
        .collect()
}

/// Joins source runs and destination runs, both in order of sequence, to segments.
fn join(source: &[(i64, i64)], walk: &Walk) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut counted = 0;
    for &(source_start, length) in source {
        for run in &walk.runs {
            let from = counted.max(run.index);
            let to = (counted + length).min(run.index + run.length);
            if from < to {
                segments.push(Segment {
                    source_start: source_start + (from - counted),
                    destination_start: run.destination_start + (from - run.index),
                    length: to - from,
                });
            }
        }
        counted += length;
    }
    segments
}
