//! One slot of a link in this process: a task that claims it, stores into it, renews the claim and leaves it.
//!
//! The protocol is [`crate::protocol::claim`]; this task gives it a place to wait. It does one thing at a time, in the
//! order in which it is told, and repeats what is uncertain until the slot is ours again or somebody else's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use kafka::backoff::Backoff;
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};
use tracing::{Instrument, info_span, warn};

use super::event::Event;
use crate::crash::panic_point;
use crate::protocol::{
    bootstrap::bootstrap,
    claim::{Claimant, Claimed, LEASE, Slot, SlotError, claim},
    control::{ControlState, Spec},
    ports::{Clock, ControlWrite, Transactions, Writer},
    transaction::commit,
};

/// Which slot a task keeps, and which of its tasks it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotPlace {
    pub(super) slot: u32,
    pub(super) task: u64,
    /// Stores in transactions, each with the data that was sent in it.
    pub(super) transactional: bool,
}

/// How the slot is entered.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Claim,
    /// Slot 0 of a link that never ran: this `spec` is written.
    Bootstrap(Box<Spec>),
}

/// What the loop asks of a slot; at most one store or renewal is open at a time.
#[derive(Debug)]
pub(super) enum Ask {
    Store(Vec<ControlWrite>),
    Renew,
    Release { open_until_ms: i64 },
}

/// What a slot tells the loop.
#[derive(Debug)]
pub(super) enum SlotNews {
    Owned {
        state: Box<ControlState>,
        quiet_at_ms: i64,
        /// Who writes in the slot's transactions, if it has any.
        writer: Option<Writer>,
    },
    Stored,
    /// Stored, with all that was sent in the transaction; the writer of the next one.
    Committed(Writer),
    /// What became of the transaction is unknown.
    Aborted(String),
    Renewed,
    /// Somebody else has it.
    Lost(String),
    /// Not what was left there; a person must look.
    Asks(String),
    /// The claim, or a store, does not succeed yet.
    Troubled(String),
    Released,
}

/// Until when data of a slot may be sent: told by its task, asked by whoever sends.
#[derive(Clone, Debug)]
pub(super) struct Lease(Arc<AtomicI64>);

impl Lease {
    /// Nothing was acknowledged yet.
    const NONE: i64 = i64::MIN;
    /// Over for good: a task that is being stopped may still hear of a write.
    const ENDED: i64 = i64::MIN + 1;

    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(Self::NONE)))
    }

    /// Runs anew from the sending of an acknowledged write.
    fn renewed(&self, sent_ms: i64) {
        let until_ms = sent_ms + LEASE.as_millis() as i64;
        let unless_ended = |now| (now != Self::ENDED).then_some(until_ms);
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, unless_ended);
    }

    fn end(&self) {
        self.0.store(Self::ENDED, Ordering::Release);
    }

    fn until_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// Says whether data may be sent at this monotonic time.
    pub(super) fn is_fresh(&self, now_ms: i64) -> bool {
        now_ms < self.until_ms()
    }

    /// Says whether both are the same slot's.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A slot's task, as the loop holds it.
#[derive(Debug)]
pub(super) struct SlotTask {
    asks: mpsc::Sender<Ask>,
    lease: Lease,
    place: SlotPlace,
    /// `None` once its end was seen.
    task: Option<JoinHandle<()>>,
}

