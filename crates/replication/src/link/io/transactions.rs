//! Transactions of a link's slots over a real cluster.

use std::time::Duration;

use kafka::admin::TransactionalProducer;

use super::{Wire, control::unsent, lock, port};
use crate::crash::crash_point;
use crate::protocol::ports::{AppendError, ControlBatch, PortError, Transactions, Writer};

/// After this long the coordinator ends what nobody ends: longer than a transaction and its last produce request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Wire {
    /// Returns the transactional id of a slot.
    pub(in crate::link) fn transactional_id(&self, slot: u32) -> String {
        format!("causeway.{}.{slot}", self.link_id)
    }

    /// Remembers who coordinates, and returns what the protocol knows.
    fn writes(&self, slot: u32, producer: TransactionalProducer) -> Writer {
        let writer = Writer {
            producer_id: producer.producer.id,
            epoch: producer.producer.epoch,
        };
        lock(&self.writers).insert(slot, producer);
        writer
    }
}

impl Transactions for Wire {
    async fn begin(&self, slot: u32) -> Result<Writer, PortError> {
        let client = self.destination.client().map_err(port)?;
        let id = self.transactional_id(slot);
        let begun = client.init_transactions(&id, TIMEOUT).await;
        Ok(self.writes(slot, begun.map_err(port)?))
    }

    async fn append_within(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        let id = self.transactional_id(batch.slot);
        self.append_batch(batch, Some(&id)).await
    }

    async fn commit(&self, slot: u32, writer: Writer) -> Result<Writer, AppendError> {
        let client = self.destination.client().map_err(unsent)?;
        let known = lock(&self.writers).get(&slot).cloned();
        let ours = known.filter(|known| {
            (known.producer.id, known.producer.epoch) == (writer.producer_id, writer.epoch)
        });
        let Some(ours) = ours else {
            return Err(AppendError::Indefinite("begun anew meanwhile".to_owned()));
        };
        crash_point("transaction-before-commit");
        let next = client.commit_transaction(&ours).await;
        crash_point("transaction-after-commit");
        Ok(self.writes(slot, next.map_err(unsent)?))
    }
}
