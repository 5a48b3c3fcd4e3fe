use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn key(topic: u8, partition: i32) -> FetchKey {
    FetchKey {
        topic: format!("topic-{topic}").into(),
        topic_id: Uuid::from_u128(u128::from(topic) + 1),
        partition,
    }
}

fn from(offset: i64) -> FetchFrom {
    FetchFrom {
        offset,
        leader_epoch: -1,
        last_fetched_epoch: -1,
        max_bytes: 1,
    }
}

fn sent(next: &Next) -> BTreeMap<(TopicKey, i32), i64> {
    let flat = next
        .send
        .iter()
        .flat_map(|(t, ps)| ps.iter().map(move |p| (t.clone(), p)));
    flat.map(|(topic, (index, from))| ((topic, *index), from.offset))
        .collect()
}

fn forgot(next: &Next) -> Vec<(TopicKey, i32)> {
    let flat = next
        .forget
        .iter()
        .flat_map(|(t, ps)| ps.iter().map(move |p| (t.clone(), *p)));
    flat.collect()
}

#[test]
fn says_only_what_changed_once_the_session_is_open() {
    let mut session = Session::new(Naming::Ids);
    for partition in 0..3 {
        session.set(key(0, partition), from(0));
    }
    let first = session.next();
    assert_eq!(
        (first.session_id, first.session_epoch, sent(&first).len()),
        (0, 0, 3)
    );
    session.accepted(99);
    session.set(key(0, 1), from(50));
    session.set(key(0, 2), from(0));
    session.remove(&key(0, 0));
    let second = session.next();
    assert_eq!((second.session_id, second.session_epoch), (99, 1));
    assert_eq!(sent(&second).into_values().collect::<Vec<_>>(), [50]);
    assert_eq!(forgot(&second), [(TopicKey::Id(Uuid::from_u128(1)), 0)]);
    session.accepted(99);
    let idle = session.next();
    assert!(idle.send.is_empty() && idle.forget.is_empty());
    assert_eq!(idle.session_epoch, 2);
}

#[test]
fn a_broker_that_keeps_no_session_is_told_everything_every_time() {
    let mut session = Session::new(Naming::Ids);
    session.set(key(0, 0), from(7));
    for _ in 0..2 {
        let next = session.next();
        assert_eq!(
            (next.session_id, next.session_epoch, sent(&next).len()),
            (0, 0, 1)
        );
        session.accepted(0);
    }
}

#[test]
fn starts_again_whole_after_an_error_and_closes_the_old_session_if_it_can() {
    let mut session = Session::new(Naming::Ids);
    session.set(key(0, 0), from(7));
    session.accepted(99);
    session.remove(&key(0, 5));
    session.restart();
    assert_eq!(
        (session.next().session_id, session.next().session_epoch),
        (99, 0)
    );
    session.lost();
    let next = session.next();
    assert_eq!(
        (next.session_id, sent(&next).len(), next.forget.len()),
        (0, 1, 0)
    );
}

#[test]
fn the_epoch_wraps_to_one() {
    let mut session = Session::new(Naming::Ids);
    session.accepted(5);
    session.epoch = i32::MAX;
    session.accepted(5);
    assert_eq!(session.next().session_epoch, 1);
}

#[test]
fn a_topic_re_created_under_its_name_is_not_forgotten_with_the_old_one() {
    let (old, mut new) = (key(0, 0), key(0, 0));
    new.topic_id = Uuid::from_u128(77);
    let mut by_name = Session::new(Naming::Names);
    by_name.set(old.clone(), from(9));
    by_name.accepted(5);
    by_name.set(new.clone(), from(0));
    by_name.remove(&old);
    let next = by_name.next();
    assert_eq!((sent(&next).len(), next.forget.len()), (1, 0));

    let mut by_id = Session::new(Naming::Ids);
    by_id.set(old.clone(), from(9));
    by_id.accepted(5);
    by_id.remove(&old);
    by_id.set(new, from(0));
    let next = by_id.next();
    assert_eq!((sent(&next).len(), next.forget.len()), (1, 1));
}

#[test]
fn changing_the_naming_keeps_what_is_wanted() {
    let mut session = Session::new(Naming::Ids);
    session.set(key(3, 1), from(4));
    session.accepted(5);
    session.rename(Naming::Names);
    let next = session.next();
    assert_eq!(next.session_epoch, 0);
    assert_eq!(
        sent(&next).into_iter().collect::<Vec<_>>(),
        [((TopicKey::Name("topic-3".into()), 1), 4)]
    );
}

proptest! {
    /// A broker that applies every request ends up with exactly what is wanted, whatever errors come between.
    #[test]
    fn a_broker_learns_exactly_what_is_wanted(
        steps in proptest::collection::vec((0u8..3, 0i32..3, 0i64..3, 0u8..8), 1..80),
        names in any::<bool>(),
    ) {
        let mut session = Session::new(if names { Naming::Names } else { Naming::Ids });
        let mut broker: BTreeMap<(TopicKey, i32), i64> = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        for (topic, partition, offset, what) in steps {
            let key = key(topic, partition);
            let wire = session.wire(&key);
            match what {
                0..=2 => {
                    session.set(key, from(offset));
                    wanted.insert(wire, offset);
                }
                3 => {
                    session.remove(&key);
                    wanted.remove(&wire);
                }
                4 => session.lost(),
                5 => session.restart(),
                _ => {
                    let next = session.next();
                    if next.session_epoch == 0 {
                        broker.clear();
                    }
                    broker.extend(sent(&next));
                    for gone in forgot(&next) {
                        broker.remove(&gone);
                    }
                    prop_assert_eq!(&broker, &wanted);
                    session.accepted(if what == 6 { 7 } else { 0 });
                }
            }
        }
    }
}