impl SlotTask {
    pub(super) fn start<W: Transactions + Clock + 'static>(
        wire: Arc<W>,
        who: Claimant,
        place: SlotPlace,
        entry: Entry,
        events: mpsc::Sender<Event>,
        control: &Handle,
    ) -> Self {
        // One open store or renewal and one release fit; the loop keeps to that.
        let (asks, receiver) = mpsc::channel(4);
        let lease = Lease::new();
        let work = Work {
            wire,
            who,
            place,
            events,
            lease: lease.clone(),
        };
        let span = info_span!("slot", slot = place.slot);
        let task = control.spawn(work.run(entry, receiver).instrument(span));
        Self {
            asks,
            lease,
            place,
            task: Some(task),
        }
    }

    /// Returns what tells this task from the slot's other ones.
    pub(super) fn serial(&self) -> u64 {
        self.place.task
    }

    /// Says, once, that the task panicked. After any other end it has told the loop why.
    pub(super) fn panicked(&mut self) -> bool {
        let ended = self.task.as_mut().filter(|task| task.is_finished());
        let Some(how) = ended.and_then(FutureExt::now_or_never) else {
            return false;
        };
        self.task = None;
        how.is_err_and(|error| error.is_panic())
    }

    /// Says whether data may be sent at this monotonic time.
    pub(super) fn lease_fresh(&self, now_ms: i64) -> bool {
        self.lease.is_fresh(now_ms)
    }

    /// Returns the lease, for whoever asks at the last moment.
    pub(super) fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Returns how long ago the last acknowledged control write was sent.
    pub(super) fn lease_age_ms(&self, now_ms: i64) -> i64 {
        let until = self.lease.until_ms();
        now_ms.saturating_sub(until.saturating_sub(LEASE.as_millis() as i64))
    }

    /// Returns whether the task took it; it does not once it ended.
    pub(super) fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }
}

