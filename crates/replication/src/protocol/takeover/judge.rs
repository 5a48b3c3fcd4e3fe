//! Judging the facts of a take-over.

use model::finding::{Choice, Finding, FindingKind, FindingState};

use super::{
    Case, Outcome, Resumed, StartAt, Why,
    facts::{self, DestinationFacts},
};
use crate::protocol::{
    finding::Found,
    offset_map::Segment,
    ports::{Bounds, Destination, DestinationBatch, PortError, Source},
    position::{Anchor, Position},
    sequence,
    walk::{Halt, Walk, walk},
};

/// Last data epoch that is used; at it the producer id is retired.
const LAST_EPOCH: i16 = 32_000;
/// Pause before a source that lags is asked again.
const BEHIND: std::time::Duration = std::time::Duration::from_millis(500);

/// A judgement, by how much it depends on nothing arriving late.
pub(super) enum Judged {
    /// Valid at any time.
    Done(Outcome),
    /// The continuation by counting: valid before quiet if guarded.
    Plain(Box<Resumed>),
    /// Valid only on facts read after quiet.
    Changed(Outcome),
}

/// Where the source goes on after the tail.
struct Tail {
    resume: i64,
    /// The least offset up to which the source was copied.
    least: i64,
    /// Source and destination start and length of what the tail holds.
    segments: Vec<Segment>,
    /// Matched by content instead of counted: the leader epoch at the resume point.
    matched: Option<i32>,
    doubtful: Option<(i64, i64)>,
    /// Records of the tail that the source does not hold any more.
    missing: i64,
}

pub(super) async fn judge<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    now_ms: i64,
    case: &Case<'_>,
) -> Result<Judged, PortError> {
    let producer_id = case
        .stored
        .map_or(case.producer_id, |stored| stored.producer_id);
    let epoch = destination.leader_epoch().await?;
    let facts = match facts::destination_facts(destination, producer_id).await? {
        Ok(facts) => facts,
        Err(wait) => return Ok(Judged::Done(wait)),
    };
    let source_id = source.topic_id().await?;
    let room = Room {
        case,
        now_ms,
        facts: &facts,
        source_id: &source_id,
    };
    let judged = match case.stored {
        None => room.begin(source).await?,
        Some(stored) => room.resume(source, destination, stored).await?,
    };
    if facts::unmoved(destination, epoch, &facts).await? {
        return Ok(judged);
    }
    Ok(Judged::Done(Outcome::Wait(Why::Moving, BEHIND)))
}

/// Everything that a judgement needs at hand.
struct Room<'a> {
    case: &'a Case<'a>,
    now_ms: i64,
    facts: &'a DestinationFacts,
    source_id: &'a str,
}

/// A finding that the partition is held by.
type Held = Box<Finding>;

