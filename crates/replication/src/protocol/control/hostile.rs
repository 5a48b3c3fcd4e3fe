//! Records that somebody else wrote into the control topic, under our producer id too: they are read or refused, and never
//! end the process.

use proptest::prelude::*;

use super::*;
use crate::protocol::position::Anchor;

const ANCHOR: Anchor = Anchor {
    source_start: 0,
    destination_end: 0,
};

fn entry(offset: i64, producer_id: i64, key: &str, value: Option<&str>) -> ControlEntry {
    ControlEntry {
        transactional: false,
        offset,
        producer_id,
        epoch: 0,
        key: key.to_owned(),
        value: value.map(str::to_owned),
    }
}

/// Folds the entry and uses what it left in the state.
fn fold(entry: &ControlEntry) -> Result<(), ControlError> {
    let mut state = ControlState::default();
    let folded = state.apply(entry);
    for place in [0, 1, i64::MAX] {
        let map = state.map("id", 0);
        map.translate(ANCHOR, place);
        map.source_after(ANCHOR, place);
        map.records_from(place);
    }
    state.position("id", "orders", 0);
    folded
}

#[test]
fn a_segment_whose_end_cannot_be_is_refused() {
    for segment in [
        "[0,0,0]",
        "[-1,0,1]",
        "[0,-1,1]",
        "[9223372036854775807,0,1]",
        "[0,9223372036854775000,1000]",
        "[0,0,-9223372036854775808]",
    ] {
        let value = format!(r#"{{"v":1,"segments":[[0,0,5],{segment}]}}"#);
        let folded = fold(&entry(
            0,
            CONTROL_PRODUCER_ID,
            "segments/id/0/0",
            Some(&value),
        ));
        assert!(
            matches!(folded, Err(ControlError::Malformed { .. })),
            "{segment}: {folded:?}"
        );
    }
    let good = r#"{"v":1,"segments":[[0,0,5],[7,5,9223372036854775800]]}"#;
    fold(&entry(
        0,
        CONTROL_PRODUCER_ID,
        "segments/id/0/0",
        Some(good),
    ))
    .unwrap();
}

#[test]
fn an_entry_of_any_producer_is_folded_or_counted_as_foreign() {
    for producer_id in [i64::MIN, -1, 0, CONTROL_PRODUCER_ID - 1, i64::MAX] {
        let mut state = ControlState::default();
        state
            .apply(&entry(i64::MAX, producer_id, "spec", Some("{}")))
            .unwrap();
        assert_eq!(state.foreign, 1, "{producer_id}");
    }
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "spec",
            "slot/0",
            "topic/id",
            "finding/id",
            "home/id/0",
            "position/id/0",
            "segments/id/0/0",
            "segments/id/0/18446744073709551615",
            "position/id/-2147483648",
        ])
        .prop_map(str::to_owned),
        "[a-z]{0,9}(/[a-z0-9-]{0,5}){0,4}",
    ]
}

/// Values as they are written, with one piece replaced.
fn values() -> impl Strategy<Value = String> {
    let good = prop::sample::select(vec![
        r#"{"v":1,"slot":3}"#,
        r#"{"v":1,"segments":[[0,0,5],[5,5,9]]}"#,
        r#"{"v":1,"worker":"w","process":"p","epoch":1,"produce_timeout_ms":10000,"released":false}"#,
        r#"{"v":1,"topic":"t","mirror_topic":"t","mirror_topic_id":"i","partitions":1,"at_first_start":true}"#,
    ]);
    let piece = prop_oneof![
        Just("-9223372036854775808".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("1e400".to_owned()),
        Just("[".repeat(300)),
        Just("\"\\ud800\"".to_owned()),
        ".{0,20}",
    ];
    (good, any::<prop::sample::Index>(), 0..4_usize, piece).prop_map(|(good, at, length, piece)| {
        let at = at.index(good.len());
        format!(
            "{}{piece}{}",
            &good[..at],
            &good[good.len().min(at + length)..]
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_record_panics(
        offset in any::<i64>(), generation in 0..3_i64, key in keys(), value in prop::option::of(values())
    ) {
        let producer_id = CONTROL_PRODUCER_ID + generation;
        let _ = fold(&entry(offset, producer_id, &key, value.as_deref()));
    }
}
