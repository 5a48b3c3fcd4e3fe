//! A worker: the shell of the protocol, as the link loop is in the engine.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use model::{
    finding::FindingKind,
    link::{Isolation, Phase, Rename, Timestamps, TopicSelection},
};
use replication::protocol::{
    bootstrap::bootstrap,
    claim::{self, Claimant, Claimed, Slot, SlotError, read_slot},
    control::{self, Spec},
    flow::{Failed, Flow, Next, Now, Outgoing, Runs, Verdict},
    offset_map::OffsetMap,
    ports::{Clock, Destination, SourceClass},
    position::{Identity, Meaning, Position},
    quiet::Quiet,
    sequence,
    takeover::{Case, Outcome, Policies, Resumed, StartAt, take_over, verify_source},
};

use crate::{
    Mutation,
    logs::{DATA_PRODUCER, MirrorBatch, Rec, SourceLogBatch},
    ports::{Control, MirrorPort, SourcePort, class},
    world::{DAY_MS, DataRequest, Node, ON_ITS_WAY_MS},
};

const TICK_MS: i64 = 1000;
const DRAIN_MS: i64 = 7000;
/// The longest that a worker with nothing to do looks away.
const IDLE_MS: i64 = 200;
pub const GUARD_MS: i64 = DAY_MS / 2;
pub const LINK: &str = "link";

/// The settings of a revision: odd ones read uncommitted.
pub fn meaning(revision: i64) -> Meaning {
    let isolation = if revision % 2 == 1 {
        Isolation::ReadUncommitted
    } else {
        Isolation::ReadCommitted
    };
    Meaning {
        revision,
        isolation,
        timestamps: Timestamps::Source,
    }
}

pub fn spec() -> Spec {
    Spec {
        link_id: LINK.to_owned(),
        name: LINK.to_owned(),
        installation: "here".to_owned(),
        phase: Phase::Running,
        revision: 1,
        source_cluster_id: "source".to_owned(),
        selection: TopicSelection::default(),
        rename: Rename::default(),
        slots: 1,
        guarantee: model::link::Guarantee::ExactlyOnce,
        data_producer_id: Some(DATA_PRODUCER),
        former_producer_ids: Vec::new(),
        meaning: meaning(0),
        topics_seen: true,
    }
}

/// How long a request may be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(ON_ITS_WAY_MS.unsigned_abs());

struct Request {
    number: u64,
    reply_at_ms: i64,
    sent_at_ms: i64,
    line: usize,
}

/// A connection that all partitions share.
#[derive(Default)]
struct Line {
    connection: u64,
    open: usize,
    /// Since when the oldest unanswered request has been that.
    oldest_since_ms: i64,
}

/// The connection for batches that the broker checks, and the one for all others.
const PIPELINE: usize = 0;
const ALONE: usize = 1;

struct Part {
    partition: usize,
    identity: Identity,
    flow: Option<Flow<Vec<Rec>>>,
    map: OffsetMap,
    leader_epoch: i32,
    /// Leader epoch of the source that was agreed to.
    source_leader: i32,
    requests: VecDeque<Request>,
    quiet: Quiet,
    wait_until_ms: i64,
    acknowledged_end: Option<i64>,
    /// The finding that it is held by once the claim was renewed and it is found again.
    doubted: Option<FindingKind>,
    /// Source leader epoch of the stored position.
    stored_epoch: i32,
}

impl Part {
    /// Says whether nothing is to be done soon: all that was fetched is acknowledged, or, for the lazy, it waits.
    fn idles(&self, now_ms: i64, lazy: bool) -> bool {
        match &self.flow {
            Some(flow) => flow.pending() == 0 && flow.in_flight() == 0,
            None => lazy && self.wait_until_ms > now_ms + IDLE_MS,
        }
    }
}

/// The slot is not ours any more, or the process gives it up.
struct Stop;

struct Work {
    node: Node,
    control: Control,
    mutation: Mutation,
    policies: Policies,
    slot: Slot,
    parts: Vec<Part>,
    lines: [Line; 2],
    certain: bool,
}

