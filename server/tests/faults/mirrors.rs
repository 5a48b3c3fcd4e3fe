//! Mirrors that are deleted, or deleted and made again by somebody: held until an operator chooses.

use serde_json::json;
use xtask::{
    cluster::{ClusterOptions, KafkaCluster},
    report::Case,
    setup,
};

use crate::{
    findings::Scene,
    harness::{Console, SOON, assert_whole, link, until, words},
};

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f14_a_deleted_mirror_is_held_then_made_anew_or_continued_as_chosen() {
    let mut case = Case::new("F14 mirror deleted");
    case.faults(1);
    let scene = Scene::start("mirror-gone", 2, 1, &[]);
    for mirror in &scene.mirrors {
        mirror.delete();
    }
    write_second(&scene);
    let held = hold_all(&scene);
    let there = scene.mirrors[0].admin().topics().unwrap();
    assert!(!there.contains(&scene.mirrors[0].name), "not made unasked");
    decide_and_compare(&scene, &held);

    // A choice holds for one deletion, not for the next.
    let mirror = &scene.mirrors[0];
    mirror.delete();
    scene.sources[0].write(0, "fourth", 0..10);
    let again = scene.until_held(0, "destination_changed", 1).remove(0);
    assert_ne!(again["id"], held[0]["id"]);
    assert_eq!(again["destination"], json!([0, 160]));
    scene.look_again();
    assert!(
        !mirror.admin().topics().unwrap().contains(&mirror.name),
        "not made unasked"
    );
    scene.choose(&again, "mirror_anew");
    mirror.wait_for_end(0, 170);
    scene.sources[0].assert_mirrored_exactly(mirror);
    scene.until_mirroring();
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f14_a_mirror_made_again_by_somebody_is_held_then_made_anew_or_continued_as_chosen() {
    let mut case = Case::new("F14 mirror made again");
    case.faults(1);
    let scene = Scene::start("mirror-remade", 2, 1, &[]);
    for mirror in &scene.mirrors {
        mirror.delete();
        mirror.create(1);
    }
    write_second(&scene);
    let held = hold_all(&scene);
    for mirror in &scene.mirrors {
        assert_eq!(mirror.end(0), 0, "nothing is copied unasked");
    }
    decide_and_compare(&scene, &held);
}

/// Brokers of the older line produce by name: only the topic's id in their metadata tells.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f14_a_mirror_made_again_on_the_older_line_is_held_before_anything_is_written() {
    let mut case = Case::new("F14 mirror made again, Kafka 3.9");
    case.faults(1);
    let older = ClusterOptions::new("older").version(setup::KAFKA_OLDER);
    let older = KafkaCluster::start(older).unwrap();
    let bootstrap = older.bootstrap();
    Console::shared().connect("older", &bootstrap);
    let scene = Scene::start_to(("older", &bootstrap), "mirror-remade-older", 2, 1, &[]);
    for mirror in &scene.mirrors {
        mirror.delete();
        mirror.create(1);
    }
    let held = hold_all(&scene);
    write_second(&scene);
    scene.look_again();
    for mirror in &scene.mirrors {
        assert_eq!(mirror.end(0), 0, "nothing is copied unasked");
    }
    decide_and_compare(&scene, &held);
}

fn write_second(scene: &Scene) {
    for source in &scene.sources {
        source.write(0, "second", 0..50);
    }
}

/// Returns the finding by which each topic is held.
fn hold_all(scene: &Scene) -> Vec<serde_json::Value> {
    let held: Vec<_> = (0..2)
        .map(|index| scene.until_held(index, "destination_changed", 1).remove(0))
        .collect();
    for finding in &held {
        assert_eq!(finding["destination"], json!([0, 100]), "{finding:#}");
    }
    scene.look_again();
    held
}

/// Topic 0 is mirrored anew, topic 1 goes on at its position.
fn decide_and_compare(scene: &Scene, held: &[serde_json::Value]) {
    scene.choose(&held[0], "mirror_anew");
    scene.choose(&held[1], "go_on");
    let ends = [150, 50];
    for (mirror, end) in scene.mirrors.iter().zip(ends) {
        mirror.wait_for_end(0, end);
    }
    for (index, source) in scene.sources.iter().enumerate() {
        source.write(0, "third", 0..10);
        scene.mirrors[index].wait_for_end(0, ends[index] + 10);
        scene.until_findings(index, "destination_changed", "decided", 1);
    }
    scene.sources[0].assert_mirrored_exactly(&scene.mirrors[0]);
    let since = [words("second", 0..50), words("third", 0..10)].concat();
    assert_eq!(scene.mirrors[1].values(0), since);
    scene.until_mirroring();
}

/// A link that was deleted leaves its control topic: one of the same name asks whether to go on there, and does so exactly,
/// or begins anew.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_link_made_again_asks_whether_to_go_on_or_to_begin_anew() {
    for (choice, duplicated) in [("go_on", false), ("mirror_anew", true)] {
        let scene = Scene::start(&format!("again-{choice}").replace('_', "-"), 1, 2, &[]);
        let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
        scene.console.verb(&scene.link, "stop");
        until(
            "stopped",
            SOON,
            || scene.status(),
            || (scene.status()["state"] == "stopped").then_some(()),
        );
        let path = format!("links/{}", scene.link);
        let revision = scene.console.get(&path)["revision"].as_i64().unwrap();
        let confirmed = format!("{path}?confirm={}", scene.link);
        scene.console.process.delete(&confirmed, revision).unwrap();
        source.write(0, "meanwhile", 0..10);

        let mut spec = link(&scene.link, "east", "west", &[source]);
        spec["append_to"] = json!([mirror.name]);
        scene.console.post("links", &spec);
        scene.console.verb(&scene.link, "start");
        let held = until(
            "the choice is asked for",
            SOON,
            || scene.status(),
            || {
                let all = scene.console.findings(&scene.link);
                all.into_iter()
                    .find(|f| f["kind"] == "control_topic_changed" && f["state"]["state"] == "held")
            },
        );
        let status = until(
            "the link says so",
            SOON,
            || scene.status(),
            || Some(scene.status()).filter(|status| status["state"] == "needs_decision"),
        );
        assert_whole(&status["problems"][0], "needs_decision");
        scene.look_again();
        assert_eq!(mirror.end(0), 100, "nothing is copied unasked");

        let id = held["id"].as_str().unwrap();
        let decision = format!("{path}/findings/{id}/decision");
        scene.console.post(&decision, &json!({ "choice": choice }));
        let expected = if duplicated { 210 } else { 110 };
        mirror.wait_for_end(0, expected);
        if duplicated {
            mirror.wait_for_end(1, 200);
        } else {
            source.assert_mirrored_exactly(mirror);
        }
        scene.until_mirroring();
        source.write(1, "after", 0..5);
        mirror.wait_for_end(1, if duplicated { 205 } else { 105 });
        let of_kind = |kind: &str| {
            let all = scene.console.findings(&scene.link);
            all.into_iter()
                .filter(|f| f["kind"] == kind)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of_kind("control_topic_changed")[0]["state"]["choice"],
            choice
        );
        assert!(of_kind("duplicate").is_empty());
    }
}
