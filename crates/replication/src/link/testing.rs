//! Small builders for the tests of a link's parts.

use std::sync::Arc;

use model::link::Phase;
use tokio::sync::mpsc;

use super::{Context, LinkNews};
use crate::{
    ledger::{DesiredLink, silent::Silent},
    supervisor::Settings,
};

/// A link between two clusters at these bootstrap addresses.
pub(super) fn desired(source: &str, destination: &str) -> DesiredLink {
    let spec = r#"{"name":"link","source":"east","destination":"west","topics":{"include":[]}}"#;
    let cluster = |name: &str, bootstrap: &str| {
        let text = format!(r#"{{"name":"{name}","bootstrap":["{bootstrap}"]}}"#);
        serde_json::from_str(&text).unwrap()
    };
    DesiredLink {
        id: "link".to_owned(),
        spec: serde_json::from_str(spec).unwrap(),
        phase: Phase::Running,
        revision: 1,
        source: cluster("east", source),
        destination: cluster("west", destination),
        source_cluster_id: None,
        destination_cluster_id: None,
        control_topic_id: None,
        decisions: Vec::new(),
    }
}

pub(super) fn context() -> (Context, mpsc::Receiver<LinkNews>) {
    let (news, receiver) = mpsc::channel(1);
    let context = Context {
        settings: Settings::default(),
        process: "process".to_owned(),
        installation: "here".to_owned(),
        ledger: Arc::new(Silent),
        news,
        control: tokio::runtime::Handle::current(),
        links: Arc::default(),
    };
    (context, receiver)
}

/// What a source answers for one partition, with these record batches.
pub(super) fn reply(records: &bytes::Bytes) -> kafka::fetch::FetchedPartition {
    kafka::fetch::FetchedPartition {
        key: kafka::fetch::FetchKey {
            topic: "orders".into(),
            topic_id: uuid::Uuid::nil(),
            partition: 0,
        },
        error: kafka::ErrorCode::NONE,
        high_watermark: 0,
        last_stable_offset: 0,
        log_start: 0,
        aborted: Vec::new(),
        records: records.clone(),
        diverging_epoch: None,
        current_leader: None,
        preferred_read_replica: None,
    }
}
