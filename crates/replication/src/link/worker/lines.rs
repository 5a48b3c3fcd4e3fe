//! The link's data connections: opened where partitions want them, given up when lost.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use kafka::{
    Error, Purpose,
    fetch::{FetchConnection, FetchOptions},
    produce::ProduceConnection,
};
use model::{link::Isolation, problem::Problem};

use super::Worker;
use crate::{
    grants,
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
pub(super) const FAULT_PAUSE_MS: i64 = 2_000;

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
        let ready = self.traffic.failed(key, now_ms);
        self.not_ready(ready);
        self.refresh(key.side);
        for partition in &mut self.partitions {
            if partition.following == Some(key) {
                partition.following = None;
                partition.lane += 1;
            }
        }
        let wall_ms = self.wire.wall_ms();
        self.traffic.problems.note(key, problem, wall_ms);
    }

    /// Closes the produce connections that carry requests of a slot: nothing of them shall reach a broker any more.
    pub(super) fn close_lines_of(&mut self, slot: u32) {
        let now_ms = self.wire.monotonic_ms();
        for (key, connection) in self.traffic.carrying(slot) {
            // Only its beginning is wanted, which ends the connection at once.
            let _ = connection.close().now_or_never();
            let ready = self.traffic.failed(key, now_ms);
            self.not_ready(ready);
        }
    }

    /// Partitions whose producer is gone wait for another.
    fn not_ready(&mut self, ids: impl IntoIterator<Item = PartitionId>) {
        for id in ids {
            self.partitions[id.0].ready = false;
        }
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
        let problem = Problem {
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
        };
        grants::let_in(problem, error, cluster)
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
            let following = partition.following;
            if let Some((broker, _)) = self.source_leader(id) {
                let key = self.traffic.count.key(Side::Fetch, broker, id);
                wanted.insert(key);
                if following != Some(key) {
                    self.follow(id);
                }
            }
            if let Some((broker, _)) = self.destination_leader(id) {
                wanted.insert(self.produce_key(broker, id));
                if self.is_transactional() {
                    continue;
                }
                wanted.insert(self.traffic.count.key(Side::Produce, broker, id));
                let alone = self.traffic.count.alone_key(broker, id);
                // Kept once it is there: history goes on and off.
                if self.traffic.producer(alone).is_some() {
                    wanted.insert(alone);
                }
            }
        }
        let ready = self.traffic.retain(&wanted);
        self.not_ready(ready);
        for key in wanted {
            if self.traffic.want(key, now_ms) {
                self.open(key);
            }
        }
    }

    pub(super) fn open(&mut self, key: ConnectionKey) {
        let wire = self.wire.clone();
        let isolation = self.isolation();
        let options = FetchOptions {
            isolation: fetch_isolation(isolation),
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
                    Done::FetchOpened {
                        key,
                        isolation,
                        result,
                    }
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
        isolation: Isolation,
        result: Result<FetchConnection, Error>,
    ) {
        if !self.traffic.is_opening(key) {
            return;
        }
        if isolation != self.isolation() {
            // It changed while the connection was being opened.
            return self.open(key);
        }
        match result {
            Ok(connection) => {
                let serial = self.traffic.next_serial();
                let context = FetchContext {
                    budget: self.budget.clone(),
                    limiter: self.limiter.clone(),
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
        if !self.traffic.is_opening(key) {
            return;
        }
        match result {
            Ok(connection) => {
                let serial = self.traffic.next_serial();
                let alone = self.traffic.count.is_alone(key);
                let producer = Producer::new(connection, serial, alone);
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
