use model::{
    link::Phase,
    status::{Rates, State},
};

use super::*;

fn topic(name: &str, state: State, lag: Option<i64>, rate: f64) -> TopicStatus {
    TopicStatus {
        topic: name.to_owned(),
        topic_id: String::new(),
        mirror_topic: format!("us.{name}"),
        state,
        problem: None,
        lag_records: lag,
        rates: Rates {
            records_per_s: rate,
            ..Rates::default()
        },
        partitions: (0..3).map(partition).collect(),
        deviations: Vec::new(),
    }
}

fn partition(number: i32) -> PartitionStatus {
    PartitionStatus {
        partition: number,
        slot: 0,
        state: State::Mirroring,
        source_start: Some(0),
        source_end: Some(10),
        position: Some(10),
        destination_end: Some(10),
        lag_records: Some(0),
        guarded: true,
        problem: None,
    }
}

fn status(topics: Vec<TopicStatus>) -> LinkStatus {
    LinkStatus {
        link: "dr".to_owned(),
        phase: Phase::Running,
        state: State::Mirroring,
        since_ms: 0,
        measured_at_ms: 0,
        rates: Rates::default(),
        throttled: model::status::Throttled::default(),
        batches: model::status::Batches::default(),
        lag_records: None,
        lag_time_ms: None,
        latency: None,
        topics,
        findings: Vec::new(),
        problems: Vec::new(),
        slots_owned: 0,
        slots: 1,
        memory_bytes: 0,
        data_producer_id: None,
        first_record: None,
    }
}

fn some() -> LinkStatus {
    status(vec![
        topic("b", State::Mirroring, Some(5), 1.0),
        topic("a", State::Mirroring, Some(5), 9.0),
        topic("c", State::NeedsDecision, Some(0), 0.0),
        topic("d", State::Mirroring, None, 2.0),
    ])
}

fn order(query: &str) -> Vec<String> {
    page_of(&some(), &Listing::parse(query)).order
}

#[test]
fn the_worst_stands_first_unless_another_order_is_wanted() {
    assert_eq!(order(""), ["c", "d", "a", "b"]);
    assert_eq!(order("?sort=name"), ["a", "b", "c", "d"]);
    assert_eq!(order("?sort=lag"), ["d", "a", "b", "c"]);
    assert_eq!(order("?sort=rate"), ["a", "d", "b", "c"]);
}

#[test]
fn topics_are_chosen_by_either_name_and_by_state() {
    assert_eq!(order("?q=US.B"), ["b"]);
    assert_eq!(order("?state=needs-a-decision"), ["c"]);
    assert_eq!(order("?q=a&state=needs-a-decision"), [""; 0]);
    let mut long = some();
    long.topics
        .push(topic("orders", State::Mirroring, None, 0.0));
    let view = page_of(&long, &Listing::parse("?q=ordres"));
    assert_eq!(view.nearest, ["orders"]);
    assert_eq!((view.total, view.matching, view.partitions), (5, 0, 15));
}

#[test]
fn a_page_holds_its_rows_and_no_others() {
    let many = (0..120).map(|n| topic(&format!("t{n:03}"), State::Mirroring, Some(0), 0.0));
    let many = status(many.collect());
    let page = |query: &str| page_of(&many, &Listing::parse(query)).order;
    assert_eq!(page("").len(), 50);
    assert_eq!(page("?page=3").first().unwrap(), "t100");
    assert_eq!(page("?page=3").len(), 20);
    assert!(page("?page=4000000000").is_empty());
    assert_eq!(worst_of(&many, 10).order.len(), 10);
}

#[test]
fn the_worst_partitions_of_a_huge_topic_are_shown() {
    let mut huge = topic("a", State::NeedsDecision, Some(1), 0.0);
    huge.partitions = (0..1_000).map(partition).collect();
    huge.partitions[900].state = State::NeedsDecision;
    let view = page_of(&status(vec![huge]), &Listing::parse("?open=a"));
    let open = view.open.unwrap();
    assert_eq!((open.rows.len(), open.total), (MOST, 1_000));
    assert!(open.rows.contains_key(&900));
    assert_eq!(page_of(&some(), &Listing::parse("?open=zzz")).open, None);
}

#[test]
fn settings_of_a_mirror_that_differ_are_told_in_its_row_and_one_by_one_when_it_is_open() {
    use model::status::{Deviation, DeviationCause};
    let row = |property: &str, why| Deviation {
        property: property.to_owned(),
        wanted: Some("5".to_owned()),
        mirror: None,
        why,
    };
    let mut orders = topic("orders", State::Mirroring, Some(0), 1.0);
    let refused = DeviationCause::NotApplied("POLICY_VIOLATION".to_owned());
    orders.deviations.push(row("retention.ms", refused));
    let told = "Not applied: `retention.ms` = `5`: POLICY_VIOLATION.";
    assert_eq!(super::row(&orders).note, told);
    orders
        .deviations
        .push(row("segment.ms", DeviationCause::Drift));
    assert_eq!(
        super::row(&orders).note,
        "2 settings differ: open the topic."
    );
    let drift = "Drift: `segment.ms` is the destination's default, wanted is `5`.";
    assert_eq!(opened(&orders).settings, [told, drift]);
}

#[test]
fn a_topic_with_a_partition_whose_lag_is_unknown_says_so() {
    let mut one = topic("a", State::Mirroring, Some(0), 0.0);
    one.partitions[1].lag_records = None;
    let mut status = status(vec![one]);
    let page = page_of(&status, &Listing::default());
    assert_eq!(page.rows["a"].unknown, 1);
    assert_eq!(page.lag_as_of_ms, None);
    status.state = State::Paused;
    status.since_ms = 7;
    status.measured_at_ms = 9;
    assert_eq!(page_of(&status, &Listing::default()).lag_as_of_ms, Some(7));
}
