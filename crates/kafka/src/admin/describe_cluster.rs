//! A cluster's id and brokers (DescribeCluster, KIP-700).

use kafka_protocol::messages::DescribeClusterRequest;

use crate::client::{Broker, Client};
use crate::{Error, ErrorCode};

/// What a cluster says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    pub cluster_id: String,
    pub controller: Option<i32>,
    pub brokers: Vec<Broker>,
}

impl Client {
    /// Asks the cluster for its id and brokers. Brokers before 2.8 do not offer it ([`Error::Unsupported`]):
    /// [`Client::metadata`] tells the same there.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, Error> {
        let answer = self
            .ask_any(
                &DescribeClusterRequest::default().with_endpoint_type(1),
                0..=1,
            )
            .await?;
        ErrorCode::check(answer.error_code)
            .map_err(|code| Error::broker(code, "describing the cluster"))?;
        let brokers = answer.brokers.into_iter().map(|broker| Broker {
            id: broker.broker_id.0,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.map(|rack| rack.to_string()),
        });
        Ok(ClusterDescription {
            cluster_id: answer.cluster_id.to_string(),
            controller: (answer.controller_id.0 >= 0).then_some(answer.controller_id.0),
            brokers: brokers.collect(),
        })
    }
}
