use proptest::prelude::*;

use super::*;
use crate::batch::Codec;
use crate::build::{NewRecord, build_batch};
use crate::patch::Patch;

fn uncompressed(records: &[NewRecord]) -> BatchView {
    build_batch(records, Codec::None, Patch::NOBODY).unwrap()
}

#[test]
fn keeps_null_apart_from_empty_and_headers_as_they_were() {
    let headers: Vec<(Bytes, Option<Bytes>)> = vec![
        ("twice".into(), Some("first".into())),
        (Bytes::from_static(&[0xff, 0xfe]), None),
        ("twice".into(), Some("".into())),
    ];
    let with_headers = NewRecord {
        key: Some(Bytes::new()),
        value: None,
        timestamp: 3,
        headers,
    };
    let batch = uncompressed(&[with_headers, NewRecord::new(None, Some(Bytes::new()), 1)]);
    let records = Records::open(&batch).unwrap();
    let records: Vec<_> = records.iter().map(Result::unwrap).collect();
    assert_eq!(
        (records[0].key.as_deref(), &records[0].value),
        (Some(&b""[..]), &None)
    );
    let expected: Vec<Header> = vec![
        (b"twice", Some(b"first")),
        (&[0xff, 0xfe], None),
        (b"twice", Some(b"")),
    ];
    assert_eq!(records[0].headers().unwrap(), expected);
    assert_eq!(
        (&records[1].key, records[1].value.as_deref()),
        (&None, Some(&b""[..]))
    );
    assert_eq!(
        (
            records[0].timestamp,
            records[1].timestamp,
            records[1].offset
        ),
        (3, 1, 1)
    );
}

#[test]
fn reports_the_record_that_is_malformed() {
    let batch = uncompressed(&[NewRecord::new(None, None, 0), NewRecord::new(None, None, 0)]);
    let mut bytes = batch.bytes().to_vec();
    let second = bytes.len() - 7;
    bytes[second] = 0x7f;
    let records = Records::open(&BatchView::new(bytes.into()).unwrap()).unwrap();
    let results: Vec<_> = records.iter().collect();
    assert_eq!(results.len(), 2);
    assert!(matches!(
        results[1],
        Err(RecordsError::Malformed { index: 1, .. })
    ));
}

#[test]
fn a_false_header_count_allocates_nothing() {
    let record = RawRecord {
        offset: 0,
        timestamp: 0,
        key: None,
        value: None,
        raw_headers: Bytes::from_static(&[0xfe, 0xff, 0xff, 0xff, 0x0f]),
    };
    assert_eq!(record.headers(), None);
}

proptest! {
    #[test]
    fn never_panics_on_damaged_records(at in 0usize..200, with in any::<u8>()) {
        let record = NewRecord {
            key: Some("key".into()),
            value: Some("value".into()),
            timestamp: i64::MAX,
            headers: vec![("h".into(), None)],
        };
        let mut bytes = uncompressed(&vec![record; 8]).bytes().to_vec();
        let at = 61 + at % (bytes.len() - 61);
        bytes[at] = with;
        let batch = BatchView::new(bytes.into()).unwrap();
        for record in Records::open(&batch).unwrap().iter().flatten() {
            let _ = record.headers();
        }
    }
}
