//! A link's limit in bytes a second: what was fetched is paid for afterwards, so that a batch is never cut and a small one
//! never waits for the clock.
//!
//! All fetch connections of a link share one limiter. None asks for more while the account is overdrawn, so each of them
//! overdraws it by one response at most; [`Limiter::response_bytes`] keeps responses small where the limit is low.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// What may be saved up while nothing is fetched, as time at the limit.
const SAVED: Duration = Duration::from_millis(250);
/// How much time at the limit a response may be worth.
const RESPONSE_SHARE: u64 = 8;
/// Below, headers of requests would cost as much as what they bring.
const LEAST_RESPONSE_BYTES: usize = 16 << 10;

/// A limit shared by a link's fetch connections; clones are the same limit.
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    account: Mutex<Account>,
    /// Notified when the limit changes.
    changed: Notify,
}

#[derive(Debug)]
struct Account {
    bytes_per_s: Option<u64>,
    /// Bytes that may be fetched now; below zero while overdrawn.
    balance: f64,
    at: Instant,
}

impl Limiter {
    /// Makes a limit of `bytes_per_s`; `None` limits nothing.
    pub fn new(bytes_per_s: Option<u64>) -> Self {
        Self(Arc::new(Shared {
            account: Mutex::new(Account {
                bytes_per_s,
                balance: 0.0,
                at: Instant::now(),
            }),
            changed: Notify::new(),
        }))
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        let account = self.0.account.lock();
        account.unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets another limit; who waits for the former one goes on under the new one. What was overdrawn is forgiven.
    pub fn set(&self, bytes_per_s: Option<u64>) {
        let mut account = self.account();
        if account.bytes_per_s == bytes_per_s {
            return;
        }
        account.bytes_per_s = bytes_per_s;
        account.balance = 0.0;
        account.at = Instant::now();
        drop(account);
        self.0.changed.notify_waiters();
    }

    /// Counts bytes that were fetched.
    pub fn spend(&self, bytes: usize) {
        let mut account = self.account();
        if account.bytes_per_s.is_some() {
            account.earn(Instant::now());
            account.balance -= bytes as f64;
        }
    }

    /// Returns the most that one response should hold, at most `largest`.
    pub fn response_bytes(&self, largest: usize) -> usize {
        let share = self.account().bytes_per_s.map(|rate| rate / RESPONSE_SHARE);
        let share = share.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        share.map_or(largest, |bytes| {
            bytes.clamp(LEAST_RESPONSE_BYTES.min(largest), largest)
        })
    }

    /// Waits until more may be fetched; returns for how long.
    pub async fn wait(&self) -> Duration {
        let began = Instant::now();
        loop {
            // Enabled before the look: a change between both is not missed.
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Some(pause) = self.account().pause(Instant::now()) else {
                return began.elapsed();
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = changed => {}
            }
        }
    }
}

impl Account {
    fn earn(&mut self, now: Instant) {
        let rate = self.bytes_per_s.unwrap_or(0) as f64;
        let passed = now.duration_since(self.at).as_secs_f64();
        let most = rate * SAVED.as_secs_f64();
        self.balance = (self.balance + rate * passed).min(most);
        self.at = now;
    }

    /// Returns how long the account stays overdrawn, `None` if it is not.
    fn pause(&mut self, now: Instant) -> Option<Duration> {
        let rate = self.bytes_per_s?.max(1) as f64;
        self.earn(now);
        let seconds = -self.balance / rate;
        // Timers know no shorter time.
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds).max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fetches responses of `size` bytes for `seconds`; returns the bytes.
    async fn fetch(limiter: &Limiter, size: usize, seconds: u64) -> usize {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut bytes = 0;
        while Instant::now() < until {
            limiter.spend(size);
            bytes += size;
            limiter.wait().await;
        }
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_to_the_limit_whatever_the_size() {
        for size in [100, 10_000, 1_000_000] {
            let limiter = Limiter::new(Some(1_000_000));
            let bytes = fetch(&limiter, size, 20).await;
            let fair = 20_000_000 + size;
            assert!(
                (fair * 9 / 10..=fair * 11 / 10).contains(&bytes),
                "{size}: {bytes}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn several_connections_share_it() {
        let limiter = Limiter::new(Some(1_000_000));
        let tasks = [limiter.clone(), limiter.clone(), limiter];
        let all = tasks.map(|l| tokio::spawn(async move { fetch(&l, 50_000, 10).await }));
        let mut bytes = 0;
        for task in all {
            bytes += task.await.unwrap();
        }
        assert!((9_000_000..=11_000_000).contains(&bytes), "{bytes}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let limiter = Limiter::new(None);
        limiter.spend(usize::MAX);
        assert_eq!(limiter.wait().await, Duration::ZERO);
        assert_eq!(limiter.response_bytes(1 << 20), 1 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_frees_who_waits() {
        let limiter = Limiter::new(Some(1));
        limiter.spend(1_000_000);
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.wait().await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!waiting.is_finished());
        limiter.set(None);
        assert_eq!(waiting.await.unwrap(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_saves_up_little() {
        let limiter = Limiter::new(Some(1_000_000));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(limiter.wait().await, Duration::ZERO);
        limiter.spend(1_250_000);
        assert_eq!(limiter.wait().await, Duration::from_secs(1));
    }

    #[test]
    fn responses_are_small_where_the_limit_is_low() {
        let bytes = |rate| Limiter::new(Some(rate)).response_bytes(1 << 20);
        assert_eq!(bytes(1_000), 16 << 10);
        assert_eq!(bytes(1_000_000), 125_000);
        assert_eq!(bytes(1_000_000_000), 1 << 20);
    }
}
