//! What a link shows of itself, once a second.

use model::{
    finding::FindingState,
    link::Phase,
    problem::Problem,
    status::{Batches, LinkStatus, PartitionStatus, Rates, State, Throttled, TopicStatus},
};
use tracing::{info, warn};

use super::Worker;
use crate::{
    ledger::DesiredLink,
    link::{
        partition::{Partition, Stage},
        problems::{HELD, merged},
        traffic::Side,
    },
    protocol::ports::Clock,
};

/// Different problems of partitions that a link tells of.
const MOST_OF_PARTITIONS: usize = 20;
/// Lag in time from which a link no longer counts as mirroring.
const BEHIND_MS: i64 = 60_000;
/// How long reading stored positions may take before the link counts as waiting.
const STARTING_MS: i64 = 30_000;
/// How long a side may be away, or silent, before the link counts as waiting (SEMANTICS 8).
pub(super) const SILENCE_MS: i64 = 5_000;

/// The status of a link before its loop has run.
pub(super) fn starting(link: &DesiredLink, now_ms: i64) -> LinkStatus {
    LinkStatus {
        link: link.spec.name.to_string(),
        phase: link.phase,
        state: if link.phase == Phase::Paused {
            State::Paused
        } else {
            State::Starting
        },
        since_ms: now_ms,
        measured_at_ms: now_ms,
        rates: Rates::default(),
        throttled: Throttled::default(),
        batches: Batches::default(),
        lag_records: None,
        lag_time_ms: None,
        latency: None,
        topics: Vec::new(),
        findings: Vec::new(),
        problems: Vec::new(),
        slots_owned: 0,
        slots: link.spec.slots,
        memory_bytes: 0,
        data_producer_id: None,
        first_record: None,
    }
}

impl Worker {
    pub(super) fn every_second(&mut self) {
        self.note_silence();
        let now_ms = self.wire.wall_ms();
        self.rates.mark(now_ms);
        self.latency.mark(now_ms);
        self.throttled.mark(now_ms);
        let source_answers = !self
            .traffic
            .problems
            .places()
            .any(|key| key.side == Side::Fetch);
        for partition in &mut self.partitions {
            partition.rates.mark(now_ms);
            if let (Some(end), true) = (partition.source_end, source_answers) {
                partition.ends.note(now_ms, end);
            }
        }
        let status = self.measure(now_ms);
        self.note_state(&status, now_ms);
        self.status.send_replace(LinkStatus {
            since_ms: self.state_since.1,
            ..status
        });
    }

    /// A destination that says nothing at all is noticed by the question that is asked most often, long before that
    /// question's time-out.
    fn note_silence(&mut self) {
        let silent_ms = self.follow.open_for_ms(self.wire.monotonic_ms());
        if silent_ms >= SILENCE_MS && self.root_known && !self.problems.is_at("follow") {
            let cause = format!("no answer for {} s", silent_ms / 1_000);
            let problem = self.control_unreachable(&cause);
            self.problems
                .note("follow", problem, self.wire.wall_ms() - silent_ms);
        }
    }

    /// Logs a change of state and records it in the ledger.
    fn note_state(&mut self, status: &LinkStatus, now_ms: i64) {
        if self.state_since.0 == status.state {
            return;
        }
        let (before, after) = (self.state_since.0, status.state);
        self.state_since = (after, now_ms);
        let cause = status
            .problems
            .first()
            .map(|p| p.title.clone())
            .unwrap_or_default();
        info!(
            before = before.words(),
            after = after.words(),
            cause,
            "state changed"
        );
        let kind = serde_json::to_value(after).ok();
        let kind = kind
            .as_ref()
            .and_then(|kind| kind.as_str())
            .unwrap_or("state")
            .to_owned();
        let text = match cause.as_str() {
            "" => format!("Now {}, before {}.", after.words(), before.words()),
            cause => format!("Now {}, before {}: {cause}", after.words(), before.words()),
        };
        let (ledger, link_id) = (self.context.ledger.clone(), self.link.id.clone());
        self.jobs.spawn(async move {
            if let Err(error) = ledger.event(&link_id, &kind, &text).await {
                warn!(%error, "an event was not recorded");
            }
            super::Done::Noted
        });
    }

