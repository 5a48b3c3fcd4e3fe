//! A new idempotent producer id (InitProducerId, KIP-98).

use std::time::Duration;

use kafka_protocol::messages::{InitProducerIdRequest, ProducerId as WireProducerId};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::client::Client;
use crate::{Error, ErrorCode};

/// An idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerId {
    pub id: i64,
    pub epoch: i16,
}

impl Client {
    /// Gets a producer id that nobody had before, without a transactional id. Right after a broker's start the
    /// coordinator may be loading (14, 15, 51): it is asked again until the request time-out is over.
    pub async fn init_producer_id(&self) -> Result<ProducerId, Error> {
        let deadline = Instant::now() + self.timeouts().request;
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        // The time-out of transactions is checked even where there are none.
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(WireProducerId(-1))
            .with_producer_epoch(-1);
        loop {
            let answer = self.ask_any(&request, 0..=4).await?;
            let code = ErrorCode(answer.error_code);
            let loading = matches!(
                code,
                ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
                    | ErrorCode::COORDINATOR_NOT_AVAILABLE
                    | ErrorCode::CONCURRENT_TRANSACTIONS
            );
            match code {
                ErrorCode::NONE => {
                    return Ok(ProducerId {
                        id: answer.producer_id.0,
                        epoch: answer.producer_epoch,
                    });
                }
                _ if loading && Instant::now() < deadline => {
                    tokio::time::sleep(backoff.next_delay()).await
                }
                code => return Err(Error::broker(code, "getting a producer id")),
            }
        }
    }
}
