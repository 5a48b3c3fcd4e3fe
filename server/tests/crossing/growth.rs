//! Topics and partitions that appear while a link runs: nothing written before they were noticed is missed.

use serde_json::json;

use crate::harness::{admin, bench, make_topic, unique, write_numbered};

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn added_partitions_and_new_topics_are_copied_from_their_first_record() {
    let bench = bench();
    let family = unique("growing");
    let first = make_topic(&bench.east, &family, 2, &[]);
    write_numbered(&bench.east, &first, 2, 0..200);
    let link = unique("growing");
    let mut spec = bench.spec(&link, &[]);
    spec["topics"] = json!({ "include": [{ "kind": "prefix", "pattern": family }] });
    // What appears later begins at its first record, whatever the start.
    spec["start"] = json!("latest");
    bench.start_spec(&spec);
    bench.wait_for(&link, "a link that mirrors", |s| s["state"] == "mirroring");

    admin(&bench.east).grow_topic(&first, 5).unwrap();
    write_numbered(&bench.east, &first, 5, 200..1_200);
    let second = make_topic(&bench.east, &family, 3, &[("retention.ms", "86400000")]);
    write_numbered(&bench.east, &second, 3, 0..900);

    let old = [(0, 100), (1, 100)].into();
    let mirror = |topic: &str| format!("{link}.{topic}");
    let of_first = bench.expect_exact_from(&link, &first, &mirror(&first), old);
    assert_eq!(of_first, 1_000);
    assert_eq!(bench.expect_exact(&link, &second, &mirror(&second)), 900);
    let west = admin(&bench.west);
    assert_eq!(west.partitions(&mirror(&first)).unwrap().len(), 5);
    assert_eq!(west.partitions(&mirror(&second)).unwrap().len(), 3);
    assert_eq!(
        west.configs(&mirror(&second)).unwrap()["retention.ms"],
        "86400000"
    );
    bench.expect_no_findings(&link);
    bench.retire(&link);
}
