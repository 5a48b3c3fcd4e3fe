//! Writing the demo's topics: first what was there before, then a steady trickle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, anyhow};

use super::topics::{Era, Kind, TOPICS, Topic, record};
use crate::{
    admin::Admin,
    client::{Writer, WriterOptions},
};

/// Records per transaction of `transfers`: before the demo began, and live.
const PAST_TRANSACTION: u64 = 100;
const LIVE_TRANSACTION: u64 = 10;

/// Creates the demo's topics and writes their first records, all topics at the same time.
///
/// # Errors
/// Fails when a broker refuses.
pub fn preload(bootstrap: &str) -> Result<Vec<Source>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = TOPICS
            .iter()
            .map(|topic| scope.spawn(|| preload_topic(bootstrap, topic)))
            .collect();
        running
            .into_iter()
            .map(|topic| {
                topic
                    .join()
                    .map_err(|_| anyhow!("a preloading thread panicked"))?
            })
            .collect()
    })
}

fn preload_topic(bootstrap: &str, topic: &'static Topic) -> Result<Source> {
    Admin::new(bootstrap)?.create_topic(topic.name, topic.partitions, topic.configs)?;
    let mut source = Source::new(bootstrap, topic)?;
    for done in 0..topic.preload {
        source.write(Era::Past {
            left: topic.preload - done,
        })?;
    }
    source.settle()?;
    Ok(source)
}

/// One topic's writer and how far it is.
#[derive(Debug)]
pub struct Source {
    topic: &'static Topic,
    writer: Writer,
    sequence: u64,
    /// Records in the open transaction.
    open: u64,
    transactions: u64,
}

impl Source {
    fn new(bootstrap: &str, topic: &'static Topic) -> Result<Self> {
        let mut options = WriterOptions {
            codec: topic.codec.to_owned(),
            batch_bytes: 16_384,
            linger_ms: 20,
            ..WriterOptions::default()
        };
        options
            .properties
            .push(("partitioner".to_owned(), "murmur2_random".to_owned()));
        if topic.kind == Kind::Transfers {
            options.transactional_id = Some("demo-transfers".to_owned());
        }
        let writer = Writer::new(bootstrap, &options)?;
        Ok(Self {
            topic,
            writer,
            sequence: 0,
            open: 0,
            transactions: 0,
        })
    }

    fn write(&mut self, era: Era) -> Result<()> {
        if self.topic.kind == Kind::Transfers && self.open == 0 {
            self.writer.begin()?;
        }
        self.sequence += 1;
        let record = record(self.topic.kind, self.sequence, era, now_ms());
        self.writer.send(self.topic.name, &record)?;
        self.open += 1;
        let full = match era {
            Era::Past { .. } => PAST_TRANSACTION,
            Era::Live => LIVE_TRANSACTION,
        };
        if self.topic.kind == Kind::Transfers && self.open >= full {
            self.end_transaction()?;
        }
        Ok(())
    }

    /// Ends the open transaction; every third one aborts.
    fn end_transaction(&mut self) -> Result<()> {
        self.open = 0;
        self.transactions += 1;
        if self.transactions.is_multiple_of(3) {
            self.writer.abort()
        } else {
            self.writer.commit()
        }
    }

    /// Waits until everything is acknowledged and no transaction is open.
    fn settle(&mut self) -> Result<()> {
        if self.topic.kind == Kind::Transfers && self.open > 0 {
            self.end_transaction()?;
        }
        self.writer.flush()
    }
}

/// Traffic in the background; it stops and settles when asked to.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Traffic {
    /// Starts writing `rate` records per second over all topics.
    pub fn start(sources: Vec<Source>, rate: u32) -> Self {
        let (stop, written) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (told, counter) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || run(sources, rate, &told, &counter));
        Self {
            stop,
            written,
            thread,
        }
    }

    /// Returns how many records were handed to the brokers so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Says whether it ended by itself, which only a failure does.
    pub fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Stops writing, ends the open transaction and waits for all acknowledgements.
    ///
    /// # Errors
    /// Fails with the first record that could not be written.
    pub fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the traffic thread panicked"))??;
        Ok(self.written.load(Ordering::Relaxed))
    }
}

/// Writes in ticks of 50 ms; ends when told to stop or when a broker refuses.
fn run(mut sources: Vec<Source>, rate: u32, stop: &AtomicBool, written: &AtomicU64) -> Result<()> {
    let began = Instant::now();
    let mut done = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while done < due {
            choose(&mut sources).write(Era::Live)?;
            done += 1;
        }
        written.store(done, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(50));
    }
    sources.iter_mut().try_for_each(Source::settle)
}

/// Chooses a topic by its share.
fn choose(sources: &mut [Source]) -> &mut Source {
    let mut ticket = fastrand::u32(..100);
    let mut place = 0;
    while place + 1 < sources.len() && ticket >= sources[place].topic.share {
        ticket -= sources[place].topic.share;
        place += 1;
    }
    &mut sources[place]
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
