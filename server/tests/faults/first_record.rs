//! From nothing to the first record (M22), and a link that starts at the end (M13).

use std::time::Instant;

use serde_json::json;
use xtask::{cluster::shared, referee::Expectation, report::Case};

use crate::harness::{Console, SOON, Topic, link, topic_of, unique, until};

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn m22_one_process_copies_its_first_record_soon_after_its_own_start() {
    let mut case = Case::new("M22 one process: start to first record");
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let name = unique("first");
    let source = Topic::new(&east.bootstrap, &name);
    let mirror = Topic::new(&west.bootstrap, &name);
    source.create(6);
    for partition in 0..6 {
        source.write(partition, "first", 0..10);
    }
    let began = Instant::now();
    let console = Console::start_between_shared();
    console.post("links", &link(&name, "east", "west", &[&source]));
    console.verb(&name, "start");
    let first = until(
        "a first record",
        SOON,
        || console.status(&name),
        || Some(console.status(&name)["first_record"].clone()).filter(|first| first.is_object()),
    );
    case.recovered(began.elapsed());
    case.note("recovery: from the start of the process to the first record");
    assert_eq!(first["mirror_topic"], *name, "{first:#}");
    for partition in 0..6 {
        mirror.wait_for_end(partition, 10);
    }
    case.compared(&source.assert_mirrored_exactly(&mirror));
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn m13_a_link_that_starts_at_latest_copies_exactly_the_records_after_its_start() {
    let mut case = Case::new("M13 start at latest");
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let (console, name) = (Console::shared(), unique("latest"));
    let source = Topic::new(&east.bootstrap, &name);
    let mirror = Topic::new(&west.bootstrap, &name);
    source.create(10);
    for partition in 0..10 {
        source.write(partition, "before", 0..10);
    }
    let mut spec = link(&name, "east", "west", &[&source]);
    spec["start"] = json!("latest");
    console.post("links", &spec);
    console.verb(&name, "start");
    // The start is where the log ended when a partition's first position was stored.
    until(
        "every partition has begun",
        SOON,
        || console.status(&name),
        || {
            let topic = topic_of(&console.status(&name), &name);
            let all = topic["partitions"].as_array()?;
            let begun = |p: &serde_json::Value| p["state"] == "mirroring";
            (all.len() == 10 && all.iter().all(begun)).then_some(())
        },
    );
    for partition in 0..10 {
        source.write(partition, "after", 0..10);
        mirror.wait_for_end(partition, 10);
    }
    let expectation = Expectation {
        from: (0..10).map(|partition| (partition, 10)).collect(),
        ..Expectation::default()
    };
    let report = source.compare(&mirror, &expectation);
    assert!(report.is_exact(), "{report:#?}");
    assert_eq!(report.valid, 100);
    case.compared(&report);
    console.verb(&name, "stop");
}
