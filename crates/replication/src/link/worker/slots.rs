//! The slots of this process: claimed when the group assigns them, stored into every tick, left when it takes them back.

use std::sync::Arc;

use kafka::group::RevokeAck;
use model::problem::Problem;
use tracing::{debug, info, warn};

use super::{Worker, lines::FAULT_PAUSE_MS, status::SILENCE_MS, transactions::transaction_place};
use crate::{
    ledger::LedgerError,
    link::{
        event::{Done, PartitionId},
        slot::{Entry, Lease, SlotNews, SlotPlace, SlotTask},
    },
    protocol::{
        claim::Claimant,
        control::ControlState,
        ports::{Clock, ControlEntry, ControlWrite, PortError},
        position::Position,
        quiet::longest_on_its_way,
        transaction::Transaction,
    },
};

mod troubles;

pub(super) use troubles::place;
use troubles::{GROUP, control_topic_problem, fault_problem, malformed_problem};

/// One group session: a slot that was lost is claimed again only after it, if the group still gives it to us.
pub(super) const SESSION_MS: i64 = 10_000;
/// Bytes of JSON, besides positions, that are stored in one batch: packed far below what any broker takes.
const WRITE_BYTES: usize = 512 << 10;
/// Where problems with the records of control partition 0 show.
const RECORDS: &str = "control records";
/// Positions stored in one batch.
pub(super) const STORE_PARTITIONS: usize = 400;

/// One slot that the group assigned to this process.
pub(super) struct SlotEntry {
    pub(super) stage: SlotStage,
    pub(super) task: Option<SlotTask>,
    /// What its partition of the control topic said when it was claimed.
    pub(super) state: ControlState,
    /// Monotonic time until which former owners' requests may still arrive, 0 if the last one released.
    pub(super) quiet_at_ms: i64,
    /// A store or renewal is on its way, and which positions it holds.
    pub(super) open: Option<Vec<Stored>>,
    /// Records to store besides positions.
    pub(super) writes: Vec<ControlWrite>,
    /// Store with the next chance, not with the next tick.
    pub(super) urgent: bool,
    pub(super) renew: bool,
    /// Control writes begun and acknowledged.
    pub(super) begun: u64,
    pub(super) acknowledged: u64,
    pub(super) last_store_ms: i64,
    pub(super) leaving: bool,
    /// The group assigned it since it was last taken back.
    pub(super) again: bool,
    pub(super) releasing: bool,
    /// Answers the group when the slot is left.
    pub(super) acks: Vec<Arc<RevokeAck>>,
    /// What is sent now and will be stored together, in transactional mode.
    pub(super) transaction: Option<Transaction>,
    /// Findings on their way into the control topic, in transactional mode: an abort undoes them.
    pub(super) uncommitted: Vec<ControlWrite>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotStage {
    /// Waits for a `spec` in control partition 0.
    Assigned,
    Claiming,
    Owned,
    /// Lost to another; claimed again at this monotonic time if the group still gives it to us.
    Retry {
        at_ms: i64,
    },
    /// A person must look at the control topic.
    Asks,
}

pub(super) struct Stored {
    pub(super) id: PartitionId,
    pub(super) generation: u64,
    pub(super) position: Position,
}

impl SlotEntry {
    pub(super) fn new() -> Self {
        Self {
            stage: SlotStage::Assigned,
            task: None,
            state: ControlState::default(),
            quiet_at_ms: 0,
            open: None,
            writes: Vec::new(),
            urgent: false,
            renew: false,
            begun: 0,
            acknowledged: 0,
            last_store_ms: 0,
            leaving: false,
            again: false,
            releasing: false,
            acks: Vec::new(),
            transaction: None,
            uncommitted: Vec::new(),
        }
    }

    /// Says whether partitions of the slot may work.
    pub(super) fn works(&self) -> bool {
        self.stage == SlotStage::Owned && !self.leaving
    }

    pub(super) fn owned(&self) -> bool {
        self.stage == SlotStage::Owned
    }

    pub(super) fn lease_fresh(&self, now_ms: i64) -> bool {
        self.task
            .as_ref()
            .is_some_and(|task| task.lease_fresh(now_ms))
    }

