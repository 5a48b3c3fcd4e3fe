//! Judging the facts of a take-over.

use model::finding::{Choice, Finding, FindingKind, FindingState};

use super::{
    Case, Outcome, Resumed, StartAt, Why,
    facts::{self, DestinationFacts},
    words::{NO_POSITION, found_destination, found_source_recreated},
};
use crate::protocol::{
    finding::Found,
    ports::{Bounds, Destination, DestinationBatch, PortError, Source},
    position::{Anchor, Position},
    sequence,
    walk::{Walk, walk},
};

/// Pause before a source that lags is asked again.
pub(super) const BEHIND: std::time::Duration = std::time::Duration::from_millis(500);

/// A judgement, by how much it depends on nothing arriving late.
pub(super) enum Judged {
    /// Valid at any time.
    Done(Outcome),
    /// The continuation by counting: valid before quiet if guarded.
    Plain(Box<Resumed>),
    /// Valid only on facts read after quiet.
    Changed(Outcome),
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
pub(super) struct Room<'a> {
    pub case: &'a Case<'a>,
    pub now_ms: i64,
    pub facts: &'a DestinationFacts,
    pub source_id: &'a str,
}

/// A finding that the partition is held by.
pub(super) type Held = Box<Finding>;

impl Room<'_> {
    /// Rules on something found: the choice and the finding to record, or the held finding.
    pub(super) fn rule(&self, found: Found) -> Result<(Choice, Finding), Held> {
        let mut identity = self.case.identity.clone();
        if let (FindingKind::SourceRecreated, Some(stored)) = (found.kind, self.case.stored) {
            // One event, whichever of the two topics it is found from.
            identity.source_topic_id.clone_from(&stored.source_topic_id);
        }
        let mut finding = found.finding(&identity, self.now_ms);
        match self.case.policies.ruling(&finding) {
            Some(choice) => Ok((choice, finding)),
            None => {
                finding.state = FindingState::Held;
                Err(Box::new(finding))
            }
        }
    }

    /// A partition without a position (EXACTLY_ONCE 6): anchor, stored before the first record.
    pub(super) async fn begin<S: Source>(&self, source: &S) -> Result<Judged, PortError> {
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
    pub(super) fn fresh(&self, source_next: i64) -> Position {
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
    pub(super) fn resumed(
        &self,
        position: Position,
        map_cut: i64,
        findings: Vec<Finding>,
    ) -> Outcome {
        Outcome::Resumed(Box::new(Resumed {
            position,
            must_store: true,
            quiet: true,
            guard_timestamp_ms: None,
            map_cut: Some(map_cut),
            segments: Vec::new(),
            findings,
        }))
    }

    /// Source log start above the position: a loss, exact to the offset.
    pub(super) fn pass_loss(
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

    pub(super) async fn resume<S: Source, D: Destination>(
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
        let mut walk = if self.case.transactional {
            Walk::default()
        } else {
            let batches = facts::tail(destination, stored, self.facts).await?;
            walk(stored, self.facts.log_end, &batches)
        };
        let mut findings = Vec::new();
        if let Err(held) = self.complete(stored, &mut walk, &mut findings) {
            return Ok(Judged::Changed(Outcome::Held(held)));
        }
        let bounds = source.bounds(stored.meaning.isolation).await?;
        let mut tail = self
            .at_source(source, destination, stored, &walk, bounds)
            .await?;
        if walk.unknown > 0 {
            self.doubt_unknown(source, stored, walk.unknown, &mut tail, bounds.end)
                .await?;
        }
        let truncated = self.truncated(source, stored, &tail).await?;
        if truncated.is_none() && (tail.missing > 0 || bounds.end < tail.least) {
            return Ok(Judged::Done(Outcome::Wait(Why::SourceBehind, BEHIND)));
        }
        Ok(self.conclude(stored, &walk, tail, truncated, bounds, findings))
    }

    /// Topic ids: a topic deleted and made again is another one.
    pub(super) async fn replaced<S: Source>(
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
    pub(super) async fn step_back<S: Source, D: Destination>(
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
        let known = self.case.acknowledged_end.unwrap_or(end);
        let found = found_destination(
            (end, stored.destination_end.max(known)),
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
    pub(super) fn agrees(&self, stored: &Position, last: &DestinationBatch) -> bool {
        let lost = self.case.map.records_from(last.last_offset + 1);
        let sequence = sequence::advance(last.base_sequence, last.last_offset - last.base_offset);
        lost < stored.epoch_records
            && (last.producer_id, last.epoch) == (stored.producer_id, stored.epoch)
            && sequence == sequence::advance(stored.next_sequence, -1 - lost)
    }

    pub(super) fn anew(&self, stored: &Position, log_start: i64) -> Position {
        let mut position = self.new_epoch(stored, log_start);
        position.source_leader_epoch = -1;
        position.anchor = self.anchor(log_start);
        position
    }

    /// Begins a new map at the mirror's end.
    pub(super) fn anchor(&self, source_start: i64) -> Anchor {
        Anchor {
            source_start,
            destination_end: self.facts.log_end,
        }
    }

    /// Returns the stored position at the log's end, in the next epoch, with the settings in force.
    pub(super) fn new_epoch(&self, stored: &Position, source_next: i64) -> Position {
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
}
