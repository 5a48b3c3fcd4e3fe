//! Produce requests and replies of versions 9 to 13, by hand.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use uuid::Uuid;

use super::{ProduceAck, ProducePart};
use crate::ErrorCode;
use crate::wire::{Encoding, Malformed, Reader, Writer};

/// From this version topics are named by id (KIP-516).
pub(super) const FIRST_WITH_IDS: i16 = 13;
/// Payloads up to this size are copied into the chunk before: cheaper than one more vector in a vectored write.
const COPIED_BYTES: usize = 1024;
/// All in-sync replicas.
const ACKS_ALL: i16 = -1;
const MESSAGE_LIMIT: usize = 300;

/// A partition is listed twice: a broker would lose one of the two without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Twice;

/// Returns the request's body as chunks in writing order, payloads shared.
pub(super) fn encode(
    version: i16,
    transactional_id: Option<&str>,
    timeout_ms: i32,
    parts: &[ProducePart],
) -> Result<Vec<Bytes>, Twice> {
    let order = grouped(parts)?;
    let mut chunks = Vec::with_capacity(2 * parts.len() + 1);
    let mut writer = Writer::new(Encoding::Flexible, 64 + 160 * parts.len());
    match transactional_id {
        Some(id) => writer.string(id),
        None => writer.null(),
    }
    writer.i16(ACKS_ALL);
    writer.i32(timeout_ms);
    let same_topic = |a: &usize, b: &usize| topic(&parts[*a]) == topic(&parts[*b]);
    writer.array(order.chunk_by(same_topic).count());
    for of_topic in order.chunk_by(same_topic) {
        let first = &parts[of_topic[0]];
        if version >= FIRST_WITH_IDS {
            writer.uuid(first.topic_id);
        } else {
            writer.string(&first.topic);
        }
        writer.array(of_topic.len());
        for &index in of_topic {
            put_part(&mut writer, &mut chunks, &parts[index]);
        }
        writer.no_tags();
    }
    writer.no_tags();
    chunks.push(writer.buffer.freeze());
    Ok(chunks)
}

fn put_part(writer: &mut Writer, chunks: &mut Vec<Bytes>, part: &ProducePart) {
    writer.i32(part.partition);
    writer.length(part.header.len() + part.payload.len());
    writer.buffer.put_slice(&part.header);
    if part.payload.len() <= COPIED_BYTES {
        writer.buffer.put_slice(&part.payload);
    } else {
        chunks.push(writer.buffer.split().freeze());
        chunks.push(part.payload.clone());
    }
    writer.no_tags();
}

fn topic(part: &ProducePart) -> (&Uuid, &Arc<str>) {
    (&part.topic_id, &part.topic)
}

/// Returns the parts' indexes with those of one topic side by side.
fn grouped(parts: &[ProducePart]) -> Result<Vec<usize>, Twice> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|&a, &b| topic(&parts[a]).cmp(&topic(&parts[b])));
    let mut seen = HashSet::with_capacity(parts.len());
    let once = parts
        .iter()
        .all(|part| seen.insert((topic(part), part.partition)));
    if once { Ok(order) } else { Err(Twice) }
}

/// Reads a reply: one answer per part, in the order of the parts, and the throttle time in milliseconds.
pub(super) fn decode(
    version: i16,
    body: Bytes,
    parts: &[(TopicKey, i32)],
) -> Result<(Vec<ProduceAck>, i32), Malformed> {
    let mut reader = Reader::new(Encoding::Flexible, body);
    let mut acks: Vec<Option<ProduceAck>> = vec![None; parts.len()];
    for _ in 0..reader.array()? {
        let topic = match version >= FIRST_WITH_IDS {
            true => TopicKey::Id(reader.uuid()?),
            false => TopicKey::Name(reader.text(usize::MAX)?.ok_or(Malformed)?.into()),
        };
        for _ in 0..reader.array()? {
            let (partition, mut ack) = ack(&mut reader)?;
            // Requests carry tens of parts, so looking through them beats building a map.
            let of = |(t, p): &(TopicKey, i32)| *t == topic && *p == partition;
            let part = parts.iter().position(of).ok_or(Malformed)?;
            ack.part = part;
            acks[part] = Some(ack);
        }
        reader.skip_tags()?;
    }
    let throttle_ms = reader.i32()?;
    reader.skip_tags()?;
    let acks: Option<Vec<_>> = acks.into_iter().collect();
    Ok((acks.ok_or(Malformed)?, throttle_ms))
}

/// How the wire names a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TopicKey {
    Id(Uuid),
    Name(Arc<str>),
}

impl TopicKey {
    pub(super) fn of(part: &ProducePart, version: i16) -> Self {
        match version >= FIRST_WITH_IDS {
            true => Self::Id(part.topic_id),
            false => Self::Name(part.topic.clone()),
        }
    }
}

fn ack(reader: &mut Reader) -> Result<(i32, ProduceAck), Malformed> {
    let partition = reader.i32()?;
    let error = ErrorCode(reader.i16()?);
    let base_offset = reader.i64()?;
    let log_append_time_ms = reader.i64()?;
    let log_start_offset = reader.i64()?;
    let mut message = None;
    for _ in 0..reader.array()? {
        reader.i32()?;
        message = message.or(reader.text(MESSAGE_LIMIT)?);
        reader.skip_tags()?;
    }
    message = reader.text(MESSAGE_LIMIT)?.or(message);
    reader.skip_tags()?;
    let ack = ProduceAck {
        part: 0,
        error,
        base_offset,
        log_append_time_ms,
        log_start_offset,
        message,
    };
    Ok((partition, ack))
}

#[cfg(test)]
mod tests;
