//! How large a batch each mirror takes: asked once when copying begins, and again when a mirror refused one for its size.

use std::sync::Arc;

use kafka::{Error, admin::ConfigResource};
use tracing::debug;

use super::Worker;
use crate::{
    link::{
        event::{Done, PartitionId},
        io::Wire,
        partition::Stage,
    },
    protocol::ports::Clock,
};

/// Kafka's own default of `max.message.bytes`, where the mirror's cannot be read.
const DEFAULT_BYTES: usize = 1_048_588;
/// MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE.
const TOO_LARGE: [i16; 2] = [10, 18];
/// Mirrors in one question.
const AT_ONCE: usize = 100;
/// Pause after a question that was not answered.
const AGAIN_MS: i64 = 30_000;

impl Worker {
    /// Bytes from which a batch goes alone: near what the mirror takes, so that a refusal is about nothing else.
    pub(super) fn alone_bytes(&self, id: PartitionId) -> usize {
        let mirror = &self.partitions[id.0].mirror;
        let most = self.message_bytes.get(mirror).unwrap_or(&DEFAULT_BYTES);
        most - most / 8
    }

    /// Wants to know what a mirror takes, unless that is known.
    pub(super) fn want_size(&mut self, id: PartitionId) {
        if !self
            .message_bytes
            .contains_key(&self.partitions[id.0].mirror)
        {
            self.sizes.hurry(self.wire.monotonic_ms());
        }
    }

    /// A mirror refused a batch: it may take less than was known, which is returned where it is about sizes.
    pub(super) fn forget_size(&mut self, id: PartitionId, code: i16) -> Option<usize> {
        let mirror = self.partitions[id.0].mirror.clone();
        let about_size = TOO_LARGE.contains(&code);
        about_size
            .then(|| self.message_bytes.remove(&mirror))
            .flatten()
    }

    pub(super) fn ask_sizes(&mut self, now_ms: i64) {
        if !self.sizes.start(now_ms) {
            return;
        }
        let copying = self
            .partitions
            .iter()
            .filter(|p| matches!(p.stage, Stage::Copying))
            .map(|p| &p.mirror);
        let mut unknown: Vec<Arc<str>> = copying
            .filter(|mirror| !self.message_bytes.contains_key(*mirror))
            .cloned()
            .collect();
        unknown.sort();
        unknown.dedup();
        unknown.truncate(AT_ONCE);
        if unknown.is_empty() {
            return self.sizes.finished(i64::MAX);
        }
        let wire = self.wire.clone();
        self.jobs
            .spawn(async move { Done::Sizes(ask(&wire, &unknown).await) });
    }

    pub(super) fn sizes(&mut self, result: Result<Vec<(Arc<str>, usize)>, Error>) {
        let now_ms = self.wire.monotonic_ms();
        match result {
            Ok(sizes) => {
                self.message_bytes.extend(sizes);
                // There may be more than fit into one question.
                self.sizes.finished(now_ms);
            }
            Err(error) => {
                debug!(%error, "what the mirrors take is not known");
                self.sizes.finished(now_ms + AGAIN_MS);
            }
        }
    }
}

/// Asks for `max.message.bytes`; a mirror that may not be asked has Kafka's default.
async fn ask(wire: &Wire, mirrors: &[Arc<str>]) -> Result<Vec<(Arc<str>, usize)>, Error> {
    let resource = |mirror: &Arc<str>| ConfigResource::Topic(mirror.to_string());
    let resources: Vec<_> = mirrors.iter().map(resource).collect();
    let client = wire.destination.client()?;
    let configs = client.describe_configs(&resources).await?;
    let size = |mirror: &Arc<str>| {
        let entries = configs.get(&resource(mirror))?.as_ref().ok()?;
        let found = entries.iter().find(|e| e.name == "max.message.bytes")?;
        found.value.as_ref()?.parse().ok()
    };
    let sized = |mirror: &Arc<str>| (mirror.clone(), size(mirror).unwrap_or(DEFAULT_BYTES));
    Ok(mirrors.iter().map(sized).collect())
}
