//! Take-overs: where a partition goes on, asked of both logs, and what follows from the answer.

use std::time::Duration;

use model::{finding::Finding, link::Start, problem::Problem};
use tracing::warn;

use super::Worker;
use crate::{
    crash::crash_point,
    link::{
        event::{Done, PartitionId},
        io::{DestinationPort, SourcePort},
        partition::Stage,
        traffic::Side,
    },
    protocol::{
        flow::Flow,
        ports::{Clock, PortError, Source},
        position::Meaning,
        takeover::{Case, Outcome, Policies, Resumed, StartAt, Why, take_over},
    },
};

/// Take-overs at a time.
const TAKE_OVERS: usize = 64;

impl Worker {
    /// Starts the take-overs that are due, some at a time.
    pub(super) fn start_take_overs(&mut self, now_ms: i64) {
        let mut running = self
            .partitions
            .iter()
            .filter(|p| matches!(p.stage, Stage::TakingOver))
            .count();
        for index in 0..self.partitions.len() {
            if running >= TAKE_OVERS {
                return;
            }
            if matches!(self.partitions[index].stage, Stage::Due { at_ms } if at_ms <= now_ms) {
                self.start_take_over(PartitionId(index));
                running += 1;
            }
        }
    }

    pub(super) fn start_take_over(&mut self, id: PartitionId) {
        let source_leader = self.source_leader(id).map(|leader| leader.1);
        let destination_leader = self.destination_leader(id).map(|leader| leader.1);
        let Some((producer_id, meaning)) = self
            .root
            .spec
            .as_ref()
            .and_then(|spec| Some((spec.data_producer_id?, spec.meaning)))
        else {
            return;
        };
        let (guard_ms, policies) = (self.guard_ms(), self.policies());
        let (now_ms, on_its_way) = (self.wire.monotonic_ms(), self.on_its_way());
        let (may_append, transactional) = (self.may_append(id), self.is_transactional());
        let partition = &mut self.partitions[id.0];
        if !self.slots.contains_key(&partition.slot) {
            return;
        }
        partition.stage = Stage::TakingOver;
        (partition.source_leader, partition.destination_leader) =
            (source_leader, destination_leader);
        let generation = partition.generation;
        let stored = partition.position.clone();
        let map = partition.map.clone();
        // Who wrote in transactions before is fenced.
        let quiet_at_ms = match transactional {
            true => 0,
            false => partition.quiet.at_ms(now_ms, on_its_way),
        };
        let acknowledged_end = partition.acknowledged_end();
        let start = if partition.at_first_start {
            self.link.spec.start.clone()
        } else {
            Start::Earliest
        };
        let late = !partition.at_first_start;
        let identity = partition.identity.clone();
        let wire = self.wire.clone();
        self.jobs.spawn(async move {
            let source = SourcePort::new(wire.clone(), &identity);
            let destination = DestinationPort::new(wire.clone(), &identity);
            let work = async {
                let start = if stored.is_some() || late {
                    if late {
                        StartAt::Offset(0)
                    } else {
                        StartAt::LogStart
                    }
                } else {
                    resolve_start(&source, start, meaning).await?
                };
                let case = Case {
                    identity: &identity,
                    stored: stored.as_ref(),
                    map: &map,
                    meaning,
                    producer_id,
                    start,
                    may_append,
                    policies: &policies,
                    quiet_at_ms,
                    acknowledged_end,
                    guard_ms,
                    transactional,
                };
                take_over(&source, &destination, &*wire, &case).await
            };
            Done::TakenOver {
                id,
                generation,
                result: work.await,
            }
        });
    }

    pub(super) fn guard_ms(&self) -> i64 {
        self.prepared
            .as_ref()
            .map_or(3_600_000, |prepared| prepared.guard_ms)
    }

    pub(super) fn policies(&self) -> Policies {
        Policies {
            by_kind: self.link.spec.policies.clone(),
            choices: self.choices.clone(),
        }
    }

