//! Batches and records that need more than a patched header: refused ones with their three ways out, small ones merged,
//! and links that may only use a part of their line.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::{
    client::{NewRecord, RawRecord, ReadIsolation, Writer, WriterOptions, read_all},
    referee::Expectation,
    report::Case,
};

use crate::{
    findings::Scene,
    harness::{SOON, Topic, assert_whole, record, topic_of, until},
};

/// Bytes that the mirrors of these tests take in one batch.
const NARROW: &str = "2000";

/// A link whose mirror takes less than its source, with a record that is too large between others.
fn narrow(stem: &str, on_refused: &str) -> Scene {
    let settings = [
        ("configs", json!({ "exclude": ["max.message.bytes"] })),
        ("on_refused", json!(on_refused)),
    ];
    let scene = Scene::start(stem, 1, 2, &settings);
    let mirror = &scene.mirrors[0];
    let limit = [("max.message.bytes", NARROW)];
    mirror.admin().set_configs(&mirror.name, &limit).unwrap();
    let writer = Writer::new(&scene.sources[0].bootstrap, &WriterOptions::default()).unwrap();
    for number in 100..110 {
        let mut record = record(0, "around", number);
        if number == 104 {
            record.value = Some(vec![b'x'; 5_000]);
            record.headers = vec![(b"trace".to_vec(), Some(b"t-1".to_vec()))];
        }
        writer.send(&scene.sources[0].name, &record).unwrap();
    }
    writer.flush().unwrap();
    scene
}

/// What arrives of the record that is too large is left out; all others are there once, in order.
fn assert_all_but_one(scene: &Scene) {
    let mirror = &scene.mirrors[0];
    mirror.wait_for_end(0, 109);
    let values = mirror.values(0);
    assert_eq!(&values[100..104], words_around(100..104), "{values:?}");
    assert_eq!(&values[104..], words_around(105..110), "{values:?}");
}

fn words_around(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("around-{number}")).collect()
}

fn dead_letters(scene: &Scene) -> Vec<RawRecord> {
    let topic = format!("causeway.dlq.{}", scene.link);
    read_all(
        &scene.mirrors[0].bootstrap,
        &topic,
        ReadIsolation::Committed,
    )
    .unwrap()
}

/// F18: only its partition is held, with place, size and three ways out.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f18_a_record_that_is_too_large_is_held_alone_and_put_aside_by_choice() {
    let scene = narrow("toolarge", "hold");
    let held = scene.until_findings(0, "refused", "held", 1);
    let finding = &held[0];
    assert_eq!(finding["source"], json!([104, 105]));
    assert_eq!(finding["broker_error"], "MESSAGE_TOO_LARGE");
    let detail = finding["detail"].as_str().unwrap();
    for told in ["offset 104", "bytes", "2,000"] {
        assert!(detail.contains(told), "no {told}: {detail}");
    }
    let topic = scene.until_topic("held", 0, |t| {
        t["partitions"][0]["state"] == "needs_decision"
    });
    assert_whole(&topic["partitions"][0]["problem"], "needs_decision");
    // The other partition goes on, and nothing is sent again and again.
    scene.sources[0].write(1, "others", 0..20);
    scene.mirrors[0].wait_for_end(1, 120);
    scene.look_again();
    assert_eq!(scene.mirrors[0].end(0), 104);

    let id = finding["id"].as_str().unwrap();
    let path = format!("links/{}/findings/{id}/decision", scene.link);
    scene
        .console
        .post(&path, &json!({ "choice": "dead_letter" }));
    assert_all_but_one(&scene);
    let letters = dead_letters(&scene);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_dead_letter(&scene, &letters[0]);
    let recorded = scene.console.findings(&scene.link);
    let aside = recorded
        .iter()
        .find(|f| f["kind"] == "dead_letter")
        .unwrap();
    assert_eq!(aside["source"], json!([104, 105]));
    scene.until_mirroring();
}

