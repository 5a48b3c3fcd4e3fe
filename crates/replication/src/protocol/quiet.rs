//! Quiet: from when on nothing that was sent before can reach a mirror partition any more (EXACTLY_ONCE 2.4 and 2.5).
//!
//! What was sent and never answered ends up at the broker in one of three ways. It is still with the sender or the network:
//! not for longer than [`longest_on_its_way`], which bounds the socket and the request alike. It stands in the broker's
//! buffer behind other requests of its connection, of which a broker serves one at a time: ended with the connection, but
//! for the one that the broker was at; so time counts from the connection's end, and a batch that the broker would not check
//! has a connection to itself. Or the broker itself stood still: then it answers nobody, so time counts from its first answer,
//! and it must go on to answer when all this is over: it may have answered before it stood still with the request. Once it has
//! run for two seconds, what stood in its sockets is begun. An answer does not tell that: the leader may stand still again right
//! after it, and be asked next at the moment when it goes on. So between two answers it counts as running for half a second at
//! most, and is asked that often.

use std::time::Duration;

/// What a produce request may need besides the time that the broker is given for it.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a broker must run until it has begun with all that had reached it.
const SETTLE: Duration = Duration::from_secs(2);

/// For how long a broker is taken to have run between two answers, at most, and how often it is asked while that counts.
const STEP: Duration = Duration::from_millis(500);

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
    /// When it last answered after that time, and for how long it has run since that time, as far as answers tell.
    settling: Option<(i64, i64)>,
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
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
        if now_ms >= self.until_ms && !self.settled() {
            let (last_ms, ran_ms) = self.settling.unwrap_or((now_ms, 0));
            let more_ms = (now_ms - last_ms).clamp(0, millis(STEP));
            self.settling = Some((last_ms.max(now_ms), ran_ms + more_ms));
        }
    }

    /// Says whether the leader has run long enough, as its answers tell.
    fn settled(&self) -> bool {
        self.settling
            .is_some_and(|(_, ran_ms)| ran_ms >= millis(SETTLE))
    }

    /// Returns the monotonic time from which on facts that are read are final; of a leader that has not answered enough yet,
    /// the earliest that it may be.
    pub fn at_ms(&self, now_ms: i64, on_its_way: Duration) -> i64 {
        if self.until_ms == 0 {
            return 0;
        }
        self.served_ms(now_ms, on_its_way)
            .max(self.settled_ms(now_ms))
    }

    /// Returns when all is over that a leader was sent before it first answered.
    fn served_ms(&self, now_ms: i64, on_its_way: Duration) -> i64 {
        let heard_at_ms = self.heard_at_ms.unwrap_or(now_ms);
        let served_ms = heard_at_ms.saturating_add(millis(on_its_way));
        self.until_ms.max(served_ms)
    }

    fn settled_ms(&self, now_ms: i64) -> i64 {
        let Some((last_ms, ran_ms)) = self.settling else {
            return now_ms.max(self.until_ms).saturating_add(millis(SETTLE));
        };
        let left_ms = (millis(SETTLE) - ran_ms).max(0);
        let step_ms = left_ms.min(millis(STEP));
        match left_ms - step_ms {
            0 => last_ms + step_ms,
            more_ms => now_ms.max(last_ms + step_ms) + more_ms,
        }
    }

    /// Returns when to ask the leader again that must not be believed before [`Self::at_ms`].
    pub fn ask_at_ms(&self, now_ms: i64, on_its_way: Duration) -> i64 {
        let settling_ms = self.served_ms(now_ms, on_its_way) - millis(SETTLE);
        let ask_at_ms = self.until_ms.max(settling_ms).max(now_ms + millis(STEP));
        ask_at_ms.min(self.at_ms(now_ms, on_its_way))
    }

    /// Returns from when on a slot may be released: as [`Self::at_ms`], but never for a leader that would have to answer once
    /// more, since nobody asks it then.
    pub fn open_until_ms(&self, now_ms: i64, on_its_way: Duration) -> i64 {
        match self.until_ms == 0 || self.settled() {
            true => self.at_ms(now_ms, on_its_way),
            false => i64::MAX,
        }
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

    /// A leader that answers without a break.
    fn run(quiet: &mut Quiet, from_ms: i64) {
        (0..=4).for_each(|step| quiet.heard(from_ms + 500 * step));
    }

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
        run(&mut quiet, 60_500);
        assert_eq!(quiet.at_ms(80_000, WAY), 71_500);
    }

    #[test]
    fn a_leader_that_answered_before_it_stood_still_must_answer_again() {
        let mut quiet = Quiet::default();
        quiet.lost(16_000);
        quiet.heard(1_000);
        assert_eq!(quiet.at_ms(10_000, WAY), 18_000);
        assert_eq!(quiet.at_ms(60_000, WAY), 62_000);
        run(&mut quiet, 60_000);
        assert_eq!(quiet.at_ms(90_000, WAY), 62_000);
    }

    #[test]
    fn a_leader_that_stands_still_between_its_answers_runs_half_a_second_then() {
        let mut quiet = Quiet::default();
        quiet.lost(16_000);
        quiet.heard(1_000);
        quiet.heard(30_000);
        assert_eq!(quiet.at_ms(30_000, WAY), 32_000);
        assert_eq!(quiet.at_ms(40_000, WAY), 41_500);
        quiet.heard(40_000);
        assert_eq!(quiet.at_ms(40_000, WAY), 41_500);
        quiet.heard(40_500);
        quiet.heard(41_000);
        assert_eq!(quiet.at_ms(50_000, WAY), 41_500);
        assert_eq!(quiet.open_until_ms(50_000, WAY), i64::MAX);
        quiet.heard(50_000);
        assert_eq!(quiet.open_until_ms(50_000, WAY), 50_000);
    }

    #[test]
    fn asks_again_when_it_counts() {
        let mut quiet = Quiet::default();
        quiet.lost(16_000);
        quiet.heard(1_000);
        assert_eq!(quiet.ask_at_ms(1_000, WAY), 16_000);
        quiet.heard(16_000);
        assert_eq!(quiet.ask_at_ms(16_000, WAY), 16_500);
        let mut late = Quiet::default();
        late.lost(16_000);
        late.heard(60_000);
        assert_eq!(late.ask_at_ms(60_000, WAY), 69_000);
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
