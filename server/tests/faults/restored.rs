//! A destination that is restored from an older copy of its disk: mirrors and control topic go back together.

use std::path::PathBuf;

use serde_json::{Value, json};
use xtask::{
    cluster::{ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::harness::{Console, SOON, Topic, assert_whole, link, unique, until};

/// A link whose destination has one broker of its own, and a copy of what that held after 100 records.
struct Restored {
    console: Console,
    destination: KafkaCluster,
    copy: PathBuf,
    link: String,
    source: Topic,
    mirror: Topic,
}

impl Restored {
    /// Copies 100 records, saves the destination, copies 50 more and waits until their positions are stored.
    fn start(stem: &str) -> Self {
        let east = shared("east").unwrap();
        let destination = KafkaCluster::start(ClusterOptions::new("restored")).unwrap();
        let far = destination.bootstrap();
        let console = Console::start_between(&[("east", &east.bootstrap), ("restored", &far)]);
        let name = unique(stem);
        let case = Self {
            copy: destination.dir().join("copy"),
            source: Topic::new(&east.bootstrap, &name),
            mirror: Topic::new(&destination.bootstrap(), &name),
            link: name,
            console,
            destination,
        };
        case.source.create(1);
        case.source.write(0, "first", 0..100);
        let spec = link(&case.link, "east", "restored", &[&case.source]);
        case.console.post("links", &spec);
        case.console.verb(&case.link, "start");
        case.mirror.wait_for_end(0, 100);
        case.until_stored(100);

        // As a snapshot of its disk; a restart would let the workers' group lose its members.
        case.destination.broker(0).save_data(&case.copy).unwrap();
        case.source.write(0, "second", 0..50);
        case.mirror.wait_for_end(0, 150);
        case.until_stored(150);
        case
    }

    fn go_on(&self) {
        self.destination.broker(0).restart().unwrap();
        self.destination.wait_ready().unwrap();
    }

    fn restore(&self) {
        let broker = self.destination.broker(0);
        broker.kill();
        broker.restore_data(&self.copy).unwrap();
        self.go_on();
    }

    /// Waits until the control topic holds a position with this source offset.
    fn until_stored(&self, source_next: i64) {
        let name = format!("causeway.link.{}", self.link);
        let control = Topic::new(&self.mirror.bootstrap, &name);
        let stored = || {
            let all = control.read().into_iter().filter_map(|record| record.value);
            let all = all.filter_map(|json| serde_json::from_slice::<Value>(&json).ok());
            all.filter_map(|value| value["source_next"].as_i64()).max()
        };
        until("the position is stored", SOON, stored, || {
            (stored() == Some(source_next)).then_some(())
        });
    }

    /// Returns the status of a link that noticed, or `None` where the broker was away for longer than a group's members may be
    /// silent (10 s): the link lost its slots then, and claims them as a process does that was away.
    fn until_noticed_or_claimed_anew(&self) -> Option<Value> {
        let status = || self.console.status(&self.link);
        until("noticed, or copied again", SOON, status, || {
            let status = status();
            let lost = self.console.log_lines("slots lost by the group");
            let again = !lost.is_empty() && self.mirror.end(0) == 150;
            match status["state"] == "needs_decision" {
                true => Some(Some(status)),
                false => again.then_some(None),
            }
        })
    }

    /// Asserts that nothing is copied unasked and that the way out is told, and goes it.
    fn say_go_on(&self, status: &Value) {
        let problems = status["problems"].as_array().unwrap();
        let problem = problems.iter().find(|p| p["code"] == "control.damaged");
        let problem = problem.unwrap_or_else(|| panic!("{status:#}"));
        assert_whole(problem, "needs_decision");
        let next = problem["next_step"].as_str().unwrap();
        assert!(next.contains("stop the link and start it"), "{next}");
        assert_eq!(self.mirror.end(0), 100, "nothing is copied unasked");
        self.console.verb(&self.link, "stop");
        self.console.until_state(&self.link, "stopped");
        self.console.verb(&self.link, "start");
    }

    /// Waits until everything is there again, with more, and asserts that it is there once and in order.
    fn assert_whole_again(&self) {
        self.mirror.wait_for_end(0, 150);
        self.source.write(0, "third", 0..10);
        self.mirror.wait_for_end(0, 160);
        self.source.assert_mirrored_exactly(&self.mirror);
        assert_eq!(self.console.findings(&self.link), Vec::<Value>::new());
        self.console.until_state(&self.link, "mirroring");
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_destination_restored_under_a_running_link_is_noticed_and_copied_again_once_somebody_says_so() {
    let mut case = Case::new("destination restored, link running");
    case.faults(1);
    let restored = Restored::start("restored");
    restored.restore();
    match restored.until_noticed_or_claimed_anew() {
        Some(status) => restored.say_go_on(&status),
        None => case.note("the group had lost its members: claimed anew from the copy"),
    }
    restored.assert_whole_again();
    case.note("50 records that the copy lacked were copied again");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_destination_restored_while_causeway_was_away_is_copied_again_from_what_it_holds() {
    let mut case = Case::new("destination restored, Causeway away");
    case.faults(2);
    let mut restored = Restored::start("restored-away");
    restored.console.process.kill();
    restored.restore();
    restored.console.kill_and_start();
    restored.assert_whole_again();
    let phase = restored.console.get(&format!("links/{}", restored.link));
    assert_eq!(phase["phase"], json!("running"));
}
