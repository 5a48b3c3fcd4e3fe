//! A record of the control topic with any key and value, written under our producer id: the first line is the key.

#![no_main]

use replication::protocol::{
    control::{CONTROL_PRODUCER_ID, ControlState},
    ports::ControlEntry,
    position::Anchor,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut state = ControlState::default();
    for (number, record) in text.split('\0').enumerate() {
        let (key, value) = match record.split_once('\n') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (record, None),
        };
        // What cannot be understood is refused; reading goes on here to reach more.
        let _ = state.apply(&ControlEntry {
            offset: number as i64,
            producer_id: CONTROL_PRODUCER_ID,
            epoch: 0,
            key: key.to_owned(),
            value,
        });
    }
    let anchor = Anchor {
        source_start: 0,
        destination_end: 0,
    };
    for (id, partition) in state.chunks.keys().cloned().collect::<Vec<_>>() {
        let map = state.map(&id, partition);
        map.translate(anchor, 7);
        map.source_after(anchor, 7);
        map.records_from(0);
        state.position(&id, "orders", partition);
    }
});
