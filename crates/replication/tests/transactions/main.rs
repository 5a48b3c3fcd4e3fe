//! Transactional mode against a simulated destination with a transaction coordinator, under random schedules.
//!
//! Two workers own the slot in turn, or believe so at once; they crash and stall at any step, requests arrive late or not at
//! all, answers are lost, batches are refused. Then everything heals, one worker goes on to the end, and readers of committed
//! records must find every source record once, in order. Each rule of `protocol/transaction.rs` is also left out, which must
//! be noticed. Each schedule follows from its seed alone; `CAUSEWAY_SIM_SCHEDULES` sets how many.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod broker;
mod worker;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
};

use broker::{Node, World};

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    None,
    /// Positions count that were read before the former owner was fenced.
    ReadEarly,
    /// Records of open and aborted transactions count.
    ReadUncommitted,
    /// A transaction is committed while batches are in flight.
    CommitInFlight,
    /// The position is stored by itself once the transaction is committed.
    StoreAfter,
    /// The position is stored by itself before the transaction is committed.
    StoreBefore,
    /// A batch without an answer is taken for one that was not appended.
    TrustSilence,
}

/// Steps in which things go wrong, and the most after which everything must be over.
const CHAOS_STEPS: u32 = 4_000;
const MOST_STEPS: u32 = 60_000;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

fn start(world: &Arc<Mutex<World>>, name: usize, mutation: Mutation) -> Task {
    let node = Node {
        world: world.clone(),
        mutation,
    };
    Box::pin(worker::work(node, name))
}

/// Runs one schedule; `Err` says what broke.
fn run(seed: u64, mutation: Mutation) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = Arc::new(Mutex::new(World::new(rng.fork())));
    let mut tasks = [0, 1].map(|name| Some(start(&world, name, mutation)));
    let mut context = Context::from_waker(Waker::noop());
    // A worker that stands still while the other goes on.
    let mut stalled = 2;
    for step in 0..MOST_STEPS {
        let chaos = step < CHAOS_STEPS;
        if step == CHAOS_STEPS {
            world.lock().unwrap().heal();
            tasks = [Some(start(&world, 0, mutation)), None];
            stalled = 2;
        }
        if chaos && rng.u32(0..150) == 0 {
            stalled = rng.usize(0..4);
        }
        if chaos && rng.u32(0..400) == 0 {
            let struck = rng.usize(0..2);
            tasks[struck] = Some(start(&world, struck, mutation));
        }
        if chaos && rng.u32(0..40) == 0 {
            world.lock().unwrap().produce();
        }
        world.lock().unwrap().step();
        let next = rng.usize(0..2);
        if next != stalled
            && let Some(task) = &mut tasks[next]
            && task.as_mut().poll(&mut context).is_ready()
        {
            tasks[next] = Some(start(&world, next, mutation));
        }
        if !chaos && step % 64 == 0 && world.lock().unwrap().is_over()? {
            return Ok(());
        }
    }
    Err("it did not come to its end".to_owned())
}

fn caught(mutation: Mutation) {
    let broken = (0..20_000).find_map(|seed| Some((seed, run(seed, mutation).err()?)));
    println!("{mutation:?}: {broken:?}");
    assert!(broken.is_some(), "{mutation:?} was not noticed");
}

#[test]
fn readers_of_committed_records_find_every_record_once() {
    let schedules = std::env::var("CAUSEWAY_SIM_SCHEDULES").ok();
    let schedules: u64 = schedules.and_then(|n| n.parse().ok()).unwrap_or(10_000) / 20;
    for seed in 0..schedules {
        if let Err(broken) = run(seed, Mutation::None) {
            panic!("seed {seed}: {broken}");
        }
    }
}

#[test]
fn reading_before_fencing_is_noticed() {
    caught(Mutation::ReadEarly);
}

#[test]
fn reading_what_was_not_committed_is_noticed() {
    caught(Mutation::ReadUncommitted);
}

#[test]
fn committing_with_batches_in_flight_is_noticed() {
    caught(Mutation::CommitInFlight);
}

#[test]
fn storing_the_position_after_the_transaction_is_noticed() {
    caught(Mutation::StoreAfter);
}

#[test]
fn storing_the_position_before_the_transaction_is_noticed() {
    caught(Mutation::StoreBefore);
}

#[test]
fn taking_silence_for_a_refusal_is_noticed() {
    caught(Mutation::TrustSilence);
}
