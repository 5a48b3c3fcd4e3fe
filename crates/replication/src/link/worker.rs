//! The loop of one link: owns all its state, decides everything, waits for nothing but events.
//!
//! Its parts: [`slots`] (which slots are ours) and [`stores`] (what is stored in them), [`partitions`] (who works),
//! [`take_overs`] and [`findings`], [`lines`] (connections), [`jobs`], [`arrivals`], [`sending`] and [`answers`] (batches in and out),
//! [`held_back`] (what open transactions keep from coming), [`transactions`] (what is sent and stored together), [`topics`],
//! [`configs`], [`metadata`], [`sizes`] and [`settings`] (what is to be mirrored), [`status`] (what is shown).
//!
//! **Invariants:** a partition has a flow only while its slot is ours and its stage is copying, settling or draining; a
//! batch is sent only under a fresh lease; what a tick stores was acknowledged before.

mod answers;
mod arrivals;
mod configs;
mod findings;
mod held_back;
mod jobs;
mod lines;
mod metadata;
mod partitions;
mod sending;
mod settings;
mod sizes;
mod slots;
mod status;
mod stores;
mod take_overs;
mod topics;
mod transactions;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use model::{
    finding::{Choice, Finding},
    link::Phase,
    own,
    problem::Problem,
    status::LinkStatus,
};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Command, Context, LinkNews,
    event::{Done, Event, PartitionId, Prepared},
    io::Wire,
    partition::Partition,
    prepare::{NotPrepared, prepare},
    problems::Problems,
    topics::Selection,
    traffic::{Side, Traffic},
};
use crate::{
    credit::Budget,
    ledger::DesiredLink,
    limiter::Limiter,
    meter::{LatencyMeter, RateMeter, ThrottleMeter},
    protocol::{control::ControlState, ports::Clock},
};
pub(super) use held_back::{HeldBack, Producers};
use jobs::Jobs;
use slots::SlotEntry;

/// How often what is due is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How often control partition 0 is read for news of the other slots' owners.
const FOLLOW_MS: i64 = 2_000;

/// A question that is asked in the background, at most once at a time.
#[derive(Debug, Default)]
pub(super) struct Errand {
    running: bool,
    started_at_ms: i64,
    due_at_ms: i64,
}

impl Errand {
    /// Returns whether it is to be started now; it then counts as running.
    fn start(&mut self, now_ms: i64) -> bool {
        let start = !self.running && self.due_at_ms <= now_ms;
        if start {
            self.running = true;
            self.started_at_ms = now_ms;
        }
        start
    }

    /// Returns for how long it has been waiting for its answer, 0 while it is not asked.
    fn open_for_ms(&self, now_ms: i64) -> i64 {
        if self.running {
            now_ms - self.started_at_ms
        } else {
            0
        }
    }

    fn finished(&mut self, next_ms: i64) {
        self.running = false;
        self.due_at_ms = next_ms;
    }

    /// Wants it soon, no earlier than `at_ms`.
    fn hurry(&mut self, at_ms: i64) {
        self.due_at_ms = self.due_at_ms.min(at_ms);
    }
}

pub(super) struct Worker {
    context: Context,
    link: DesiredLink,
    budget: Budget,
    stop: CancellationToken,
    status: watch::Sender<LinkStatus>,
    event_sender: mpsc::Sender<Event>,
    event_receiver: mpsc::Receiver<Event>,
    jobs: Jobs,
    wire: Arc<Wire>,
    prepared: Option<Prepared>,
    /// What control partition 0 says.
    root: ControlState,
    root_known: bool,
    slots: BTreeMap<u32, SlotEntry>,
    partitions: Vec<Partition>,
    /// By source topic id and partition.
    places: HashMap<(String, i32), PartitionId>,
    source_metadata: Option<Arc<kafka::client::ClusterMetadata>>,
    destination_metadata: Option<Arc<kafka::client::ClusterMetadata>>,
    prepare: Errand,
    follow: Errand,
    /// Since when the control topic cannot be read (monotonic).
    follow_failing_since_ms: Option<i64>,
    /// Tells SQL the control topic's id; nothing is copied before it knows.
    note: Errand,
    noted: bool,
    source_errand: Errand,
    destination_errand: Errand,
    producer_errand: Errand,
    topics_errand: Errand,
    /// Asks what mirrors take in one batch.
    sizes: Errand,
    /// Largest batch that a mirror takes, bytes.
    message_bytes: HashMap<Arc<str>, usize>,
    topics: topics::TopicsState,
    configs: configs::ConfigsState,
    selection: Selection,
    traffic: Traffic,
    /// Partitions that may not send before a monotonic time.
    delayed: Vec<(i64, PartitionId)>,
    findings: BTreeMap<String, Finding>,
    choices: HashMap<String, Choice>,
    problems: Problems,
    rates: RateMeter,
    latency: LatencyMeter,
    first_record: Option<model::status::FirstRecord>,
    throttled: ThrottleMeter,
    batches: model::status::Batches,
    limiter: Limiter,
    /// Monotonic deadline while the link is left.
    leaving_until_ms: Option<i64>,
    last_second_ms: i64,
    state_since: (model::status::State, i64),
    /// Since when this worker's share has not been copied yet, after a start or while it has no slots.
    starting_since_ms: Option<i64>,
}