    /// Wants the claim renewed, and returns the number of the write that does it.
    pub(super) fn renewal(&mut self) -> u64 {
        self.renew = true;
        self.begun + 1
    }

    pub(super) fn acknowledged(&self, write: u64) -> bool {
        self.acknowledged >= write
    }

    /// Wants records stored at once.
    pub(super) fn write(&mut self, records: impl IntoIterator<Item = ControlWrite>) {
        self.writes.extend(records);
        self.urgent = true;
    }

    /// Takes as many of the records to write as fit into one batch.
    pub(super) fn take_writes(&mut self) -> Vec<ControlWrite> {
        let mut bytes = 0;
        let mut fits = |record: &ControlWrite| {
            bytes += record.key.len() + record.value.as_ref().map_or(0, String::len);
            bytes <= WRITE_BYTES
        };
        // One that is too large for itself is left to the broker to refuse.
        let count = self.writes.iter().take_while(|r| fits(r)).count().max(1);
        let rest = self.writes.split_off(count.min(self.writes.len()));
        std::mem::replace(&mut self.writes, rest)
    }

    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.task.as_ref().map(SlotTask::lease)
    }
}

impl Worker {
    pub(super) fn assigned(&mut self, slots: &[u32]) {
        if self.leaving_until_ms.is_some() {
            return;
        }
        for slot in slots {
            // One that is still being left is claimed anew once that is done.
            self.slots.entry(*slot).or_insert_with(SlotEntry::new).again = true;
        }
        info!(?slots, "slots assigned");
        self.problems.clear(GROUP);
        self.claim_slots();
    }

    /// Claims what waits for it: nobody claims before a `spec` with our link and installation was read.
    pub(super) fn claim_slots(&mut self) {
        let Some(prepared) = &self.prepared else {
            return;
        };
        if !self.root_known {
            return;
        }
        let spec = self.root.spec.as_ref();
        let ours = spec.is_some_and(|spec| self.is_ours(spec));
        let first_start = prepared.first_start && spec.is_none();
        let adopts = prepared.adopts && spec.is_some();
        if !ours && !first_start && !adopts {
            return self.problem("control", control_topic_problem(self.root.spec.is_some()));
        }
        self.problems.clear("control");
        let spec = self.first_spec();
        let now_ms = self.wire.monotonic_ms();
        let transactional = self.is_transactional();
        for (number, slot) in &mut self.slots {
            let due = match slot.stage {
                SlotStage::Assigned => true,
                SlotStage::Retry { at_ms } => at_ms <= now_ms,
                _ => false,
            };
            let entry = match (ours, number) {
                (true, _) => Entry::Claim,
                // Slot 0's owner writes our `spec`, which the others wait for.
                (false, 0) if adopts => Entry::Claim,
                (false, 0) => Entry::Bootstrap(Box::new(spec.clone())),
                (false, _) => continue,
            };
            if due && !slot.leaving {
                slot.stage = SlotStage::Claiming;
                let who = Claimant {
                    worker: self.context.settings.worker.clone(),
                    process: self.context.process.clone(),
                    on_its_way: longest_on_its_way(self.context.settings.produce_timeout),
                };
                let events = self.event_sender.clone();
                let place = SlotPlace {
                    slot: *number,
                    task: self.traffic.next_serial(),
                    transactional,
                };
                slot.task = Some(SlotTask::start(
                    self.wire.clone(),
                    who,
                    place,
                    entry,
                    events,
                    &self.context.control,
                ));
            }
        }
    }

