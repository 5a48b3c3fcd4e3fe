//! What brokers tell of themselves besides where they are.

use kafka_protocol::messages::{ApiKey, DescribeClusterRequest};

use super::Client;
use crate::Error;

/// A cluster's brokers, as the one that was asked tells of them and of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AboutBrokers {
    /// Release of its software, such as `4.1`.
    pub release: Option<String>,
    /// When its certificate ends, milliseconds since the epoch, UTC.
    pub certificate_ends_ms: Option<i64>,
    /// Brokers that belong to the cluster, up or not (KIP-1073, 4.0 and later).
    pub registered: Option<u32>,
}

impl Client {
    /// Asks a broker that we are connected to, or the first that answers.
    pub async fn about_brokers(&self) -> Result<AboutBrokers, Error> {
        let Some(shared) = self.candidates().into_iter().next() else {
            return Ok(AboutBrokers::default());
        };
        let connection = shared.get(&self.inner.settings).await?;
        // Brokers that are fenced, so down or just starting, are told of from version 2 on.
        let offered = connection.api(ApiKey::DescribeCluster as i16);
        let registered = match offered {
            Some((_, 2..)) => {
                let request = DescribeClusterRequest::default()
                    .with_endpoint_type(1)
                    .with_include_fenced_brokers(true);
                let answer = connection.call(&request, 2..=2).await?;
                let known = answer.error_code == 0;
                known.then(|| u32::try_from(answer.brokers.len()).unwrap_or(u32::MAX))
            }
            _ => None,
        };
        Ok(AboutBrokers {
            release: connection.release(),
            certificate_ends_ms: connection.certificate_ends_ms(),
            registered,
        })
    }
}
