//! One schedule: random events for a while, then everything heals and runs to its end.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
};

use replication::protocol::{control::ControlState, ports::SourceClass, takeover::Policies};

use crate::{
    Kind, Mutation,
    logs::{MirrorBatch, Rec},
    worker,
    world::{DAY_MS, Node, Odds, Shared, WALL_MS, World},
};

const CHAOS_MS: i64 = 60_000;
const END_MS: i64 = 300_000;
const PARTITIONS: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Event {
    Crash(usize),
    Restart(usize),
    /// The worker does not run for this long.
    Stall(usize, i64),
    Assign(usize),
    Unassign(usize),
    Produce(usize),
    /// One batch, of history or not.
    Fresh(usize, bool),
    Edit(usize),
    Network(Odds),
    Expire,
    MirrorLeader(usize, bool),
    SourceLeader(usize),
    Lag(usize, i64),
    /// Followers of the mirrors are slow for this long.
    Slow(i64),
    /// The mirrors' broker stands still for this long.
    Freeze(i64),
    /// A slot goes from one worker to another while its requests stand behind others at a broker that stands still then.
    Handed(usize, usize),
    /// A worker gets the slot while its owner copies new and old records in turn, lines break and brokers forget what is old.
    Both(usize),
    /// The owner stalls while its requests stand behind each other, and another gets its slot while brokers forget what is old.
    Behind(usize),
    /// The owner stalls while it takes over behind a change of leaders, and another gets its slot.
    Interrupted(usize),
    CompactControl,
    CompactSource(usize),
    /// Records are produced, all workers crash while they copy them, and compaction takes some of them.
    Struck(usize),
    CompactMirror(usize),
    DeleteSource(usize),
    DeleteMirror(usize),
    TruncateSource(usize),
    TruncateMirror(usize),
    Foreign(usize),
    Heal,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Schedule {
    world: Shared,
    tasks: Vec<Option<Task>>,
    events: BTreeMap<(i64, u64), Event>,
    kind: Kind,
    mutation: Mutation,
    policies: Policies,
    healed: bool,
    revision: i64,
    /// Share of history among what is produced.
    old_percent: u32,
    /// What the control topic said when it was last looked at.
    folded: ControlState,
}

impl Schedule {
    pub fn new(seed: u64, kind: Kind, mutation: Mutation, traced: bool) -> Self {
        let workers = 2 + usize::from(seed.is_multiple_of(3));
        let mut world = World::new(seed, PARTITIONS, workers, traced);
        world.apart = kind == Kind::Apart;
        world.fresh = matches!(kind, Kind::Compacting | Kind::Destructive) && seed % 4 == 1;
        if kind == Kind::Queued {
            world.news_ms = 500;
        }
        if matches!(kind, Kind::Apart | Kind::Queued) && seed % 2 == 1 {
            world.far_ms = 250;
        }
        let world = Arc::new(Mutex::new(world));
        let mut schedule = Self {
            world,
            tasks: Vec::new(),
            events: BTreeMap::new(),
            kind,
            mutation,
            policies: crate::check::policies(kind),
            healed: false,
            revision: 0,
            folded: ControlState::default(),
            old_percent: if kind == Kind::Contended {
                90
            } else {
                [5, 25, 80][usize::try_from(seed / 3 % 3).unwrap()]
            },
        };
        schedule.prepare(workers);
        schedule
    }

    fn prepare(&mut self, workers: usize) {
        self.preload();
        for id in 0..workers {
            self.tasks.push(None);
            self.at(0, Event::Restart(id));
        }
        let all_at_once = self.kind == Kind::Contended || self.random(0..3) == 0;
        for id in 0..workers {
            if id == 0 || all_at_once {
                self.at(0, Event::Assign(id));
            }
        }
        if self.kind == Kind::Apart && self.random(0..2) == 0 {
            let at_ms = self.random(200..3000);
            let stands_ms = self.random(2000..9000);
            self.at(at_ms, Event::Stall(0, stands_ms));
            self.at(at_ms, Event::Assign(1));
        }
        // Where few things happen, slots are owned until all is quiet and history is copied.
        let count = match self.kind {
            Kind::Apart => self.random(2..8),
            Kind::Queued => self.random(3..10),
            _ => self.random(10..35),
        };
        for _ in 0..count {
            let at_ms = self.random(0..CHAOS_MS);
            let event = self.draw(workers);
            self.at(at_ms, event);
        }
        for _ in 0..40 {
            let at_ms = self.random(0..CHAOS_MS);
            let partition = self.partition();
            self.at(at_ms, Event::Produce(partition));
        }
        self.at(CHAOS_MS, Event::Heal);
    }

    /// History at the source, and sometimes a control topic whose claim epochs are nearly used up.
    fn preload(&mut self) {
        let mut world = self.world.lock().unwrap();
        for partition in 0..PARTITIONS {
            for _ in 0..world.rng.usize(0..8) {
                produce(&mut world, partition, true);
            }
        }
        if world.rng.u32(0..4) == 0 {
            crate::check::old_claim(&mut world);
        }
    }

    fn random(&mut self, range: std::ops::Range<i64>) -> i64 {
        self.world.lock().unwrap().rng.i64(range)
    }

    fn partition(&mut self) -> usize {
        self.world.lock().unwrap().rng.usize(0..PARTITIONS)
    }

    fn at(&mut self, at_ms: i64, event: Event) {
        let number = self.world.lock().unwrap().number();
        self.events.insert((at_ms, number), event);
    }

    fn draw(&mut self, workers: usize) -> Event {
        match self.kind {
            Kind::Apart => return self.draw_apart(workers),
            Kind::Queued => return self.draw_queued(workers),
            _ => {}
        }
        let partition = self.partition();
        let worker = usize::try_from(self.random(0..i64::try_from(workers).unwrap())).unwrap();
        let time = self.random(10..12_000);
        let special = self.random(0..10) < 4;
        if special && self.kind == Kind::Contended {
            return match self.random(0..3) {
                0 => Event::Stall(worker, 15_000 + 2 * time),
                1 => Event::Expire,
                _ => Event::Assign(worker),
            };
        }
        if special && self.kind == Kind::Compacting {
            return match self.random(0..3) {
                0 => Event::Network(Odds {
                    broken: 300,
                    ..Odds::default()
                }),
                1 => Event::Struck(partition),
                _ => Event::CompactSource(partition),
            };
        }
        if special && self.kind == Kind::Destructive {
            return match self.random(0..7) {
                0 => Event::CompactSource(partition),
                1 => Event::CompactMirror(partition),
                2 => Event::DeleteSource(partition),
                3 => Event::DeleteMirror(partition),
                4 => Event::TruncateSource(partition),
                5 => Event::TruncateMirror(partition),
                _ => Event::Foreign(partition),
            };
        }
        match self.random(0..25) {
            0..3 => Event::Crash(worker),
            3..5 => Event::Stall(worker, time),
            5..7 => Event::Stall(worker, 3 * time),
            7..11 => Event::Assign(worker),
            11..13 => Event::Network(self.odds()),
            13..16 => Event::Expire,
            16 => Event::MirrorLeader(partition, false),
            17 => Event::MirrorLeader(partition, true),
            18 => Event::SourceLeader(partition),
            19 => Event::Lag(partition, time / 4),
            20 => Event::CompactControl,
            21 | 22 => Event::Slow(3 * time),
            23 => Event::Freeze(2 * time),
            _ => Event::Edit(worker),
        }
    }

    fn worker(&mut self, workers: usize) -> usize {
        self.world.lock().unwrap().rng.usize(0..workers)
    }

    /// Without edits: a chain of checked requests, each of which waits for followers on a connection that stays open, may last
    /// longer than anybody waits; what it holds is harmless as long as its partition is checked in the same epoch.
    fn draw_apart(&mut self, workers: usize) -> Event {
        let worker = self.worker(workers);
        let time = self.random(10..12_000);
        match self.random(0..20) {
            0..8 => Event::Behind(worker),
            8..11 => Event::Interrupted(worker),
            11 => Event::Stall(worker, 15_000 + 2 * time),
            12 | 13 => Event::Assign(worker),
            14 | 15 => Event::Slow(3 * time),
            16 => Event::Expire,
            17 => Event::Crash(worker),
            18 => Event::Network(self.odds()),
            _ => Event::CompactControl,
        }
    }

    /// Without stalls: connections end when their worker does, and with them what stands behind other requests.
    fn draw_queued(&mut self, workers: usize) -> Event {
        let worker = self.worker(workers);
        let time = self.random(10..12_000);
        match self.random(0..20) {
            0..4 => Event::Handed(worker, self.worker(workers)),
            4..6 => Event::Both(worker),
            6 => Event::Assign(worker),
            7 => Event::Crash(worker),
            8 => Event::Expire,
            9 => Event::Freeze(time),
            10..13 => Event::Slow(3 * time),
            13..16 => Event::Edit(worker),
            16 => Event::Network(Odds {
                broken: 100,
                ..Odds::default()
            }),
            _ => Event::Produce(self.partition()),
        }
    }

    fn odds(&mut self) -> Odds {
        let mut world = self.world.lock().unwrap();
        let mut odd = |most: u32| {
            if world.rng.bool() {
                0
            } else {
                world.rng.u32(0..most)
            }
        };
        Odds {
            control_lost: odd(300),
            broken: odd(300),
            appended_error: odd(200),
            refused: odd(200),
            unread: odd(50),
        }
    }

    /// Runs the schedule; `Err` says which invariant broke.
    pub fn run(&mut self) -> Result<(), String> {
        // Late enough for everybody to have looked again.
        let mut check_at_ms = CHAOS_MS + 20_000;
        loop {
            let now = self.step();
            if now >= check_at_ms && self.healed {
                check_at_ms = now + 1000;
                if self.converged() {
                    return crate::check::check(&self.world.lock().unwrap(), self.kind);
                }
            }
            if now > END_MS {
                return Err("the link did not come to its end".to_owned());
            }
        }
    }

    pub fn take_trace(&self) -> Vec<String> {
        self.world.lock().unwrap().take_trace()
    }

    /// Does what is due next; returns the time.
    fn step(&mut self) -> i64 {
        let message = self.world.lock().unwrap().next_message_at();
        let event = self.events.keys().next().map(|key| key.0);
        let worker = self.next_worker();
        let at_ms = [message, event, worker.map(|w| w.0)]
            .into_iter()
            .flatten()
            .min();
        let Some(at_ms) = at_ms else {
            return END_MS + 1;
        };
        let mut world = self.world.lock().unwrap();
        world.now_ms = world.now_ms.max(at_ms);
        let now = world.now_ms;
        if message.is_some_and(|m| m <= now) {
            world.deliver();
        } else if event.is_some_and(|e| e <= now) {
            drop(world);
            let (_, event) = self.events.pop_first().unwrap();
            self.apply(event);
        } else if let Some((_, id)) = worker {
            world.places[id].wake_at_ms = i64::MAX;
            drop(world);
            let task = self.tasks[id].as_mut().unwrap();
            let mut context = Context::from_waker(Waker::noop());
            assert!(
                task.as_mut().poll(&mut context).is_pending(),
                "a worker runs until it is dropped"
            );
        }
        now
    }

    fn next_worker(&self) -> Option<(i64, usize)> {
        let world = self.world.lock().unwrap();
        let alive = (0..self.tasks.len()).filter(|id| self.tasks[*id].is_some());
        alive.map(|id| (world.places[id].wake_at_ms, id)).min()
    }

    fn apply(&mut self, event: Event) {
        self.world.lock().unwrap().trace(|| format!("{event:?}"));
        match event {
            Event::Crash(id) => {
                self.tasks[id] = None;
                self.world.lock().unwrap().close(id, None);
                let after = self.random(0..3000);
                let now = self.world.lock().unwrap().now_ms;
                self.at(now + after, Event::Restart(id));
            }
            Event::Restart(id) => self.restart(id),
            Event::Assign(id) => self.assign(id),
            Event::Edit(id) => {
                self.revision += 1;
                self.world.lock().unwrap().places[id].revision = self.revision;
            }
            Event::Heal => self.heal(),
            Event::Struck(partition) => self.strike(partition),
            Event::Behind(to) => self.stall_behind(to),
            Event::Interrupted(to) => self.interrupt(to),
            Event::Both(to) => self.contend(to),
            Event::Fresh(partition, old) => {
                produce(&mut self.world.lock().unwrap(), partition, old);
            }
            Event::Handed(from, to) => self.hand(from, to),
            other => self.disturb(other),
        }
    }

    fn restart(&mut self, id: usize) {
        if self.tasks[id].is_some() {
            return;
        }
        let node = Node {
            world: self.world.clone(),
            id,
        };
        let process = {
            let mut world = self.world.lock().unwrap();
            world.places[id].wake_at_ms = world.now_ms;
            world.number()
        };
        let policies = self.policies.clone();
        self.tasks[id] = Some(Box::pin(worker::run(
            node,
            process,
            self.mutation,
            policies,
        )));
    }

    /// The group gives the slot to one worker; the others hear of it sooner or later.
    fn assign(&mut self, id: usize) {
        let now = self.world.lock().unwrap().now_ms;
        self.world.lock().unwrap().places[id].assigned = true;
        for other in (0..self.tasks.len()).filter(|other| *other != id) {
            let after = self.random(0..12_000);
            let after = if self.random(0..2) == 0 { 0 } else { after };
            self.at(now + after, Event::Unassign(other));
        }
    }

    fn strike(&mut self, partition: usize) {
        let now = self.world.lock().unwrap().now_ms;
        for _ in 0..3 {
            produce(&mut self.world.lock().unwrap(), partition, false);
        }
        for id in 0..self.tasks.len() {
            let after = self.random(5..80);
            self.at(now + after, Event::Crash(id));
        }
        self.at(now + 80, Event::CompactSource(partition));
    }

    /// Whoever has the slot assigned.
    fn owner(&self) -> usize {
        let world = self.world.lock().unwrap();
        world.places.iter().position(|p| p.assigned).unwrap_or(0)
    }

    fn stall_behind(&mut self, to: usize) {
        let from = self.owner();
        let now = self.world.lock().unwrap().now_ms;
        self.at(now, Event::Slow(40_000));
        for step in 0..8 {
            let partition = usize::from(step % 3 == 2);
            self.at(now + 50 * step, Event::Produce(partition));
        }
        let stalls_ms = now + self.random(400..3000);
        self.at(stalls_ms, Event::Stall(from, 40_000));
        self.at(stalls_ms + 100, Event::Assign(to));
        let over_ms = stalls_ms + self.random(1000..15_000);
        self.at(over_ms, Event::Slow(0));
        for second in 15..40 {
            self.at(stalls_ms + 1000 * second, Event::Expire);
        }
    }

    fn interrupt(&mut self, to: usize) {
        let from = self.owner();
        let now = self.world.lock().unwrap().now_ms;
        let partition = self.partition();
        self.at(now, Event::MirrorLeader(partition, false));
        for step in 0..4 {
            self.at(now + 400 * step, Event::Produce(partition));
        }
        let most_ms = 7 * self.world.lock().unwrap().far_ms;
        let stalls_ms = now + self.random(20..most_ms);
        let stands_ms = self.random(1000..8000);
        self.at(stalls_ms, Event::Stall(from, stands_ms));
        self.at(stalls_ms, Event::Assign(to));
    }

    fn contend(&mut self, to: usize) {
        let owner = self.owner();
        let to = if to == owner {
            (to + 1) % self.tasks.len()
        } else {
            to
        };
        let now = self.world.lock().unwrap().now_ms;
        let partition = self.partition();
        self.at(now, Event::Slow(0));
        let broken = Odds {
            broken: 400,
            ..Odds::default()
        };
        self.at(now + 100, Event::Assign(to));
        for step in 0..20 {
            let every_ms = 150;
            self.at(
                now + every_ms * step,
                Event::Fresh(partition, step % 4 == 3),
            );
        }
        let breaks_ms = now + self.random(300..2000);
        self.at(breaks_ms, Event::Network(broken));
        self.at(breaks_ms + 2000, Event::Network(Odds::default()));
        for step in 0..30 {
            self.at(now + 300 * step, Event::Expire);
        }
    }

    fn hand(&mut self, from: usize, to: usize) {
        let now = self.world.lock().unwrap().now_ms;
        self.at(now, Event::Slow(30_000));
        for step in 0..6 {
            let partition = self.partition();
            self.at(now + 50 * step, Event::Produce(partition));
        }
        let left_ms = now + self.random(3000..12_000);
        self.at(left_ms, Event::Unassign(from));
        self.at(left_ms, Event::Edit(to));
        let given_ms = left_ms + self.random(0..10_000);
        self.at(given_ms, Event::Assign(to));
        let stands_ms = self.random(1000..5000);
        let from_ms = left_ms + self.random(4000..7000);
        self.at(from_ms, Event::Freeze(stands_ms));
    }

    fn heal(&mut self) {
        self.healed = true;
        self.events.clear();
        let revision = self.revision;
        for id in 0..self.tasks.len() {
            self.restart(id);
            let mut world = self.world.lock().unwrap();
            world.places[id].assigned = id == 0;
            world.places[id].wake_at_ms = CHAOS_MS;
            world.places[id].revision = revision;
            world.odds = Odds::default();
        }
        for partition in 0..PARTITIONS {
            produce(&mut self.world.lock().unwrap(), partition, false);
        }
    }

    fn disturb(&mut self, event: Event) {
        let world = &mut *self.world.lock().unwrap();
        let now = world.now_ms;
        match event {
            Event::Stall(id, ms) => {
                let wake = &mut world.places[id].wake_at_ms;
                *wake = (*wake).max(now + ms);
            }
            Event::Unassign(id) => world.places[id].assigned = false,
            Event::Produce(p) => {
                for _ in 0..world.rng.usize(1..4) {
                    let old = world.rng.u32(0..100) < self.old_percent;
                    produce(world, p, old);
                }
            }
            Event::Network(odds) => world.odds = odds,
            Event::Expire => {
                for mirror in &mut world.mirror {
                    mirror.expire(WALL_MS + now - DAY_MS);
                }
            }
            Event::MirrorLeader(p, forgets) => {
                world.mirror[p].elect_behind(now);
                world.mirror[p].unreplicated = None;
                world.mirror[p].leader_epoch += 1;
                if forgets {
                    world.mirror[p].known = None;
                }
            }
            Event::SourceLeader(p) => world.source[p].new_leader(),
            Event::Slow(ms) => world.slow_until_ms = now + ms,
            Event::Freeze(ms) => world.freeze(ms),
            Event::Lag(p, ms) => world.mirror[p].lags_until_ms = now + ms,
            Event::CompactControl => world.control[0].compact(),
            other => destroy(world, other),
        }
    }

    fn converged(&mut self) -> bool {
        let world = self.world.lock().unwrap();
        if world.next_message_at().is_some() {
            return false;
        }
        let (state, entries) = (&mut self.folded, &world.control[0].entries);
        let new = entries.partition_point(|entry| entry.offset < state.next_offset);
        let folded = entries[new..].iter().all(|e| state.apply(e).is_ok());
        folded
            && state.positions.len() == PARTITIONS
            && (0..PARTITIONS).all(|p| {
                let key = (format!("source-{p}"), i32::try_from(p).unwrap());
                // A log that was truncated and filled anew may end where a position stands that nobody has judged since: only
                // its leader epoch tells that it is of this log.
                let log = &world.source[p];
                let position = state.positions.get(&key);
                position.is_some_and(|stored| {
                    (stored.source_next, stored.source_leader_epoch) == (log.end, log.epoch)
                })
            })
    }
}

/// Appends a batch to the source: data, aborted data or a marker.
fn produce(world: &mut World, partition: usize, old: bool) {
    let class = match world.rng.u32(0..10) {
        0 => SourceClass::Control,
        1 => SourceClass::Aborted,
        _ => SourceClass::Data,
    };
    let count = if class == SourceClass::Control {
        0
    } else {
        world.rng.usize(1..6)
    };
    let old = if world.apart {
        partition > 0
    } else {
        old && !world.fresh
    };
    let age_ms = if old { 3 * DAY_MS } else { 0 };
    let records = (0..count)
        .map(|_| {
            let id = world.next_id;
            world.next_id += 1;
            let mixed = if world.rng.u32(0..10) == 0 && !world.apart && !world.fresh {
                3 * DAY_MS
            } else {
                0
            };
            (id, WALL_MS + world.now_ms - age_ms - mixed)
        })
        .collect();
    world.source[partition].append(class, records);
}

/// Events after which findings are expected.
fn destroy(world: &mut World, event: Event) {
    let rng = &mut world.rng;
    match event {
        Event::CompactSource(p) => {
            let end = world.source[p].end;
            let below = if rng.bool() { end } else { rng.i64(0..=end) };
            let few = rng.u32(2..6);
            world.source[p].compact(below, || rng.u32(0..few) == 0);
        }
        Event::CompactMirror(p) => {
            let below = rng.i64(0..=world.mirror[p].end);
            world.mirror[p].compact(below, || rng.u32(0..4) == 0);
        }
        Event::DeleteSource(p) => {
            let log = &mut world.source[p];
            let offset = rng.i64(log.log_start..=log.end);
            log.delete_below(offset);
        }
        Event::DeleteMirror(p) => {
            let log = &mut world.mirror[p];
            let offset = rng.i64(log.log_start..=log.end);
            log.delete_below(offset);
        }
        Event::TruncateSource(p) => {
            let log = &mut world.source[p];
            let offset = rng.i64((log.end - 8).max(log.log_start)..=log.end);
            log.truncate(offset);
        }
        Event::TruncateMirror(p) => {
            let count = rng.usize(1..4);
            world.mirror[p].truncate(count);
        }
        Event::Foreign(p) => {
            let record = Rec {
                id: 0,
                timestamp_ms: 0,
                offset: -1,
            };
            let batch = MirrorBatch {
                base: 0,
                last: 0,
                producer_id: -1,
                epoch: -1,
                base_sequence: -1,
                max_timestamp_ms: 0,
                records: vec![(0, record); rng.usize(1..3)],
            };
            let _ = world.mirror[p].append(batch);
        }
        _ => {}
    }
}
