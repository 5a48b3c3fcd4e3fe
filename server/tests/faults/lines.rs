//! A line that swallows or changes what it carries: nothing is lost or repeated for the one (F08), and nothing wrong is
//! mirrored for the other (F10).

use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::{
    client::{NewRecord, Writer, WriterOptions},
    cluster::{ClusterOptions, KafkaCluster, shared},
    proxy::{FaultProxy, Mode},
    report::{self, Case},
};

use crate::{
    harness::{Console, SOON, Topic, assert_whole, link, unique, until},
    stream::{HEALED, Stream},
};

fn behind_a_proxy(name: &str) -> KafkaCluster {
    KafkaCluster::start(ClusterOptions::new(name).behind_proxies()).unwrap()
}

/// Longer than the time-outs of sockets and of Produce requests (10 s): they fire, and what was sent arrives late.
fn hole() -> Duration {
    report::length(Duration::from_secs(20), Duration::from_secs(60))
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f08_a_black_hole_before_the_destination_loses_and_repeats_nothing() {
    let mut case = Case::new("F08 black hole and half-open line at the destination");
    let (east, far) = (shared("east").unwrap(), behind_a_proxy("far"));
    let console = Console::start();
    console.connect("east", &east.bootstrap);
    console.connect("far", &far.bootstrap());
    let (name, address) = (unique("hole"), far.bootstrap());
    let ends = [("east", east.bootstrap.as_str()), ("far", address.as_str())];
    let mut stream = Stream::start(&console, &name, ends);
    let proxy = far.proxy(0).unwrap();

    // The second lets requests take effect, and nobody hears of it.
    for mode in [Mode::BlackHole, Mode::HoldReplies] {
        proxy.set(mode);
        case.faults(1);
        let began = Instant::now();
        let status = stream.until_state(&console, &["waiting"], SOON);
        for problem in status["problems"].as_array().unwrap() {
            assert_whole(problem, "waiting");
        }
        until("the hole is over", HEALED * 2, String::new, || {
            (began.elapsed() >= hole()).then_some(())
        });
        proxy.set(Mode::Pass);
        let healed = Instant::now();
        stream.until_state(&console, &["mirroring", "catching_up"], HEALED);
        stream.until_records_arrive(&console);
        case.recovered(healed.elapsed());
    }
    stream.assert_exact(&console, &mut case);
}

/// What long runs in values are made of; nothing else on the line has such.
const FILL: u8 = b'~';
/// So many bits flip before the line is mended.
const FLIPS: u64 = 5;

/// Writes records past the proxy: an encrypted listener has none before it.
fn write_padded(cluster: &KafkaCluster, topic: &Topic, numbers: std::ops::Range<usize>) {
    let properties = [
        ("security.protocol", "ssl".to_owned()),
        ("ssl.ca.location", cluster.ca_file().display().to_string()),
    ];
    let options = WriterOptions {
        properties: properties
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        ..WriterOptions::default()
    };
    let writer = Writer::new(&cluster.ssl_bootstrap(), &options).unwrap();
    for number in numbers {
        let mut value = format!("value-{number}-").into_bytes();
        value.resize(1_000, FILL);
        let record = NewRecord {
            partition: i32::try_from(number % 3).unwrap(),
            value: Some(value),
            ..NewRecord::default()
        };
        writer.send(&topic.name, &record).unwrap();
    }
    writer.flush().unwrap();
}

/// Waits until bits flipped, mends the line, and waits until the mirror is whole; returns how long that took.
fn flip_and_mend(
    console: &Console,
    proxy: &FaultProxy,
    source: &Topic,
    mirror: &Topic,
) -> Duration {
    let before = proxy.flipped_bits();
    until(
        "bits flip",
        HEALED,
        || (proxy.flipped_bits(), console.status(&source.name)),
        || (proxy.flipped_bits() >= before + FLIPS).then_some(()),
    );
    proxy.set(Mode::Pass);
    let mended = Instant::now();
    until(
        "all is copied",
        HEALED,
        || console.status(&source.name),
        || {
            let ends = |topic: &Topic| topic.admin().all_watermarks(&topic.name).ok();
            (ends(source)? == ends(mirror)?).then_some(())
        },
    );
    mended.elapsed()
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f10_records_changed_on_the_way_are_never_mirrored_and_come_again() {
    let mut case = Case::new("F10 bits flip on either line");
    let (near, far) = (behind_a_proxy("near"), behind_a_proxy("far"));
    let console = Console::start();
    console.connect("near", &near.bootstrap());
    console.connect("far", &far.bootstrap());
    let on = |cluster: &KafkaCluster| Topic::new(&cluster.bootstrap(), "flipped");
    let (source, mirror) = (on(&near), on(&far));
    source.create(3);
    write_padded(&near, &source, 0..3_000);

    // The source's broker sends what is right, and it arrives wrong.
    let from_source = near.proxy(0).unwrap();
    from_source.set(Mode::Corrupt(FILL));
    console.post("links", &link("flipped", "near", "far", &[&source]));
    console.verb("flipped", "start");
    case.recovered(flip_and_mend(&console, from_source, &source, &mirror));
    // What we send to the destination arrives wrong there.
    let to_destination = far.proxy(0).unwrap();
    to_destination.set(Mode::Corrupt(FILL));
    write_padded(&near, &source, 3_000..6_000);
    case.recovered(flip_and_mend(&console, to_destination, &source, &mirror));
    let flips = from_source.flipped_bits() + to_destination.flipped_bits();
    case.faults(u32::try_from(flips).unwrap());

    case.compared(&source.assert_mirrored_exactly(&mirror));
    assert_eq!(console.findings("flipped"), Vec::<Value>::new());
}