    pub(super) fn followed(
        &mut self,
        from: i64,
        result: Result<(Vec<ControlEntry>, i64), PortError>,
    ) {
        let now_ms = self.wire.monotonic_ms();
        self.follow.finished(now_ms + super::FOLLOW_MS);
        match result {
            Ok((_, end)) if end < from => {
                let cause = format!("its first partition went back from offset {from} to {end}");
                self.problem(RECORDS, malformed_problem(&cause));
            }
            Ok((entries, end)) => {
                let meaning = self.meaning();
                // Slot 0's owner knows what it wrote before it reads it here.
                let owned = self.slots.get(&0).is_some_and(SlotEntry::owned);
                let ours = self.root.spec.clone().filter(|_| owned);
                let folded = entries.iter().try_for_each(|entry| self.root.apply(entry));
                if let Some(ours) = ours {
                    self.root.spec = Some(ours);
                }
                self.heed_meaning(meaning);
                if let Err(error) = folded {
                    return self.problem(RECORDS, malformed_problem(&error.to_string()));
                }
                self.problems.clear(RECORDS);
                self.root.next_offset = self.root.next_offset.max(end);
                self.root_known = true;
                self.follow_failing_since_ms = None;
                self.problems.clear("follow");
                if !entries.is_empty() {
                    self.destination_errand.hurry(now_ms);
                    self.reconcile_partitions();
                }
                self.claim_slots();
            }
            Err(error) => {
                // A new leader, or a new topic's first, is soon known.
                let since_ms = *self.follow_failing_since_ms.get_or_insert(now_ms);
                if now_ms - since_ms >= SILENCE_MS {
                    self.problem("follow", self.control_unreachable(&error.to_string()));
                }
            }
        }
    }

    /// Tells SQL which control topic is the link's, so that it is missed when it is gone.
    pub(super) fn note_control_topic(&mut self) {
        let Some(prepared) = &self.prepared else {
            return;
        };
        let (ledger, link_id) = (self.context.ledger.clone(), self.link.id.clone());
        let topic_id = prepared.control_topic_id.to_string();
        self.jobs.spawn(async move {
            Done::ControlTopicNoted(ledger.control_topic_made(&link_id, &topic_id).await)
        });
    }

    pub(super) fn control_topic_noted(&mut self, result: Result<(), LedgerError>) {
        self.note.finished(self.wire.monotonic_ms() + 1_000);
        match result {
            Ok(()) => {
                self.noted = true;
                self.problems.clear("note");
                self.reconcile_partitions();
            }
            Err(error) => self.problem(
                "note",
                Problem {
                    code: "store.unavailable".to_owned(),
                    status: 503,
                    title: "The control database does not answer.".to_owned(),
                    detail: format!("{error} The link's first start waits for it."),
                    state: Some("waiting".to_owned()),
                    cause: Some(error.to_string()),
                    next_step: Some("Check the database; it is tried again.".to_owned()),
                    ..Problem::default()
                },
            ),
        }
    }

    /// Hears what the task of a slot tells, unless that task was given up meanwhile.
    pub(super) fn slot_news(&mut self, number: u32, task: u64, news: SlotNews) {
        let slot = self.slots.get(&number);
        let current = slot.and_then(|slot| slot.task.as_ref());
        if current.is_none_or(|current| current.serial() != task) {
            return debug!(slot = number, ?news, "news of a slot's former task");
        }
        debug!(slot = number, ?news, "slot news");
        match news {
            SlotNews::Owned {
                state,
                quiet_at_ms,
                writer,
            } => {
                if let Some(slot) = self.slots.get_mut(&number) {
                    slot.transaction = writer.map(Transaction::new);
                }
                self.slot_owned(number, *state, quiet_at_ms);
            }
            SlotNews::Stored | SlotNews::Renewed => self.slot_acknowledged(number),
            SlotNews::Committed(writer) => self.transaction_committed(number, writer),
            SlotNews::Aborted(why) => self.transaction_aborted(number, &why),
            SlotNews::Lost(by) => {
                warn!(slot = number, by, "slot was taken over");
                self.slot_lost(
                    number,
                    SlotStage::Retry {
                        at_ms: self.wire.monotonic_ms() + SESSION_MS,
                    },
                );
            }
            SlotNews::Asks(why) => {
                self.slot_lost(number, SlotStage::Asks);
                self.problem(&place(number), malformed_problem(&why));
            }
            SlotNews::Troubled(why) => {
                let problem = self.control_unreachable(&why);
                self.problem(&place(number), problem);
            }
            SlotNews::Released => self.slot_released(number),
        }
    }

