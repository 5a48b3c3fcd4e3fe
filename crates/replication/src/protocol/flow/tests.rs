use proptest::prelude::*;

use super::*;
use crate::protocol::walk::tests::position;

const HOUR_MS: i64 = 3_600_000;

fn now(monotonic_ms: i64) -> Now {
    Now {
        wall_ms: 100 * HOUR_MS,
        monotonic_ms,
        lease_fresh: true,
    }
}

fn flow(guarded: bool, quiet_at_ms: i64) -> Flow<i64> {
    let resumed = Resumed {
        position: position(0, 0, 0),
        must_store: false,
        quiet: quiet_at_ms == 0,
        guard_timestamp_ms: guarded.then_some(100 * HOUR_MS),
        map_cut: None,
        segments: Vec::new(),
        findings: Vec::new(),
    };
    Flow::new(&resumed, quiet_at_ms, 12 * HOUR_MS)
}

fn fresh(from: i64, length: i64) -> Outgoing<i64> {
    Outgoing {
        source_from: from,
        source_to: from + length,
        leader_epoch: 0,
        runs: Runs::Dense(from, length),
        explained: true,
        first_timestamp_ms: 100 * HOUR_MS,
        max_timestamp_ms: 100 * HOUR_MS,
        alone: false,
        payload: from,
    }
}

fn old(from: i64, length: i64) -> Outgoing<i64> {
    Outgoing {
        first_timestamp_ms: 0,
        max_timestamp_ms: 0,
        ..fresh(from, length)
    }
}

fn sent(next: Next<i64>) -> Option<Order<i64>> {
    match next {
        Next::Send(order) => Some(order),
        _ => None,
    }
}

/// Stores the position that the flow asks for.
fn store_first(flow: &mut Flow<i64>, now: Now) {
    assert_eq!(flow.next(now), Next::StoreFirst);
    let position = flow.position().clone();
    flow.stored(&position);
}

#[test]
fn the_first_batch_goes_alone_and_the_rest_is_pipelined() {
    let mut flow = flow(true, 0);
    (0..4).for_each(|i| flow.push(fresh(i, 1)));
    assert!(sent(flow.next(now(1))).is_some());
    assert_eq!(flow.next(now(1)), Next::Blocked(Blocked::InFlight));
    assert_eq!(flow.acknowledged(0), Verdict::Acknowledged);
    assert!(sent(flow.next(now(1))).is_some() && sent(flow.next(now(1))).is_some());
    assert_eq!(flow.in_flight(), 2);
}

#[test]
fn history_goes_one_batch_at_a_time() {
    let mut flow = flow(false, 0);
    (0..3).for_each(|i| flow.push(old(i, 1)));
    for base in 0..3 {
        assert!(sent(flow.next(now(1))).is_some());
        assert_ne!(flow.next(now(1)), Next::StoreFirst);
        assert_eq!(flow.in_flight(), 1);
        assert_eq!(flow.acknowledged(base), Verdict::Acknowledged);
    }
}

#[test]
fn what_the_broker_does_not_check_follows_checked_batches_only_behind_a_store() {
    let mut flow = flow(true, 0);
    (0..2).for_each(|i| flow.push(fresh(i, 1)));
    flow.push(old(2, 1));
    flow.push(old(3, 1));
    assert!(sent(flow.next(now(1))).is_some());
    flow.acknowledged(0);
    assert!(sent(flow.next(now(1))).is_some());
    // A store that does not cover all that was sent is none.
    let before = flow.position().clone();
    flow.stored(&before);
    assert_eq!(flow.next(now(1)), Next::Blocked(Blocked::InFlight));
    flow.acknowledged(1);
    assert_eq!(flow.next(now(1)), Next::StoreFirst);
    flow.stored(&before);
    store_first(&mut flow, now(1));
    assert!(sent(flow.next(now(1))).is_some());
    flow.acknowledged(2);
    let second = flow.next(now(1));
    assert!(sent(second).is_some(), "nothing was checked since");
}

#[test]
fn only_what_the_broker_checks_may_stand_behind_other_requests() {
    let wall_ms = 100 * HOUR_MS;
    for (guarded, batch, checked) in [
        (true, fresh(0, 1), true),
        (true, old(0, 1), false),
        (false, fresh(0, 1), false),
        (false, old(0, 1), false),
    ] {
        let mut flow = flow(guarded, 0);
        flow.push(batch);
        assert_eq!(flow.checked(wall_ms), checked);
    }
    let mut open = flow(true, 0);
    open.push(old(0, 1));
    open.push(fresh(1, 1));
    store_first(&mut open, now(1));
    assert!(sent(open.next(now(1))).is_some());
    assert!(!open.checked(wall_ms), "an old batch is in flight");
    let mut hole = flow(true, 50);
    hole.gap(5, 0, false);
    hole.push(old(5, 1));
    assert!(!hole.checked(wall_ms), "an old batch stands behind a gap");
}

#[test]
fn before_quiet_only_fresh_batches_without_holes_go_out() {
    for batch in [
        old(0, 1),
        Outgoing {
            explained: false,
            ..fresh(0, 1)
        },
    ] {
        let mut flow = flow(true, 50);
        flow.push(batch);
        assert_eq!(flow.next(now(1)), Next::Blocked(Blocked::Quiet(50)));
        assert_eq!(flow.next(now(50)), Next::TakeOver);
    }
    let mut flow = flow(true, 50);
    flow.push(fresh(0, 1));
    assert!(sent(flow.next(now(1))).is_some());
}