impl Worker {
    pub(super) fn new(
        context: Context,
        link: DesiredLink,
        budget: Budget,
        stop: CancellationToken,
    ) -> (Self, watch::Receiver<LinkStatus>) {
        // Full: the fetch tasks and slots wait for the loop, which is the back-pressure that is wanted.
        let (event_sender, event_receiver) = mpsc::channel(256);
        let wire = Arc::new(Wire::new(&context.settings, &link));
        let now_ms = wire.wall_ms();
        let (status, receiver) = watch::channel(status::starting(&link, now_ms));
        let worker = Self {
            selection: Selection::of(&link.spec),
            limiter: Limiter::new(link.spec.limit_bytes_per_s),
            choices: choices(&link),
            state_since: (model::status::State::Starting, now_ms),
            starting_since_ms: Some(now_ms),
            latency: LatencyMeter::new(now_ms),
            jobs: Jobs::new(context.control.clone()),
            context,
            link,
            budget,
            stop,
            status,
            event_sender,
            event_receiver,
            wire,
            prepared: None,
            root: ControlState::default(),
            root_known: false,
            slots: BTreeMap::new(),
            partitions: Vec::new(),
            places: HashMap::new(),
            source_metadata: None,
            destination_metadata: None,
            prepare: Errand::default(),
            follow: Errand::default(),
            follow_failing_since_ms: None,
            note: Errand::default(),
            noted: false,
            source_errand: Errand::default(),
            destination_errand: Errand::default(),
            producer_errand: Errand::default(),
            topics_errand: Errand::default(),
            sizes: Errand::default(),
            message_bytes: HashMap::new(),
            topics: topics::TopicsState::default(),
            configs: configs::ConfigsState::default(),
            traffic: Traffic::new(),
            delayed: Vec::new(),
            findings: BTreeMap::new(),
            problems: Problems::default(),
            rates: RateMeter::default(),
            first_record: None,
            throttled: ThrottleMeter::default(),
            batches: model::status::Batches::default(),
            leaving_until_ms: None,
            last_second_ms: 0,
        };
        (worker, receiver)
    }