    pub(super) fn may_append(&self, id: PartitionId) -> bool {
        self.link
            .spec
            .append_to
            .iter()
            .any(|name| **name == *self.partitions[id.0].mirror)
    }

    pub(super) fn taken_over(
        &mut self,
        id: PartitionId,
        generation: u64,
        result: Result<Outcome, PortError>,
    ) {
        let now_ms = self.wire.monotonic_ms();
        let meaning = self.meaning();
        let in_force = |resumed: &Resumed| meaning == Some(resumed.position.meaning);
        let partition = &mut self.partitions[id.0];
        if partition.generation != generation || !matches!(partition.stage, Stage::TakingOver) {
            return;
        }
        if result.is_ok() {
            partition.quiet.heard(now_ms);
        }
        match result {
            // The settings have changed while the logs were read.
            Ok(Outcome::Resumed(resumed)) if !in_force(&resumed) => {
                partition.stage = Stage::Due { at_ms: now_ms };
            }
            Ok(Outcome::Resumed(resumed)) => self.resumed(id, *resumed),
            Ok(Outcome::Held(finding)) => self.found(id, *finding),
            Ok(Outcome::Wait(why, time)) => {
                partition.stage = Stage::Due {
                    at_ms: now_ms + time.as_millis() as i64,
                };
                if why == Why::ProducerId {
                    self.topics.new_producer_id = true;
                    self.producer_errand.hurry(now_ms);
                }
                self.waits(id, why);
            }
            Err(error) => {
                partition.failures += 1;
                let delay = Duration::from_millis(200 << partition.failures.min(5));
                partition.stage = Stage::Due {
                    at_ms: now_ms + delay.as_millis() as i64,
                };
                let code = match error {
                    PortError::Broker(code) => Some(kafka::ErrorCode(code).name().to_owned()),
                    PortError::Unreachable(_) => None,
                };
                let mut problem = waiting("partition.takeover", "The partition cannot start yet.");
                problem.detail = error.to_string();
                problem.broker_error = code;
                self.partition_problem(id, problem);
                self.refresh(Side::Fetch);
                self.refresh(Side::Produce);
            }
        }
    }

    /// Holds a partition. Who stood still may have judged by a position that is not the newest any more: first the claim is
    /// renewed, and the like must be found again; its range may grow meanwhile.
    fn found(&mut self, id: PartitionId, finding: Finding) {
        let partition = &mut self.partitions[id.0];
        let again = partition.doubted.take() == Some(finding.kind);
        match self.slots.get_mut(&partition.slot).filter(|_| !again) {
            Some(slot) => {
                partition.doubted = Some(finding.kind);
                partition.renewal = Some(slot.renewal());
                partition.stage = Stage::Settling;
            }
            None => self.hold(id, finding),
        }
    }

    pub(super) fn resumed(&mut self, id: PartitionId, resumed: Resumed) {
        for finding in &resumed.findings {
            self.record_finding(id, finding.clone());
        }
        let partition = &mut self.partitions[id.0];
        partition.doubted = None;
        // Whatever else troubles it is over only when something is delivered.
        let of_take_over = |problem: &mut Problem| problem.code.starts_with("partition.");
        partition.problem.take_if(of_take_over);
        if let Some(end) = resumed.map_cut {
            partition.map.cut(end);
        }
        for segment in &resumed.segments {
            partition.map.push(*segment);
        }
        // The mirror may be another topic of the same name by now.
        partition
            .identity
            .mirror_topic_id
            .clone_from(&resumed.position.mirror_topic_id);
        partition.mirror_id = resumed
            .position
            .mirror_topic_id
            .parse()
            .unwrap_or(uuid::Uuid::nil());
        partition.position = Some(resumed.position.clone());
        let must_store = resumed.must_store;
        partition.stage = Stage::Storing(Box::new(resumed));
        if must_store {
            partition.store_due = true;
            if let Some(slot) = self.slots.get_mut(&partition.slot) {
                slot.hurry();
            }
        } else {
            self.start_copying(id);
        }
    }

