//! Steady writing to source topics until told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use xtask::client::{NewRecord, Writer, WriterOptions};

/// Writers in the background, one per topic.
pub struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<u64>>,
}

impl Load {
    /// Writes about `rate` records a second to each topic (name and codec).
    pub fn start(bootstrap: &str, topics: &[(&str, &str)], rate: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writers = topics
            .iter()
            .map(|(topic, codec)| {
                let (stop, bootstrap) = (stop.clone(), bootstrap.to_owned());
                let topic = topic.to_string();
                let options = WriterOptions {
                    codec: codec.to_string(),
                    ..WriterOptions::default()
                };
                std::thread::spawn(move || write(&bootstrap, &topic, &options, rate, &stop, record))
            })
            .collect();
        Self { stop, writers }
    }

    /// Stops writing; every record is then acknowledged.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            let written = writer.join().expect("a writer panicked");
            assert!(written > 0, "a writer wrote nothing");
        }
    }

    /// Writes about `rate` records a second with timestamps of last week, in small batches.
    pub fn start_history(bootstrap: &str, topic: &str, rate: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, bootstrap, topic) = (stop.clone(), bootstrap.to_owned(), topic.to_owned());
        let options = WriterOptions {
            batch_bytes: 4_096,
            ..WriterOptions::default()
        };
        let writer = std::thread::spawn(move || {
            let week_ago_ms = now_ms() - 7 * 24 * 3_600_000;
            let old = |number: u64| NewRecord {
                timestamp: Some(week_ago_ms + number as i64),
                ..record(number)
            };
            write(&bootstrap, &topic, &options, rate, &ended, old)
        });
        Self {
            stop,
            writers: vec![writer],
        }
    }
}

fn write(
    bootstrap: &str,
    topic: &str,
    options: &WriterOptions,
    rate: u64,
    stop: &AtomicBool,
    record: impl Fn(u64) -> NewRecord,
) -> u64 {
    let writer = Writer::new(bootstrap, options).unwrap();
    let began = Instant::now();
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_millis() as u64 * rate) / 1000;
        while written < due {
            writer.send(topic, &record(written)).unwrap();
            written += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    writer.flush().unwrap();
    written
}

fn record(number: u64) -> NewRecord {
    NewRecord {
        key: Some(format!("key-{}", number % 997).into_bytes()),
        value: Some(
            format!("{{\"number\":{number},\"text\":\"{}\"}}", "x".repeat(100)).into_bytes(),
        ),
        ..NewRecord::default()
    }
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_millis() as i64)
}