    /// Ends when the link is stopped and drained, or the drain time-out is over.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled(), if self.leaving_until_ms.is_none() => self.leave(),
                Some(command) = commands.recv() => self.command(command),
                Some(event) = self.event_receiver.recv() => self.event(event),
                Some(done) = self.jobs.join_next() => self.joined(done),
                Some(replied) = self.traffic.replies.next() => self.replied(replied),
                _ = ticks.tick() => self.tick(),
            }
            // What else is there is taken at once, so that requests fill up before they go out.
            for _ in 0..64 {
                let Ok(event) = self.event_receiver.try_recv() else {
                    break;
                };
                self.event(event);
            }
            for _ in 0..64 {
                let Some(Some(replied)) = self.traffic.replies.next().now_or_never() else {
                    break;
                };
                self.replied(replied);
            }
            self.pump();
            if self.left() {
                break;
            }
        }
        info!("link left");
    }

    fn leave(&mut self) {
        let drain_ms = self.context.settings.drain_timeout.as_millis() as i64;
        self.leaving_until_ms = Some(self.wire.monotonic_ms() + drain_ms);
        let owned: Vec<u32> = self.slots.keys().copied().collect();
        self.drain_slots(&owned, None);
    }

    fn left(&self) -> bool {
        let Some(until_ms) = self.leaving_until_ms else {
            return false;
        };
        let late = self.wire.monotonic_ms() >= until_ms;
        if late && !self.slots.is_empty() {
            warn!(
                slots = self.slots.len(),
                "left slots without draining them to the end"
            );
        }
        self.slots.is_empty() || late
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Change(link) => self.change(*link),
            Command::Assigned(slots) => self.assigned(&slots),
            Command::Revoked(slots, ack) => self.drain_slots(&slots, Some(ack)),
            Command::Lost(slots) => self.lost_by_group(&slots),
            Command::GroupRefused(group) => self.group_refused(&group),
        }
    }

    fn change(&mut self, link: DesiredLink) {
        if link.phase != self.link.phase {
            info!(from = ?self.link.phase, to = ?link.phase, "phase changed");
        }
        self.choices = choices(&link);
        self.selection = Selection::of(&link.spec);
        self.limiter.set(link.spec.limit_bytes_per_s);
        self.link = link;
        let now_ms = self.wire.monotonic_ms();
        self.topics_errand.hurry(now_ms);
        self.configs.hurry(now_ms);
        self.follow.hurry(now_ms);
        self.reconcile_partitions();
        self.apply_choices();
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Fetch(event) => self.fetched(event),
            Event::Slot { slot, task, news } => self.slot_news(slot, task, news),
        }
    }

    fn joined(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(done) => self.done(done),
            // What it was to find out is not known, and whoever waits for it would wait for ever.
            Err(_) => {
                error!("a task of the link panicked; the link is started anew");
                if self.leaving_until_ms.is_none() {
                    self.leave();
                }
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Prepared(result) => self.prepared(result),
            Done::Followed { from, result } => self.followed(from, result),
            Done::SourceMetadata(result) => self.source_metadata(result),
            Done::DestinationMetadata(result) => self.destination_metadata(result),
            Done::FetchOpened {
                key,
                isolation,
                result,
            } => self.fetch_opened(key, isolation, result),
            Done::ProduceOpened { key, result } => self.produce_opened(key, result),
            Done::TakenOver {
                id,
                generation,
                result,
            } => self.taken_over(id, generation, result),
            Done::Verified {
                id,
                generation,
                epoch,
                result,
            } => {
                self.verified(id, generation, epoch, result);
            }
            Done::PutAside {
                id,
                generation,
                refused,
                result,
            } => self.put_aside(id, generation, &refused, result),
            Done::OpenTransactions { asked, producers } => self.open_transactions(asked, producers),
            Done::Sizes(result) => self.sizes(result),
            Done::ProducerId(result) => self.producer_id(result),
            Done::Topics(result) => self.topics_passed(*result),
            Done::Configs(result) => self.configs_kept(*result),
            Done::ControlTopicNoted(result) => self.control_topic_noted(result),
            Done::Noted => {}
        }
    }

    fn prepared(&mut self, result: Result<Prepared, NotPrepared>) {
        let now_ms = self.wire.monotonic_ms();
        match result {
            Ok(prepared) => {
                self.problems.clear("prepare");
                self.note_choice_on_control_topic();
                self.prepare.finished(i64::MAX);
                self.wire
                    .control_topic_is(prepared.control_topic_id, prepared.slots);
                let news = LinkNews {
                    link_id: self.link.id.clone(),
                    installation: self.context.installation.clone(),
                };
                if self.context.news.try_send(news).is_err() {
                    // The supervisor is busy: prepare again, which finds everything in place.
                    self.prepare.finished(now_ms + 1_000);
                    return;
                }
                self.noted = !prepared.first_start;
                self.traffic.count = prepared.connections.within(self.budget.limit());
                self.note_cluster_ids(&prepared);
                self.prepared = Some(prepared);
                self.follow.hurry(now_ms);
            }
            Err(why) => {
                self.prepare.finished(now_ms + 2_000);
                if why.removed {
                    self.note_choice_on_control_topic();
                }
                if let Some(finding) = why.asks {
                    self.record_in_ledger(*finding);
                }
                self.problem("prepare", *why.problem);
            }
        }
    }

    /// Tells SQL which clusters these are, unless it knows.
    fn note_cluster_ids(&mut self, prepared: &Prepared) {
        let (spec, link) = (&self.link.spec, &self.link);
        for (name, id, known) in [
            (
                &spec.source,
                &prepared.source_cluster_id,
                &link.source_cluster_id,
            ),
            (
                &spec.destination,
                &prepared.destination_cluster_id,
                &link.destination_cluster_id,
            ),
        ] {
            if known.as_ref() == Some(id) || id.is_empty() {
                continue;
            }
            let (ledger, name, id) = (self.context.ledger.clone(), name.to_string(), id.clone());
            self.jobs.spawn(async move {
                if let Err(error) = ledger.cluster_seen(&name, &id).await {
                    warn!(%error, cluster.name = name, "the cluster's id was not noted");
                }
                Done::Noted
            });
        }
    }

    /// Looks for what is due.
    fn tick(&mut self) {
        let now_ms = self.wire.monotonic_ms();
        self.run_errands(now_ms);
        self.wake_delayed(now_ms);
        self.start_take_overs(now_ms);
        self.replace_panicked();
        self.lose_panicked_slots(now_ms);
        self.open_lines(now_ms);
        let slots: Vec<u32> = self.slots.keys().copied().collect();
        for slot in slots {
            self.advance_slot(slot);
        }
        if now_ms - self.last_second_ms >= 1_000 {
            self.last_second_ms = now_ms;
            self.every_second();
            self.look_for_open_transactions(now_ms);
        }
    }

    fn run_errands(&mut self, now_ms: i64) {
        if self.prepared.is_none() {
            if self.leaving_until_ms.is_none() && self.prepare.start(now_ms) {
                let (wire, link) = (self.wire.clone(), self.link.clone());
                let installation = self.context.installation.clone();
                self.jobs.spawn(async move {
                    Done::Prepared(prepare(&wire, &link, &installation).await)
                });
            }
            return;
        }
        if self.follow.start(now_ms) {
            let (wire, from) = (self.wire.clone(), self.root.next_offset);
            self.jobs.spawn(async move {
                use crate::protocol::ports::ControlLog;
                Done::Followed {
                    from,
                    result: wire.read(0, from).await,
                }
            });
        }
        if !self.noted && self.root.spec.is_some() && self.note.start(now_ms) {
            self.note_control_topic();
        }
        if self.source_errand.start(now_ms) {
            let wire = self.wire.clone();
            self.jobs
                .spawn(async move { Done::SourceMetadata(wire.source_metadata().await) });
        }
        if self.destination_errand.start(now_ms) {
            let (wire, mirrors) = (self.wire.clone(), self.mirror_names());
            self.jobs.spawn(async move {
                Done::DestinationMetadata(wire.destination_metadata(&mirrors).await)
            });
        }
        self.ask_sizes(now_ms);
        self.run_topics_errands(now_ms);
    }

    fn mirror_names(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self
            .root
            .topics
            .values()
            .map(|topic| &topic.mirror_topic)
            .collect();
        let control = own::control_topic(self.link.spec.name.as_str());
        names.into_iter().cloned().chain([control]).collect()
    }

    /// Returns the phase in force: the newer of what SQL and what the control topic say.
    fn phase(&self) -> Phase {
        match &self.root.spec {
            Some(spec) if spec.revision > self.link.revision && self.is_ours(spec) => spec.phase,
            _ => self.link.phase,
        }
    }

    fn detect_interval_ms(&self) -> i64 {
        self.link.spec.detect_interval_ms as i64
    }

    /// Notes a problem of the whole link.
    fn problem(&mut self, place: &str, problem: Problem) {
        self.problems.note(place, problem, self.wire.wall_ms());
    }

    /// Asks for a side's metadata soon: something there is not as it was.
    fn refresh(&mut self, side: Side) {
        let soon_ms = self.wire.monotonic_ms() + 100;
        match side {
            Side::Fetch => self.source_errand.hurry(soon_ms),
            Side::Produce => self.destination_errand.hurry(soon_ms),
        }
    }
}

fn choices(link: &DesiredLink) -> HashMap<String, Choice> {
    link.decisions
        .iter()
        .map(|decision| (decision.finding_id.clone(), decision.choice))
        .collect()
}

#[cfg(test)]
mod tests;
