use model::{
    finding::{Finding, FindingState},
    link::Phase,
    status::{Latency, Rates},
};

use super::*;

fn topic(name: &str, records_total: u64, lag_records: Option<i64>) -> TopicStatus {
    TopicStatus {
        topic: name.to_owned(),
        topic_id: String::new(),
        mirror_topic: name.to_owned(),
        state: State::Mirroring,
        problem: None,
        lag_records,
        rates: Rates {
            records_total,
            bytes_total: records_total * 10,
            ..Rates::default()
        },
        partitions: Vec::new(),
        deviations: Vec::new(),
    }
}

fn status(topics: Vec<TopicStatus>) -> LinkStatus {
    LinkStatus {
        link: "a\"b".to_owned(),
        phase: Phase::Running,
        state: State::Mirroring,
        since_ms: 0,
        measured_at_ms: 0,
        rates: Rates::default(),
        throttled: model::status::Throttled::default(),
        batches: model::status::Batches::default(),
        lag_records: None,
        lag_time_ms: Some(1_500),
        latency: Some(Latency {
            p5_ms: 1.0,
            p50_ms: 2.0,
            p99_ms: 9.0,
            max_ms: 20.0,
            records: 7,
        }),
        topics,
        findings: Vec::new(),
        problems: Vec::new(),
        slots_owned: 1,
        slots: 1,
        memory_bytes: 5,
        data_producer_id: None,
        first_record: None,
    }
}

#[test]
fn totals_and_lag_are_per_topic_and_labels_are_escaped() {
    let text = links(
        &[status(vec![
            topic("orders", 3, Some(2)),
            topic("clicks", 4, None),
        ])],
        &Ends::new(),
    );
    let labels = r#"{link="a\"b",source="",destination="",topic="orders"}"#;
    assert!(
        text.contains(&format!("causeway_link_records_total{labels} 3\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("causeway_link_lag_records{labels} 2\n")),
        "{text}"
    );
    assert_eq!(
        text.matches("causeway_link_lag_records{").count(),
        1,
        "unknown lag has no line"
    );
    assert!(
        text.contains(r#"causeway_link_lag_seconds{link="a\"b",source="",destination=""} 1.5"#)
    );
}

#[test]
fn exactly_one_state_is_one() {
    let text = links(&[status(Vec::new())], &Ends::new());
    let states: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("causeway_link_state{"))
        .collect();
    assert_eq!(states.len(), STATES.len());
    let on: Vec<&&str> = states.iter().filter(|line| line.ends_with(" 1")).collect();
    assert_eq!(on.len(), 1);
    assert!(on[0].contains("state=\"mirroring\""));
}

#[test]
fn ten_thousand_topics_and_more_fold_into_one_series() {
    let topics = (0..LARGEST_TOPIC_SERIES + 5)
        .map(|n| topic(&format!("t{n}"), 1, Some(1)))
        .collect();
    let text = links(&[status(topics)], &Ends::new());
    assert_eq!(
        text.matches("causeway_link_records_total{").count(),
        LARGEST_TOPIC_SERIES + 1
    );
    assert!(text.contains("topic=\"_other\"} 5\n"));
}

#[test]
fn findings_count_the_offsets_of_their_ranges() {
    let mut link = status(Vec::new());
    link.findings.push(Finding {
        id: "1".to_owned(),
        kind: FindingKind::Loss,
        topic: "orders".to_owned(),
        mirror_topic: "orders".to_owned(),
        partition: 0,
        source: Some((10, 25)),
        destination: None,
        detail: String::new(),
        broker_error: None,
        found_at_ms: 0,
        state: FindingState::Recorded,
    });
    let text = links(&[link], &Ends::new());
    assert!(
        text.contains(
            r#"causeway_link_lost_records_total{link="a\"b",source="",destination=""} 15"#
        )
    );
    assert!(text.contains(r#"kind="loss"} 1"#));
}
