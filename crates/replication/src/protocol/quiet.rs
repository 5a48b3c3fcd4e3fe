//! Quiet: from when on nothing that was sent before can reach a mirror partition any more (EXACTLY_ONCE 2.4 and 2.5).
//!
//! What was sent and never answered ends up at the broker in one of three ways. It is still with the sender or the network:
//! not for longer than [`longest_on_its_way`], which bounds the socket and the request alike. It stands in the broker's
//! buffer behind other requests of its connection, of which a broker serves one at a time: ended with the connection, but
//! for the one that the broker was at; so time counts from the connection's end, and a batch that the broker would not check
//! has a connection to itself. Or the broker itself stood still: then it answers nobody, so time counts from its first answer,
//! and it must answer once more when all this is over: it may have answered before it stood still with the request. What
//! stands in its sockets then is begun within two seconds.

use std::time::Duration;

/// What a produce request may need besides the time that the broker is given for it.
const MARGIN: Duration = Duration::from_secs(1);

/// How soon a broker that answers has begun with all that had reached it.
const SETTLE: Duration = Duration::from_secs(2);

/// How long a produce request may be on its way when nothing is served before it: the time-out of the socket and of the
/// request, and what the next owner waits for.
pub fn longest_on_its_way(produce_timeout: Duration) -> Duration {
    produce_timeout + MARGIN
}

/// What one mirror partition waits for before facts about it are final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Monotonic time until which requests may arrive, 0 if none was ever lost.
    until_ms: i64,
    /// When the destination first answered since.
    heard_at_ms: Option<i64>,
    /// When it first answered after that time.
    heard_after_ms: Option<i64>,
}

impl Quiet {
    /// Notes that requests were lost, ours or a former owner's, which may arrive until a monotonic time.
    pub fn lost(&mut self, until_ms: i64) {
        if until_ms > self.until_ms {
            *self = Self {
                until_ms,
                ..Self::default()
            };
        }
    }

    /// Notes that the partition's leader answered.
    pub fn heard(&mut self, now_ms: i64) {
        self.heard_at_ms.get_or_insert(now_ms);
        if now_ms >= self.until_ms {
            self.heard_after_ms.get_or_insert(now_ms);
        }
    }

    /// Returns the monotonic time from which on facts are final; of a leader that has not answered yet, the earliest that it
    /// may be.
    pub fn at_ms(&self, now_ms: i64, on_its_way: Duration) -> i64 {
        if self.until_ms == 0 {
            return 0;
        }
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let heard_at_ms = self.heard_at_ms.unwrap_or(now_ms);
        let heard_after_ms = self.heard_after_ms.unwrap_or(now_ms.max(self.until_ms));
        let served = heard_at_ms.saturating_add(millis(on_its_way));
        let settled = heard_after_ms.saturating_add(millis(SETTLE));
        self.until_ms.max(served).max(settled)
    }

    /// Returns until when requests may arrive, 0 if none was ever lost.
    pub fn until_ms(&self) -> i64 {
        self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Duration = Duration::from_secs(11);

    #[test]
    fn nothing_lost_is_quiet_at_once() {
        assert_eq!(Quiet::default().at_ms(500, WAY), 0);
    }

    #[test]
    fn counts_from_the_first_answer_of_a_leader_that_stood_still() {
        let mut quiet = Quiet::default();
        quiet.lost(16_000);
        assert_eq!(quiet.at_ms(1_000, WAY), 18_000);
        assert_eq!(quiet.at_ms(60_000, WAY), 71_000);
        quiet.heard(60_500);
        quiet.heard(70_000);
        assert_eq!(quiet.at_ms(80_000, WAY), 71_500);
    }

    #[test]
    fn a_leader_that_answered_before_it_stood_still_must_answer_again() {
        let mut quiet = Quiet::default();
        quiet.lost(16_000);
        quiet.heard(1_000);
        assert_eq!(quiet.at_ms(10_000, WAY), 18_000);
        assert_eq!(quiet.at_ms(60_000, WAY), 62_000);
        quiet.heard(60_000);
        quiet.heard(90_000);
        assert_eq!(quiet.at_ms(90_000, WAY), 62_000);
    }

    #[test]
    fn a_later_loss_wants_to_hear_the_leader_again() {
        let mut quiet = Quiet::default();
        quiet.lost(16_000);
        quiet.heard(1_000);
        quiet.lost(16_000);
        assert_eq!(quiet.at_ms(1_000, WAY), 18_000);
        assert_eq!(quiet.at_ms(50_000, WAY), 52_000);
        quiet.lost(40_000);
        assert_eq!(quiet.at_ms(50_000, WAY), 61_000);
    }
}
