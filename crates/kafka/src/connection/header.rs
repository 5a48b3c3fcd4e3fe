//! Request and response headers, by hand: the body of a request is never copied behind them.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;

/// Writes the size and header of a request whose body has `body_len` bytes. `None`: the frame would be too large.
pub(super) fn write(call: &Call<'_>, body_len: usize) -> Option<Bytes> {
    let client_id = call.client_id.as_bytes();
    let tags = usize::from(call.flexible);
    let len = 2 + 2 + 4 + 2 + client_id.len() + tags + body_len;
    let mut header = BytesMut::with_capacity(4 + len - body_len);
    header.put_i32(i32::try_from(len).ok()?);
    header.put_i16(call.api_key);
    header.put_i16(call.version);
    header.put_i32(call.correlation);
    header.put_i16(i16::try_from(client_id.len()).ok()?);
    header.put_slice(client_id);
    if call.flexible {
        header.put_u8(0);
    }
    Some(header.freeze())
}

/// What a request's header tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) api_key: i16,
    pub(super) version: i16,
    pub(super) correlation: i32,
    pub(super) client_id: &'a str,
    /// Header version 2 ends with tagged fields (KIP-482).
    pub(super) flexible: bool,
}

/// Versions of the headers around one request; `None` for an API that the codec does not know.
pub(super) fn versions(api_key: i16, version: i16) -> Option<HeaderVersions> {
    let api = ApiKey::try_from(api_key).ok()?;
    Some(HeaderVersions {
        flexible_request: api.request_header_version(version) >= 2,
        response: api.response_header_version(version),
    })
}

/// See [`versions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeaderVersions {
    pub(super) flexible_request: bool,
    pub(super) response: i16,
}

/// Skips the tagged fields of a response header; `None` when they are broken.
pub(super) fn skip_tags(frame: &mut Bytes) -> Option<()> {
    for _ in 0..varint(frame)? {
        varint(frame)?;
        let len = varint(frame)? as usize;
        (frame.remaining() >= len).then(|| frame.advance(len))?;
    }
    Some(())
}

/// Reads an unsigned variable-length integer of at most five bytes.
pub(super) fn varint(bytes: &mut Bytes) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flexible_headers_end_with_a_tag_count() {
        let mut call = Call {
            api_key: 3,
            version: 12,
            correlation: 7,
            client_id: "me",
            flexible: true,
        };
        let flexible = write(&call, 5).unwrap();
        assert_eq!(&flexible[..], b"\0\0\0\x12\0\x03\0\x0c\0\0\0\x07\0\x02me\0");
        call.flexible = false;
        assert_eq!(write(&call, 5).unwrap().len(), flexible.len() - 1);
    }

    #[test]
    fn header_versions_follow_the_codec() {
        let of = |key, version| versions(key, version).unwrap();
        assert_eq!(
            of(3, 9),
            HeaderVersions {
                flexible_request: true,
                response: 1
            }
        );
        assert_eq!(
            of(3, 8),
            HeaderVersions {
                flexible_request: false,
                response: 0
            }
        );
        // ApiVersions answers with header version 0 whatever its own version, so that old brokers are understood.
        assert_eq!(
            of(18, 3),
            HeaderVersions {
                flexible_request: true,
                response: 0
            }
        );
    }

    #[test]
    fn tags_are_skipped_and_broken_ones_noticed() {
        let mut good = Bytes::from_static(b"\x01\x00\x02abrest");
        assert_eq!(skip_tags(&mut good), Some(()));
        assert_eq!(&good[..], b"rest");
        assert_eq!(skip_tags(&mut Bytes::from_static(b"\x01\x00\x09ab")), None);
        assert_eq!(
            skip_tags(&mut Bytes::from_static(b"\xff\xff\xff\xff\xff\xff")),
            None
        );
    }
}