/// Runs one process of a worker until it is dropped.
pub async fn run(node: Node, process: u64, mutation: Mutation, policies: Policies) {
    let control = Control {
        node: node.clone(),
        mutation,
        wrote: Arc::new(Mutex::new(None)),
    };
    let who = Claimant {
        worker: format!("w{}", node.id),
        process: process.to_string(),
        on_its_way: ON_ITS_WAY,
    };
    loop {
        let assigned = node.lock().places[node.id].assigned;
        if assigned && let Ok(Claimed::Owned(slot)) = own(&node, &control, &who).await {
            node.lock()
                .trace(|| format!("w{} owns epoch {}", node.id, slot.epoch()));
            let mut work = Work::new(&node, &control, mutation, &policies, *slot);
            if work.serve().await.is_ok() {
                work.leave().await;
            }
            node.lock().trace(|| format!("w{} owns no more", node.id));
            node.lock().close(node.id, None);
        }
        let pause = node.lock().rng.i64(50..1500);
        node.sleep_ms(pause).await;
    }
}

async fn own(node: &Node, control: &Control, who: &Claimant) -> Result<Claimed, SlotError> {
    if read_slot(control, 0).await?.spec.is_none() {
        return bootstrap(control, node, who, &spec()).await;
    }
    claim::claim(control, node, who, 0).await
}

impl Work {
    fn new(
        node: &Node,
        control: &Control,
        mutation: Mutation,
        policies: &Policies,
        slot: Slot,
    ) -> Self {
        let partitions = node.lock().source.len();
        let mut quiet = Quiet::default();
        quiet.lost(slot.quiet_at_ms());
        let lines = [PIPELINE, ALONE].map(|_| Line {
            connection: node.lock().number(),
            ..Line::default()
        });
        let parts = (0..partitions)
            .map(|partition| Part {
                partition,
                identity: identity(partition),
                flow: None,
                map: OffsetMap::default(),
                leader_epoch: 0,
                source_leader: -1,
                requests: VecDeque::new(),
                quiet,
                wait_until_ms: 0,
                acknowledged_end: None,
                doubted: None,
                stored_epoch: -1,
            })
            .collect();
        Self {
            node: node.clone(),
            control: control.clone(),
            mutation,
            policies: policies.clone(),
            slot,
            parts,
            lines,
            certain: true,
        }
    }

    fn now_ms(&self) -> i64 {
        self.node.lock().now_ms
    }

    /// `Ok` when the slot is to be left, `Err` when it was lost.
    async fn serve(&mut self) -> Result<(), Stop> {
        let mut ticked_ms = self.now_ms();
        loop {
            if !self.node.lock().places[self.node.id].assigned {
                return Ok(());
            }
            self.keep_claim().await?;
            for index in 0..self.parts.len() {
                self.step(index).await?;
            }
            if self.now_ms() - ticked_ms >= TICK_MS {
                ticked_ms = self.now_ms();
                self.store_all().await?;
            }
            // Where nothing is to be done it is looked for less often, which saves most of a schedule's time.
            let (now_ms, lazy) = (self.now_ms(), self.node.lock().lazy);
            let idle = self.parts.iter().all(|part| part.idles(now_ms, lazy));
            let longest = if idle { IDLE_MS } else { 30 };
            let pause = self.node.lock().rng.i64(1..longest);
            self.node.sleep_ms(pause).await;
        }
    }

    /// Judges the result of a control write: `Ok(true)` when it counts.
    fn judged(&mut self, result: Result<(), SlotError>) -> Result<bool, Stop> {
        match result {
            Ok(()) => Ok(true),
            Err(SlotError::Uncertain { .. }) => {
                self.certain = false;
                Ok(false)
            }
            Err(SlotError::Port(_)) => Ok(false),
            Err(_) => Err(Stop),
        }
    }

    async fn keep_claim(&mut self) -> Result<(), Stop> {
        if !self.certain {
            let result = self.slot.reclaim(&self.control, &self.node).await;
            self.certain = self.judged(result)?;
        } else if self.mutation != Mutation::NoLease && self.slot.renewal_due(self.now_ms(), true) {
            let result = self.slot.renew(&self.control, &self.node).await;
            self.judged(result)?;
        }
        Ok(())
    }