fn assert_dead_letter(scene: &Scene, letter: &RawRecord) {
    assert_eq!(letter.value, Some(vec![b'x'; 5_000]));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers: Vec<(String, String)> = letter
        .headers
        .iter()
        .map(|(name, value)| (text(name), text(value.as_deref().unwrap_or_default())))
        .collect();
    let expected = [
        ("trace", "t-1"),
        ("causeway-link", &scene.link),
        ("causeway-topic", &scene.sources[0].name),
        ("causeway-partition", "0"),
        ("causeway-offset", "104"),
        ("causeway-error", "MESSAGE_TOO_LARGE"),
    ];
    assert_eq!(headers, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f18_refused_records_are_put_aside_or_left_out_by_the_links_own_rule() {
    for (rule, kind) in [("dead_letter", "dead_letter"), ("skip", "skip")] {
        let scene = narrow(&format!("rule-{kind}").replace('_', "-"), rule);
        assert_all_but_one(&scene);
        let found = scene.until_findings(0, kind, "recorded", 1);
        assert_eq!(found[0]["source"], json!([104, 105]));
        if rule == "dead_letter" {
            assert_dead_letter(&scene, &dead_letters(&scene)[0]);
        }
        scene.until_mirroring();
    }
}

/// The limit is raised and the same record tried again: nothing is left out.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f18_a_raised_limit_lets_the_held_record_through() {
    let scene = narrow("raised", "hold");
    let held = scene.until_findings(0, "refused", "held", 1);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let limit = [("max.message.bytes", "1000000")];
    mirror.admin().set_configs(&mirror.name, &limit).unwrap();
    let id = held[0]["id"].as_str().unwrap();
    let path = format!("links/{}/findings/{id}/decision", scene.link);
    scene.console.post(&path, &json!({ "choice": "retry" }));
    mirror.wait_for_end(0, 110);
    source.assert_mirrored_exactly(mirror);
}

/// Writes batches of one record each.
fn write_singly(topic: &Topic, codec: &str, numbers: std::ops::Range<usize>) {
    let options = WriterOptions {
        codec: codec.to_owned(),
        properties: vec![("batch.num.messages".to_owned(), "1".to_owned())],
        ..WriterOptions::default()
    };
    let writer = Writer::new(&topic.bootstrap, &options).unwrap();
    for number in numbers {
        let record = NewRecord {
            headers: vec![
                (b"twice".to_vec(), Some(b"1".to_vec())),
                (b"twice".to_vec(), None),
            ],
            ..record(0, "single", number)
        };
        writer.send(&topic.name, &record).unwrap();
    }
    writer.flush().unwrap();
}

/// Batches of one record are merged while the link is behind: what is stored at the mirror shows it.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn batches_of_one_record_are_merged_with_their_content_kept() {
    let scene = Scene::start("single", 1, 1, &[]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let mut end = 100;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        scene.console.verb(&scene.link, "pause");
        write_singly(source, codec, 0..2_000);
        end += 2_000;
        scene.console.verb(&scene.link, "resume");
        mirror.wait_for_end(0, end);
        source.assert_mirrored_exactly(mirror);
    }
    let status = scene.status();
    let merged = status["batches"]["merged_total"].as_u64().unwrap();
    assert!(merged > 5_000, "{merged} of 10,000 batches were merged");
    assert_eq!(scene.console.findings(&scene.link), Vec::<Value>::new());
}

/// A limit holds while data waits, is told as such, and can be lifted while the link runs.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_bandwidth_limit_holds_is_shown_and_can_be_lifted_while_the_link_runs() {
    let limit = 200_000;
    let scene = Scene::start("limited", 1, 1, &[("limit_bytes_per_s", json!(limit))]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let bytes = || scene.status()["rates"]["bytes_total"].as_u64().unwrap();
    let (before, began) = (bytes(), Instant::now());
    let writer = Writer::new(&source.bootstrap, &WriterOptions::default()).unwrap();
    for number in 0..8_000 {
        let value = Some(format!("{number:01000}").into_bytes());
        let record = NewRecord {
            value,
            ..record(0, "", number)
        };
        writer.send(&source.name, &record).unwrap();
    }
    writer.flush().unwrap();
    let throttled = until(
        "the limit is felt",
        SOON,
        || scene.status(),
        || Some(scene.status()).filter(|s| s["throttled"]["limit"]["share"].as_f64() > Some(0.5)),
    );
    assert_eq!(throttled["problems"], json!([]), "a limit is no error");
    // Eight megabytes take 40 s; a fourth of that is long enough to tell.
    until("10 s have passed", SOON, String::new, || {
        (began.elapsed() > Duration::from_secs(10)).then_some(())
    });
    let copied = bytes() - before;
    let most = limit as f64 * (began.elapsed().as_secs_f64() + 1.0) + 70_000.0;
    assert!((copied as f64) < most, "{copied} bytes, {most} may be");
    assert!(copied > 300_000, "only {copied} bytes");
    assert!(mirror.end(0) < 8_100, "a limit that is not one");

    let path = format!("links/{}", scene.link);
    let mut view = scene.console.get(&path);
    view["spec"]["limit_bytes_per_s"] = Value::Null;
    let revision = view["revision"].as_i64().unwrap();
    let changed = scene.console.process.put(&path, &view["spec"], revision);
    changed.unwrap();
    mirror.wait_for_end(0, 8_100);
    assert!(source.compare(mirror, &Expectation::default()).is_exact());
    let topic = topic_of(&scene.status(), &source.name);
    assert_eq!(topic["state"], "mirroring");
}

