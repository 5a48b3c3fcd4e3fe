//! Records that keep coming while something breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use xtask::client::{Writer, WriterOptions};

use crate::harness::{Topic, record};

/// Pause between two rounds of records.
const PACE: Duration = Duration::from_millis(5);

/// A thread that writes to all partitions of a topic in turn until it is told to stop.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Traffic {
    pub fn start(topic: &Topic, partitions: i32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, topic) = (stop.clone(), topic.clone());
        let thread = std::thread::spawn(move || {
            let writer = Writer::new(&topic.bootstrap, &WriterOptions::default()).unwrap();
            let mut written = 0;
            // Ends when the test says so.
            while !stopped.load(Ordering::Relaxed) {
                for partition in 0..partitions {
                    let record = record(partition, "traffic", written);
                    writer.send(&topic.name, &record).unwrap();
                    written += 1;
                }
                std::thread::park_timeout(PACE);
            }
            writer.flush().unwrap();
            written
        });
        Self { stop, thread }
    }

    /// Stops, waits until every record is acknowledged, and returns how many there are.
    pub fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().unwrap()
    }
}
