//! Mirrors under other names.

use serde_json::{Value, json};

use crate::harness::{Bench, admin, bench, make_topic, unique, write_numbered};

fn topic_plan<'a>(plan: &'a Value, topic: &str) -> &'a Value {
    let topics = plan["topics"].as_array().unwrap();
    topics.iter().find(|t| t["topic"] == topic).unwrap()
}

fn plan(bench: &Bench, spec: &Value) -> Value {
    bench.post("links/plan", spec)
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn records_cross_under_names_from_the_map_a_rule_and_the_prefix() {
    let bench = bench();
    let link = unique("names");
    let topics: Vec<String> = ["mapped", "ruled", "plain"]
        .iter()
        .map(|name| make_topic(&bench.east, &format!("{name}.v1"), 2, &[]))
        .collect();
    for topic in &topics {
        write_numbered(&bench.east, topic, 2, 0..300);
    }
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut spec = bench.spec(&link, &names);
    spec["rename"] = json!({
        "map": { names[0]: format!("{link}-by-map") },
        "regex": [{ "match": r"ruled\.(v\d)-(.*)", "replace": format!("{link}-$2_$1") }],
        "prefix": format!("{link}-"),
    });
    let id = names[1].rsplit('-').next().unwrap();
    let mirrors = [
        format!("{link}-by-map"),
        format!("{link}-{id}_v1"),
        format!("{link}-{}", names[2]),
    ];

    let planned = plan(&bench, &spec);
    for (topic, mirror) in names.iter().zip(&mirrors) {
        let planned = topic_plan(&planned, topic);
        assert_eq!(planned["mirror_topic"], **mirror);
        assert_eq!(planned["action"]["action"], "create");
    }
    bench.start_spec(&spec);
    for (topic, mirror) in names.iter().zip(&mirrors) {
        assert_eq!(bench.expect_exact(&link, topic, mirror), 300);
    }
    bench.expect_no_findings(&link);
    bench.retire(&link);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_collision_is_refused_in_the_plan_and_keeps_no_other_topic_from_crossing() {
    let bench = bench();
    let link = unique("collision");
    let topics: Vec<String> = (0..3)
        .map(|_| make_topic(&bench.east, "colliding", 1, &[]))
        .collect();
    for topic in &topics {
        write_numbered(&bench.east, topic, 1, 0..50);
    }
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut spec = bench.spec(&link, &names);
    let shared = format!("{link}-both");
    spec["rename"]["map"] = json!({ names[0]: shared, names[1]: shared });

    let planned = plan(&bench, &spec);
    for (topic, other) in [(names[0], names[1]), (names[1], names[0])] {
        let action = &topic_plan(&planned, topic)["action"];
        assert_eq!(action["action"], "refuse", "{planned}");
        let message = action["message"].as_str().unwrap();
        assert!(
            message.contains(other) && message.contains(&shared),
            "{message}"
        );
    }
    assert_eq!(topic_plan(&planned, names[2])["action"]["action"], "create");

    bench.start_spec(&spec);
    let mirror = format!("{link}.{}", names[2]);
    assert_eq!(bench.expect_exact(&link, names[2], &mirror), 50);
    let status = bench.status(&link);
    let colliding = status["topics"].as_array().unwrap();
    for topic in &names[..2] {
        let shown = colliding.iter().find(|t| t["topic"] == *topic).unwrap();
        assert_eq!(shown["state"], "needs_decision", "{shown}");
    }
    assert!(!admin(&bench.west).topics().unwrap().contains(&shared));
    bench.retire(&link);
}
