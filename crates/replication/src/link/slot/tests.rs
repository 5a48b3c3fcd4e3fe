use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
};

use super::*;
use crate::protocol::ports::{AppendError, ControlBatch, ControlEntry, ControlLog, PortError};

/// A control topic of one slot in memory.
#[derive(Debug, Default)]
pub(in crate::link) struct Log {
    entries: Mutex<Vec<ControlEntry>>,
    /// So many appends go unanswered.
    lost: AtomicU32,
    pub(in crate::link) now_ms: AtomicI64,
    /// How long every append takes.
    step_ms: AtomicI64,
    /// Appends panic.
    pub(in crate::link) panics: AtomicBool,
}

impl Log {
    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<ControlEntry>> {
        self.entries.lock().unwrap()
    }

    fn step(&self) {
        let step_ms = self.step_ms.load(Ordering::Relaxed);
        self.now_ms.fetch_add(step_ms, Ordering::Relaxed);
    }
}

impl Clock for Log {
    fn wall_ms(&self) -> i64 {
        self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

impl ControlLog for Log {
    async fn read(&self, _: u32, from: i64) -> Result<(Vec<ControlEntry>, i64), PortError> {
        let entries = self.entries();
        let end = entries.len() as i64;
        let wanted = entries.iter().filter(|entry| entry.offset >= from);
        Ok((wanted.cloned().collect(), end))
    }

    async fn append(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        self.step();
        assert!(!self.panics.load(Ordering::Relaxed), "as the test wants it");
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            self.lost.store(lost - 1, Ordering::Relaxed);
            return Err(AppendError::Indefinite("no answer".to_owned()));
        }
        let mut entries = self.entries();
        let base = entries.len() as i64;
        for (record, offset) in batch.records.into_iter().zip(base..) {
            entries.push(ControlEntry {
                offset,
                producer_id: batch.producer_id,
                epoch: batch.epoch,
                transactional: false,
                key: record.key,
                value: record.value,
            });
        }
        Ok(base)
    }
}

impl Transactions for Log {
    async fn begin(&self, _: u32) -> Result<Writer, PortError> {
        Ok(Writer {
            producer_id: 1,
            epoch: 0,
        })
    }

    async fn append_within(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        self.append(batch).await
    }

    async fn commit(&self, _: u32, writer: Writer) -> Result<Writer, AppendError> {
        self.step();
        if self.lost.swap(0, Ordering::Relaxed) > 0 {
            return Err(AppendError::Indefinite("no answer".to_owned()));
        }
        Ok(Writer {
            epoch: writer.epoch + 1,
            ..writer
        })
    }
}

/// A log that somebody claimed and released before.
pub(in crate::link) fn log() -> Arc<Log> {
    let log = Log::default();
    let claim = crate::protocol::control::Claim {
        worker: "before".to_owned(),
        process: "before".to_owned(),
        generation: 0,
        epoch: 0,
        produce_timeout_ms: 0,
        released: true,
    };
    let record = claim.write(0);
    log.entries().push(ControlEntry {
        offset: 0,
        producer_id: crate::protocol::control::CONTROL_PRODUCER_ID,
        epoch: 0,
        transactional: false,
        key: record.key,
        value: record.value,
    });
    Arc::new(log)
}

pub(in crate::link) const PLACE: SlotPlace = SlotPlace {
    slot: 0,
    task: 1,
    transactional: false,
};

pub(in crate::link) async fn owned(log: &Arc<Log>) -> (SlotTask, mpsc::Receiver<Event>) {
    owned_at(log, PLACE).await
}

async fn owned_at(log: &Arc<Log>, place: SlotPlace) -> (SlotTask, mpsc::Receiver<Event>) {
    let (task, mut events) = started_at(log, place);
    assert!(matches!(news(&mut events).await, SlotNews::Owned { .. }));
    (task, events)
}

fn started_at(log: &Arc<Log>, place: SlotPlace) -> (SlotTask, mpsc::Receiver<Event>) {
    let (sender, events) = mpsc::channel(16);
    let who = Claimant {
        worker: "here".to_owned(),
        process: "here".to_owned(),
        on_its_way: Duration::from_secs(11),
    };
    let task = SlotTask::start(
        log.clone(),
        who,
        place,
        Entry::Claim,
        sender,
        &tokio::runtime::Handle::current(),
    );
    (task, events)
}

async fn news(events: &mut mpsc::Receiver<Event>) -> SlotNews {
    match events.recv().await {
        Some(Event::Slot { news, .. }) => news,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_does_not_succeed_for_longer_than_the_lease_is_told() {
    let log = log();
    let (task, mut events) = owned(&log).await;
    log.step_ms.store(3_000, Ordering::Relaxed);
    log.lost.store(2, Ordering::Relaxed);
    assert!(task.ask(Ask::Renew));
    assert!(matches!(news(&mut events).await, SlotNews::Troubled(_)));
    assert!(matches!(news(&mut events).await, SlotNews::Renewed));
}

#[tokio::test]
async fn a_write_that_is_lost_once_is_no_trouble() {
    let log = log();
    let (task, mut events) = owned(&log).await;
    log.lost.store(1, Ordering::Relaxed);
    assert!(task.ask(Ask::Renew));
    assert!(matches!(news(&mut events).await, SlotNews::Renewed));
}

#[tokio::test]
async fn a_claim_that_is_lost_once_is_no_trouble_and_one_lost_for_longer_is_told() {
    let log = log();
    log.lost.store(1, Ordering::Relaxed);
    // The first that is heard is that the slot is owned.
    owned(&log).await;

    log.lost.store(2, Ordering::Relaxed);
    log.step_ms.store(3_000, Ordering::Relaxed);
    let (_task, mut events) = started_at(&log, PLACE);
    assert!(matches!(news(&mut events).await, SlotNews::Troubled(_)));
    assert!(matches!(news(&mut events).await, SlotNews::Owned { .. }));
}

#[tokio::test]
async fn a_control_log_that_went_back_needs_a_person() {
    let log = log();
    let (task, mut events) = owned(&log).await;
    log.entries().clear();
    assert!(task.ask(Ask::Renew));
    assert!(matches!(news(&mut events).await, SlotNews::Asks(_)));
    assert!(!task.lease_fresh(log.monotonic_ms()));
}

#[tokio::test]
async fn a_commit_tells_who_writes_next_and_a_lost_one_gives_the_slot_up() {
    let log = log();
    let place = SlotPlace {
        transactional: true,
        ..PLACE
    };
    let (task, mut events) = owned_at(&log, place).await;
    assert!(task.ask(Ask::Store(Vec::new())));
    let first = news(&mut events).await;
    assert!(
        matches!(&first, SlotNews::Committed(writer) if writer.epoch == 1),
        "{first:?}"
    );
    log.lost.store(1, Ordering::Relaxed);
    assert!(task.ask(Ask::Store(Vec::new())));
    assert!(matches!(news(&mut events).await, SlotNews::Aborted(_)));
    assert!(!task.lease_fresh(log.monotonic_ms()));
}

#[tokio::test]
async fn a_slot_that_is_dropped_has_no_lease_any_more() {
    let log = log();
    let (task, _events) = owned(&log).await;
    let lease = task.lease();
    assert!(lease.is_fresh(log.monotonic_ms()));
    drop(task);
    assert!(!lease.is_fresh(log.monotonic_ms()));
    // What its task hears in that moment does not revive it.
    lease.renewed(log.monotonic_ms());
    assert!(!lease.is_fresh(log.monotonic_ms()));
}