    pub(super) fn slot_owned(&mut self, number: u32, state: ControlState, quiet_at_ms: i64) {
        self.problems.clear(place(number).as_str());
        let now_ms = self.wire.monotonic_ms();
        let meaning = self.meaning();
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.stage = SlotStage::Owned;
        slot.quiet_at_ms = quiet_at_ms;
        slot.last_store_ms = now_ms;
        self.findings
            .extend(state.findings.iter().map(|(id, f)| (id.clone(), f.clone())));
        if number == 0 {
            // Our own claim may have been preceded by news that the follower has not read yet.
            self.root = state.clone();
            self.root_known = true;
            self.topics.unwritten.clear();
            self.topics_errand.hurry(now_ms);
            self.producer_errand.hurry(now_ms);
        }
        slot.state = state;
        self.heed_meaning(meaning);
        self.reconcile_partitions();
        self.claim_slots();
    }

    /// Drains slots that the group takes back, or all when the link is left.
    pub(super) fn drain_slots(&mut self, slots: &[u32], ack: Option<Arc<RevokeAck>>) {
        for number in slots {
            let Some(slot) = self.slots.get_mut(number) else {
                continue;
            };
            slot.leaving = true;
            slot.again = false;
            slot.acks.extend(ack.clone());
            if slot.stage != SlotStage::Owned {
                self.remove_slot(*number);
            }
        }
        self.reconcile_partitions();
        for number in slots {
            self.advance_slot(*number);
        }
    }

    /// The group gave our slots to others already: nothing of them may be stored any more.
    pub(super) fn lost_by_group(&mut self, slots: &[u32]) {
        warn!(?slots, "slots lost by the group");
        for number in slots {
            self.slot_lost(*number, SlotStage::Asks);
            self.remove_slot(*number);
        }
    }

    /// Gives up the slots whose task panicked: what it was writing is unknown, so they are claimed again.
    pub(super) fn lose_panicked_slots(&mut self, now_ms: i64) {
        let panicked = |(number, slot): (&u32, &mut SlotEntry)| {
            let task = slot.task.as_mut()?;
            task.panicked().then_some(*number)
        };
        let all: Vec<u32> = self.slots.iter_mut().filter_map(panicked).collect();
        for number in all {
            let at_ms = now_ms + FAULT_PAUSE_MS;
            self.slot_lost(number, SlotStage::Retry { at_ms });
            if self.slots.contains_key(&number) {
                self.problem(&place(number), fault_problem(number));
            }
        }
    }

    pub(super) fn slot_fenced(&mut self, number: u32) {
        let at_ms = self.wire.monotonic_ms() + SESSION_MS;
        self.slot_lost(number, SlotStage::Retry { at_ms });
    }

    pub(super) fn slot_lost(&mut self, number: u32, stage: SlotStage) {
        let mut gone = false;
        if let Some(slot) = self.slots.get_mut(&number) {
            let acks = std::mem::take(&mut slot.acks);
            gone = slot.leaving && !slot.again;
            let again = slot.again;
            *slot = SlotEntry {
                stage,
                again,
                ..SlotEntry::new()
            };
            drop(acks);
        }
        let ids: Vec<PartitionId> = self
            .partitions
            .iter()
            .filter(|p| p.slot == number)
            .map(|p| p.id)
            .collect();
        for id in ids {
            self.abandon(id);
        }
        if gone {
            self.remove_slot(number);
        }
        // In transactions it is their producer's next epoch that keeps late requests out.
        if !self.is_transactional() {
            self.close_lines_of(number);
        }
    }

    /// The slot is not ours any more; what troubles it is its next owner's to tell.
    fn remove_slot(&mut self, number: u32) -> Option<SlotEntry> {
        self.problems.clear(place(number).as_str());
        self.problems.clear(transaction_place(number).as_str());
        // Its next owner goes on from there, and tells of what is gone by then.
        for partition in self.partitions.iter_mut().filter(|p| p.slot == number) {
            partition.acknowledged = None;
        }
        self.slots.remove(&number)
    }

    pub(super) fn slot_released(&mut self, number: u32) {
        let again = self.remove_slot(number).is_some_and(|slot| slot.again);
        info!(slot = number, "slot released");
        if again && self.leaving_until_ms.is_none() {
            self.assigned(&[number]);
        }
    }
}
