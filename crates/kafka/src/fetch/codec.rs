//! Fetch requests and replies of versions 4 to 17, by hand; records are slices of the reply's frame.

use bytes::Bytes;

use super::session::{Next, TopicKey};
use super::{FetchFrom, FetchOptions, Isolation};
use crate::ErrorCode;
use crate::wire::{Encoding, Malformed, Reader, Writer};

/// From this version topics are named by id (KIP-516).
pub(super) const FIRST_WITH_IDS: i16 = 13;
/// From this version sessions exist (KIP-227).
const FIRST_WITH_SESSIONS: i16 = 7;
const FIRST_FLEXIBLE: i16 = 12;
/// What a consumer calls itself where a follower gives its broker id.
const CONSUMER: i32 = -1;

/// A reply as the wire has it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) throttle_ms: i32,
    pub(super) error: ErrorCode,
    pub(super) session_id: i32,
    pub(super) partitions: Vec<(TopicKey, Partition)>,
}

/// One partition of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) index: i32,
    pub(super) error: ErrorCode,
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
    pub(super) log_start: i64,
    pub(super) diverging_epoch: Option<(i32, i64)>,
    pub(super) current_leader: Option<(i32, i32)>,
    pub(super) aborted: Vec<(i64, i64)>,
    pub(super) preferred_read_replica: Option<i32>,
    pub(super) records: Bytes,
}

fn encoding(version: i16) -> Encoding {
    match version >= FIRST_FLEXIBLE {
        true => Encoding::Flexible,
        false => Encoding::Classic,
    }
}

/// Returns the request's body.
pub(super) fn encode(version: i16, options: &FetchOptions, next: &Next) -> Bytes {
    let partitions: usize = next.send.iter().map(|(_, of_topic)| of_topic.len()).sum();
    let mut w = Writer::new(encoding(version), 128 + 40 * (partitions + next.send.len()));
    if version < 15 {
        w.i32(CONSUMER);
    }
    w.i32(i32::try_from(options.max_wait.as_millis()).unwrap_or(i32::MAX));
    w.i32(options.min_bytes);
    w.i32(options.max_bytes);
    w.i8(match options.isolation {
        Isolation::ReadUncommitted => 0,
        Isolation::ReadCommitted => 1,
    });
    if version >= FIRST_WITH_SESSIONS {
        w.i32(next.session_id);
        w.i32(next.session_epoch);
    }
    put_topics(&mut w, &next.send, |w, (index, from)| {
        put_partition(w, version, *index, from)
    });
    if version >= FIRST_WITH_SESSIONS {
        put_topics(&mut w, &next.forget, |w, index| w.i32(*index));
    }
    if version >= 11 {
        w.string(&options.rack);
    }
    w.no_tags();
    w.buffer.freeze()
}

fn put_topics<T>(w: &mut Writer, topics: &[(TopicKey, Vec<T>)], put: impl Fn(&mut Writer, &T)) {
    w.array(topics.len());
    for (topic, of_topic) in topics {
        match topic {
            TopicKey::Id(id) => w.uuid(*id),
            TopicKey::Name(name) => w.string(name),
        }
        w.array(of_topic.len());
        for partition in of_topic {
            put(w, partition);
        }
        w.no_tags();
    }
}

fn put_partition(w: &mut Writer, version: i16, index: i32, from: &FetchFrom) {
    w.i32(index);
    if version >= 9 {
        w.i32(from.leader_epoch);
    }
    w.i64(from.offset);
    if version >= 12 {
        w.i32(from.last_fetched_epoch);
    }
    if version >= 5 {
        // The log start offset, which only followers send.
        w.i64(-1);
    }
    w.i32(from.max_bytes);
    w.no_tags();
}

/// Reads a reply.
pub(super) fn decode(version: i16, body: Bytes) -> Result<Reply, Malformed> {
    let mut r = Reader::new(encoding(version), body);
    let throttle_ms = r.i32()?;
    let (error, session_id) = match version >= FIRST_WITH_SESSIONS {
        true => (ErrorCode(r.i16()?), r.i32()?),
        false => (ErrorCode::NONE, 0),
    };
    let mut partitions = Vec::new();
    for _ in 0..r.array()? {
        let topic = match version >= FIRST_WITH_IDS {
            true => TopicKey::Id(r.uuid()?),
            false => TopicKey::Name(r.text(usize::MAX)?.ok_or(Malformed)?.into()),
        };
        for _ in 0..r.array()? {
            partitions.push((topic.clone(), partition(&mut r, version)?));
        }
        r.skip_tags()?;
    }
    r.skip_tags()?;
    Ok(Reply {
        throttle_ms,
        error,
        session_id,
        partitions,
    })
}

fn partition(r: &mut Reader, version: i16) -> Result<Partition, Malformed> {
    let mut partition = Partition {
        index: r.i32()?,
        error: ErrorCode(r.i16()?),
        high_watermark: r.i64()?,
        last_stable_offset: r.i64()?,
        log_start: if version >= 5 { r.i64()? } else { -1 },
        diverging_epoch: None,
        current_leader: None,
        aborted: aborted(r)?,
        preferred_read_replica: None,
        records: Bytes::new(),
    };
    if version >= 11 {
        partition.preferred_read_replica = Some(r.i32()?).filter(|&replica| replica >= 0);
    }
    partition.records = r.bytes()?.unwrap_or_default();
    r.tags(|tag, field| {
        match tag {
            0 => partition.diverging_epoch = Some((field.i32()?, field.i64()?)),
            1 => partition.current_leader = Some((field.i32()?, field.i32()?)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(partition)
}

fn aborted(r: &mut Reader) -> Result<Vec<(i64, i64)>, Malformed> {
    let mut aborted = Vec::new();
    for _ in 0..r.array()? {
        aborted.push((r.i64()?, r.i64()?));
        r.skip_tags()?;
    }
    Ok(aborted)
}

#[cfg(test)]
mod tests;
