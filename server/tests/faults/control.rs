//! A control topic that somebody wrote into or emptied.

use serde_json::Value;
use xtask::{
    client::{NewRecord, Writer, WriterOptions},
    cluster::shared,
    report::Case,
};

use crate::harness::{Console, Topic, assert_whole, link, unique};

/// A running link through a Causeway of its own, with 100 records copied.
struct Watched {
    console: Console,
    link: String,
    source: Topic,
    mirror: Topic,
    control: Topic,
}

impl Watched {
    fn start(stem: &str) -> Self {
        let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
        let console = Console::start_between_shared();
        let name = unique(stem);
        let watched = Self {
            source: Topic::new(&east.bootstrap, &name),
            mirror: Topic::new(&west.bootstrap, &name),
            control: Topic::new(&west.bootstrap, &format!("causeway.link.{name}")),
            link: name,
            console,
        };
        watched.source.create(1);
        watched.source.write(0, "first", 0..100);
        let spec = link(&watched.link, "east", "west", &[&watched.source]);
        watched.console.post("links", &spec);
        watched.console.verb(&watched.link, "start");
        watched.mirror.wait_for_end(0, 100);
        watched.console.until_state(&watched.link, "mirroring");
        watched
    }

    /// Writes the same record into every partition of the control topic.
    fn write_everywhere(&self, writer: &Writer, key: &str, value: Option<&str>) {
        let partitions = self.control.admin().partitions(&self.control.name).unwrap();
        for partition in partitions {
            let record = NewRecord {
                partition: partition.id,
                key: Some(key.as_bytes().to_vec()),
                value: value.map(|value| value.as_bytes().to_vec()),
                ..NewRecord::default()
            };
            writer.send(&self.control.name, &record).unwrap();
        }
        writer.flush().unwrap();
    }

    /// Waits until the link says that its control topic is damaged; asserts that it copies nothing.
    fn assert_asks(&self, cause: &str) {
        let status = self.console.until_state(&self.link, "needs_decision");
        let problems = status["problems"].as_array().unwrap();
        let problem = problems.iter().find(|p| p["code"] == "control.damaged");
        let problem = problem.unwrap_or_else(|| panic!("{status:#}"));
        assert_whole(problem, "needs_decision");
        let told = problem["cause"].as_str().unwrap();
        assert!(told.contains(cause), "{told}");
        let before = self.mirror.end(0);
        self.source.write(0, "unasked", 0..10);
        std::thread::sleep(std::time::Duration::from_secs(3));
        assert_eq!(self.mirror.end(0), before, "nothing is copied unasked");
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn strangers_records_in_the_control_topic_change_nothing() {
    let mut case = Case::new("strangers write into the control topic");
    case.faults(1);
    let mut watched = Watched::start("scribbled");
    let writer = Writer::new(&watched.control.bootstrap, &WriterOptions::default()).unwrap();
    for key in [
        "spec",
        "slot/0",
        "position/x/0",
        "segments/x/0/0",
        "finding/x",
        "nonsense",
    ] {
        for value in [
            Some("{"),
            Some(""),
            Some(r#"{"v":1}"#),
            Some(r#"{"v":99}"#),
            None,
        ] {
            watched.write_everywhere(&writer, key, value);
        }
    }
    watched.source.write(0, "second", 0..50);
    watched.mirror.wait_for_end(0, 150);
    watched.console.kill_and_start();
    watched.source.write(0, "third", 0..50);
    watched.mirror.wait_for_end(0, 200);
    watched.source.assert_mirrored_exactly(&watched.mirror);
    watched.console.until_state(&watched.link, "mirroring");
    assert_eq!(watched.console.findings(&watched.link), Vec::<Value>::new());
    case.note("30 records of each kind in every partition");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_control_record_that_cannot_be_read_stops_the_link_and_is_named() {
    let mut case = Case::new("control record that cannot be read");
    case.faults(1);
    let mut watched = Watched::start("unreadable");
    let options = WriterOptions {
        transactional_id: Some(watched.link.clone()),
        ..WriterOptions::default()
    };
    let writer = Writer::new(&watched.control.bootstrap, &options).unwrap();
    writer.begin().unwrap();
    watched.write_everywhere(&writer, "topic/x", Some(r#"{"v":1,"topic":"#));
    writer.commit().unwrap();
    watched.console.kill_and_start();
    watched.assert_asks("control record `topic/x` cannot be read");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn an_emptied_control_topic_stops_the_link_and_is_no_fresh_start() {
    let mut case = Case::new("control topic emptied");
    case.faults(1);
    let mut watched = Watched::start("emptied");
    watched.console.process.kill();
    let admin = watched.control.admin();
    let name = &watched.control.name;
    let policy = |policy| {
        admin
            .set_configs(name, &[("cleanup.policy", policy)])
            .unwrap()
    };
    policy("delete");
    for (partition, (_, end)) in admin.all_watermarks(name).unwrap().into_iter().enumerate() {
        if end > 0 {
            let partition = i32::try_from(partition).unwrap();
            admin.delete_records(name, partition, end).unwrap();
        }
    }
    policy("compact");
    watched.console.kill_and_start();
    watched.assert_asks("its `spec` is gone");
    assert_eq!(watched.console.findings(&watched.link), Vec::<Value>::new());
}