impl Room<'_> {
    /// Rules on something found: the choice and the finding to record, or the held finding.
    fn rule(&self, found: Found) -> Result<(Choice, Finding), Held> {
        let mut finding = found.finding(self.case.identity, self.now_ms);
        match self.case.policies.ruling(&finding) {
            Some(choice) => Ok((choice, finding)),
            None => {
                finding.state = FindingState::Held;
                Err(Box::new(finding))
            }
        }
    }

    /// A partition without a position (EXACTLY_ONCE 6): anchor, stored before the first record.
    async fn begin<S: Source>(&self, source: &S) -> Result<Judged, PortError> {
        let bounds = source.bounds(self.case.meaning.isolation).await?;
        let mut findings = Vec::new();
        let changed = self.facts.log_end > 0 && !self.case.may_append;
        if changed
            && let Err(held) = self
                .destination_changed((0, self.facts.log_end), NO_POSITION)
                .map(|f| findings.push(f.1))
        {
            return Ok(Judged::Changed(Outcome::Held(held)));
        }
        let start = match self.case.start {
            StartAt::LogStart => bounds.log_start,
            StartAt::Offset(start) => start,
        };
        let mut position = self.fresh(start);
        if let Err(held) = self.pass_loss(&mut position, bounds, &mut findings) {
            return Ok(Judged::Changed(Outcome::Held(held)));
        }
        position.anchor.source_start = position.source_next;
        // Nobody sent anything: a position is stored before the first record.
        Ok(Judged::Done(self.resumed(position, 0, findings)))
    }

    /// Returns the first position of a mirror at its present end.
    fn fresh(&self, source_next: i64) -> Position {
        let identity = self.case.identity;
        let epoch = self.facts.producer.map_or(0, |known| known.epoch + 1);
        Position {
            source_next,
            source_leader_epoch: -1,
            destination_end: self.facts.log_end,
            own_end: self.facts.log_end,
            producer_id: self.case.producer_id,
            epoch,
            next_sequence: 0,
            epoch_records: 0,
            meaning: self.case.meaning,
            partition: identity.partition,
            source_topic: identity.source_topic.clone(),
            source_topic_id: self.source_id.to_owned(),
            mirror_topic: identity.mirror_topic.clone(),
            mirror_topic_id: self.facts.topic_id.clone(),
            anchor: self.anchor(source_next),
            stored_at_ms: self.now_ms,
        }
    }

    /// Goes on from a new position, with the map above `map_cut` forgotten.
    fn resumed(&self, position: Position, map_cut: i64, findings: Vec<Finding>) -> Outcome {
        Outcome::Resumed(Box::new(Resumed {
            position,
            must_store: true,
            guard_timestamp_ms: None,
            map_cut: Some(map_cut),
            segments: Vec::new(),
            findings,
        }))
    }

    /// Source log start above the position: a loss, exact to the offset.
    fn pass_loss(
        &self,
        position: &mut Position,
        bounds: Bounds,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Held> {
        if bounds.log_start <= position.source_next {
            return Ok(());
        }
        let found = Found {
            kind: FindingKind::Loss,
            source: Some((position.source_next, bounds.log_start)),
            destination: None,
            detail: "The source deleted these offsets before they were copied.".to_owned(),
        };
        findings.push(self.rule(found)?.1);
        position.source_next = bounds.log_start;
        position.source_leader_epoch = -1;
        Ok(())
    }

    async fn resume<S: Source, D: Destination>(
        &self,
        source: &S,
        destination: &D,
        stored: &Position,
    ) -> Result<Judged, PortError> {
        if stored.meaning.revision > self.case.meaning.revision {
            return Ok(Judged::Done(Outcome::Wait(Why::Settings, BEHIND)));
        }
        if let Some(judged) = self.replaced(source, stored).await? {
            return Ok(judged);
        }
        if self.facts.log_end < stored.destination_end {
            return self.step_back(source, destination, stored).await;
        }
        let batches = facts::tail(destination, stored, self.facts).await?;
        let mut walk = walk(stored, self.facts.log_end, &batches);
        let mut findings = Vec::new();
        if let Err(held) = self.complete(stored, &mut walk, &mut findings) {
            return Ok(Judged::Changed(Outcome::Held(held)));
        }
        let bounds = source.bounds(stored.meaning.isolation).await?;
        let tail = self
            .at_source(source, destination, stored, &walk, bounds)
            .await?;
        let truncated = self.truncated(source, stored, &tail).await?;
        if truncated.is_none() && (tail.missing > 0 || bounds.end < tail.least) {
            return Ok(Judged::Done(Outcome::Wait(Why::SourceBehind, BEHIND)));
        }
        Ok(self.conclude(stored, &walk, tail, truncated, bounds, findings))
    }

    /// Topic ids: a topic deleted and made again is another one.
    async fn replaced<S: Source>(
        &self,
        source: &S,
        stored: &Position,
    ) -> Result<Option<Judged>, PortError> {
        let anew = self.facts.topic_id != stored.mirror_topic_id;
        let (found, lost) = if self.source_id != stored.source_topic_id {
            (found_source_recreated(stored), false)
        } else if anew {
            let range = (0, stored.destination_end);
            (
                found_destination(range, "The mirror topic was deleted and made again."),
                true,
            )
        } else {
            return Ok(None);
        };
        let (choice, finding) = match self.rule(found) {
            Ok(ruled) => ruled,
            Err(held) => return Ok(Some(Judged::Done(Outcome::Held(held)))),
        };
        let bounds = source.bounds(self.case.meaning.isolation).await?;
        let go_on = lost && choice == Choice::GoOn;
        let start = if go_on {
            stored.source_next
        } else {
            bounds.log_start
        };
        let mut findings = vec![finding];
        let mut position = self.fresh(start);
        position.epoch = position.epoch.max(stored.epoch + 1);
        if let Err(held) = self.pass_loss(&mut position, bounds, &mut findings) {
            return Ok(Some(Judged::Changed(Outcome::Held(held))));
        }
        Ok(Some(Judged::Changed(self.resumed(position, 0, findings))))
    }

    /// The destination lost acknowledged records (EXACTLY_ONCE 4.5): copy them again if both sides allow it.
    ///
    /// Only where the log's last batch is what the map says: it may have been cut deeper and written by others since.
    async fn step_back<S: Source, D: Destination>(
        &self,
        source: &S,
        destination: &D,
        stored: &Position,
    ) -> Result<Judged, PortError> {
        let end = self.facts.log_end;
        let bounds = source.bounds(stored.meaning.isolation).await?;
        let last = match end > self.facts.log_start {
            true => destination.headers(end - 1).await?.first().copied(),
            false => None,
        };
        let agrees = end == stored.anchor.destination_end
            || last.is_some_and(|last| self.agrees(stored, &last));
        let back = self
            .case
            .map
            .source_after(stored.anchor, end)
            .filter(|_| agrees);
        let found = found_destination(
            (end, stored.destination_end),
            "The mirror lost records that had been acknowledged.",
        );
        let held_by_source = back.filter(|back| *back >= bounds.log_start);
        let map_cut = if agrees { end } else { 0 };
        let (mut position, finding) = match held_by_source {
            Some(back) => {
                let source_range = Some((back, stored.source_next));
                let found = Found {
                    source: source_range,
                    ..found
                };
                let position = self.new_epoch(stored, back);
                (position, found.finding(self.case.identity, self.now_ms))
            }
            None => match self.rule(found) {
                Ok((Choice::MirrorAnew, finding)) => (self.anew(stored, bounds.log_start), finding),
                Ok((_, finding)) => (self.new_epoch(stored, stored.source_next), finding),
                Err(held) => return Ok(Judged::Changed(Outcome::Held(held))),
            },
        };
        if !agrees {
            position.anchor = self.anchor(position.source_next);
        }
        Ok(Judged::Changed(self.resumed(
            position,
            map_cut,
            vec![finding],
        )))
    }

    /// Says whether the last batch of a log that was cut has the sequence that the map gives it.
    fn agrees(&self, stored: &Position, last: &DestinationBatch) -> bool {
        let lost = self.case.map.records_from(last.last_offset + 1);
        let sequence = sequence::advance(last.base_sequence, last.last_offset - last.base_offset);
        lost < stored.epoch_records
            && (last.producer_id, last.epoch) == (stored.producer_id, stored.epoch)
            && sequence == sequence::advance(stored.next_sequence, -1 - lost)
    }

    fn anew(&self, stored: &Position, log_start: i64) -> Position {
        let mut position = self.new_epoch(stored, log_start);
        position.source_leader_epoch = -1;
        position.anchor = self.anchor(log_start);
        position
    }

    /// Begins a new map at the mirror's end.
    fn anchor(&self, source_start: i64) -> Anchor {
        Anchor {
            source_start,
            destination_end: self.facts.log_end,
        }
    }

    /// Returns the stored position at the log's end, in the next epoch, with the settings in force.
    fn new_epoch(&self, stored: &Position, source_next: i64) -> Position {
        let known = self
            .facts
            .producer
            .map_or(stored.epoch, |known| known.epoch.max(stored.epoch));
        let same_id = stored.producer_id == self.case.producer_id;
        Position {
            source_next,
            destination_end: self.facts.log_end,
            own_end: self.facts.log_end,
            producer_id: self.case.producer_id,
            epoch: if same_id { known.saturating_add(1) } else { 0 },
            next_sequence: 0,
            epoch_records: 0,
            meaning: self.case.meaning,
            stored_at_ms: self.now_ms,
            ..stored.clone()
        }
    }

    /// Rules on what the walk found, and fills in what it could not see.
    fn complete(
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
            self.ask_producer(stored, walk, findings)?;
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
    fn ask_producer(
        &self,
        stored: &Position,
        walk: &mut Walk,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Held> {
        let expected = sequence::advance(stored.next_sequence, walk.written);
        let gone = (walk.missing_from, self.facts.log_end);
        let known = self
            .facts
            .producer
            .filter(|known| known.epoch == stored.epoch);
        if let Some(known) = known {
            let more = sequence::distance(expected, known.last_sequence) + 1;
            if more < walk.missing {
                walk.foreign.push(gone);
            }
            walk.written += more.clamp(0, walk.missing);
            if more >= 0 {
                walk.last = Some((known.epoch, known.last_sequence));
            }
            return Ok(());
        }
        let from = stored.source_next + walk.written;
        let source = Some((from, from + walk.missing));
        findings.push(self.rule(found_duplicate(source, Some(gone)))?.1);
        Ok(())
    }

    fn destination_changed(
        &self,
        range: (i64, i64),
        words: &str,
    ) -> Result<(Choice, Finding), Held> {
        self.rule(found_destination(range, words))
    }

    /// Finds the tail's records at the source: by counting, else by content.
    async fn at_source<S: Source, D: Destination>(
        &self,
        source: &S,
        destination: &D,
        stored: &Position,
        walk: &Walk,
        bounds: Bounds,
    ) -> Result<Tail, PortError> {
        if bounds.log_start <= stored.source_next || walk.written == 0 {
            let counter = facts::count(source, stored, walk.written).await?;
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
    async fn truncated<S: Source>(
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

    fn conclude(
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
        let jump = truncated.is_some() || tail.least < bounds.log_start || tail.doubtful.is_some();
        if jump {
            next.source_next = tail.least;
        }
        let ruled = self
            .diverged(&mut next, truncated, &mut findings)
            .and_then(|()| self.pass_loss(&mut next, bounds, &mut findings))
            .and_then(|()| self.doubt(&tail, &mut findings));
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

    fn diverged(
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

    fn doubt(&self, tail: &Tail, findings: &mut Vec<Finding>) -> Result<(), Held> {
        if let Some(range) = tail.doubtful {
            findings.push(self.rule(found_duplicate(Some(range), None))?.1);
        }
        Ok(())
    }

    /// The timestamp by which the broker remembers us, where it does and the next append is checked by it.
    fn guard(&self, stored: &Position, new_epoch: bool) -> Option<i64> {
        let known = self.facts.producer?;
        let same_id = stored.producer_id == self.case.producer_id;
        let fresh = self.now_ms - known.last_timestamp_ms < self.case.guard_ms;
        let follows = new_epoch || known.epoch == stored.epoch || stored.epoch_records == 0;
        (same_id && fresh && follows).then_some(known.last_timestamp_ms)
    }
}

const NO_POSITION: &str = "The mirror holds records, but no position of this link is stored.";
const DISAGREES: &str = "The broker's producer state does not agree with the mirror's batches.";

fn halt_words(halt: Halt) -> &'static str {
    match halt {
        Halt::Refilled => "The mirror does not hold what was acknowledged at the stored position.",
        Halt::Gap(_) => "Records are missing in the mirror.",
        Halt::NewerEpoch(_) => "The mirror holds newer data than the stored position knows of.",
    }
}

fn found_source_recreated(stored: &Position) -> Found {
    Found {
        kind: FindingKind::SourceRecreated,
        source: Some((0, stored.source_next)),
        destination: None,
        detail: "The source topic was deleted and made again.".to_owned(),
    }
}

fn found_destination(range: (i64, i64), detail: &str) -> Found {
    let kind = FindingKind::DestinationChanged;
    Found {
        kind,
        source: None,
        destination: Some(range),
        detail: detail.to_owned(),
    }
}

fn found_duplicate(source: Option<(i64, i64)>, destination: Option<(i64, i64)>) -> Found {
    let detail = "These records may stand in the mirror twice.".to_owned();
    Found {
        kind: FindingKind::Duplicate,
        source,
        destination,
        detail,
    }
}

fn found_foreign(range: (i64, i64)) -> Found {
    let detail = "Somebody else wrote to the mirror.".to_owned();
    Found {
        kind: FindingKind::ForeignWrite,
        source: None,
        destination: Some(range),
        detail,
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
