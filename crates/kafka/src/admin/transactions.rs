//! Transactions as their coordinator knows them: FindCoordinator, InitProducerId, EndTxn, DescribeTransactions.
//!
//! Only transactions V2 (KIP-890), where every transaction has a producer epoch of its own: with an older protocol a late
//! commit or abort can end the producer's next transaction.

use std::time::Duration;

use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, DescribeTransactionsRequest, EndTxnRequest, FindCoordinatorRequest,
    InitProducerIdRequest, ProducerId as WireProducerId, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::ProducerId;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::{Error, ErrorCode};

/// `key_type` of FindCoordinator for transactional ids.
const TRANSACTION: i8 = 1;
/// First version of Produce that adds partitions to a transaction by itself, and of EndTxn that returns the next epoch.
const PRODUCE: i16 = 12;
const END_TXN: i16 = 5;
/// Level of the feature `transaction.version` at which both are in force.
const LEVEL: i16 = 2;

/// Who may write under a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionalProducer {
    pub transactional_id: String,
    pub producer: ProducerId,
    /// The broker that coordinates it.
    coordinator: i32,
}

impl Client {
    /// Says whether the cluster has transactions V2: the finalized feature `transaction.version`, and the requests for it.
    pub async fn has_transactions_v2(&self) -> Result<bool, Error> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("causeway"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let answer = self.ask_any(&request, 3..=3).await?;
        let offers = |api: ApiKey, version| {
            let found = answer
                .api_keys
                .iter()
                .find(|found| found.api_key == api as i16);
            found.is_some_and(|found| found.max_version >= version)
        };
        let finalized = answer
            .finalized_features
            .iter()
            .find(|feature| &*feature.name == "transaction.version")
            .is_some_and(|feature| feature.max_version_level >= LEVEL);
        Ok(finalized && offers(ApiKey::Produce, PRODUCE) && offers(ApiKey::EndTxn, END_TXN))
    }

    /// Makes this client the only one that writes under a transactional id: whoever did before is fenced, and what it left
    /// open is aborted, or committed to the end, when this returns. A transaction may be open for `timeout`.
    pub async fn init_transactions(
        &self,
        transactional_id: &str,
        timeout: Duration,
    ) -> Result<TransactionalProducer, Error> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(wire_id(transactional_id)))
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(WireProducerId(-1))
            .with_producer_epoch(-1);
        let deadline = Instant::now() + self.timeouts().request;
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            let asked = async {
                let coordinator = self.coordinator_of(transactional_id).await?;
                let answer = self.ask_broker(coordinator, &request, 4..=5).await?;
                let code = ErrorCode(answer.error_code);
                ErrorCode::check(code.0)
                    .map_err(|code| Error::broker(code, "beginning to write in transactions"))?;
                Ok(TransactionalProducer {
                    transactional_id: transactional_id.to_owned(),
                    producer: ProducerId {
                        id: answer.producer_id.0,
                        epoch: answer.producer_epoch,
                    },
                    coordinator,
                })
            };
            match asked.await {
                Err(error) if is_soon_over(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                other => return other,
            }
        }
    }

    /// Commits the open transaction and waits until every partition knows. The producer of the next one is returned.
    ///
    /// # Errors
    /// A broker's 47 or 90 means that somebody else writes under the id now; after anything else it is unknown what became
    /// of the transaction: [`Self::init_transactions`] finds out and ends it.
    pub async fn commit_transaction(
        &self,
        writer: &TransactionalProducer,
    ) -> Result<TransactionalProducer, Error> {
        let request = EndTxnRequest::default()
            .with_transactional_id(wire_id(&writer.transactional_id))
            .with_producer_id(WireProducerId(writer.producer.id))
            .with_producer_epoch(writer.producer.epoch)
            .with_committed(true);
        let answer = self
            .ask_broker(writer.coordinator, &request, END_TXN..=END_TXN)
            .await?;
        ErrorCode::check(answer.error_code)
            .map_err(|code| Error::broker(code, "committing a transaction"))?;
        self.until_complete(writer).await?;
        Ok(TransactionalProducer {
            producer: ProducerId {
                id: answer.producer_id.0,
                epoch: answer.producer_epoch,
            },
            ..writer.clone()
        })
    }

    /// A commit is certain once it was answered, but the partitions are told afterwards; until they were, the next
    /// transaction is refused (51).
    async fn until_complete(&self, writer: &TransactionalProducer) -> Result<(), Error> {
        let deadline = Instant::now() + self.timeouts().request;
        let mut backoff = Backoff::new(Duration::from_millis(2), Duration::from_millis(100));
        let request = DescribeTransactionsRequest::default()
            .with_transactional_ids(vec![wire_id(&writer.transactional_id)]);
        loop {
            let answer = self.ask_broker(writer.coordinator, &request, 0..=0).await?;
            let state = answer.transaction_states.first();
            let code = state.map_or(ErrorCode::NONE.0, |state| state.error_code);
            ErrorCode::check(code)
                .map_err(|code| Error::broker(code, "waiting for a commit to be complete"))?;
            if state.is_none_or(|state| !state.transaction_state.starts_with("Prepare")) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let code = ErrorCode::CONCURRENT_TRANSACTIONS;
                return Err(Error::broker(code, "waiting for a commit to be complete"));
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    async fn coordinator_of(&self, transactional_id: &str) -> Result<i32, Error> {
        let request = FindCoordinatorRequest::default()
            .with_key_type(TRANSACTION)
            .with_coordinator_keys(vec![StrBytes::from_string(transactional_id.to_owned())]);
        let answer = self.ask_any(&request, 4..=6).await?;
        let doing = "looking for a transaction coordinator";
        let missing = || Error::broker(ErrorCode::COORDINATOR_NOT_AVAILABLE, doing);
        let found = answer.coordinators.first().ok_or_else(missing)?;
        ErrorCode::check(found.error_code).map_err(|code| Error::broker(code, doing))?;
        Ok(found.node_id.0)
    }
}

/// Coordinators that load or move, and transactions that are being ended.
fn is_soon_over(error: &Error) -> bool {
    error.broker_code().is_some_and(|code| {
        matches!(
            code,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
                | ErrorCode::COORDINATOR_NOT_AVAILABLE
                | ErrorCode::NOT_COORDINATOR
                | ErrorCode::CONCURRENT_TRANSACTIONS
        )
    })
}

fn wire_id(transactional_id: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(transactional_id.to_owned()))
}
