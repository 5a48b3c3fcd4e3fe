//! Three brokers on each side: leaders killed in full stream, and a follower that lags while a link is taken
//! over.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::{
    cluster::{ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::{
    harness::{Console, SOON, Topic, link, unique, until},
    traffic::Traffic,
};

/// How long a leader change or the return of a broker may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn wait_for_records(console: &Console, name: &str, mirror: &Topic, more: i64) {
    let end = |topic: &Topic| {
        topic
            .admin()
            .watermarks(&topic.name, 0)
            .map_or(0, |seen| seen.1)
    };
    let before = end(mirror);
    until(
        "records arrive",
        PATIENCE,
        || console.status(name),
        || (end(mirror) >= before + more).then_some(()),
    );
}

/// Kills the leader of partition 0, waits until records arrive under another, and brings the broker back. Returns how long
/// it took until records arrived.
fn kill_leader(
    console: &Console,
    name: &str,
    cluster: &KafkaCluster,
    topic: &Topic,
    mirror: &Topic,
) -> Duration {
    let partition = || {
        topic
            .admin()
            .partitions(&topic.name)
            .ok()
            .map(|all| all[0].clone())
    };
    let leader = partition().unwrap().leader.unwrap();
    let broker = cluster.brokers().iter().find(|b| b.id() == leader).unwrap();
    broker.kill();
    let killed = Instant::now();
    until("another leader", PATIENCE, partition, || {
        partition()?.leader.filter(|now| *now != leader)
    });
    wait_for_records(console, name, mirror, 200);
    let recovered = killed.elapsed();
    broker.restart().unwrap();
    cluster.wait_ready().unwrap();
    until("all replicas in sync", PATIENCE, partition, || {
        let all = topic.admin().partitions(&topic.name).ok()?;
        all.iter().all(|p| p.isr.len() == 3).then_some(())
    });
    recovered
}