    fn measure(&mut self, now_ms: i64) -> LinkStatus {
        let topics = self.topic_statuses(now_ms);
        self.starting_since_ms = match self.has_started(&topics) {
            true => None,
            false => self.starting_since_ms.or(Some(now_ms)),
        };
        let of_lines = self.traffic.problems.all();
        let mut problems: Vec<Problem> = self.problems.all().chain(of_lines).cloned().collect();
        problems.extend(topics.iter().filter_map(|topic| topic.problem.clone()));
        let of_partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let of_partitions = of_partitions.filter_map(|p| p.problem.clone());
        problems.extend(merged(of_partitions, MOST_OF_PARTITIONS));
        let known = |lags: Vec<Option<i64>>| lags.into_iter().flatten().reduce(|a, b| a + b);
        let nothing_here = topics.iter().all(|topic| topic.partitions.is_empty());
        let lag_records = known(topics.iter().map(|topic| topic.lag_records).collect())
            .or((nothing_here && self.starting_since_ms.is_none()).then_some(0));
        let lag_time_ms = self.lag_time_ms(now_ms);
        let spec = self.root.spec.as_ref();
        LinkStatus {
            link: self.link.spec.name.to_string(),
            phase: self.phase(),
            state: self.state(&topics, lag_time_ms, now_ms),
            since_ms: self.state_since.1,
            measured_at_ms: now_ms,
            rates: self.rates.rates(),
            throttled: self.throttled.throttled(),
            batches: self.batches,
            lag_records,
            lag_time_ms,
            latency: self.latency.latency(),
            topics,
            findings: self.findings.values().cloned().collect(),
            problems,
            slots_owned: self.slots.values().filter(|slot| slot.owned()).count() as u32,
            slots: spec.map_or(self.link.spec.slots, |spec| spec.slots),
            memory_bytes: self.budget.used() as u64,
            data_producer_id: spec.and_then(|spec| spec.data_producer_id),
            first_record: self.first_record.clone(),
        }
    }

    /// The worst partition's.
    fn lag_time_ms(&self, now_ms: i64) -> Option<i64> {
        let of = |p: &Partition| {
            let position = p.position()?.source_next;
            p.ends.lag_ms(position, now_ms, p.last_copied_ms)
        };
        self.partitions
            .iter()
            .filter(|p| !matches!(p.stage, Stage::Idle))
            .filter_map(of)
            .max()
    }

    /// The first that holds, worst first.
    fn state(&self, topics: &[TopicStatus], lag_ms: Option<i64>, now_ms: i64) -> State {
        match self.phase() {
            Phase::Paused => return State::Paused,
            Phase::Stopped => return State::Stopped,
            Phase::Draft => return State::Draft,
            Phase::Running => {}
        }
        let asks = |problem: &Problem| problem.state.as_deref() == Some("needs_decision");
        let held = topics
            .iter()
            .any(|topic| topic.state == State::NeedsDecision);
        if held || self.problems.all().any(asks) {
            return State::NeedsDecision;
        }
        if self.nothing_moves(now_ms) {
            return State::Waiting;
        }
        if let Some(since_ms) = self.starting_since_ms {
            return match now_ms - since_ms < STARTING_MS {
                true => State::Starting,
                false if self.slots.is_empty() => State::Unknown,
                false => State::Waiting,
            };
        }
        match lag_ms {
            Some(lag_ms) if lag_ms > BEHIND_MS => self.catching_up(),
            _ => State::Mirroring,
        }
    }

    /// Says whether this worker's share is being copied: its slots are claimed and their positions read.
    fn has_started(&self, topics: &[TopicStatus]) -> bool {
        let owns = self.slots.values().any(|slot| slot.owned());
        let mut own = topics.iter().flat_map(|topic| &topic.partitions).peekable();
        // The partitions may all be in other workers' slots.
        let nothing_here = own.peek().is_none()
            && self.topics.unwritten.is_empty()
            && (!self.root.topics.is_empty()
                || self.topics.has_passed()
                || !self.slots.contains_key(&0));
        owns && (nothing_here || own.any(|partition| partition.state != State::Starting))
    }

    /// Says whether one side is away as a whole, or the control topic cannot be reached.
    fn nothing_moves(&self, now_ms: i64) -> bool {
        let link_wide = self.problems.all().any(|problem| {
            problem.state.as_deref() == Some("waiting") && self.blocks_all(problem, now_ms)
        });
        let stuck = |side: Side| {
            let lines = self.traffic.lines.keys().filter(|key| key.side == side);
            let (all, failed) = lines.fold((0, 0), |(all, failed), key| {
                (
                    all + 1,
                    failed + usize::from(self.traffic.problems.is_at(key)),
                )
            });
            all > 0 && all == failed
        };
        let waiting = self
            .partitions
            .iter()
            .filter(|p| p.problem.is_some())
            .count();
        let active = self
            .partitions
            .iter()
            .filter(|p| !matches!(p.stage, Stage::Idle))
            .count();
        link_wide || stuck(Side::Fetch) || stuck(Side::Produce) || (active > 0 && waiting == active)
    }

    fn blocks_all(&self, problem: &Problem, now_ms: i64) -> bool {
        let lasting = problem
            .first_seen_ms
            .is_some_and(|first| now_ms - first >= SILENCE_MS);
        self.prepared.is_none() || lasting
    }

    /// Lag is large: says whether it shrinks, by comparing what is delivered with what is produced.
    fn catching_up(&self) -> State {
        let produced: f64 = self
            .partitions
            .iter()
            .filter_map(|p| p.ends.rate_per_s())
            .sum();
        if self.rates.rates().records_per_s > produced {
            State::CatchingUp
        } else {
            State::FallingBehind
        }
    }

