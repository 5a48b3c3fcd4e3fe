//! Mirrors' properties kept in step: changes at the source, at the mirror, what is excluded, and what is refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    findings::Scene,
    harness::{SOON, Topic, topic_of, until},
};

/// One topic whose properties are compared every second.
fn scene(stem: &str, configs: Value) -> Scene {
    let mut settings = configs;
    settings["interval_ms"] = json!(1_000);
    Scene::start(stem, 1, 1, &[("configs", settings)])
}

fn until_set(topic: &Topic, property: &str, value: &str) {
    let look = || topic.admin().configs(&topic.name).unwrap();
    let show = || look().remove(property);
    let what = format!("`{property}` of `{}` is {value}", topic.name);
    until(&what, SOON, show, || {
        (look().get(property).map(String::as_str) == Some(value)).then_some(())
    });
}

/// Sets properties and leaves those that every mirror has.
fn set(topic: &Topic, configs: &[(&str, &str)]) {
    topic.admin().set_configs(&topic.name, configs).unwrap();
}

fn deviations(scene: &Scene) -> Vec<Value> {
    let topic = topic_of(&scene.status(), &scene.sources[0].name);
    let rows = topic["deviations"].as_array();
    rows.cloned().unwrap_or_default()
}

fn until_deviations(scene: &Scene, wanted: &Value) {
    let what = format!("deviations are {wanted}");
    until(
        &what,
        SOON,
        || deviations(scene),
        || (json!(deviations(scene)) == *wanted).then_some(()),
    );
}

/// Waits until the link has compared properties some times more.
fn compare_again(scene: &Scene) {
    scene.look_again();
}

fn events(scene: &Scene) -> Vec<String> {
    let page = scene
        .console
        .get(&format!("links/{}/events?limit=200", scene.link));
    let events = page["items"].as_array().unwrap().iter();
    events
        .map(|event| event["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn m10_an_excluded_property_keeps_the_mirrors_value_and_a_synced_one_is_set_back() {
    let scene = scene("configs-m10", json!({ "exclude": ["delete.retention.ms"] }));
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    set(
        source,
        &[("retention.ms", "7200000"), ("delete.retention.ms", "1111")],
    );
    until_set(mirror, "retention.ms", "7200000");
    set(
        mirror,
        &[("retention.ms", "5000"), ("delete.retention.ms", "2222")],
    );
    until_set(mirror, "retention.ms", "7200000");
    // What every mirror has returns as well.
    until_set(
        mirror,
        "message.timestamp.after.max.ms",
        &i64::MAX.to_string(),
    );
    compare_again(&scene);
    let now: BTreeMap<_, _> = mirror.admin().configs(&mirror.name).unwrap();
    assert_eq!(now["delete.retention.ms"], "2222");
    assert_eq!(deviations(&scene), Vec::<Value>::new());
    let told = events(&scene);
    let has = |words: &str| told.iter().any(|text| text.contains(words));
    assert!(has("set back to `7200000`"), "{told:#?}");
    assert!(has("set to `7200000`, as at the source"), "{told:#?}");
    assert_eq!(scene.status()["problems"], json!([]));
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn m11_with_the_sources_defaults_a_value_set_only_at_the_mirror_returns_to_the_sources_default() {
    let scene = scene("configs-m11", json!({ "defaults_from": "source" }));
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let default = source.admin().configs(&source.name).unwrap()["retention.ms"].clone();
    set(mirror, &[("retention.ms", "5000")]);
    until_set(mirror, "retention.ms", &default);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn m12_an_override_removed_at_the_source_is_removed_at_the_mirror() {
    let scene = scene("configs-m12", json!({ "defaults_from": "destination" }));
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let default = mirror.admin().configs(&mirror.name).unwrap()["retention.ms"].clone();
    set(source, &[("retention.ms", "7200000")]);
    until_set(mirror, "retention.ms", "7200000");
    set(source, &[]);
    until_set(mirror, "retention.ms", &default);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn drift_is_only_told_where_the_link_says_so_and_the_source_is_followed_all_the_same() {
    let scene = scene(
        "configs-report",
        json!({ "on_drift": "report", "exclude": COMMON }),
    );
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    set(source, &[("retention.ms", "7200000")]);
    until_set(mirror, "retention.ms", "7200000");
    compare_again(&scene);
    set(mirror, &[("retention.ms", "5000")]);
    let drift = json!([{
        "property": "retention.ms", "wanted": "7200000", "mirror": "5000", "why": "drift"
    }]);
    until_deviations(&scene, &drift);
    compare_again(&scene);
    assert_eq!(
        mirror.admin().configs(&mirror.name).unwrap()["retention.ms"],
        "5000"
    );
    let told = events(&scene);
    let count = told.iter().filter(|text| text.contains("Drift:")).count();
    assert_eq!(count, 1, "{told:#?}");
    set(source, &[("retention.ms", "3600000")]);
    until_set(mirror, "retention.ms", "3600000");
    until_deviations(&scene, &json!([]));
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f22_a_refused_property_is_a_row_and_the_others_are_set() {
    let scene = scene(
        "configs-refused",
        json!({ "exclude": ["max.compaction.lag.ms"] }),
    );
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    set(mirror, &[("max.compaction.lag.ms", "1000")]);
    // More than the mirror's own maximum: brokers refuse that.
    set(
        source,
        &[
            ("min.compaction.lag.ms", "5000"),
            ("retention.ms", "7200000"),
        ],
    );
    until_set(mirror, "retention.ms", "7200000");
    let row = json!([{
        "property": "min.compaction.lag.ms", "wanted": "5000", "mirror": null,
        "why": { "not_applied": "INVALID_CONFIG" }
    }]);
    until_deviations(&scene, &row);
    compare_again(&scene);
    let told = events(&scene);
    let count = told
        .iter()
        .filter(|text| text.contains("Not applied:"))
        .count();
    assert_eq!(count, 1, "told once: {told:#?}");
    assert_eq!(scene.status()["state"], "mirroring");
    // A value that is taken is tried at once.
    set(
        source,
        &[
            ("min.compaction.lag.ms", "500"),
            ("retention.ms", "7200000"),
        ],
    );
    until_set(mirror, "min.compaction.lag.ms", "500");
    until_deviations(&scene, &json!([]));
}

/// What every mirror has; replacing a mirror's properties takes it away.
const COMMON: [&str; 4] = [
    "compression.type",
    "message.timestamp.type",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
];
