//! Memory as a budget in bytes: fetching takes credit, an acknowledgement gives it back.
//!
//! One [`Budget`] per link; the process divides its total fairly by setting their limits. A slow destination keeps its
//! link's credit and nothing else: the process does not grow, and no other link starves.
//!
//! **Invariant:** the bytes of all live [`Credit`]s of a budget never exceed its limit by more than one grant: a request
//! larger than the whole limit is granted when nothing else is held, so that the largest batch always passes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// The memory budget of one link.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: AtomicUsize,
    used: AtomicUsize,
    given_back: Notify,
}

/// Bytes taken from a budget, given back when dropped.
#[derive(Debug)]
pub struct Credit {
    budget: Arc<Shared>,
    bytes: usize,
}

impl Budget {
    /// Makes a budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            given_back: Notify::new(),
        }))
    }

    /// Changes the limit; credit already taken stays valid.
    pub fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
        self.0.given_back.notify_waiters();
    }

    /// Returns the bytes taken now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns the limit in bytes.
    pub fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Waits until `bytes` fit and takes them.
    pub async fn take(&self, bytes: usize) -> Credit {
        loop {
            let given_back = self.0.given_back.notified();
            tokio::pin!(given_back);
            given_back.as_mut().enable();
            if let Some(credit) = self.try_take(bytes) {
                return credit;
            }
            given_back.await;
        }
    }

    fn try_take(&self, bytes: usize) -> Option<Credit> {
        let limit = self.limit();
        let fits = |used: usize| (used == 0 || used + bytes <= limit).then_some(used + bytes);
        let taken = self
            .0
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        taken.ok().map(|_| Credit {
            budget: self.0.clone(),
            bytes,
        })
    }
}

impl Credit {
    /// Corrects the credit to what was really used; may exceed the limit by one oversized batch.
    pub fn settle(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget
                .used
                .fetch_add(bytes - self.bytes, Ordering::AcqRel);
        } else if bytes < self.bytes {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
    }

    /// Returns the bytes held.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Shared {
    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        self.given_back.notify_waiters();
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_until_enough_was_given_back() {
        let budget = Budget::new(100);
        let first = budget.take(80).await;
        assert!(budget.try_take(30).is_none());
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.take(30).await.bytes() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), 30);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn grants_more_than_the_limit_only_when_nothing_is_held() {
        let budget = Budget::new(100);
        let large = budget.take(500).await;
        assert!(budget.try_take(1).is_none());
        drop(large);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn settles_to_what_was_used() {
        let budget = Budget::new(100);
        let mut credit = budget.take(100).await;
        credit.settle(10);
        assert_eq!(budget.used(), 10);
        credit.settle(150);
        assert_eq!(budget.used(), 150);
        drop(credit);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_larger_limit_wakes_who_waits() {
        let budget = Budget::new(10);
        let _held = budget.take(10).await;
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.take(50).await.bytes() }
        });
        tokio::task::yield_now().await;
        budget.set_limit(100);
        assert_eq!(waiting.await.unwrap(), 50);
    }
}
