//! A task of a link that panics: a fault of our own, which must cost neither records nor the link.

use serde_json::{Value, json};
use xtask::cluster::shared;

use crate::harness::{Console, SOON, Topic, assert_whole, link, unique, until};

const PARTITIONS: i32 = 3;
const RECORDS: usize = 2_000;

/// A link whose process panics once at the named point, with all records written before it starts.
struct Scene {
    console: Console,
    link: String,
    source: Topic,
    mirror: Topic,
}

impl Scene {
    fn start(point: &str) -> Self {
        let console = Console::start_with(vec![("CAUSEWAY_PANIC_AT".to_owned(), point.to_owned())]);
        let [east, west] = ["east", "west"].map(|name| shared(name).unwrap().bootstrap);
        console.connect("east", &east);
        console.connect("west", &west);
        let name = unique("panics");
        let (source, mirror) = (Topic::new(&east, &name), Topic::new(&west, &name));
        source.create(PARTITIONS);
        for partition in 0..PARTITIONS {
            source.write(partition, "before", 0..RECORDS);
        }
        console.post("links", &link(&name, "east", "west", &[&source]));
        console.verb(&name, "start");
        Self {
            console,
            link: name,
            source,
            mirror,
        }
    }

    fn assert_panicked_and_went_on(&self, point: &str) {
        for partition in 0..PARTITIONS {
            self.mirror.wait_for_end(partition, RECORDS as i64);
        }
        let panics = self
            .console
            .log_lines(&format!("panic: panicking at `{point}`"))
            .len();
        assert_eq!(panics, 1);
        self.source.assert_mirrored_exactly(&self.mirror);
        assert_eq!(self.console.findings(&self.link), Vec::<Value>::new());
        let status = || self.console.status(&self.link);
        until("mirroring without a problem", SOON, status, || {
            let status = status();
            (status["state"] == "mirroring" && status["problems"] == json!([])).then_some(())
        });
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_fetch_task_that_panics_is_shown_and_its_partitions_are_fetched_anew() {
    let scene = Scene::start("fetched");
    let status = || scene.console.status(&scene.link);
    let problem = until("the fault is shown", SOON, status, || {
        let problems = status()["problems"].as_array().unwrap().clone();
        problems.into_iter().find(|p| p["code"] == "engine.fault")
    });
    assert_whole(&problem, "waiting");
    scene.assert_panicked_and_went_on("fetched");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_link_whose_one_off_task_panics_is_started_anew() {
    Scene::start("topics-pass").assert_panicked_and_went_on("topics-pass");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_slot_whose_task_panics_is_claimed_anew() {
    Scene::start("slot").assert_panicked_and_went_on("slot");
}