    fn topic_statuses(&self, now_ms: i64) -> Vec<TopicStatus> {
        // What a topic was under a former id is history: the new one goes on from its position.
        let current = self
            .root
            .topics
            .iter()
            .filter(|(id, t)| self.topic_is_current(&t.topic, id));
        let mut statuses: Vec<TopicStatus> = current
            .map(|(id, topic)| TopicStatus {
                topic: topic.topic.clone(),
                topic_id: id.clone(),
                mirror_topic: topic.mirror_topic.clone(),
                state: State::Starting,
                problem: self.topics.deleted_problem(&topic.topic),
                lag_records: None,
                rates: Rates::default(),
                partitions: Vec::new(),
                deviations: self.configs.deviations(id),
            })
            .collect();
        // Other workers tell of the partitions in their slots.
        let ours = |p: &&Partition| self.slots.get(&p.slot).is_some_and(|slot| slot.owned());
        for partition in self.partitions.iter().filter(ours) {
            let place =
                statuses.binary_search_by(|s| s.topic_id.cmp(&partition.identity.source_topic_id));
            if let Ok(index) = place {
                let topic = &mut statuses[index];
                let rates = partition.rates.rates();
                topic.rates.records_per_s += rates.records_per_s;
                topic.rates.bytes_per_s += rates.bytes_per_s;
                topic.rates.records_total += rates.records_total;
                topic.rates.bytes_total += rates.bytes_total;
                topic
                    .partitions
                    .push(self.partition_status(partition, now_ms));
            }
        }
        for topic in &mut statuses {
            topic.partitions.sort_by_key(|p| p.partition);
            topic.state = self.topic_state(topic);
            let lags = topic.partitions.iter().filter_map(|p| p.lag_records);
            topic.lag_records = lags.reduce(|a, b| a + b);
        }
        for waiting in self.topics.waiting_topics() {
            match statuses
                .iter_mut()
                .find(|known| known.topic == waiting.topic)
            {
                Some(known) => {
                    known.state = known.state.min(waiting.state);
                    known.problem = waiting.problem;
                }
                None => statuses.push(waiting),
            }
        }
        statuses.sort_by(|a, b| a.topic.cmp(&b.topic));
        statuses
    }

    fn topic_state(&self, topic: &TopicStatus) -> State {
        if self.topics.is_deleted(&topic.topic) {
            return State::SourceDeleted;
        }
        if !self.topic_is_active(&topic.topic) {
            return State::Retired;
        }
        let here = topic.partitions.iter().map(|p| p.state).min();
        here.unwrap_or(if self.starting_since_ms.is_some() {
            State::Starting
        } else {
            State::Mirroring
        })
    }

    fn partition_status(&self, partition: &Partition, now_ms: i64) -> PartitionStatus {
        let position = partition.position();
        let flow = partition.flow.as_ref();
        PartitionStatus {
            partition: partition.identity.partition,
            slot: partition.slot,
            state: self.partition_state(partition, now_ms),
            source_start: partition.source_start,
            source_end: partition.source_end,
            position: position.map(|p| p.source_next),
            destination_end: position.map(|p| p.destination_end),
            lag_records: partition.lag_records(),
            guarded: flow.is_some_and(|flow| flow.guarded(now_ms)),
            problem: partition
                .problem
                .clone()
                .or_else(|| held_problem(partition)),
        }
    }

    fn partition_state(&self, partition: &Partition, now_ms: i64) -> State {
        match &partition.stage {
            Stage::Held(_) => State::NeedsDecision,
            _ if partition.problem.is_some() => State::Waiting,
            Stage::Idle if self.phase() == Phase::Paused => State::Paused,
            Stage::Idle if self.phase() == Phase::Stopped => State::Stopped,
            Stage::Idle if self.topics.is_deleted(&partition.identity.source_topic) => {
                State::SourceDeleted
            }
            Stage::Copying => {
                let position = partition.position().map_or(0, |p| p.source_next);
                match partition
                    .ends
                    .lag_ms(position, now_ms, partition.last_copied_ms)
                {
                    Some(lag_ms) if lag_ms > BEHIND_MS => State::CatchingUp,
                    _ => State::Mirroring,
                }
            }
            _ => State::Starting,
        }
    }
}

/// A held partition as a problem: what happened and what may be chosen.
fn held_problem(partition: &Partition) -> Option<Problem> {
    let Stage::Held(finding) = &partition.stage else {
        return None;
    };
    let choices = finding.kind.choices().iter();
    let words: Vec<String> = choices
        .filter_map(|choice| {
            serde_json::to_value(choice)
                .ok()?
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    debug_assert!(matches!(finding.state, FindingState::Held));
    Some(Problem {
        code: HELD.to_owned(),
        status: 409,
        title: "The partition is held until somebody chooses.".to_owned(),
        detail: partition.naming(&finding.detail),
        state: Some("needs_decision".to_owned()),
        cause: Some(finding.detail.clone()),
        broker_error: finding.broker_error.clone(),
        first_seen_ms: Some(finding.found_at_ms),
        count: Some(1),
        next_step: Some(format!(
            "Choose one of: {}. Finding {}.",
            words.join(", "),
            finding.id
        )),
        ..Problem::default()
    })
}