    /// The take-over's outcome stands in the control topic: data flows.
    pub(super) fn start_copying(&mut self, id: PartitionId) {
        let guard_ms = self.guard_ms();
        let (now_ms, on_its_way) = (self.wire.monotonic_ms(), self.on_its_way());
        let (runs, meaning) = (self.may_run(id), self.meaning());
        let transactional = self.is_transactional();
        let partition = &mut self.partitions[id.0];
        // What was found gone is told by now.
        if let Some(position) = &partition.position {
            let end = position.destination_end;
            partition.acknowledged = Some((position.mirror_topic_id.clone(), end));
        }
        if !runs {
            partition.stage = Stage::Idle;
            return;
        }
        let Stage::Storing(resumed) = std::mem::replace(&mut partition.stage, Stage::Copying)
        else {
            return;
        };
        if meaning != Some(resumed.position.meaning) {
            // The settings have changed while it was being stored.
            partition.stage = Stage::Due { at_ms: now_ms };
            return;
        }
        let quiet_at_ms = partition.quiet.at_ms(now_ms, on_its_way);
        if resumed.must_store && resumed.position.epoch > 0 && resumed.position.epoch_records == 0 {
            crash_point("epoch-stored-before-first-batch");
        }
        let flow = Flow::new(&resumed, quiet_at_ms, guard_ms);
        partition.flow = Some(match transactional {
            true => flow.in_transactions(),
            false => flow,
        });
        partition.generation += 1;
        partition.live_from = None;
        self.want_size(id);
        self.follow(id);
    }

    pub(super) fn waits(&mut self, id: PartitionId, why: Why) {
        let detail = match why {
            Why::Quiet => return, // an ordinary take-over after a crash
            Why::Moving => return,
            Why::HighWatermark => "The mirror's replicas have not caught up with its leader.",
            Why::Settings => "The position was stored under newer settings than this worker has.",
            Why::ProducerId => "A new producer id is being fetched.",
            Why::SourceBehind => {
                "The source does not reach to the position, and does not say that it was truncated."
            }
        };
        let mut problem = waiting("partition.waits", "The partition waits.");
        problem.detail = detail.to_owned();
        self.partition_problem(id, problem);
    }

    /// Notes what keeps a partition from being copied; its `detail` names topic and partition.
    pub(super) fn partition_problem(&mut self, id: PartitionId, mut problem: Problem) {
        let wall_ms = self.wire.wall_ms();
        let partition = &mut self.partitions[id.0];
        let before = partition
            .problem
            .as_ref()
            .filter(|before| before.code == problem.code);
        if before.is_none() {
            warn!(topic = %partition.identity.source_topic, partition = partition.identity.partition, code = problem.code, detail = problem.detail, "partition waits");
        }
        problem.first_seen_ms = before.and_then(|b| b.first_seen_ms).or(Some(wall_ms));
        problem.count = Some(before.and_then(|b| b.count).unwrap_or(0) + 1);
        problem.cause.get_or_insert_with(|| problem.detail.clone());
        problem.detail = partition.naming(&problem.detail);
        partition.problem = Some(problem);
    }
}

/// Returns where a partition begins that was there at the link's first start.
async fn resolve_start(
    source: &SourcePort,
    start: Start,
    meaning: Meaning,
) -> Result<StartAt, PortError> {
    Ok(match start {
        Start::Earliest => StartAt::LogStart,
        Start::Latest => StartAt::Offset(source.bounds(meaning.isolation).await?.end),
        Start::Timestamp(at_ms) => match source.offset_at(at_ms).await? {
            Some(offset) => StartAt::Offset(offset),
            None => StartAt::Offset(source.bounds(meaning.isolation).await?.end),
        },
    })
}

fn waiting(code: &str, title: &str) -> Problem {
    Problem {
        code: code.to_owned(),
        status: 503,
        title: title.to_owned(),
        state: Some("waiting".to_owned()),
        next_step: Some("Nothing; it tries again by itself.".to_owned()),
        ..Problem::default()
    }
}