/// F17: what an open transaction holds back is not copied, and its producer is named.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f17_an_open_transaction_is_named_as_what_holds_a_partition_back() {
    let scene = Scene::start("opentxn", 1, 2, &[]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let options = WriterOptions {
        transactional_id: Some(scene.link.clone()),
        properties: vec![("transaction.timeout.ms".to_owned(), "600000".to_owned())],
        ..WriterOptions::default()
    };
    let transaction = Writer::new(&source.bootstrap, &options).unwrap();
    transaction.begin().unwrap();
    transaction
        .send(&source.name, &record(0, "open", 0))
        .unwrap();
    transaction.flush().unwrap();
    source.write(0, "behind", 0..10);
    source.write(1, "others", 0..10);
    mirror.wait_for_end(1, 110);

    let held = until(
        "the transaction is named",
        Duration::from_secs(120),
        || scene.status(),
        || {
            let topic = topic_of(&scene.status(), &source.name);
            let problem = topic["partitions"][0]["problem"].clone();
            (problem["code"] == "source.open_transaction").then_some(problem)
        },
    );
    assert_whole(&held, "waiting");
    let cause = held["cause"].as_str().unwrap();
    assert!(
        cause.contains("Producer id ") && cause.contains("ago"),
        "{cause}"
    );
    let next_step = held["next_step"].as_str().unwrap();
    let command = format!("--topic {} --partition 0 --start-offset 100", source.name);
    assert!(next_step.contains(&command), "{next_step}");
    assert_eq!(mirror.end(0), 100);

    transaction.commit().unwrap();
    mirror.wait_for_end(0, 111);
    scene.until_topic("free", 0, |topic| {
        topic["partitions"][0]["problem"].is_null()
    });
    source.assert_mirrored_exactly(mirror);
}

/// F17: a transaction of a million records becomes readable all at once, and crosses whole; one as large that is aborted leaves
/// nothing.
#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f17_a_transaction_of_a_million_records_crosses_whole_and_an_aborted_one_not_at_all() {
    const RECORDS: usize = 1_000_000;
    let mut case = Case::new("F17 transactions of a million records");
    let scene = Scene::start("million", 1, 2, &[]);
    let (source, mirror) = (&scene.sources[0], &scene.mirrors[0]);
    let options = WriterOptions {
        transactional_id: Some(scene.link.clone()),
        codec: "lz4".to_owned(),
        properties: vec![
            ("transaction.timeout.ms".to_owned(), "600000".to_owned()),
            (
                "queue.buffering.max.messages".to_owned(),
                "2000000".to_owned(),
            ),
        ],
        ..WriterOptions::default()
    };
    let writer = Writer::new(&source.bootstrap, &options).unwrap();
    let write = |words: &str, count: usize| {
        writer.begin().unwrap();
        for number in 0..count {
            let partition = i32::from(number % 2 == 1);
            writer
                .send(&source.name, &record(partition, words, number))
                .unwrap();
        }
        writer.flush().unwrap();
    };
    write("aborted", RECORDS);
    writer.abort().unwrap();
    write("committed", RECORDS);
    assert_eq!(
        (mirror.end(0), mirror.end(1)),
        (100, 100),
        "nothing before the end"
    );
    writer.commit().unwrap();
    let half = i64::try_from(RECORDS / 2).unwrap();
    for partition in 0..2 {
        mirror.wait_for_end(partition, 100 + half);
    }
    let report = source.assert_mirrored_exactly(mirror);
    assert_eq!(report.valid, 200 + RECORDS as u64);
    case.compared(&report);
    assert!(scene.console.findings(&scene.link).is_empty());
}