    async fn store_all(&mut self) -> Result<(), Stop> {
        let dirty: Vec<usize> = (0..self.parts.len())
            .filter(|i| self.parts[*i].flow.as_ref().is_some_and(Flow::dirty))
            .collect();
        self.store(&dirty, Vec::new()).await.map(drop)
    }

    async fn store(
        &mut self,
        parts: &[usize],
        mut records: Vec<replication::protocol::ports::ControlWrite>,
    ) -> Result<bool, Stop> {
        let mut positions = Vec::new();
        for index in parts {
            let part = &mut self.parts[*index];
            let Some(flow) = &mut part.flow else { continue };
            flow.take_segments()
                .into_iter()
                .for_each(|s| part.map.push(s));
            let mut position = flow.position().clone();
            position.stored_at_ms = self.node.wall_ms();
            records.extend(control::write_progress(&position, &mut part.map));
            positions.push((*index, position));
        }
        let result = self.slot.store(&self.control, &self.node, records).await;
        let counts = self.judged(result)?;
        for (index, position) in positions {
            let part = &mut self.parts[index];
            match &mut part.flow {
                Some(flow) if counts => {
                    part.stored_epoch = position.source_leader_epoch;
                    flow.stored(&position);
                }
                _ => part.map.unstored(),
            }
        }
        Ok(counts)
    }

    async fn step(&mut self, index: usize) -> Result<(), Stop> {
        let now = self.now_ms();
        if now < self.parts[index].wait_until_ms || !self.certain {
            self.replies(index).await?;
            return Ok(());
        }
        if self.parts[index].flow.is_none() {
            return self.begin(index).await;
        }
        self.replies(index).await?;
        self.fetch(index).await;
        self.send(index).await
    }

    async fn begin(&mut self, index: usize) -> Result<(), Stop> {
        let (source, mut mirror) = self.sides(index);
        let part = &self.parts[index];
        let id = &part.identity;
        let stored = self
            .slot
            .state
            .position(&id.source_topic_id, &id.source_topic, id.partition);
        mirror.stored = stored.cloned();
        let map = self.slot.state.map(&id.source_topic_id, id.partition);
        let revision = self.node.lock().places[self.node.id].revision;
        let quiet_at_ms = match self.mutation {
            Mutation::NoQuiet => 0,
            Mutation::QuietUnheard => part.quiet.until_ms(),
            _ => part.quiet.at_ms(self.now_ms(), ON_ITS_WAY),
        };
        let meaning = meaning(revision);
        let mut stored = stored.cloned();
        match (self.mutation, &mut stored) {
            (Mutation::CountAnew, Some(stored)) => stored.meaning = meaning,
            (Mutation::OldSettings, Some(stored)) => {
                stored.meaning.revision = stored.meaning.revision.min(revision);
            }
            _ => {}
        }
        let stored = stored.as_ref();
        let case = Case {
            identity: id,
            stored,
            map: &map,
            meaning,
            producer_id: DATA_PRODUCER,
            start: StartAt::LogStart,
            may_append: false,
            policies: &self.policies,
            quiet_at_ms,
            acknowledged_end: part.acknowledged_end,
            guard_ms: GUARD_MS,
            transactional: false,
        };
        // The connection is to the leader that the facts come from, or an older one.
        let Ok(leader_epoch) = mirror.leader_epoch().await else {
            return Ok(());
        };
        let outcome = match (self.mutation, stored) {
            (Mutation::BlindRetry, Some(stored)) => Ok(blindly(stored.clone())),
            (Mutation::NoStepBack, Some(stored)) => {
                let end = mirror.log_end(leader_epoch).await;
                match end.ok().filter(|end| *end < stored.destination_end) {
                    Some(end) => Ok(blindly(Position {
                        destination_end: end,
                        own_end: end,
                        ..stored.clone()
                    })),
                    None => take_over(&source, &mirror, &self.node, &case).await,
                }
            }
            _ => take_over(&source, &mirror, &self.node, &case).await,
        };
        let outcome = match (self.mutation, stored, outcome) {
            (Mutation::SameEpoch, Some(stored), Ok(outcome)) => {
                Ok(self.in_old_epoch(index, stored, outcome))
            }
            (_, _, outcome) => outcome,
        };
        let now = self.now_ms();
        self.node
            .lock()
            .trace(|| format!("w{} p{index} takes over: {outcome:?}", self.node.id));
        let part = &mut self.parts[index];
        if outcome.is_ok() {
            part.quiet.heard(now);
        }
        match outcome {
            Ok(Outcome::Resumed(resumed)) => {
                part.map = map;
                return self
                    .resume(index, *resumed, quiet_at_ms, leader_epoch)
                    .await;
            }
            Ok(Outcome::Held(finding)) => {
                // Another may own the slot by now: first the claim is renewed, and the like must be found again.
                let again = part.doubted.take() == Some(finding.kind);
                if !again && self.mutation != Mutation::HeldUnrenewed {
                    part.doubted = Some(finding.kind);
                    return self.renew().await;
                }
                let text = format!("held by {:?} at p{index}", finding.kind);
                self.node.lock().held.push(text);
                // The operator always goes on, in the last way that is offered.
                if let Some(choice) = finding.kind.choices().last() {
                    self.policies.choices.insert(finding.id.clone(), *choice);
                }
                part.wait_until_ms = now + 1000;
            }
            Ok(Outcome::Wait(_, time)) => {
                part.wait_until_ms = now + i64::try_from(time.as_millis()).unwrap();
            }
            Err(_) => part.wait_until_ms = now + 50,
        }
        Ok(())
    }

