//! The link's data connections: opened where partitions want them, given up when lost.

use std::collections::BTreeSet;

use kafka::{
    Error, Purpose,
    fetch::{FetchConnection, FetchOptions},
    produce::ProduceConnection,
};
use model::problem::Problem;

use super::Worker;
use crate::{
    link::{
        event::{Done, PartitionId},
        fetch::{FETCH_BYTES, FetchContext, Fetcher},
        io::fetch_isolation,
        partition::Stage,
        traffic::{ConnectionKey, Line, Producer, Side},
    },
    protocol::ports::Clock,
};

/// How long a connection stays closed after its task panicked: what made it panic may still be there, and the problem has
/// to be seen.
const FAULT_PAUSE_MS: i64 = 2_000;

impl Worker {
    pub(super) fn fetcher_closed(&mut self, serial: u64, error: &Error) {
        let key = self
            .traffic
            .lines
            .iter()
            .find_map(|(key, line)| match line {
                Line::Fetch { serial: open, .. } if *open == serial => Some(*key),
                _ => None,
            });
        if let Some(key) = key {
            self.line_failed(key, error);
        }
    }

    pub(super) fn line_failed(&mut self, key: ConnectionKey, error: &Error) {
        let problem = self.unreachable(key, error);
        self.line_lost(key, problem);
    }

    /// Treats a fetch task that panicked as a lost line: its partitions get another one, from where their flows stand.
    pub(super) fn replace_panicked(&mut self) {
        let panicked = |(key, line): (&ConnectionKey, &mut Line)| match line {
            Line::Fetch { fetcher, .. } => fetcher.panicked().then_some(*key),
            _ => None,
        };
        let all: Vec<_> = self.traffic.lines.iter_mut().filter_map(panicked).collect();
        for key in all {
            let problem = self.fetch_task_ended(key);
            self.line_lost(key, problem);
            self.traffic
                .postpone(key, self.wire.monotonic_ms() + FAULT_PAUSE_MS);
        }
    }

    fn line_lost(&mut self, key: ConnectionKey, problem: Problem) {
        let now_ms = self.wire.monotonic_ms();
        self.traffic.failed(key, now_ms);
        self.refresh(key.side);
        for partition in &mut self.partitions {
            if partition.following == Some(key) {
                partition.following = None;
                partition.lane += 1;
            }
            if key.side == Side::Produce {
                partition.ready = false;
            }
        }
        let wall_ms = self.wire.wall_ms();
        self.traffic.problems.note(key, problem, wall_ms);
    }

    fn fetch_task_ended(&self, key: ConnectionKey) -> Problem {
        let source = &self.link.spec.source;
        Problem {
            code: "engine.fault".to_owned(),
            status: 500,
            title: format!(
                "Fetching from broker {} of the source `{source}` ended by a fault.",
                key.broker
            ),
            detail: "The fault is Causeway's own. Fetching begins anew by itself where it stopped."
                .to_owned(),
            state: Some("waiting".to_owned()),
            next_step: Some(
                "If it comes again, report it with the lines of Causeway's log that say `panic`."
                    .to_owned(),
            ),
            ..Problem::default()
        }
    }

    pub(super) fn unreachable(&self, key: ConnectionKey, error: &Error) -> Problem {
        let (side, cluster) = match key.side {
            Side::Fetch => ("source", &self.link.spec.source),
            Side::Produce => ("destination", &self.link.spec.destination),
        };
        Problem {
            code: error.code().to_owned(),
            status: 503,
            title: format!("Broker {} of the {side} `{cluster}` does not answer.", key.broker),
            detail: error.to_string(),
            state: Some("waiting".to_owned()),
            cause: Some(error.to_string()),
            broker_error: error.broker_code().map(|code| code.name().to_owned()),
            next_step: Some(
                "Check the broker and the way to it; the link resumes by itself and nothing is lost while retention lasts."
                    .to_owned(),
            ),
            ..Problem::default()
        }
    }

    /// Opens connections that partitions want, and lets partitions follow that have none.
    pub(super) fn open_lines(&mut self, now_ms: i64) {
        let mut wanted = BTreeSet::new();
        for index in 0..self.partitions.len() {
            let id = PartitionId(index);
            let partition = &self.partitions[index];
            if !matches!(partition.stage, Stage::Copying) {
                continue;
            }
            let (following, in_need) = (partition.following, partition.following.is_none());
            if let Some((broker, _)) = self.source_leader(id) {
                let key = self.traffic.count.key(Side::Fetch, broker, id);
                wanted.insert(key);
                if in_need || following != Some(key) {
                    self.follow(id);
                }
            }
            if let Some((broker, _)) = self.destination_leader(id) {
                wanted.insert(self.traffic.count.key(Side::Produce, broker, id));
            }
        }
        self.traffic.retain(&wanted);
        for key in wanted {
            if self.traffic.want(key, now_ms) {
                self.open(key);
            }
        }
    }

    pub(super) fn open(&mut self, key: ConnectionKey) {
        let wire = self.wire.clone();
        let isolation = self.root.spec.as_ref().map(|spec| spec.meaning.isolation);
        let options = FetchOptions {
            isolation: fetch_isolation(isolation.unwrap_or(self.link.spec.isolation)),
            max_wait: std::time::Duration::from_millis(250),
            min_bytes: 1,
            max_bytes: FETCH_BYTES as i32,
            rack: String::new(),
        };
        self.jobs.spawn_here(async move {
            match key.side {
                Side::Fetch => {
                    let opened = wire.source.open(key.broker, Purpose::Ask).await;
                    let result = opened.and_then(|c| FetchConnection::new(c, options));
                    Done::FetchOpened { key, result }
                }
                Side::Produce => Done::ProduceOpened {
                    key,
                    result: wire.destination.open_producer(key.broker).await,
                },
            }
        });
    }

    pub(super) fn fetch_opened(
        &mut self,
        key: ConnectionKey,
        result: Result<FetchConnection, Error>,
    ) {
        match result {
            Ok(connection) => {
                let serial = self.traffic.next_serial();
                let context = FetchContext {
                    budget: self.budget.clone(),
                    events: self.event_sender.clone(),
                    control: self.context.control.clone(),
                };
                let fetcher = Fetcher::start(serial, connection, context);
                self.line_opened(key, Line::Fetch { fetcher, serial });
                self.open_lines(self.wire.monotonic_ms());
            }
            Err(error) => self.line_failed(key, &error),
        }
    }

    pub(super) fn produce_opened(
        &mut self,
        key: ConnectionKey,
        result: Result<ProduceConnection, Error>,
    ) {
        match result {
            Ok(connection) => {
                let serial = self.traffic.next_serial();
                let producer = Producer::new(connection, serial);
                self.line_opened(key, Line::Produce(Box::new(producer)));
                for index in 0..self.partitions.len() {
                    self.make_ready(PartitionId(index));
                }
            }
            Err(error) => self.line_failed(key, &error),
        }
    }

    pub(super) fn line_opened(&mut self, key: ConnectionKey, line: Line) {
        self.traffic.opened(key, line);
    }
}
