//! Which versions of which API a broker offers (KIP-35, KIP-511).
//!
//! Read by hand: this is the first answer of whatever listens there, and its counts must not be believed unchecked.

use std::collections::HashMap;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::{Connection, header};
use crate::{Error, ErrorCode};

/// The name and version by which brokers show us in their metrics (KIP-511).
const SOFTWARE: (&str, &str) = ("causeway", env!("CARGO_PKG_VERSION"));

/// The answer to an ApiVersions request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ApiVersions {
    ranges: HashMap<i16, (i16, i16)>,
}

impl ApiVersions {
    pub(super) fn get(&self, api_key: i16) -> Option<(i16, i16)> {
        self.ranges.get(&api_key).copied()
    }

    /// Reads a body; versions from 3 on are flexible, and a refusal (35) always has version 0.
    fn read(mut body: Bytes, version: i16) -> Option<(ErrorCode, Self)> {
        let code = ErrorCode(body.try_get_i16().ok()?);
        let flexible = version >= 3 && code != ErrorCode::UNSUPPORTED_VERSION;
        let count = match flexible {
            true => header::varint(&mut body)?.saturating_sub(1),
            false => body.try_get_u32().ok()?,
        };
        let mut ranges = HashMap::new();
        for _ in 0..count {
            let api_key = body.try_get_i16().ok()?;
            let range = (body.try_get_i16().ok()?, body.try_get_i16().ok()?);
            if flexible {
                header::skip_tags(&mut body)?;
            }
            ranges.insert(api_key, range);
        }
        Some((code, Self { ranges }))
    }
}

/// Asks for the broker's versions, in version 3 and where the broker does not know it in version 0.
pub(super) async fn ask(connection: &Connection) -> Result<ApiVersions, Error> {
    let mut code = ErrorCode::UNSUPPORTED_VERSION;
    for version in [3, 0] {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str(SOFTWARE.0))
            .with_client_software_version(StrBytes::from_static_str(SOFTWARE.1));
        let mut body = BytesMut::new();
        let encoded = if version == 3 {
            request.encode(&mut body, version)
        } else {
            Ok(())
        };
        encoded.map_err(|_| connection.protocol("a request that cannot be encoded"))?;
        let reply = connection
            .send(ApiKey::ApiVersions as i16, version, vec![body.freeze()])?
            .await?;
        let (answered, versions) = ApiVersions::read(reply.body, version)
            .ok_or_else(|| connection.protocol("a broken list of versions"))?;
        code = answered;
        match code {
            ErrorCode::NONE => return Ok(versions),
            ErrorCode::UNSUPPORTED_VERSION => {}
            _ => break,
        }
    }
    Err(Error::broker(code, "asking for versions"))
}

/// Returns the name of an API for people.
pub(super) fn name(api_key: i16) -> &'static str {
    match ApiKey::try_from(api_key) {
        Ok(ApiKey::Produce) => "Produce",
        Ok(ApiKey::Fetch) => "Fetch",
        Ok(ApiKey::ListOffsets) => "ListOffsets",
        Ok(ApiKey::Metadata) => "Metadata",
        Ok(ApiKey::FindCoordinator) => "FindCoordinator",
        Ok(ApiKey::SaslHandshake) => "SaslHandshake",
        Ok(ApiKey::SaslAuthenticate) => "SaslAuthenticate",
        Ok(ApiKey::ApiVersions) => "ApiVersions",
        Ok(ApiKey::CreateTopics) => "CreateTopics",
        Ok(ApiKey::DeleteTopics) => "DeleteTopics",
        Ok(ApiKey::DeleteRecords) => "DeleteRecords",
        Ok(ApiKey::InitProducerId) => "InitProducerId",
        Ok(ApiKey::OffsetForLeaderEpoch) => "OffsetForLeaderEpoch",
        Ok(ApiKey::DescribeConfigs) => "DescribeConfigs",
        Ok(ApiKey::CreatePartitions) => "CreatePartitions",
        Ok(ApiKey::IncrementalAlterConfigs) => "IncrementalAlterConfigs",
        Ok(ApiKey::DescribeCluster) => "DescribeCluster",
        Ok(ApiKey::DescribeProducers) => "DescribeProducers",
        Ok(ApiKey::EndTxn) => "EndTxn",
        Ok(ApiKey::DescribeTransactions) => "DescribeTransactions",
        _ => "another request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_plain_and_the_flexible_form() {
        let plain = Bytes::from_static(b"\0\0\0\0\0\x01\0\x03\0\x02\0\x0c\0\0\0\0");
        let flexible = Bytes::from_static(b"\0\0\x02\0\x03\0\x02\0\x0c\0\0\0\0\0\0");
        for (body, version) in [(plain, 0), (flexible, 3)] {
            let (code, versions) = ApiVersions::read(body, version).unwrap();
            assert!(code.is_ok());
            assert_eq!(versions.get(3), Some((2, 12)));
        }
    }

    #[test]
    fn a_refusal_of_version_3_has_the_form_of_version_0() {
        let body = Bytes::from_static(b"\0\x23\0\0\0\x01\0\x12\0\0\0\x02");
        let (code, versions) = ApiVersions::read(body, 3).unwrap();
        assert_eq!(code, ErrorCode::UNSUPPORTED_VERSION);
        assert_eq!(versions.get(18), Some((0, 2)));
    }

    #[test]
    fn an_absurd_count_is_an_error_not_an_allocation() {
        assert_eq!(
            ApiVersions::read(Bytes::from_static(b"\0\0\xff\xff\xff\xff\0"), 0),
            None
        );
        assert_eq!(
            ApiVersions::read(Bytes::from_static(b"\0\0\xff\xff\xff\xff\x0f\0"), 3),
            None
        );
        assert_eq!(ApiVersions::read(Bytes::new(), 0), None);
    }
}