    /// Takes a new epoch back, for [`Mutation::SameEpoch`].
    fn in_old_epoch(&self, index: usize, stored: &Position, mut outcome: Outcome) -> Outcome {
        if let Outcome::Resumed(resumed) = &mut outcome
            && resumed.position.epoch > stored.epoch
        {
            let world = self.node.lock();
            let known = world.mirror[index].known.as_ref();
            let next = known.map(|known| sequence::advance(known.last_sequence, 1));
            resumed.position.epoch = known.map_or(stored.epoch, |known| known.epoch);
            resumed.position.next_sequence = next.unwrap_or(stored.next_sequence);
            resumed.position.epoch_records = stored.epoch_records;
        }
        outcome
    }

    async fn resume(
        &mut self,
        index: usize,
        resumed: Resumed,
        quiet_at_ms: i64,
        leader_epoch: i32,
    ) -> Result<(), Stop> {
        let guard_ms = match self.mutation {
            Mutation::PipelineUnguarded => i64::MAX / 2,
            _ => GUARD_MS,
        };
        let quiet = resumed.quiet || self.mutation == Mutation::EarlyFacts;
        let resumed = Resumed { quiet, ..resumed };
        let mut flow = Flow::new(&resumed, quiet_at_ms, guard_ms);
        if self.mutation == Mutation::NoStoreFirst {
            flow.stored(&resumed.position);
        }
        let part = &mut self.parts[index];
        if let Some(cut) = resumed.map_cut {
            part.map.cut(cut);
        }
        resumed.segments.iter().for_each(|s| part.map.push(*s));
        part.flow = Some(flow);
        part.leader_epoch = leader_epoch;
        part.stored_epoch = resumed.position.source_leader_epoch;
        part.doubted = None;
        if resumed.must_store && self.mutation != Mutation::NoStoreFirst {
            let findings = resumed
                .findings
                .iter()
                .map(control::write_finding)
                .collect();
            if !self.store(&[index], findings).await? {
                self.parts[index].flow = None;
            }
        }
        Ok(())
    }

    fn sides(&self, index: usize) -> (SourcePort, MirrorPort) {
        let mirror = MirrorPort {
            node: self.node.clone(),
            partition: self.parts[index].partition,
            mutation: self.mutation,
            stored: None,
        };
        (self.source(index), mirror)
    }

    fn source(&self, index: usize) -> SourcePort {
        SourcePort {
            node: self.node.clone(),
            partition: self.parts[index].partition,
        }
    }