#[test]
fn a_hole_is_not_passed_before_quiet() {
    let mut early = flow(true, 50);
    early.gap(5, 0, false);
    assert_eq!(early.next(now(1)), Next::Blocked(Blocked::Quiet(50)));
    assert_eq!(early.position().source_next, 0);
    // Whoever came late while nothing was there to be sent is not known either.
    let mut later = flow(true, 50);
    later.gap(5, 0, false);
    assert_eq!(later.next(now(50)), Next::TakeOver);
    assert_eq!(later.position().source_next, 0);
    let mut quiet = flow(true, 0);
    quiet.gap(5, 0, false);
    assert_eq!(quiet.next(now(50)), Next::Idle);
    assert_eq!(quiet.position().source_next, 5);
}

#[test]
fn what_the_broker_does_not_check_is_never_sent_on_facts_from_before_quiet() {
    let old = Outgoing {
        first_timestamp_ms: HOUR_MS,
        max_timestamp_ms: HOUR_MS,
        ..fresh(0, 1)
    };
    let mut early = flow(true, 50);
    assert_eq!(early.next(now(1)), Next::Idle);
    early.push(old.clone());
    assert_eq!(early.next(now(50)), Next::TakeOver);
    let mut quiet = flow(true, 0);
    quiet.push(old);
    store_first(&mut quiet, now(50));
    assert!(sent(quiet.next(now(50))).is_some());
}

#[test]
fn another_leader_epoch_is_stored_before_its_first_batch() {
    let mut flow = flow(true, 0);
    flow.push(Outgoing {
        leader_epoch: 3,
        ..fresh(0, 1)
    });
    assert_eq!(flow.next(now(1)), Next::StoreFirst);
    let position = flow.position().clone();
    assert_eq!(position.source_leader_epoch, 3);
    flow.stored(&position);
    assert!(sent(flow.next(now(1))).is_some());
}

#[test]
fn nothing_is_sent_without_a_lease() {
    let mut flow = flow(true, 0);
    flow.push(fresh(0, 1));
    let late = Now {
        lease_fresh: false,
        ..now(1)
    };
    assert_eq!(flow.next(late), Next::Blocked(Blocked::Lease));
}

#[test]
fn another_base_offset_or_an_error_ends_the_flow() {
    let mut surprised = flow(true, 0);
    surprised.push(fresh(0, 1));
    assert!(sent(surprised.next(now(1))).is_some());
    assert_eq!(surprised.acknowledged(3), Verdict::TakeOver);
    assert_eq!(surprised.next(now(1)), Next::TakeOver);
    assert_eq!(surprised.position().source_next, 0);

    for (failed, verdict) in [
        (Failed::Code(7), Verdict::TakeOver),
        (Failed::Code(47), Verdict::Fenced),
        (
            Failed::Code(10),
            Verdict::Refused {
                code: 10,
                source_from: 0,
                source_to: 1,
            },
        ),
        (Failed::NoReply { ended_ms: 19 }, Verdict::TakeOver),
        (Failed::Unsent, Verdict::TakeOver),
    ] {
        let mut flow = flow(true, 0);
        flow.push(fresh(0, 1));
        assert!(sent(flow.next(now(7))).is_some());
        assert_eq!(flow.lost_at_ms(9), Some(9), "as long as it is in flight");
        assert_eq!(flow.failed(failed), verdict);
        let lost = matches!(failed, Failed::NoReply { .. }).then_some(19);
        assert_eq!(flow.lost_at_ms(30), lost);
    }
}

proptest! {
    /// However batches are cut, and whatever is in flight, the record at a source offset has one sequence number.
    #[test]
    fn sequence_to_record_is_a_pure_function(
        cuts in prop::collection::vec((1..6_i64, 0..3_i64, any::<bool>()), 1..40)
    ) {
        let mut flow = flow(true, 0);
        let (mut expected, mut records) = (std::collections::BTreeMap::new(), 0);
        for &(length, gap, _) in &cuts {
            let from = flow.fetch_offset();
            expected.insert(from, records);
            records += length;
            flow.push(fresh(from, length));
            flow.gap(from + length + gap, 0, true);
        }
        let mut bases = VecDeque::new();
        for &(_, _, answer_first) in cuts.iter().cycle().take(4 * cuts.len()) {
            if answer_first && let Some(base) = bases.pop_front() {
                prop_assert_eq!(flow.acknowledged(base), Verdict::Acknowledged);
            }
            if let Next::Send(order) = flow.next(now(1)) {
                prop_assert_eq!(i64::from(order.base_sequence), expected[&order.payload]);
                bases.push_back(order.expected_base);
            }
        }
        while let Some(base) = bases.pop_front() {
            prop_assert_eq!(flow.acknowledged(base), Verdict::Acknowledged);
        }
        let position = flow.position();
        prop_assert_eq!(i64::from(position.next_sequence), position.destination_end);
        prop_assert!(position.source_next <= flow.fetch_offset());
    }
}
