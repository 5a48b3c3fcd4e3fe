use super::*;
use crate::client::TimestampType;

fn record(partition: i32, offset: i64, key: &str) -> RawRecord {
    RawRecord {
        partition,
        offset,
        timestamp: 1000 + offset,
        timestamp_type: TimestampType::Create,
        key: Some(key.as_bytes().to_vec()),
        value: Some(b"value".to_vec()),
        headers: vec![(b"a".to_vec(), None), (b"a".to_vec(), Some(Vec::new()))],
    }
}

fn source() -> Vec<RawRecord> {
    (0..5)
        .map(|offset| record(0, offset, &format!("k{offset}")))
        .collect()
}

fn judged(destination: &[RawRecord]) -> Report {
    compare(&source(), destination, &Expectation::default())
}

#[test]
fn an_equal_copy_at_other_offsets_is_exact() {
    let mut copy = source();
    copy.iter_mut().for_each(|r| r.offset += 100);
    let report = judged(&copy);
    assert!(report.is_exact(), "{report:?}");
    assert_eq!((report.expected, report.valid), (5, 5));
}

#[test]
fn counts_missing_duplicated_and_out_of_order_records() {
    let mut copy = source();
    copy.remove(2);
    let report = judged(&copy);
    assert_eq!((report.missing, report.valid), (1, 4));
    assert_eq!(report.differences[0].offset, 2);

    let mut copy = source();
    copy.insert(3, copy[1].clone());
    let report = judged(&copy);
    assert_eq!(
        (report.duplicated, report.missing, report.out_of_order),
        (1, 0, 0)
    );

    let mut copy = source();
    copy.swap(1, 3);
    assert_eq!(judged(&copy).out_of_order, 2);
}

#[test]
fn a_changed_field_is_invalid_and_a_foreign_record_out_of_scope() {
    let changes: [fn(&mut RawRecord); 6] = [
        |r| r.timestamp += 1,
        |r| r.value = None,
        |r| r.value = Some(Vec::new()),
        |r| r.headers.reverse(),
        |r| r.headers[0].1 = Some(Vec::new()),
        |r| r.headers.truncate(1),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut copy = source();
        change(&mut copy[2]);
        let report = judged(&copy);
        assert_eq!(
            (report.invalid, report.missing, report.valid),
            (1, 0, 4),
            "change {number}"
        );
    }
    let mut copy = source();
    copy.push(record(0, 9, "stranger"));
    assert_eq!(judged(&copy).out_of_scope, 1);
    let mut copy = source();
    copy[4].partition = 1;
    let report = judged(&copy);
    assert_eq!((report.missing, report.out_of_scope), (1, 1));
}

#[test]
fn null_and_empty_keys_differ() {
    let mut null = record(0, 0, "");
    null.key = None;
    let report = compare(&[record(0, 0, "")], &[null], &Expectation::default());
    assert_eq!(report.valid, 0);
}

#[test]
fn ranges_limit_what_is_expected_and_reported_gaps_count_apart() {
    let copy: Vec<RawRecord> = source().into_iter().skip(2).take(2).collect();
    let from = BTreeMap::from([(0, 1)]);
    let until = BTreeMap::from([(0, 4)]);
    let expectation = Expectation {
        from,
        until,
        reported: vec![(0, 1, 2)],
        ..Expectation::default()
    };
    let report = compare(&source(), &copy, &expectation);
    assert!(report.is_exact(), "{report:?}");
    assert_eq!((report.expected, report.reported_missing), (3, 1));
}

#[test]
fn equal_records_are_told_apart_by_count() {
    let twice = vec![
        record(0, 0, "same"),
        RawRecord {
            timestamp: 1000,
            ..record(0, 1, "same")
        },
    ];
    assert!(compare(&twice, &twice, &Expectation::default()).is_exact());
    assert_eq!(
        compare(&twice, &twice[..1], &Expectation::default()).missing,
        1
    );
}
