//! Growing waits between attempts, with jitter, so that many clients of one broker do not come back at once.

use std::time::Duration;

/// Doubles from a first to a longest wait; each is drawn from the upper half of its range.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Makes a back-off whose waits grow from `first` to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// Returns how long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.next.min(self.longest);
        self.next = ceiling.saturating_mul(2).min(self.longest);
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Begins again with the first wait, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_begin_again() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, longest);
        for ceiling_ms in [100, 200, 400, 800, 1000, 1000] {
            let ceiling = Duration::from_millis(ceiling_ms);
            let delay = backoff.next_delay();
            assert!(
                delay >= ceiling / 2 && delay <= ceiling,
                "{delay:?} of {ceiling:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_delay() <= first);
    }
}
