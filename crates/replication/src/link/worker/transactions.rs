//! Transactional mode: what a slot sends and stores together.
//!
//! A slot sends batches into its open transaction; once that is over nothing more goes out, the last answers come in, and
//! the positions are stored in it as it is committed. If anything is unknown the slot is given up and claimed anew, which
//! aborts what is open, and every partition goes on from its stored position.

use model::{link::Guarantee, problem::Problem};
use tracing::warn;

use super::{
    Worker,
    sending::Request,
    slots::{SESSION_MS, SlotEntry, SlotStage, place},
};
use crate::{
    link::{decode::Payload, event::PartitionId},
    protocol::{
        flow::{Order, Verdict},
        ports::{Clock, ControlWrite, Writer},
        transaction::{Effect, Transaction},
    },
};

/// How long a slot rests after an abort: elections take about as long, and what comes again must not spin.
const ABORTED_MS: i64 = 500;

/// Gives a batch the producer and the sequence that it has in a transaction.
pub(super) fn number_within(
    transaction: &Transaction,
    id: PartitionId,
    order: &mut Order<Payload>,
) {
    let writer = transaction.writer();
    order.producer_id = writer.producer_id;
    order.epoch = writer.epoch;
    order.base_sequence = transaction.sequence(id.0);
}

/// Where it shows that a slot's transactions are given up.
pub(super) fn transaction_place(number: u32) -> String {
    format!("transaction/{number}")
}

impl SlotEntry {
    /// Says whether batches may be sent now, as far as transactions go.
    pub(super) fn takes_batches(&self, now_ms: i64) -> bool {
        let open = |transaction: &Transaction| self.open.is_none() && !transaction.is_over(now_ms);
        self.transaction.as_ref().is_none_or(open)
    }

    /// Remembers the findings that are being stored.
    pub(super) fn keep_findings(&mut self, writes: &[ControlWrite]) {
        let findings = writes.iter().filter(|w| w.key.starts_with("finding/"));
        self.uncommitted = findings.cloned().collect();
    }

    /// Returns the findings that do not stand in the control topic: nobody would find them again.
    fn unstored_findings(&mut self) -> Vec<ControlWrite> {
        let mut findings = std::mem::take(&mut self.uncommitted);
        let waiting = std::mem::take(&mut self.writes).into_iter();
        findings.extend(waiting.filter(|write| write.key.starts_with("finding/")));
        findings
    }
}

impl Worker {
    pub(super) fn is_transactional(&self) -> bool {
        self.link.spec.guarantee == Guarantee::Transactional
    }

    fn transaction(&mut self, slot: u32) -> Option<&mut Transaction> {
        self.slots.get_mut(&slot)?.transaction.as_mut()
    }

    /// Says whether a partition's batch may go into a request: one transaction's batches at a time.
    pub(super) fn fits_transaction(&self, id: PartitionId, request: &Request) -> bool {
        request
            .slot
            .is_none_or(|slot| slot == self.partitions[id.0].slot)
    }

    pub(super) fn transaction_is_over(&self, slot: u32, now_ms: i64) -> bool {
        let transaction = self.slots.get(&slot).and_then(|s| s.transaction.as_ref());
        transaction.is_some_and(|transaction| transaction.is_over(now_ms))
    }

    /// Lets no more batches into the slot's transaction, and says whether all that are in it were answered.
    pub(super) fn transaction_is_settled(&mut self, slot: u32) -> bool {
        let Some(transaction) = self.transaction(slot) else {
            return true;
        };
        if transaction.is_begun() {
            transaction.end();
        }
        transaction.in_flight() == 0
    }

    /// Tells the transaction what came of one of its batches.
    pub(super) fn answered_within(
        &mut self,
        id: PartitionId,
        verdict: Verdict,
        code: Option<i16>,
    ) -> Effect {
        let slot = self.partitions[id.0].slot;
        let transaction = self.transaction(slot);
        transaction.map_or(Effect::GoesOn, |t| t.answered(id.0, verdict, code))
    }

    /// Commits a transaction that is over as soon as its last batch was answered.
    pub(super) fn end_transaction(&mut self, slot: u32) {
        if !self.is_transactional() {
            return;
        }
        let now_ms = self.wire.monotonic_ms();
        let over = self.transaction_is_over(slot, now_ms);
        if over && self.transaction_is_settled(slot) {
            self.advance_slot(slot);
        }
    }

    pub(super) fn transaction_committed(&mut self, number: u32, writer: Writer) {
        if let Some(slot) = self.slots.get_mut(&number) {
            let committed = slot.transaction.replace(Transaction::new(writer));
            slot.uncommitted.clear();
            if committed.is_some_and(|committed| committed.is_begun()) {
                self.problems.clear(transaction_place(number).as_str());
            }
        }
        self.slot_acknowledged(number);
    }

    /// Gives up a slot because of what came of one of its batches.
    pub(super) fn batch_aborts(&mut self, id: PartitionId, verdict: Verdict, code: Option<i16>) {
        let slot = self.partitions[id.0].slot;
        let why = code.map_or("no answer", |code| kafka::ErrorCode(code).name());
        if code.is_some_and(|code| kafka::ErrorCode(code).is_stale_metadata()) {
            self.refresh(crate::link::traffic::Side::Produce);
        }
        if verdict == Verdict::Fenced {
            warn!(slot, "another worker writes in the slot's transactions");
            return self.give_up(slot, SESSION_MS);
        }
        warn!(slot, why, "a transaction is given up");
        self.give_up(slot, ABORTED_MS);
        let problem = self.given_up_problem(code);
        self.problem(&transaction_place(slot), problem);
    }

    fn given_up_problem(&self, code: Option<i16>) -> Problem {
        let destination = &self.link.spec.destination;
        let error = code.map(|code| kafka::ErrorCode(code).name().to_owned());
        let answer = error.as_deref().unwrap_or("no answer");
        Problem {
            code: "destination.given_up".to_owned(),
            status: 503,
            title: format!("A transaction at `{destination}` was given up ({answer})."),
            detail: "What was written in it is written again; readers of committed records do not see the first attempt."
                .to_owned(),
            state: Some("waiting".to_owned()),
            cause: Some(answer.to_owned()),
            broker_error: error,
            next_step: Some(
                "Check the destination's brokers if it stays; it is tried again by itself.".to_owned(),
            ),
            ..Problem::default()
        }
    }

    /// The slot's task could not commit.
    pub(super) fn transaction_aborted(&mut self, number: u32, why: &str) {
        warn!(slot = number, why, "a transaction was not committed");
        self.give_up(number, ABORTED_MS);
        let problem = self.control_unreachable(why);
        if self.slots.contains_key(&number) {
            self.problem(&place(number), problem);
        }
    }

    fn give_up(&mut self, number: u32, pause_ms: i64) {
        let at_ms = self.wire.monotonic_ms() + pause_ms;
        let slot = self.slots.get_mut(&number);
        let findings = slot.map(SlotEntry::unstored_findings).unwrap_or_default();
        self.slot_lost(number, SlotStage::Retry { at_ms });
        if let Some(slot) = self.slots.get_mut(&number)
            && !findings.is_empty()
        {
            slot.write(findings);
        }
    }
}