    /// Hands replies that have come to the flow, and ends it when something went wrong.
    async fn replies(&mut self, index: usize) -> Result<(), Stop> {
        for line in [PIPELINE, ALONE] {
            let Line {
                open,
                oldest_since_ms,
                ..
            } = self.lines[line];
            if open > 0 && self.now_ms() >= oldest_since_ms + ON_ITS_WAY_MS {
                self.end_line(line).await?;
            }
        }
        loop {
            let now = self.now_ms();
            let part = &mut self.parts[index];
            let Some(flow) = &mut part.flow else {
                return Ok(());
            };
            let Some(request) = part.requests.front() else {
                return Ok(());
            };
            let reply = match now >= request.reply_at_ms {
                true => self.node.lock().reply(request.number),
                false => None,
            };
            let verdict = match reply {
                Some(Ok(base)) => flow.acknowledged(base),
                Some(Err(code)) => flow.failed(Failed::Code(code)),
                None => return Ok(()),
            };
            let line = &mut self.lines[request.line];
            line.open -= 1;
            line.oldest_since_ms = now;
            part.requests.pop_front();
            if verdict == Verdict::Fenced {
                return Err(Stop);
            }
            if verdict != Verdict::Acknowledged {
                return self.end(index).await;
            }
            part.quiet.heard(now);
        }
    }

    /// Ends a flow: closes the connection that it has requests on, renews the claim, and takes over again.
    async fn end(&mut self, index: usize) -> Result<(), Stop> {
        match self.parts[index].requests.front().map(|r| r.line) {
            Some(line) => self.end_line(line).await,
            None => {
                self.give_up(index);
                self.renew().await
            }
        }
    }

    /// Closes a connection, and with it all flows that have requests there.
    async fn end_line(&mut self, line: usize) -> Result<(), Stop> {
        let connection = self.lines[line].connection;
        self.node.lock().close(self.node.id, Some(connection));
        for index in 0..self.parts.len() {
            if self.parts[index].requests.iter().any(|r| r.line == line) {
                self.give_up(index);
            }
        }
        self.lines[line] = Line {
            connection: self.node.lock().number(),
            ..Line::default()
        };
        self.renew().await
    }

    fn give_up(&mut self, index: usize) {
        let now = self.now_ms();
        let part = &mut self.parts[index];
        let Some(mut flow) = part.flow.take() else {
            return;
        };
        for request in part.requests.drain(..) {
            let ended_ms = match self.mutation {
                Mutation::QuietFromSending => request.sent_at_ms,
                _ => now,
            };
            flow.failed(Failed::NoReply { ended_ms });
        }
        if let Some(lost_ms) = flow.lost_at_ms(now) {
            part.quiet.lost(lost_ms + ON_ITS_WAY_MS);
        }
        part.acknowledged_end = Some(flow.position().destination_end);
    }

    async fn renew(&mut self) -> Result<(), Stop> {
        if self.certain {
            let result = self.slot.renew(&self.control, &self.node).await;
            self.judged(result)?;
        }
        Ok(())
    }

    async fn fetch(&mut self, index: usize) {
        let source = self.source(index);
        let Some(from) = self.parts[index].flow.as_ref().filter(|f| f.pending() < 4) else {
            return;
        };
        let from = from.fetch_offset();
        if self.nothing_new(index, from) || self.node.travel().await.is_err() {
            return;
        }
        let (batches, lost, leader) = {
            let world = self.node.lock();
            let log = &world.source[index];
            // Metadata tells of a new leader even where nothing is sent.
            let moved = world.mirror[index].leader_epoch != self.parts[index].leader_epoch;
            let lost = moved || log.log_start > from || log.end < from;
            let batches: Vec<_> = log
                .batches
                .iter()
                .filter(|b| b.last >= from)
                .take(3)
                .cloned()
                .collect();
            (batches, lost, log.epoch)
        };
        let part = &mut self.parts[index];
        let Some(flow) = &mut part.flow else {
            return;
        };
        if lost {
            flow.interrupt();
            return;
        }
        // So it does at the source: a new leader may have less, and fill up to where we stand.
        if part.source_leader != leader && self.mutation != Mutation::NoVerify {
            match verify_source(&source, flow.fetch_offset(), flow.fetch_epoch()).await {
                Ok(true) => part.source_leader = leader,
                Ok(false) => return flow.interrupt(),
                Err(_) => return,
            }
        }
        for batch in batches {
            if batch.epoch != flow.fetch_epoch() && self.mutation != Mutation::NoVerify {
                match verify_source(&source, flow.fetch_offset(), flow.fetch_epoch()).await {
                    Ok(true) => {}
                    Ok(false) => return flow.interrupt(),
                    Err(_) => return,
                }
            }
            push(flow, &batch, &self.node, self.mutation);
        }
    }