fn assert_exact(
    console: &Console,
    traffic: Traffic,
    (source, mirror): (&Topic, &Topic),
    case: &mut Case,
) {
    let name = &source.name;
    let written = traffic.stop();
    let partitions = i32::try_from(source.admin().partitions(&source.name).unwrap().len()).unwrap();
    until(
        "all is copied",
        PATIENCE,
        || console.status(name),
        || {
            (0..partitions)
                .all(|p| source.end(p) == mirror.end(p))
                .then_some(())
        },
    );
    assert!(written > 1_000, "only {written} records");
    case.compared(&source.assert_mirrored_exactly(mirror));
    assert_eq!(console.findings(name), Vec::<Value>::new());
    until(
        "mirroring",
        SOON,
        || console.status(name),
        || (console.status(name)["state"] == "mirroring").then_some(()),
    );
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f01_f02_leaders_killed_in_full_stream_on_either_side_lose_and_repeat_nothing() {
    let mut case = Case::new("F01 F02 leaders killed at either side");
    let cluster = |name: &str| KafkaCluster::start(ClusterOptions::new(name).brokers(3)).unwrap();
    let (near, far) = (cluster("near"), cluster("far"));
    let console = Console::start();
    console.connect("near", &near.bootstrap());
    console.connect("far", &far.bootstrap());
    let on = |cluster: &KafkaCluster| Topic::new(&cluster.bootstrap(), "leaders");
    let (source, mirror) = (on(&near), on(&far));
    source.create(3);
    let traffic = Traffic::start(&source, 3);
    console.post("links", &link("leaders", "near", "far", &[&source]));
    console.verb("leaders", "start");
    until(
        "the mirror is made",
        SOON,
        || console.status("leaders"),
        || mirror.admin().watermarks("leaders", 0).ok(),
    );
    wait_for_records(&console, "leaders", &mirror, 200);
    for _ in 0..3 {
        case.recovered(kill_leader(&console, "leaders", &far, &mirror, &mirror));
    }
    for _ in 0..3 {
        case.recovered(kill_leader(&console, "leaders", &near, &source, &mirror));
    }
    case.faults(6);
    assert_exact(&console, traffic, (&source, &mirror), &mut case);
}

/// Makes control topics until one has no replica on `broker`, and returns the name of the link that it belongs to.
fn control_topic_without(slow: &KafkaCluster, broker: i32) -> String {
    let compacted = [("cleanup.policy", "compact"), ("min.insync.replicas", "2")];
    until("a control topic elsewhere", SOON, String::new, || {
        let name = unique("frozen");
        let control = Topic::new(&slow.bootstrap(), &format!("causeway.link.{name}"));
        let admin = control.admin();
        let made = admin.create_topic_replicated(&control.name, 1, 3, &compacted);
        made.unwrap();
        let replicas = admin.partitions(&control.name).unwrap().remove(0).replicas;
        (!replicas.contains(&broker)).then_some(name)
    })
}

/// Says whether a partition of the link waits because its mirror's replicas lag behind the leader.
fn waits_for_replicas(status: &Value) -> bool {
    let topics = status["topics"].as_array().unwrap().iter();
    let mut partitions = topics.flat_map(|topic| topic["partitions"].as_array().unwrap());
    partitions.any(|partition| {
        let detail = partition["problem"]["detail"].as_str();
        detail.is_some_and(|words| words.contains("replicas have not caught up"))
    })
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f32_a_take_over_while_the_high_watermark_is_behind_the_logs_end_repeats_nothing() {
    let mut case = Case::new("F32 killed while a destination replica lags");
    let east = shared("east").unwrap();
    // A frozen broker stays in sync until its session ends, which is after the whole test. The worker group must not
    // need it, nor the link's control topic: both stand on other brokers.
    let options = ClusterOptions::new("slow").brokers(4);
    let options = options.property("broker.session.timeout.ms", "120000");
    let options = options.property("replica.lag.time.max.ms", "120000");
    let options = options.property("offsets.topic.num.partitions", "1");
    let slow =
        KafkaCluster::start(options.property("offsets.topic.replication.factor", "1")).unwrap();
    let groups = Topic::new(&slow.bootstrap(), "__consumer_offsets");
    groups
        .admin()
        .commit_offset("probe", "causeway.none", 0, 0)
        .ok();
    let coordinator = until("a coordinator", SOON, String::new, || {
        groups
            .admin()
            .partitions(&groups.name)
            .ok()?
            .first()?
            .leader
    });
    let frozen = slow
        .brokers()
        .iter()
        .find(|b| b.id() != coordinator)
        .unwrap();
    let name = control_topic_without(&slow, frozen.id());

    let mut console = Console::start();
    console.connect("east", &east.bootstrap);
    console.connect("slow", &slow.bootstrap());
    let on = |bootstrap: &str| Topic::new(bootstrap, &name);
    let (source, mirror) = (on(&east.bootstrap), on(&slow.bootstrap()));
    source.create(4);
    let traffic = Traffic::start(&source, 4);
    let mut spec = link(&name, "east", "slow", &[&source]);
    spec["replication_factor"] = json!({ "exactly": 4 });
    spec["on_fewer_brokers"] = json!("reduce");
    console.post("links", &spec);
    console.verb(&name, "start");
    until(
        "the mirror is made",
        SOON,
        || console.status(&name),
        || mirror.admin().watermarks(&name, 0).ok(),
    );
    wait_for_records(&console, &name, &mirror, 200);

    frozen.stop().unwrap();
    let led = mirror.admin().partitions(&name).unwrap();
    let led_elsewhere = led
        .iter()
        .find(|p| p.leader != Some(frozen.id()))
        .unwrap()
        .id;
    // What the leader has appended is not replicated: the high watermark stands still behind the log's end.
    let lag = || source.end(led_elsewhere) - mirror.end(led_elsewhere);
    until("the high watermark stands", SOON, lag, || {
        (lag() > 400).then_some(())
    });
    console.kill_and_start();
    until(
        "the new process waits for the replicas",
        PATIENCE,
        || console.status(&name),
        || waits_for_replicas(&console.status(&name)).then_some(()),
    );
    frozen.cont().unwrap();
    case.faults(2);
    assert_exact(&console, traffic, (&source, &mirror), &mut case);
}
