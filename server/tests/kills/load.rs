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
                let (topic, codec) = (topic.to_string(), codec.to_string());
                std::thread::spawn(move || write(&bootstrap, &topic, &codec, rate, &stop))
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

    /// Writes records with timestamps of last week in small batches.
    pub fn write_history(bootstrap: &str, topic: &str, records: u64) {
        let options = WriterOptions {
            batch_bytes: 4_096,
            ..WriterOptions::default()
        };
        let writer = Writer::new(bootstrap, &options).unwrap();
        let week_ago_ms = now_ms() - 7 * 24 * 3_600_000;
        for number in 0..records {
            let record = NewRecord {
                timestamp: Some(week_ago_ms + number as i64),
                ..record(number)
            };
            writer.send(topic, &record).unwrap();
        }
        writer.flush().unwrap();
    }
}

fn write(bootstrap: &str, topic: &str, codec: &str, rate: u64, stop: &AtomicBool) -> u64 {
    let options = WriterOptions {
        codec: codec.to_owned(),
        ..WriterOptions::default()
    };
    let writer = Writer::new(bootstrap, &options).unwrap();
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
