//! What a link finds at the source: topics deleted, made again, records gone before they were copied, and strangers'
//! records in a mirror. Each is shown over the API, and goes on only as the policy or an operator says.

use serde_json::{Value, json};
use xtask::{cluster::shared, referee::Expectation, report::Case};

use crate::harness::{Console, SOON, Topic, assert_whole, link, topic_of, unique, until, words};

/// One link over the shared clusters with one or more topics.
pub struct Scene {
    pub console: &'static Console,
    pub link: String,
    pub sources: Vec<Topic>,
    pub mirrors: Vec<Topic>,
}

impl Scene {
    /// Makes topics with 100 records in each partition, starts a link and waits until all are copied.
    pub fn start(stem: &str, topics: usize, partitions: i32, settings: &[(&str, Value)]) -> Self {
        let west = shared("west").unwrap();
        Self::start_to(
            ("west", &west.bootstrap),
            stem,
            topics,
            partitions,
            settings,
        )
    }

    /// As [`Self::start`], with the destination's name and address.
    pub fn start_to(
        destination: (&str, &str),
        stem: &str,
        topics: usize,
        partitions: i32,
        settings: &[(&str, Value)],
    ) -> Self {
        let east = shared("east").unwrap();
        let (console, name) = (Console::shared(), unique(stem));
        let topics: Vec<String> = (0..topics).map(|n| format!("{name}.{n}")).collect();
        let on = |bootstrap: &str| topics.iter().map(|t| Topic::new(bootstrap, t)).collect();
        let sources: Vec<Topic> = on(&east.bootstrap);
        for source in &sources {
            source.create(partitions);
            for partition in 0..partitions {
                source.write(partition, "first", 0..100);
            }
        }
        let mut spec = link(
            &name,
            "east",
            destination.0,
            &sources.iter().collect::<Vec<_>>(),
        );
        for (key, value) in settings {
            spec[*key] = value.clone();
        }
        console.post("links", &spec);
        console.verb(&name, "start");
        let scene = Self {
            console,
            link: name,
            sources,
            mirrors: on(destination.1),
        };
        for mirror in &scene.mirrors {
            for partition in 0..partitions {
                mirror.wait_for_end(partition, 100);
            }
        }
        scene
    }

    pub fn status(&self) -> Value {
        self.console.status(&self.link)
    }

    /// Waits until the status of topic number `index` is as wanted.
    pub fn until_topic(&self, what: &str, index: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        let name = &self.sources[index].name;
        until(
            what,
            SOON,
            || self.status(),
            || Some(topic_of(&self.status(), name)).filter(|topic| wanted(topic)),
        )
    }

    /// Waits for `count` findings of a kind and state in topic number `index`, and asserts that there is no other.
    pub fn until_findings(
        &self,
        index: usize,
        kind: &str,
        state: &str,
        count: usize,
    ) -> Vec<Value> {
        let topic = &self.sources[index].name;
        let of = || {
            let all = self.console.findings(&self.link).into_iter();
            all.filter(|f| f["topic"] == **topic).collect::<Vec<_>>()
        };
        let show = || (self.status(), of());
        let found = until(
            &format!("{count} findings {kind}, {state}"),
            SOON,
            show,
            || {
                let fits = |f: &&Value| f["kind"] == kind && f["state"]["state"] == state;
                let found: Vec<Value> = of().iter().filter(fits).cloned().collect();
                (found.len() == count).then_some(found)
            },
        );
        assert!(of().iter().all(|f| f["kind"] == kind), "{:#?}", of());
        found
    }

    /// Waits until a topic is held, and asserts that everything says so.
    pub fn until_held(&self, index: usize, kind: &str, partitions: usize) -> Vec<Value> {
        let found = self.until_findings(index, kind, "held", partitions);
        let asks = |of: &Value| of["state"] == "needs_decision";
        // While a slot is claimed anew its partitions are not told of, so they are counted.
        let all_ask = |topic: &Value| {
            let all = topic["partitions"].as_array();
            all.is_some_and(|all| all.len() == partitions && all.iter().all(asks))
        };
        let name = &self.sources[index].name;
        let topic = until(
            "held",
            SOON,
            || self.status(),
            || {
                let status = self.status();
                let topic = topic_of(&status, name);
                (asks(&status) && asks(&topic) && all_ask(&topic)).then_some(topic)
            },
        );
        for partition in topic["partitions"].as_array().unwrap() {
            assert_whole(&partition["problem"], "needs_decision");
        }
        found
    }

