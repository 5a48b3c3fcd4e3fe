//! The replication protocol: exactly once without transactions, or with them ([`transaction`]).
//!
//! Nothing here does IO, reads a clock or waits by itself; the shell (the engine over real brokers, the simulation over
//! simulated ones) hands in the traits of [`ports`]. The order of calls in the link loop:
//!
//! 1. A slot is assigned: [`claim::claim`] reads its partition of the control topic, claims it and returns a
//!    [`claim::Slot`] whose [`control::ControlState`] holds positions, maps and findings. Slot 0's owner of a link that
//!    never ran calls [`bootstrap::bootstrap`] instead; all others wait until partition 0 holds a `spec`.
//! 2. Per partition of the slot: [`takeover::take_over`] reads both logs and says where to go on
//!    ([`takeover::Outcome`]). Its findings and, where `must_store` says so, its position are stored with
//!    [`claim::Slot::store`] before anything is sent.
//!    A held partition is told only if the claim was renewed meanwhile and the same was found again.
//! 3. [`flow::Flow::new`] takes what was resumed. The loop fetches from `fetch_offset`, calls `push` and `gap`, asks
//!    `next` what to send, and hands every reply to `acknowledged` or `failed`. Before the first batch of another
//!    source leader epoch is pushed, [`takeover::verify_source`] must have agreed.
//! 4. Every tick: positions of dirty flows, and their map chunks, go out in one [`claim::Slot::store`]; then
//!    `Flow::stored`. While data flows and no store is due, [`claim::Slot::renew`] every 2 s.
//! 5. Whatever is not a plain acknowledgement ends the flow: wait for, or give up, what is in flight, then 2 again, with
//!    `quiet_at` from [`quiet::Quiet`], which is told of every loss and of every answer. A claim that was lost ends everything of its slot.
//! 6. Leaving: drain, store, [`claim::Slot::release`].
//!
//! Invariant of all of it, called *quiet*: a request of a former owner, or one of our own without a reply, may reach the
//! broker until `quiet_at`. Before that moment only the plain continuation of a guarded partition is sent, and only
//! fresh batches without unexplained holes: the broker's check of sequences then makes both writers write the same.

pub mod bootstrap;
pub mod claim;
pub mod control;
pub mod count;
pub mod finding;
pub mod flow;
pub mod matching;
pub mod offset_map;
pub mod ports;
pub mod position;
pub mod quiet;
pub mod sequence;
pub mod takeover;
pub mod transaction;
pub mod walk;
