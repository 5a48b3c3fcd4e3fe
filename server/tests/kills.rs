//! Killing workers under load (FAULTS F32, F33): nothing is lost, duplicated or reordered, and no finding appears.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod kills {
    pub mod bench;
    pub mod load;
}

use std::time::{Duration, Instant};

use kills::{
    bench::{Bench, Worker},
    load::Load,
};
use xtask::{cluster::ClusterOptions, process::Signal, report::Case};

/// Kills the process at random moments and starts it again at once: in every other round only once data has flowed, in
/// the rounds between wherever the start has come to.
fn kill_ten_times(bench: &Bench, worker: &mut Worker, case: &mut Case) {
    kill_times(10, bench, worker, case);
}

fn kill_times(times: u32, bench: &Bench, worker: &mut Worker, case: &mut Case) {
    let mut killed = None;
    for round in 0..times {
        if round % 2 == 0 {
            bench.wait_for(Duration::from_secs(60), "records are copied", || {
                worker.records_copied() > 0
            });
            if let Some(killed) = killed.take() {
                case.recovered(Instant::elapsed(&killed));
            }
        }
        bench.pause(50, 1_500);
        worker.kill();
        killed = Some(Instant::now());
        case.faults(1);
        println!("killed, round {round}");
        worker.start_again();
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f32_ten_kills_under_load_lose_and_duplicate_nothing() {
    let mut case = Case::new("F32 kill -9 under load");
    let bench = Bench::start(ClusterOptions::new("east"), ClusterOptions::new("west"));
    bench.topic("orders", 6, &[]);
    bench.topic("clicks", 12, &[]);
    let mut worker = bench.worker("one", &[]);
    bench.link(&worker, &["orders", "clicks"]);
    let load = Load::start(
        &bench.east.bootstrap(),
        &[("orders", "none"), ("clicks", "lz4")],
        2_000,
    );
    kill_ten_times(&bench, &mut worker, &mut case);
    load.stop();
    bench.assert_exact(&worker, &["orders", "clicks"], &mut case);
    bench.assert_no_finding(&worker);
    assert!(
        worker.terminate(),
        "SIGTERM ends the process within its time"
    );
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f32_ten_kills_on_three_brokers_lose_and_duplicate_nothing() {
    let mut case = Case::new("F32 kill -9 under load, three brokers a side");
    let bench = Bench::start(
        ClusterOptions::new("east").brokers(3),
        ClusterOptions::new("west").brokers(3),
    );
    bench.replicated_topic("orders", 6);
    let mut worker = bench.worker("one", &[]);
    bench.link(&worker, &["orders"]);
    let load = Load::start(&bench.east.bootstrap(), &[("orders", "none")], 2_000);
    kill_ten_times(&bench, &mut worker, &mut case);
    load.stop();
    bench.assert_exact(&worker, &["orders"], &mut case);
    bench.assert_no_finding(&worker);
}

/// Transactional mode: readers of committed records see nothing of what was under way in a kill.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn kills_in_transactions_lose_and_duplicate_nothing_for_readers_of_committed_records() {
    let mut case = Case::new("F32 kill -9 in transactions");
    let bench = Bench::start(ClusterOptions::new("east"), ClusterOptions::new("west"));
    bench.topic("orders", 6, &[]);
    bench.topic("clicks", 12, &[]);
    let mut worker = bench.worker("one", &[]);
    bench.link_in_transactions(&worker, &["orders", "clicks"]);
    let load = Load::start(
        &bench.east.bootstrap(),
        &[("orders", "none"), ("clicks", "lz4")],
        2_000,
    );
    kill_times(5, &bench, &mut worker, &mut case);
    // A kill between two transactions aborts none: one must have hit what was sent and not committed.
    let aborted = || bench.aborted_records("orders") + bench.aborted_records("clicks");
    for _ in 0..20 {
        if aborted() > 0 {
            break;
        }
        kill_times(1, &bench, &mut worker, &mut case);
    }
    assert!(aborted() > 0, "no kill left records of an aborted attempt");
    load.stop();
    bench.assert_exact_committed(&worker, &["orders", "clicks"]);
    bench.assert_no_finding(&worker);
    assert!(
        worker.terminate(),
        "SIGTERM ends the process within its time"
    );
    for topic in ["orders", "clicks"] {
        bench.assert_positions_count_committed_records(topic);
    }
}

/// Crashes right before and right after a commit: position and records stand or fall together.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn crashes_around_a_commit_keep_position_and_records_together() {
    let bench = Bench::start(ClusterOptions::new("east"), ClusterOptions::new("west"));
    bench.topic("orders", 3, &[]);
    let mut worker = bench.worker("one", &[]);
    bench.link_in_transactions(&worker, &["orders"]);
    let load = Load::start(&bench.east.bootstrap(), &[("orders", "none")], 500);
    for point in ["transaction-before-commit", "transaction-after-commit"] {
        bench.wait_for(Duration::from_secs(60), "records are copied", || {
            worker.records_copied() > 0
        });
        worker.kill();
        worker.start_to_crash(point);
        worker.wait_until_crashed(point);
        bench.assert_positions_count_committed_records("orders");
        worker.start_again();
    }
    load.stop();
    bench.assert_exact_committed(&worker, &["orders"]);
    bench.assert_no_finding(&worker);
}

/// The brokers forget producers by record time: last week's records are copied without their guard.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f32_history_is_copied_exactly_through_kills_and_refusals() {
    let mut case = Case::new("F32 kill -9, history, destination refuses now and then");
    let forgetful =
        ClusterOptions::new("west").property("producer.id.expiration.check.interval.ms", "1000");
    let bench = Bench::start(ClusterOptions::new("east"), forgetful);
    bench.topic("events-old", 2, &[("retention.ms", "-1")]);
    let load = Load::start_history(&bench.east.bootstrap(), "events-old", 1_000);
    let mut worker = bench.worker("one", &[]);
    bench.link(&worker, &["events-old"]);
    let refusals = bench.refuse_now_and_then("events-old");
    kill_ten_times(&bench, &mut worker, &mut case);
    assert!(
        worker.all_unguarded(),
        "the brokers still know our producer"
    );
    refusals.stop();
    load.stop();
    bench.assert_exact(&worker, &["events-old"], &mut case);
    bench.assert_no_finding(&worker);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f33_a_worker_that_was_stopped_never_fights_the_one_that_took_over() {
    let mut case = Case::new("F33 worker stopped, another takes over");
    let bench = Bench::start(ClusterOptions::new("east"), ClusterOptions::new("west"));
    bench.topic("orders", 6, &[]);
    let database = bench.shared_database();
    let one = bench.worker("one", &database);
    let two = bench.worker("two", &database);
    bench.link(&one, &["orders"]);
    bench.wait_for(Duration::from_secs(60), "both workers own slots", || {
        one.slots_owned() > 0
            && two.slots_owned() > 0
            && one.slots_owned() + two.slots_owned() == 24
    });
    let load = Load::start(&bench.east.bootstrap(), &[("orders", "none")], 1_000);
    for (stopped, other) in [(&one, &two), (&two, &one), (&one, &two)] {
        stopped.signal(Signal::Stop);
        case.faults(1);
        bench.wait_for(Duration::from_secs(60), "the other owns every slot", || {
            other.slots_owned() == 24
        });
        bench.pause(500, 1_500);
        stopped.signal(Signal::Cont);
        bench.wait_for(
            Duration::from_secs(60),
            "the stopped one takes part again",
            || stopped.slots_owned() > 0 && stopped.slots_owned() + other.slots_owned() == 24,
        );
    }
    load.stop();
    bench.assert_exact(&one, &["orders"], &mut case);
    bench.assert_no_finding(&one);
    bench.assert_no_finding(&two);
}

/// Crashes where the protocol is at its most delicate; settings change between crash and restart.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f32_crashes_at_delicate_points_lose_and_duplicate_nothing() {
    let mut case = Case::new("F32 crashes at delicate points, settings change");
    let bench = Bench::start(ClusterOptions::new("east"), ClusterOptions::new("west"));
    bench.topic("orders", 3, &[]);
    let mut worker = bench.worker("one", &[]);
    bench.link(&worker, &["orders"]);
    let load = Load::start(&bench.east.bootstrap(), &[("orders", "none")], 500);
    for point in [
        "claim-before-read-back",
        "epoch-stored-before-first-batch",
        "store-before-append",
        "store-after-append",
    ] {
        bench.pause(300, 1_000);
        worker.kill();
        worker.start_to_crash(point);
        case.faults(2);
        if point == "epoch-stored-before-first-batch" {
            bench.change_isolation(&worker);
        }
        worker.wait_until_crashed(point);
        worker.start_again();
        if point == "store-after-append" {
            bench.change_isolation(&worker);
        }
        bench.wait_for(Duration::from_secs(60), "the slots are owned again", || {
            worker.slots_owned() == 24
        });
    }
    load.stop();
    bench.assert_exact(&worker, &["orders"], &mut case);
    bench.assert_no_finding(&worker);
}