    /// Says whether a lazy worker's fetch would come back empty, and nothing has moved.
    fn nothing_new(&self, index: usize, from: i64) -> bool {
        let (world, part) = (self.node.lock(), &self.parts[index]);
        let (source, mirror) = (&world.source[index], &world.mirror[index]);
        let unmoved =
            (mirror.leader_epoch, source.epoch) == (part.leader_epoch, part.source_leader);
        world.lazy && unmoved && source.end == from && source.log_start <= from
    }

    async fn send(&mut self, index: usize) -> Result<(), Stop> {
        for _ in 0..4 {
            let now = Now {
                wall_ms: self.node.wall_ms(),
                monotonic_ms: self.now_ms(),
                lease_fresh: self.certain
                    && (self.slot.lease_fresh(self.now_ms()) || self.mutation == Mutation::NoLease),
            };
            let stored_epoch = self.parts[index].stored_epoch;
            let Some(flow) = &mut self.parts[index].flow else {
                return Ok(());
            };
            let line = if flow.checked(now.wall_ms) || self.mutation == Mutation::OneLine {
                PIPELINE
            } else {
                ALONE
            };
            if line == ALONE && self.lines[ALONE].open > 0 {
                return Ok(());
            }
            match flow.next(now) {
                Next::Send(order) => {
                    let batch = MirrorBatch {
                        base: 0,
                        last: 0,
                        producer_id: order.producer_id,
                        epoch: order.epoch,
                        base_sequence: order.base_sequence,
                        max_timestamp_ms: order
                            .payload
                            .iter()
                            .map(|r| r.timestamp_ms)
                            .max()
                            .unwrap(),
                        records: order.payload.into_iter().map(|r| (0, r)).collect(),
                    };
                    self.post(index, line, batch);
                    let odds = self.node.lock().odds.broken;
                    if self.node.lock().chance(odds) {
                        return self.end(index).await;
                    }
                }
                Next::StoreFirst if self.mutation == Mutation::NoStoreFirst => {
                    let position = flow.position().clone();
                    flow.stored(&position);
                }
                Next::StoreFirst
                    if self.mutation == Mutation::Unsettled
                        && flow.position().source_leader_epoch == stored_epoch =>
                {
                    let position = flow.position().clone();
                    flow.stored(&position);
                }
                Next::StoreFirst => {
                    if !self.store(&[index], Vec::new()).await? {
                        return Ok(());
                    }
                }
                Next::Blocked(_) | Next::Idle => return Ok(()),
                Next::TakeOver if flow.in_flight() > 0 => return Ok(()),
                Next::TakeOver => return self.end(index).await,
            }
        }
        Ok(())
    }

    fn post(&mut self, index: usize, line: usize, batch: MirrorBatch) {
        let part = &mut self.parts[index];
        let mut world = self.node.lock();
        let (number, sent_at_ms) = (world.number(), world.now_ms);
        let reply_at_ms = world.send(DataRequest {
            reply: number,
            from: (self.node.id, self.lines[line].connection),
            sent_at_ms,
            alone: false,
            partition: part.partition,
            leader_epoch: part.leader_epoch,
            batch,
        });
        drop(world);
        part.requests.push_back(Request {
            number,
            reply_at_ms,
            sent_at_ms,
            line,
        });
        let line = &mut self.lines[line];
        if line.open == 0 {
            line.oldest_since_ms = sent_at_ms;
        }
        line.open += 1;
    }