impl Drop for SlotTask {
    /// Ends the lease as well: what is queued under it must not go out any more.
    fn drop(&mut self) {
        self.lease.end();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Work<W> {
    wire: Arc<W>,
    who: Claimant,
    place: SlotPlace,
    events: mpsc::Sender<Event>,
    lease: Lease,
}

impl<W: Transactions + Clock> Work<W> {
    /// Ends when the slot is released or lost, or the loop drops the task.
    async fn run(self, entry: Entry, mut asks: mpsc::Receiver<Ask>) {
        let Some((mut slot, mut writer)) = self.enter(entry).await else {
            return;
        };
        while let Some(ask) = asks.recv().await {
            panic_point("slot");
            let (result, news) = match ask {
                Ask::Store(records) if writer.is_some() => {
                    match self.commit(&mut slot, &mut writer, records).await {
                        Ok(next) => (Ok(()), SlotNews::Committed(next)),
                        Err(error) => (Err(error), SlotNews::Stored),
                    }
                }
                Ask::Store(records) => (
                    self.insist(&mut slot, Some(records)).await,
                    SlotNews::Stored,
                ),
                Ask::Renew => (self.insist(&mut slot, None).await, SlotNews::Renewed),
                Ask::Release { open_until_ms } => {
                    let wire = &*self.wire;
                    if let Err(error) = slot.release(wire, wire, open_until_ms).await {
                        warn!(%error, "left a slot without marking it released");
                    }
                    return self.tell(SlotNews::Released).await;
                }
            };
            match result {
                Ok(()) => self.tell(news).await,
                Err(error) => return self.give_up(error).await,
            }
        }
    }

    /// Claims until the slot is ours or not to be had.
    async fn enter(&self, entry: Entry) -> Option<(Slot, Option<Writer>)> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let began_ms = self.wire.monotonic_ms();
        loop {
            let sent_ms = self.wire.monotonic_ms();
            let (writer, claimed) = self.claim_once(&entry).await;
            match claimed {
                Ok(Claimed::Owned(slot)) => {
                    self.lease.renewed(sent_ms);
                    let news = SlotNews::Owned {
                        state: Box::new(slot.state.clone()),
                        quiet_at_ms: slot.quiet_at_ms(),
                        writer,
                    };
                    self.tell(news).await;
                    return Some((*slot, writer));
                }
                Ok(Claimed::NotOurs(by)) => {
                    let by = by.map_or("another worker".to_owned(), |claim| claim.worker);
                    self.tell(SlotNews::Lost(by)).await;
                    return None;
                }
                Ok(Claimed::Empty) => {
                    self.tell(SlotNews::Asks("the control topic is empty".to_owned()))
                        .await;
                    return None;
                }
                Err(error @ (SlotError::WentBack { .. } | SlotError::Record(_))) => {
                    self.tell(SlotNews::Asks(error.to_string())).await;
                    return None;
                }
                Err(error) => {
                    self.tell_trouble_since(began_ms, &error).await;
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    /// Tells of a write that did not succeed for longer than the lease: ordinary elections, and the first moments of a new
    /// topic, are over sooner.
    async fn tell_trouble_since(&self, began_ms: i64, error: &SlotError) {
        if self.wire.monotonic_ms() - began_ms >= LEASE.as_millis() as i64 {
            self.tell(SlotNews::Troubled(error.to_string())).await;
        }
    }

    /// Claims once; in transactional mode the former owner's last transaction is ended first.
    async fn claim_once(&self, entry: &Entry) -> (Option<Writer>, Result<Claimed, SlotError>) {
        let (wire, slot) = (&*self.wire, self.place.slot);
        let mut writer = None;
        if self.place.transactional {
            match wire.begin(slot).await {
                Ok(begun) => writer = Some(begun),
                Err(error) => return (None, Err(error.into())),
            }
        }
        let claimed = match entry {
            Entry::Claim => claim(wire, wire, &self.who, slot).await,
            Entry::Bootstrap(spec) => bootstrap(wire, wire, &self.who, spec).await,
        };
        (writer, claimed)
    }

    /// Commits the open transaction together with records. The claim itself is renewed outside of transactions, seldom: the
    /// brokers forget who does not write.
    async fn commit(
        &self,
        slot: &mut Slot,
        writer: &mut Option<Writer>,
        records: Vec<ControlWrite>,
    ) -> Result<Writer, SlotError> {
        let number = slot.number;
        let unknown = || SlotError::Uncertain {
            slot: number,
            cause: "an earlier commit".to_owned(),
        };
        let ours = writer.take().ok_or_else(unknown)?;
        if slot.renewal_due(self.wire.monotonic_ms(), false) {
            self.insist(slot, None).await?;
        }
        let sent_ms = self.wire.monotonic_ms();
        let next = commit(&*self.wire, slot, ours, records).await?;
        *writer = Some(next);
        self.lease.renewed(sent_ms);
        Ok(next)
    }

    /// Stores (or renews) until it is acknowledged at a claim of ours.
    async fn insist(
        &self,
        slot: &mut Slot,
        records: Option<Vec<ControlWrite>>,
    ) -> Result<(), SlotError> {
        let wire = &*self.wire;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let mut uncertain = false;
        let began_ms = self.wire.monotonic_ms();
        loop {
            let sent_ms = self.wire.monotonic_ms();
            let result = match &records {
                _ if uncertain => slot.reclaim(wire, wire).await,
                Some(records) => slot.store(wire, wire, records.clone()).await,
                None => slot.renew(wire, wire).await,
            };
            match result {
                Ok(()) if uncertain => {
                    uncertain = false;
                    self.lease.renewed(sent_ms);
                }
                Ok(()) => {
                    self.lease.renewed(sent_ms);
                    return Ok(());
                }
                Err(error @ (SlotError::Uncertain { .. } | SlotError::Port(_))) => {
                    // From now on no data is sent.
                    uncertain = true;
                    self.tell_trouble_since(began_ms, &error).await;
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn give_up(&self, error: SlotError) {
        self.lease.end();
        let news = match error {
            SlotError::Lost { .. } => SlotNews::Lost("another worker".to_owned()),
            error @ (SlotError::Uncertain { .. } | SlotError::Port(_)) => {
                SlotNews::Aborted(error.to_string())
            }
            error => SlotNews::Asks(error.to_string()),
        };
        self.tell(news).await;
    }

    /// The loop is gone when this does not arrive.
    async fn tell(&self, news: SlotNews) {
        let _ = self
            .events
            .send(Event::Slot {
                slot: self.place.slot,
                task: self.place.task,
                news,
            })
            .await;
    }
}

#[cfg(test)]
pub(super) mod tests;
