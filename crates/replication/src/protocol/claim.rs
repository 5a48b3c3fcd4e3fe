//! Owning a slot: claim, lease, store, renew, release (EXACTLY_ONCE 2).

use std::time::Duration;

use super::{
    control::{Claim, ControlError, ControlState},
    ports::{Clock, ControlLog, ControlWrite, PortError},
};

/// How long data may be sent after the sending of the last acknowledged control write.
pub const LEASE: Duration = Duration::from_secs(5);
/// How often the claim is renewed while data flows.
pub const RENEW_BUSY: Duration = Duration::from_secs(2);
/// How often the claim of an idle slot is renewed.
pub const RENEW_IDLE: Duration = Duration::from_secs(3600);

/// Who claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    pub worker: String,
    /// Random id of this process.
    pub process: String,
    pub produce_timeout: Duration,
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// The slot is ours.
    Owned(Box<Slot>),
    /// Another one was faster or came later.
    NotOurs(Option<Claim>),
    /// No record of a claim in this partition of the control topic: stop and ask, never a fresh start.
    Empty,
}

/// Why a control write did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// Another worker claimed the slot: stop it at once, do not fight back.
    #[error("slot {slot} was taken over")]
    Lost { slot: u32 },
    /// The claim's state at the broker is unknown: call [`Slot::reclaim`] before anything else.
    #[error("slot {slot} must be claimed again: {cause}")]
    Uncertain { slot: u32, cause: String },
    /// The control topic is not what was left there: stop and ask.
    #[error("the control topic went back below what slot {slot} had written")]
    WentBack { slot: u32 },
    #[error(transparent)]
    Record(#[from] ControlError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// An owned slot.
#[derive(Debug)]
pub struct Slot {
    pub number: u32,
    pub state: ControlState,
}

/// Claims a slot.
///
/// # Errors
/// When the control topic does not answer or cannot be understood; nothing is owned then.
pub async fn claim<L: ControlLog, C: Clock>(
    log: &L,
    clock: &C,
    who: &Claimant,
    slot: u32,
) -> Result<Claimed, SlotError> {
    let _ = (log, clock, who, slot);
    Ok(Claimed::Empty)
}

impl Slot {
    /// Says whether data may be sent now (monotonic milliseconds).
    pub fn lease_fresh(&self, now_ms: i64) -> bool {
        now_ms < 0
    }

    /// Says whether the claim should be renewed now: 2 s after the last control write while data flows, else hourly.
    pub fn renewal_due(&self, now_ms: i64, busy: bool) -> bool {
        let _ = (now_ms, busy);
        false
    }

    /// Monotonic time until which requests of former owners may still reach the brokers.
    pub fn quiet_at_ms(&self) -> i64 {
        0
    }

    /// Writes records at the claim's epoch in one batch, and folds them into `state`.
    ///
    /// # Errors
    /// See [`SlotError`]; on any of them nothing may be taken for stored.
    pub async fn store<L: ControlLog, C: Clock>(
        &mut self,
        log: &L,
        clock: &C,
        records: Vec<ControlWrite>,
    ) -> Result<(), SlotError> {
        let _ = (log, clock, records);
        Ok(())
    }

    /// Writes the claim again: the lease runs anew.
    ///
    /// # Errors
    /// As [`Slot::store`].
    pub async fn renew<L: ControlLog, C: Clock>(
        &mut self,
        log: &L,
        clock: &C,
    ) -> Result<(), SlotError> {
        let _ = (log, clock);
        Ok(())
    }

    /// Claims the slot again after an uncertain write, if nobody else did meanwhile.
    ///
    /// # Errors
    /// As [`Slot::store`]; `Lost` when somebody else did.
    pub async fn reclaim<L: ControlLog, C: Clock>(
        &mut self,
        log: &L,
        clock: &C,
    ) -> Result<(), SlotError> {
        let _ = (log, clock);
        Ok(())
    }

    /// Leaves the slot. `open_until_ms` is the latest `Flow::quiet_at` of its partitions: the claim is only marked released when
    /// no request can still be on its way.
    ///
    /// # Errors
    /// As [`Slot::store`]; the slot is left all the same.
    pub async fn release<L: ControlLog, C: Clock>(
        self,
        log: &L,
        clock: &C,
        open_until_ms: i64,
    ) -> Result<(), SlotError> {
        let _ = (log, clock, open_until_ms);
        Ok(())
    }
}