    /// Drains, stores and releases.
    async fn leave(mut self) {
        let end_ms = self.now_ms() + DRAIN_MS;
        while self.now_ms() < end_ms && self.parts.iter().any(|p| !p.requests.is_empty()) {
            for index in 0..self.parts.len() {
                if self.replies(index).await.is_err() {
                    return;
                }
            }
            self.node.sleep_ms(10).await;
        }
        if !self.certain {
            return;
        }
        let stored = self.store_all().await;
        if stored.is_err() || !self.certain {
            return;
        }
        let now = self.now_ms();
        let open = |p: &Part| {
            let lost_ms = p.flow.as_ref().and_then(|f| f.lost_at_ms(now));
            let sent_ms = p.requests.back().map(|request| request.sent_at_ms);
            let lost_ms = match self.mutation {
                Mutation::QuietFromSending => lost_ms.and(sent_ms),
                _ => lost_ms,
            };
            let until_ms = lost_ms.map_or(0, |lost_ms| lost_ms + ON_ITS_WAY_MS);
            until_ms.max(p.quiet.at_ms(now, ON_ITS_WAY))
        };
        let open_until_ms = self.parts.iter().map(open).max().unwrap_or(0);
        let left = self
            .slot
            .release(&self.control, &self.node, open_until_ms)
            .await;
        self.node
            .lock()
            .trace(|| format!("w{} leaves: {left:?}", self.node.id));
    }
}

/// Goes on from a position without looking at anything.
fn blindly(position: Position) -> Outcome {
    Outcome::Resumed(Box::new(Resumed {
        position,
        must_store: false,
        quiet: true,
        guard_timestamp_ms: None,
        map_cut: None,
        segments: Vec::new(),
        findings: Vec::new(),
    }))
}

fn identity(partition: usize) -> Identity {
    Identity {
        link_id: LINK.to_owned(),
        source_topic: format!("topic-{partition}"),
        source_topic_id: format!("source-{partition}"),
        mirror_topic: format!("topic-{partition}"),
        mirror_topic_id: format!("mirror-{partition}"),
        partition: i32::try_from(partition).unwrap(),
    }
}

/// Hands one fetched batch to the flow, sometimes in two pieces.
fn push(flow: &mut Flow<Vec<Rec>>, batch: &SourceLogBatch, node: &Node, mutation: Mutation) {
    let all_explained = mutation == Mutation::IgnoreHoles;
    if batch.base > flow.fetch_offset() {
        flow.gap(batch.base, batch.epoch, all_explained);
    }
    let isolation = flow.position().meaning.isolation;
    if class(batch, isolation) != SourceClass::Data {
        return flow.gap(batch.last + 1, batch.epoch, true);
    }
    let mut records: Vec<Rec> = batch
        .records
        .iter()
        .filter(|r| r.offset >= flow.fetch_offset())
        .copied()
        .collect();
    while !records.is_empty() {
        let whole = node.lock().rng.u32(0..4) > 0;
        let count = if whole {
            records.len()
        } else {
            node.lock().rng.usize(1..=records.len())
        };
        let rest = records.split_off(count);
        let from = flow.fetch_offset();
        let to = if rest.is_empty() {
            batch.last + 1
        } else {
            records[count - 1].offset + 1
        };
        let length = i64::try_from(count).unwrap();
        let dense = to - from == length;
        flow.push(Outgoing {
            source_from: from,
            source_to: to,
            leader_epoch: batch.epoch,
            runs: match dense {
                true => Runs::Dense(from, length),
                false => Runs::Sparse(records.iter().map(|r| (r.offset, 1)).collect()),
            },
            explained: dense || all_explained,
            first_timestamp_ms: records[0].timestamp_ms,
            max_timestamp_ms: records.iter().map(|r| r.timestamp_ms).max().unwrap(),
            alone: false,
            payload: records,
        });
        records = rest;
    }
    flow.gap(batch.last + 1, batch.epoch, all_explained);
}
