//! What reaches a link's loop.

use std::sync::Arc;

use kafka::{
    Error, admin::TopicPartition, client::ClusterMetadata, fetch::FetchConnection,
    produce::ProduceConnection,
};
use model::{finding::Finding, link::Isolation};

use super::{
    dead_letter::PutAside,
    fetch::{FetchedLane, Waited},
    prepare::NotPrepared,
    slot::SlotNews,
    traffic::{ConnectionCount, ConnectionKey},
    worker::Producers,
};
use crate::ledger::LedgerError;
use crate::protocol::{
    ports::{ControlEntry, PortError},
    takeover::Outcome,
};

/// A partition's place in the link's table; stays the same while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PartitionId(pub(super) usize);

/// Everything that tasks of a link tell its loop.
#[derive(Debug)]
pub(super) enum Event {
    Fetch(FetchEvent),
    /// `task` tells the task that tells it from those before.
    Slot {
        slot: u32,
        task: u64,
        news: SlotNews,
    },
}

/// What a fetch connection tells.
#[derive(Debug)]
pub(super) enum FetchEvent {
    Arrived {
        lanes: Vec<FetchedLane>,
        waited: Waited,
    },
    /// The connection is lost; its partitions want another.
    Closed { serial: u64, error: Error },
}

/// What a one-off task of a link came to.
#[derive(Debug)]
pub(super) enum Done {
    /// The control topic stands.
    Prepared(Result<Prepared, NotPrepared>),
    /// New records of control partition 0, and the offset read to.
    Followed {
        /// The offset read from.
        from: i64,
        result: Result<(Vec<ControlEntry>, i64), PortError>,
    },
    SourceMetadata(Result<Arc<ClusterMetadata>, Error>),
    DestinationMetadata(Result<Arc<ClusterMetadata>, Error>),
    FetchOpened {
        key: ConnectionKey,
        /// What it fetches at.
        isolation: Isolation,
        result: Result<FetchConnection, Error>,
    },
    ProduceOpened {
        key: ConnectionKey,
        result: Result<ProduceConnection, Error>,
    },
    TakenOver {
        id: PartitionId,
        generation: u64,
        result: Result<Outcome, PortError>,
    },
    /// Whether the source still holds what was fetched before this leader epoch.
    Verified {
        id: PartitionId,
        generation: u64,
        epoch: i32,
        result: Result<bool, PortError>,
    },
    /// A refused record, put aside or not.
    PutAside {
        id: PartitionId,
        generation: u64,
        refused: Box<Finding>,
        result: Result<PutAside, PortError>,
    },
    /// Which producers keep transactions open, at these last stable offsets.
    OpenTransactions {
        asked: Vec<(PartitionId, i64, TopicPartition)>,
        producers: Producers,
    },
    /// What each of these mirrors takes in one batch, bytes.
    Sizes(Result<Vec<(Arc<str>, usize)>, Error>),
    /// A data producer id for the link.
    ProducerId(Result<i64, Error>),
    Topics(Box<super::topics::PassResult>),
    Configs(Box<super::configs::ConfigsResult>),
    /// SQL knows the control topic's id.
    ControlTopicNoted(Result<(), LedgerError>),
    /// Something was written down elsewhere; nothing follows from it.
    Noted,
}

/// A link whose control topic stands.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) source_cluster_id: String,
    pub(super) destination_cluster_id: String,
    pub(super) control_topic_id: uuid::Uuid,
    pub(super) slots: u32,
    /// How many connections carry data to and from a broker.
    pub(super) connections: ConnectionCount,
    /// Half of the destination's `producer.id.expiration.ms`, one hour where it cannot be read.
    pub(super) guard_ms: i64,
    /// SQL does not know the control topic's id: nothing was copied yet, so that an empty one may be begun.
    pub(super) first_start: bool,
    /// The control topic is an earlier link's, and an operator chose to go on there.
    pub(super) adopts: bool,
}
