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
    /// Highest `metadata.version` that the broker's software supports (KIP-584); none before 3.0 and with ZooKeeper.
    metadata_version: Option<i16>,
}

impl ApiVersions {
    pub(super) fn get(&self, api_key: i16) -> Option<(i16, i16)> {
        self.ranges.get(&api_key).copied()
    }

    pub(super) fn metadata_version(&self) -> Option<i16> {
        self.metadata_version
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
        // What follows may be missing or strange without harm: only the versions decide what is asked.
        let metadata_version = flexible.then(|| supported(body)).flatten();
        Some((
            code,
            Self {
                ranges,
                metadata_version,
            },
        ))
    }
}

/// Reads the highest supported `metadata.version` from the `SupportedFeatures` behind a flexible body's ranges.
fn supported(mut body: Bytes) -> Option<i16> {
    const SUPPORTED_FEATURES: u32 = 0;
    let _throttle_time_ms = body.try_get_i32().ok()?;
    for _ in 0..header::varint(&mut body)? {
        let (tag, len) = (header::varint(&mut body)?, header::varint(&mut body)?);
        let mut field = cut(&mut body, len)?;
        if tag != SUPPORTED_FEATURES {
            continue;
        }
        for _ in 0..header::varint(&mut field)?.saturating_sub(1) {
            let len = header::varint(&mut field)?.saturating_sub(1);
            let name = cut(&mut field, len)?;
            let (_lowest, highest) = (field.try_get_i16().ok()?, field.try_get_i16().ok()?);
            header::skip_tags(&mut field)?;
            if name == "metadata.version" {
                return Some(highest);
            }
        }
    }
    None
}

fn cut(bytes: &mut Bytes, len: u32) -> Option<Bytes> {
    let len = len as usize;
    (bytes.remaining() >= len).then(|| bytes.split_to(len))
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
    fn tells_the_metadata_version_that_the_brokers_software_supports() {
        let mut body = b"\0\0\x01\0\0\0\0\x01\x00".to_vec();
        let mut field = b"\x03\x0ekraft.version\0\0\0\x01\0".to_vec();
        field.extend(b"\x11metadata.version\0\x07\0\x1e\0");
        body.push(u8::try_from(field.len()).unwrap());
        body.extend(&field);
        let read = |body: Vec<u8>| ApiVersions::read(body.into(), 3).unwrap().1;
        assert_eq!(read(body.clone()).metadata_version(), Some(30));
        // What is cut off, or of an absurd length, tells nothing and breaks nothing.
        for end in 3..body.len() {
            assert_eq!(read(body[..end].to_vec()).metadata_version(), None);
        }
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
