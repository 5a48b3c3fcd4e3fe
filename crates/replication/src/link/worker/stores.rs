//! What is stored in the slots: positions, maps and findings, every tick; renewals while data flows; the release.

use tracing::warn;

use super::{
    Worker,
    slots::{STORE_PARTITIONS, SlotStage, Stored},
};
use crate::{
    link::{
        event::PartitionId,
        partition::{Partition, Stage},
        slot::Ask,
    },
    protocol::{
        claim::{RENEW_BUSY, RENEW_IDLE},
        control::write_progress,
        flow::Flow,
        ports::Clock,
        position::Position,
        transaction::Transaction,
    },
};

impl Worker {
    pub(super) fn slot_acknowledged(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.acknowledged += 1;
        self.problems.clear(super::slots::place(number).as_str());
        for stored in slot.open.take().unwrap_or_default() {
            let partition = &mut self.partitions[stored.id.0];
            if partition.generation != stored.generation {
                continue;
            }
            if let Some(flow) = &mut partition.flow {
                flow.stored(&stored.position);
            }
            if partition
                .position()
                .is_some_and(|now| now.same_place(&stored.position))
            {
                partition.store_due = false;
            }
            if matches!(partition.stage, Stage::Storing(_)) {
                self.start_copying(stored.id);
            }
        }
        if number == 0 {
            self.topics_written();
        }
        // The lease is fresh, and what had to be stored first is stored.
        let waiting: Vec<PartitionId> = self
            .partitions
            .iter()
            .filter(|p| p.slot == number)
            .filter(|p| p.flow.is_some() || matches!(p.stage, Stage::Settling))
            .map(|p| p.id)
            .collect();
        for id in waiting {
            self.settle(id);
            self.make_ready(id);
        }
        self.advance_slot(number);
    }

    /// Stores, renews or releases, whichever is due; one thing at a time.
    pub(super) fn advance_slot(&mut self, number: u32) {
        let now_ms = self.wire.monotonic_ms();
        let Some(slot) = self.slots.get(&number) else {
            return;
        };
        if let SlotStage::Retry { at_ms } = slot.stage {
            if at_ms <= now_ms {
                self.claim_slots();
            }
            return;
        }
        if !slot.owned() || slot.open.is_some() || slot.releasing {
            return;
        }
        let (urgent, leaving) = (slot.urgent, slot.leaving);
        let due = urgent || leaving || now_ms - slot.last_store_ms >= self.store_interval_ms();
        let drained = leaving && self.slot_is_drained(number);
        let due = due || self.transaction_is_over(number, now_ms);
        if due && !self.transaction_is_settled(number) {
            return;
        }
        if due && (!leaving || drained) && self.store(number, now_ms) {
            return;
        }
        let open_until_ms = self.open_until_ms(number);
        let busy = self.is_busy(number);
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let Some(task) = &slot.task else { return };
        let age_ms = task.lease_age_ms(now_ms);
        let limit = if busy { RENEW_BUSY } else { RENEW_IDLE };
        if drained {
            slot.releasing = task.ask(Ask::Release { open_until_ms });
        } else if slot.renew || age_ms >= limit.as_millis() as i64 {
            slot.renew = false;
            if task.ask(Ask::Renew) {
                slot.begun += 1;
                slot.open = Some(Vec::new());
            }
        }
    }

    /// A second, up to ten when thousands of partitions are busy.
    pub(super) fn store_interval_ms(&self) -> i64 {
        1_000 + (self.partitions.len() as i64 * 9_000 / 10_000).min(9_000)
    }

    /// Stores what changed; returns whether there was anything.
    pub(super) fn store(&mut self, number: u32, now_ms: i64) -> bool {
        let wall_ms = self.wire.wall_ms();
        let mut stored = Vec::new();
        let mut records = Vec::new();
        let Some(slot) = self.slots.get_mut(&number) else {
            return false;
        };
        let begun = slot.transaction.as_ref().map(Transaction::is_begun);
        let mut writes = match begun {
            // All that belongs to a transaction is stored in it.
            Some(_) => std::mem::take(&mut slot.writes),
            None => slot.take_writes(),
        };
        // What is told of a topic stands before any of its positions.
        let mut more = !slot.writes.is_empty();
        let room = match (begun, more) {
            (Some(_), _) => usize::MAX,
            (None, true) => 0,
            (None, false) => STORE_PARTITIONS,
        };
        for id in self.to_store(number) {
            if stored.len() == room {
                more = true;
                break;
            }
            let partition = &mut self.partitions[id.0];
            partition.handed_ms = now_ms;
            if let Some(flow) = &mut partition.flow {
                for segment in flow.take_segments() {
                    partition.map.push(segment);
                }
            }
            let Some(position) = partition.position() else {
                continue;
            };
            let position = Position {
                stored_at_ms: wall_ms,
                ..position.clone()
            };
            records.extend(write_progress(&position, &mut partition.map));
            stored.push(Stored {
                id: partition.id,
                generation: partition.generation,
                position,
            });
        }
        let Some(slot) = self.slots.get_mut(&number) else {
            return false;
        };
        slot.last_store_ms = now_ms;
        slot.urgent = more;
        if begun.is_some() {
            slot.keep_findings(&writes);
        }
        writes.extend(records);
        if writes.is_empty() && begun != Some(true) {
            return false;
        }
        slot.renew = false;
        slot.begun += 1;
        slot.open = Some(stored);
        let asked = slot
            .task
            .as_ref()
            .is_some_and(|task| task.ask(Ask::Store(writes)));
        if !asked {
            warn!(slot = number, "the slot's task did not take a store");
        }
        true
    }

    /// Returns the partitions of a slot that have something to store: first those that wait for it, then those whose last
    /// store is longest ago.
    pub(super) fn to_store(&self, number: u32) -> Vec<PartitionId> {
        let changed = |p: &&Partition| {
            p.slot == number && (p.store_due || p.flow.as_ref().is_some_and(Flow::dirty))
        };
        let mut changed: Vec<&Partition> = self.partitions.iter().filter(changed).collect();
        changed.sort_by_key(|p| (!p.store_due, p.handed_ms));
        changed.into_iter().map(|p| p.id).collect()
    }

    pub(super) fn slot_is_drained(&self, number: u32) -> bool {
        let mut of_slot = self.partitions.iter().filter(|p| p.slot == number);
        of_slot.all(|p| p.in_flight() == 0 && !matches!(p.stage, Stage::TakingOver))
    }

    /// Until when requests of the slot may arrive: a leader that has not answered since may stand still with them.
    pub(super) fn open_until_ms(&self, number: u32) -> i64 {
        let (now_ms, on_its_way) = (self.wire.monotonic_ms(), self.on_its_way());
        let of_slot = self.partitions.iter().filter(|p| p.slot == number);
        let open = of_slot.map(|p| p.quiet.at_ms(now_ms, on_its_way));
        open.max().unwrap_or(0)
    }

    /// Says whether data of the slot flows.
    pub(super) fn is_busy(&self, number: u32) -> bool {
        self.partitions
            .iter()
            .any(|p| p.slot == number && p.in_flight() > 0)
    }
}
