//! A mirror that has another number of partitions than its source (F24).

use serde_json::{Value, json};
use xtask::{cluster::shared, report::Case};

use crate::harness::{Console, SOON, Topic, link, topic_of, unique, until};

/// A source of three partitions with a hundred records in each, and an empty topic of its name at the destination.
fn pair(stem: &str, at_the_destination: i32) -> (Topic, Topic) {
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let name = unique(stem);
    let source = Topic::new(&east.bootstrap, &name);
    let mirror = Topic::new(&west.bootstrap, &name);
    source.create(3);
    for partition in 0..3 {
        source.write(partition, "first", 0..100);
    }
    mirror.create(at_the_destination);
    (source, mirror)
}

fn plan_row(console: &Console, spec: &Value, topic: &Topic) -> Value {
    let plan = console.post("links/plan", spec);
    let rows = plan["topics"].as_array().unwrap().iter();
    let mut found = rows.filter(|row| row["topic"] == *topic.name);
    found.next().unwrap().clone()
}

fn wait_for_ends(console: &Console, source: &Topic, mirror: &Topic, end: i64) {
    until(
        &format!("each partition ends at {end}"),
        SOON,
        || console.status(&source.name),
        || (0..3).all(|p| mirror.end(p) == end).then_some(()),
    );
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f24_a_mirror_with_more_partitions_is_copied_to_by_number_with_a_warning() {
    let mut case = Case::new("F24 mirror with more partitions");
    let (console, (source, mirror)) = (Console::shared(), pair("wider", 5));
    let spec = link(&source.name, "east", "west", &[&source]);
    let row = plan_row(console, &spec, &source);
    assert_eq!(row["action"]["action"], "adopt", "{row:#}");
    let warnings = row["warnings"].as_array().unwrap().iter();
    let words = "The mirror has 5 partitions, the source 3";
    let told = warnings
        .filter_map(Value::as_str)
        .any(|w| w.contains(words));
    assert!(told, "{row:#}");

    console.post("links", &spec);
    console.verb(&source.name, "start");
    case.faults(1);
    wait_for_ends(console, &source, &mirror, 100);
    // By number, also what is added at the source meanwhile.
    source.admin().grow_topic(&source.name, 4).unwrap();
    source.write(3, "added", 0..40);
    mirror.wait_for_end(3, 40);
    assert_eq!(mirror.end(4), 0);
    case.compared(&source.assert_mirrored_exactly(&mirror));
    assert!(console.findings(&source.name).is_empty());
    console.verb(&source.name, "stop");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f24_a_mirror_with_fewer_partitions_is_grown_where_the_link_may_and_refused_where_not() {
    let mut case = Case::new("F24 mirror with fewer partitions");
    let (console, (source, mirror)) = (Console::shared(), pair("narrower", 2));
    let mut spec = link(&source.name, "east", "west", &[&source]);
    spec["grow"] = json!(false);
    let row = plan_row(console, &spec, &source);
    assert_eq!(row["action"]["action"], "refuse", "{row:#}");
    assert_eq!(row["action"]["code"], "topic.fewer_partitions", "{row:#}");
    console.post("links", &spec);
    console.verb(&source.name, "start");
    case.faults(1);
    until(
        "the topic says why it is not copied",
        SOON,
        || console.status(&source.name),
        || {
            let topic = topic_of(&console.status(&source.name), &source.name);
            (topic["problem"]["code"] == "topic.fewer_partitions").then_some(())
        },
    );
    assert_eq!(
        (mirror.end(0), mirror.end(1)),
        (0, 0),
        "none of it is copied"
    );

    let stored = console.get(&format!("links/{}", source.name));
    let mut spec = stored["spec"].clone();
    spec["grow"] = json!(true);
    let path = format!("links/{}", source.name);
    let revision = stored["revision"].as_i64().unwrap();
    console.process.put(&path, &spec, revision).unwrap();
    wait_for_ends(console, &source, &mirror, 100);
    case.compared(&source.assert_mirrored_exactly(&mirror));
    console.verb(&source.name, "stop");
}