    /// Passes on the operator's choice, after one that this finding does not allow was refused.
    pub fn choose(&self, finding: &Value, choice: &str) {
        let id = finding["id"].as_str().unwrap();
        let path = format!("links/{}/findings/{id}/decision", self.link);
        let problem = self.console.refused(&path, &json!({ "choice": "skip" }));
        assert_eq!(problem["fields"][0]["field"], "choice", "{problem:#}");
        self.console.post(&path, &json!({ "choice": choice }));
    }

    /// Waits until the link has looked at its clusters some times more.
    pub fn look_again(&self) {
        let measured = || self.status()["measured_at_ms"].as_i64().unwrap();
        let now = measured();
        until(
            "four passes more",
            SOON,
            || self.status(),
            || (measured() - now > 4_000).then_some(()),
        );
    }

    pub fn until_mirroring(&self) {
        until(
            "mirroring",
            SOON,
            || self.status(),
            || (self.status()["state"] == "mirroring").then_some(()),
        );
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f12_f13_a_deleted_source_topic_keeps_its_mirror_and_is_not_continued_when_it_comes_back() {
    let mut case = Case::new("F12 F13 source topic deleted, comes back");
    case.faults(2);
    let scene = Scene::start("deleted", 2, 2, &[]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    source.delete();
    let topic = scene.until_topic("source deleted", 0, |t| t["state"] == "source_deleted");
    assert_whole(&topic["problem"], "source_deleted");
    let lines = scene.console.log_lines(&source.name).len();
    scene.look_again();
    let topic = scene.until_topic("still deleted", 0, |_| true);
    assert_eq!(topic["state"], "source_deleted");
    let noise = scene.console.log_lines(&source.name);
    assert!(noise.len() <= lines + 2, "a loop: {:#?}", &noise[lines..]);
    assert!(scene.console.findings(&scene.link).is_empty());
    scene.sources[1].write(0, "others go on", 0..10);
    scene.mirrors[1].wait_for_end(0, 110);

    source.create(2);
    source.write(0, "second", 0..50);
    source.write(1, "second", 0..30);
    let held = scene.until_held(0, "source_recreated", 2);
    scene.look_again();
    assert_eq!(
        (mirror.end(0), mirror.end(1)),
        (100, 100),
        "nothing is copied unasked"
    );
    for finding in &held {
        assert_eq!(finding["source"], json!([0, 100]));
        scene.choose(finding, "append");
    }
    mirror.wait_for_end(0, 150);
    mirror.wait_for_end(1, 130);
    scene.until_findings(0, "source_recreated", "decided", 2);
    source.write(0, "third", 0..10);
    mirror.wait_for_end(0, 160);
    let appended = [
        words("first", 0..100),
        words("second", 0..50),
        words("third", 0..10),
    ];
    assert_eq!(mirror.values(0), appended.concat());
    scene.until_mirroring();
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f13_a_source_topic_made_again_between_two_looks_is_held_and_appended_after_a_restart_of_the_link()
 {
    let mut case = Case::new("F13 source topic made again between two looks");
    case.faults(1);
    let scene = Scene::start("remade", 1, 1, &[]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    source.delete();
    source.create(1);
    source.write(0, "second", 0..200);
    scene.until_held(0, "source_recreated", 1);
    scene.console.verb(&scene.link, "stop");
    scene.console.verb(&scene.link, "start");
    let held = scene.until_held(0, "source_recreated", 1);
    assert_eq!(mirror.end(0), 100);
    scene.choose(&held[0], "append");
    mirror.wait_for_end(0, 300);
    let appended = [words("first", 0..100), words("second", 0..200)];
    assert_eq!(mirror.values(0), appended.concat());
    scene.until_mirroring();
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f15_records_deleted_before_they_were_copied_are_a_loss_with_its_exact_range() {
    let mut case = Case::new("F15 records deleted before they were copied");
    case.faults(1);
    let scene = Scene::start("loss", 1, 1, &[]);
    lose_fifty(&scene);
    let lost = scene.until_findings(0, "loss", "recorded", 1);
    assert_eq!(lost[0]["source"], json!([100, 150]));
    until(
        "the status shows it",
        SOON,
        || scene.status(),
        || (scene.status()["findings"] == json!(lost)).then_some(()),
    );
    assert_the_rest_is_copied(&scene);
    scene.until_mirroring();
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f15_a_loss_is_held_where_the_policy_asks() {
    let mut case = Case::new("F15 the same, policy: ask");
    case.faults(1);
    let policies = ("policies", json!({ "loss": "ask" }));
    let scene = Scene::start("loss-asked", 1, 1, &[policies]);
    lose_fifty(&scene);
    let held = scene.until_held(0, "loss", 1);
    assert_eq!(held[0]["source"], json!([100, 150]));
    scene.look_again();
    assert_eq!(scene.mirrors[0].end(0), 100);
    scene.choose(&held[0], "continue");
    assert_the_rest_is_copied(&scene);
    let decided = scene.until_findings(0, "loss", "decided", 1);
    assert_eq!(decided[0]["state"]["choice"], "continue");
    scene.until_mirroring();
}

/// While the link is paused, a hundred records are written and the first fifty of them deleted.
fn lose_fifty(scene: &Scene) {
    scene.console.verb(&scene.link, "pause");
    until(
        "paused",
        SOON,
        || scene.status(),
        || (scene.status()["state"] == "paused").then_some(()),
    );
    scene.sources[0].write(0, "second", 0..100);
    let admin = scene.sources[0].admin();
    admin
        .delete_records(&scene.sources[0].name, 0, 150)
        .unwrap();
    scene.console.verb(&scene.link, "resume");
}

fn assert_the_rest_is_copied(scene: &Scene) {
    scene.sources[0].write(0, "third", 0..10);
    scene.mirrors[0].wait_for_end(0, 160);
    let copied = [
        words("first", 0..100),
        words("second", 50..100),
        words("third", 0..10),
    ];
    assert_eq!(scene.mirrors[0].values(0), copied.concat());
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f14_a_strangers_records_in_a_mirror_are_found_exactly_and_copying_goes_on() {
    let mut case = Case::new("F14 foreign writes at the mirror");
    case.faults(1);
    let scene = Scene::start("stranger", 1, 1, &[]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    mirror.write(0, "stranger", 0..7);
    source.write(0, "second", 0..50);
    mirror.wait_for_end(0, 157);
    let found = scene.until_findings(0, "foreign_write", "recorded", 1);
    assert_eq!(found[0]["destination"], json!([100, 107]));
    let report = source.compare(mirror, &Expectation::default());
    assert_eq!((report.valid, report.out_of_scope), (150, 7), "{report:#?}");
    case.compared(&report);
    assert_eq!(
        (report.missing, report.duplicated, report.out_of_order),
        (0, 0, 0)
    );
    source.write(0, "third", 0..50);
    mirror.wait_for_end(0, 207);
    scene.until_findings(0, "foreign_write", "recorded", 1);
    scene.until_mirroring();
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f14_a_strangers_records_hold_the_mirror_where_the_policy_asks() {
    let mut case = Case::new("F14 the same, policy: ask");
    case.faults(1);
    let policies = ("policies", json!({ "foreign_write": "ask" }));
    let scene = Scene::start("stranger-asked", 1, 1, &[policies]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    mirror.write(0, "stranger", 0..7);
    source.write(0, "second", 0..50);
    let held = scene.until_held(0, "foreign_write", 1);
    assert_eq!(held[0]["destination"], json!([100, 107]));
    let end = mirror.end(0);
    source.write(0, "third", 0..50);
    scene.look_again();
    assert_eq!(mirror.end(0), end);
    scene.choose(&held[0], "continue");
    mirror.wait_for_end(0, 207);
    let report = source.compare(mirror, &Expectation::default());
    assert_eq!((report.valid, report.out_of_scope), (200, 7), "{report:#?}");
    case.compared(&report);
    scene.until_findings(0, "foreign_write", "decided", 1);
    scene.until_mirroring();
}
