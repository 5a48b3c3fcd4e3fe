//! Compression of a batch's records, for the slow path only: pass-through never opens a payload.
//!
//! Decompression never yields more than the caller's limit, so a small batch that would unfold to gigabytes is an
//! error and not an allocation. Frames are written as Java's clients write them: gzip, xerial-framed snappy, lz4 with
//! independent blocks, zstd. Raw snappy, which librdkafka and others write, is read too.

use std::io::{self, Read, Write};

use bytes::Bytes;

use crate::batch::Codec;

/// What snappy-java puts before its blocks: magic, version 1, compatible with version 1.
const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const XERIAL_MAGIC: usize = 8;
const XERIAL_BLOCK: usize = 32 * 1024;
/// Windows above 128 MiB are refused, as zstd itself does by default.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Why a payload cannot be opened or packed.
#[derive(Debug, thiserror::Error)]
pub enum CompressionError {
    #[error("the records unfold to more than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("the {codec:?} payload is damaged: {cause}")]
    Damaged { codec: Codec, cause: io::Error },
    #[error("{codec:?} cannot compress: {cause}")]
    Compress { codec: Codec, cause: io::Error },
}

/// Returns the decompressed `payload`, at most `limit_bytes` of it; without a codec the same bytes.
///
/// # Errors
/// [`CompressionError::TooLarge`] above the limit, [`CompressionError::Damaged`] for bytes the codec cannot read.
pub fn decompress(
    codec: Codec,
    payload: &Bytes,
    limit_bytes: usize,
) -> Result<Bytes, CompressionError> {
    let input = payload.as_ref();
    let unfolded = match codec {
        Codec::None => return within(payload.clone(), limit_bytes),
        Codec::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(input), limit_bytes),
        Codec::Snappy => unsnap(input, limit_bytes),
        Codec::Lz4 => read_bounded(lz4_flex::frame::FrameDecoder::new(input), limit_bytes),
        Codec::Zstd => unzstd(input, limit_bytes),
    };
    match unfolded {
        Ok(bytes) => within(bytes.into(), limit_bytes),
        Err(cause) => Err(CompressionError::Damaged { codec, cause }),
    }
}

/// Returns `records` compressed with `codec` at its default level.
///
/// # Errors
/// [`CompressionError::Compress`] when the codec fails.
pub fn compress(codec: Codec, records: Vec<u8>) -> Result<Bytes, CompressionError> {
    let packed = match codec {
        Codec::None => Ok(records),
        Codec::Gzip => gzip(&records),
        Codec::Snappy => snap(&records),
        Codec::Lz4 => lz4(&records),
        Codec::Zstd => zstd::bulk::compress(&records, zstd::DEFAULT_COMPRESSION_LEVEL),
    };
    packed
        .map(Bytes::from)
        .map_err(|cause| CompressionError::Compress { codec, cause })
}

fn within(bytes: Bytes, limit_bytes: usize) -> Result<Bytes, CompressionError> {
    if bytes.len() > limit_bytes {
        return Err(CompressionError::TooLarge { limit_bytes });
    }
    Ok(bytes)
}

/// Reads one byte more than the limit at most, so that the caller can tell "full" from "too much".
fn read_bounded(reader: impl Read, limit_bytes: usize) -> io::Result<Vec<u8>> {
    let mut unfolded = Vec::new();
    reader
        .take(limit_bytes as u64 + 1)
        .read_to_end(&mut unfolded)?;
    Ok(unfolded)
}

fn unzstd(input: &[u8], limit_bytes: usize) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    read_bounded(decoder, limit_bytes)
}

fn unsnap(input: &[u8], limit_bytes: usize) -> io::Result<Vec<u8>> {
    let mut unfolded = Vec::new();
    if !input.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC]) {
        unsnap_block(input, limit_bytes, &mut unfolded)?;
        return Ok(unfolded);
    }
    let mut rest = input
        .get(XERIAL_HEADER.len()..)
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    while !rest.is_empty() && unfolded.len() <= limit_bytes {
        let (length, blocks) = rest
            .split_first_chunk::<4>()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = u32::from_be_bytes(*length) as usize;
        let block = blocks.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?;
        unsnap_block(block, limit_bytes, &mut unfolded)?;
        rest = &blocks[length..];
    }
    Ok(unfolded)
}

/// Appends one raw snappy block, or one byte too many when the block says that it is larger than the limit.
fn unsnap_block(block: &[u8], limit_bytes: usize, unfolded: &mut Vec<u8>) -> io::Result<()> {
    let start = unfolded.len();
    let end = start + snap::raw::decompress_len(block)?;
    if end > limit_bytes {
        unfolded.resize(limit_bytes + 1, 0);
        return Ok(());
    }
    unfolded.resize(end, 0);
    snap::raw::Decoder::new().decompress(block, &mut unfolded[start..])?;
    Ok(())
}

fn gzip(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(records)?;
    encoder.finish()
}

fn snap(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = XERIAL_HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(XERIAL_BLOCK) {
        let block = encoder.compress_vec(block)?;
        packed.extend_from_slice(&(block.len() as u32).to_be_bytes());
        packed.extend_from_slice(&block);
    }
    Ok(packed)
}

fn lz4(records: &[u8]) -> io::Result<Vec<u8>> {
    // Java's reader refuses linked blocks.
    let frame = lz4_flex::frame::FrameInfo::new()
        .block_mode(lz4_flex::frame::BlockMode::Independent)
        .block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(records)?;
    encoder.finish().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODECS: [Codec; 5] = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];

    #[test]
    fn refuses_a_payload_that_unfolds_beyond_the_limit() {
        let bomb = vec![0u8; 8 << 20];
        for codec in CODECS {
            let packed = compress(codec, bomb.clone()).unwrap();
            let exact = decompress(codec, &packed, bomb.len()).unwrap();
            assert_eq!(exact.len(), bomb.len(), "{codec:?}");
            let refused = decompress(codec, &packed, bomb.len() - 1);
            assert!(
                matches!(refused, Err(CompressionError::TooLarge { .. })),
                "{codec:?}"
            );
        }
    }

    #[test]
    fn refuses_a_raw_snappy_block_that_only_claims_to_be_huge() {
        let claim = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
        let refused = decompress(Codec::Snappy, &claim, 1 << 20);
        assert!(matches!(refused, Err(CompressionError::TooLarge { .. })));
    }

    #[test]
    fn reads_raw_snappy_as_other_clients_write_it() {
        let packed = snap::raw::Encoder::new()
            .compress_vec(b"raw raw raw raw")
            .unwrap();
        let unfolded = decompress(Codec::Snappy, &packed.into(), 100).unwrap();
        assert_eq!(&unfolded[..], b"raw raw raw raw");
    }

    proptest! {
        #[test]
        fn unfolds_what_it_packed(data in proptest::collection::vec(any::<u8>(), 0..100_000), repeat in 1usize..4) {
            let data = data.repeat(repeat);
            for codec in CODECS {
                let packed = compress(codec, data.clone()).unwrap();
                prop_assert_eq!(&decompress(codec, &packed, data.len()).unwrap()[..], &data[..]);
            }
        }

        #[test]
        fn never_panics_on_garbage(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            for codec in CODECS {
                let _ = decompress(codec, &data.clone().into(), 1 << 16);
            }
        }
    }
}
