//! How much of one partition is held in memory: shared by the link's loop, which counts it down, and the fetch task,
//! which leaves a full partition out of its requests and is woken once that has drained.
//!
//! Two bounds: bytes fetched and not yet acknowledged, a share of the link's budget; and bytes that only wait to be sent.
//! The second is small. What waits longer does not arrive sooner, and memory that is filled once and again is cheaper than
//! much of it: fresh pages cost more than copying into old ones.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::fetch::FETCH_BYTES;

/// Bytes of one partition that may wait to be sent: the next reply arrives while the last one is being sent.
const UNSENT_LIMIT: usize = 2 * FETCH_BYTES;

/// Bytes of one partition that are fetched and not yet acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Queued(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Fetched and not acknowledged.
    held: AtomicUsize,
    /// Of these, not sent yet.
    unsent: AtomicUsize,
    /// The fetch task that waits, and for how few held bytes.
    waiter: Mutex<Option<(Arc<Notify>, usize)>>,
}

impl Queued {
    /// Counts bytes that were fetched.
    pub(super) fn add(&self, bytes: usize) {
        self.0.held.fetch_add(bytes, Ordering::AcqRel);
        self.0.unsent.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts bytes that went into a request.
    pub(super) fn sent(&self, bytes: usize) {
        take_off(&self.0.unsent, bytes);
        self.wake();
    }

    /// Counts bytes that were sent and answered, or never will be.
    pub(super) fn answered(&self, bytes: usize) {
        take_off(&self.0.held, bytes);
        self.wake();
    }

    /// Counts bytes that are dropped without having been sent.
    pub(super) fn dropped(&self, bytes: usize) {
        take_off(&self.0.unsent, bytes);
        self.answered(bytes);
    }

    /// Says whether no more is to be fetched for now; `limit` bounds what is held.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.held() >= limit || self.unsent() >= UNSENT_LIMIT
    }

    /// Says whether a full queue has drained to half; if not, `waiter` is notified once when it has.
    pub(super) fn drained(&self, limit: usize, waiter: &Arc<Notify>) -> bool {
        *self.waiter() = Some((waiter.clone(), limit / 2));
        // Looked at only now: what drains after the look finds the waiter.
        let drained = self.is_below(limit / 2);
        if drained {
            self.waiter().take();
        }
        drained
    }

    fn wake(&self) {
        let mut waiter = self.waiter();
        if waiter
            .as_ref()
            .is_some_and(|(_, held)| self.is_below(*held))
            && let Some((notify, _)) = waiter.take()
        {
            notify.notify_one();
        }
    }

    fn is_below(&self, held: usize) -> bool {
        self.held() <= held && self.unsent() <= UNSENT_LIMIT / 2
    }

    fn held(&self) -> usize {
        self.0.held.load(Ordering::Acquire)
    }

    fn unsent(&self) -> usize {
        self.0.unsent.load(Ordering::Acquire)
    }

    fn waiter(&self) -> std::sync::MutexGuard<'_, Option<(Arc<Notify>, usize)>> {
        self.0.waiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_off(count: &AtomicUsize, bytes: usize) {
    let before = count.fetch_sub(bytes, Ordering::AcqRel);
    debug_assert!(before >= bytes, "bytes of another start were taken off");
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LIMIT: usize = 16 * UNSENT_LIMIT;

    #[test]
    fn is_full_of_what_waits_to_be_sent_long_before_the_budget_is_used() {
        let queued = Queued::default();
        queued.add(UNSENT_LIMIT);
        assert!(queued.is_full(LIMIT));
        queued.sent(1);
        assert!(!queued.is_full(LIMIT));
        assert!(queued.is_full(UNSENT_LIMIT));
    }

    #[test]
    fn wakes_once_when_half_of_what_waits_was_sent() {
        let (queued, waiter) = (Queued::default(), Arc::new(Notify::new()));
        queued.add(UNSENT_LIMIT);
        assert!(!queued.drained(LIMIT, &waiter));
        queued.sent(UNSENT_LIMIT / 2 - 1);
        assert!(waiter.notified().now_or_never().is_none());
        queued.sent(1);
        assert!(waiter.notified().now_or_never().is_some());
        queued.sent(1);
        assert!(waiter.notified().now_or_never().is_none());
        assert!(queued.drained(LIMIT, &waiter));
    }

    #[test]
    fn wakes_when_half_of_what_is_held_was_answered_or_dropped() {
        let (queued, waiter) = (Queued::default(), Arc::new(Notify::new()));
        queued.add(100);
        queued.sent(60);
        assert!(!queued.drained(100, &waiter));
        queued.answered(10);
        queued.dropped(39);
        assert!(waiter.notified().now_or_never().is_none());
        queued.dropped(1);
        assert!(waiter.notified().now_or_never().is_some());
    }
}
