//! A flow whose batches go out in transactions: what holds others back before the broker's check of sequences is known to
//! work (lease, quiet, guard, stores between leader epochs) is the transaction's own matter here.

use super::{Blocked, Flow, Item, Next};

impl<B> Flow<B> {
    /// Sends in transactions from now on; [`crate::protocol::transaction::Transaction`] gives the sequences.
    #[must_use]
    pub fn in_transactions(self) -> Self {
        Self {
            transactional: true,
            quiet_at_ms: 0,
            early: false,
            must_store: false,
            ..self
        }
    }

    /// The first batch of each transaction is alone in flight, and those of one leader epoch are answered before those of the
    /// next are sent: the position tells one epoch.
    pub(super) fn next_in_transaction(&mut self) -> Next<B> {
        self.pass_gaps();
        let Some((Item::Batch(batch), _)) = self.pending.front() else {
            return match self.pending.is_empty() {
                true => Next::Idle,
                false => Next::Blocked(Blocked::InFlight),
            };
        };
        let alone = self.first || batch.leader_epoch != self.position.source_leader_epoch;
        if alone && !self.in_flight.is_empty() {
            return Next::Blocked(Blocked::InFlight);
        }
        self.adopt_epoch();
        self.send()
    }

    /// Says whether a batch may stand at this offset: markers lie between those of different transactions.
    pub(super) fn is_expected(&self, base_offset: i64, expected: i64) -> bool {
        base_offset == expected || (self.transactional && base_offset > expected)
    }
}
