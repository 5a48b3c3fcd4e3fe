//! Owning a slot: claim, lease, store, renew, release (EXACTLY_ONCE 2).
//!
//! Invariants: a [`Slot`] exists only after its claim was read back; nothing counts as stored that was not acknowledged
//! at the claim's epoch; an abandoned or unanswered write leaves the slot *uncertain* until it is claimed again.
//!
//! Epochs are 16 bits wide. Epoch 32,767 of a generation is never owned: writing it *seals* the generation, which fences
//! its last owner, and only then is epoch 0 of the next control producer id claimed.

use std::time::Duration;

use super::{
    control::{CONTROL_PRODUCER_ID, Claim, ControlError, ControlState},
    ports::{AppendError, Clock, ControlBatch, ControlEntry, ControlLog, ControlWrite, PortError},
    sequence,
};

/// How long data may be sent after the sending of the last acknowledged control write.
pub const LEASE: Duration = Duration::from_secs(5);
/// How often the claim is renewed while data flows.
pub const RENEW_BUSY: Duration = Duration::from_secs(2);
/// How often the claim of an idle slot is renewed.
pub const RENEW_IDLE: Duration = Duration::from_secs(3600);
/// A slot not renewed for this long is given up: the broker may have forgotten the epochs that fence us.
const FORGOTTEN: Duration = Duration::from_secs(7200);
/// Bytes of keys and values in one control batch; more are split.
const BATCH_BYTES: usize = 512 << 10;
/// Last epoch of a generation: the seal.
const SEAL: i16 = i16::MAX;

/// `OUT_OF_ORDER_SEQUENCE_NUMBER`.
const OUT_OF_ORDER: i16 = 45;
/// `INVALID_PRODUCER_EPOCH` and `PRODUCER_FENCED`.
const FENCED: [i16; 2] = [47, 90];
/// Refusals that leave log and sequence as they were: MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE,
/// TOPIC_AUTHORIZATION_FAILED, POLICY_VIOLATION, UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD.
const UNTOUCHED: [i16; 6] = [10, 18, 29, 44, 76, 87];

/// Who claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    pub worker: String,
    /// Random id of this process.
    pub process: String,
    /// How long its produce requests may be on their way ([`super::quiet::longest_on_its_way`]).
    pub on_its_way: Duration,
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// The slot is ours.
    Owned(Box<Slot>),
    /// Another one was faster or came later; the newest claim seen.
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
    who: Claimant,
    generation: u32,
    /// What `slot/<n>` says as long as we own it.
    claim: Claim,
    next_sequence: i32,
    /// When the last acknowledged control write was sent.
    sent_at_ms: i64,
    quiet_at_ms: i64,
    certain: bool,
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Reads all of a slot's partition.
///
/// # Errors
/// When the control topic does not answer or cannot be understood.
pub async fn read_slot<L: ControlLog>(log: &L, slot: u32) -> Result<ControlState, SlotError> {
    let mut state = ControlState::default();
    read_on(log, slot, &mut state).await?;
    Ok(state)
}

async fn read_on<L: ControlLog>(
    log: &L,
    slot: u32,
    state: &mut ControlState,
) -> Result<Vec<ControlEntry>, SlotError> {
    let (entries, end) = log.read(slot, state.next_offset).await?;
    if end < state.next_offset {
        return Err(SlotError::WentBack { slot });
    }
    for entry in &entries {
        state.apply(entry)?;
    }
    state.next_offset = end;
    Ok(entries)
}

/// Claims a slot. Read partition 0 first ([`read_slot`]) and find a `spec` of our link and installation there.
///
/// # Errors
/// When the control topic does not answer or cannot be understood; nothing is owned then.
pub async fn claim<L: ControlLog, C: Clock>(
    log: &L,
    clock: &C,
    who: &Claimant,
    slot: u32,
) -> Result<Claimed, SlotError> {
    let state = read_slot(log, slot).await?;
    if state.newest_claim().is_none() {
        return Ok(Claimed::Empty);
    }
    take(log, clock, who, slot, state).await
}

/// Claims a slot whose records are in `state`.
pub(super) async fn take<L: ControlLog, C: Clock>(
    log: &L,
    clock: &C,
    who: &Claimant,
    slot: u32,
    mut state: ControlState,
) -> Result<Claimed, SlotError> {
    let (generation, epoch) = match state.newest_claim() {
        None => (0, 0),
        Some((generation, epoch)) if epoch < SEAL - 1 => (generation, epoch + 1),
        Some((generation, epoch)) => {
            if epoch < SEAL {
                seal(log, who, slot, generation, &mut state).await?;
            }
            (generation + 1, 0)
        }
    };
    let former = state.claims.get(&slot).filter(|former| !former.released);
    let claim = Claim {
        worker: who.worker.clone(),
        process: who.process.clone(),
        generation,
        epoch,
        produce_timeout_ms: former
            .map_or(0, |former| former.produce_timeout_ms)
            .max(millis(who.on_its_way)),
        released: false,
    };
    let unreleased = former.is_some();
    let sent_at_ms = clock.monotonic_ms();
    let offset = match log
        .append(batch(slot, &claim, 0, vec![claim.write(slot)]))
        .await
    {
        Ok(offset) => offset,
        Err(AppendError::Refused(code)) if code == OUT_OF_ORDER || FENCED.contains(&code) => {
            return Ok(Claimed::NotOurs(state.claims.remove(&slot)));
        }
        Err(AppendError::Refused(code)) => return Err(PortError::Broker(code).into()),
        Err(AppendError::Indefinite(cause)) => return Err(PortError::Unreachable(cause).into()),
    };
    let acknowledged_at_ms = clock.monotonic_ms();
    if !read_back(log, slot, &mut state, offset, &claim).await? {
        return Ok(Claimed::NotOurs(state.claims.remove(&slot)));
    }
    let wait_ms = millis(LEASE) + claim.produce_timeout_ms;
    Ok(Claimed::Owned(Box::new(Slot {
        number: slot,
        state,
        who: who.clone(),
        generation,
        claim,
        next_sequence: 1,
        sent_at_ms,
        quiet_at_ms: if unreleased {
            acknowledged_at_ms + wait_ms
        } else {
            0
        },
        certain: true,
    })))
}

/// Two claimants at one epoch both get success: only the record at the acknowledged offset tells.
async fn read_back<L: ControlLog>(
    log: &L,
    slot: u32,
    state: &mut ControlState,
    offset: i64,
    claim: &Claim,
) -> Result<bool, SlotError> {
    if offset < state.next_offset {
        return Ok(false);
    }
    let entries = read_on(log, slot, state).await?;
    if state.next_offset <= offset {
        return Err(PortError::Unreachable("the claim cannot be read yet".to_owned()).into());
    }
    let ours = claim.write(slot);
    let stands = entries.iter().find(|entry| entry.offset == offset);
    Ok(stands.is_some_and(|entry| entry.key == ours.key && entry.value == ours.value))
}

/// Fences the last owner of a generation whose epochs are used up. All who do it write the same sequence.
async fn seal<L: ControlLog>(
    log: &L,
    who: &Claimant,
    slot: u32,
    generation: u32,
    state: &mut ControlState,
) -> Result<(), SlotError> {
    let former = state
        .claims
        .get(&slot)
        .map_or(0, |former| former.produce_timeout_ms);
    let claim = Claim {
        worker: who.worker.clone(),
        process: String::new(),
        generation,
        epoch: SEAL,
        produce_timeout_ms: former.max(millis(who.on_its_way)),
        released: false,
    };
    match log
        .append(batch(slot, &claim, 0, vec![claim.write(slot)]))
        .await
    {
        Ok(_) => read_on(log, slot, state).await.map(drop),
        Err(AppendError::Refused(code)) => Err(PortError::Broker(code).into()),
        Err(AppendError::Indefinite(cause)) => Err(PortError::Unreachable(cause).into()),
    }
}

fn batch(slot: u32, claim: &Claim, base_sequence: i32, records: Vec<ControlWrite>) -> ControlBatch {
    ControlBatch {
        slot,
        producer_id: CONTROL_PRODUCER_ID + i64::from(claim.generation),
        epoch: claim.epoch,
        base_sequence,
        records,
    }
}

/// Splits records into batches of at most 512 KiB; a larger record is alone.
pub(super) fn parts(records: Vec<ControlWrite>) -> Vec<Vec<ControlWrite>> {
    let mut parts: Vec<Vec<ControlWrite>> = Vec::new();
    let mut bytes = BATCH_BYTES;
    for record in records {
        let size = record.key.len() + record.value.as_ref().map_or(0, String::len) + 16;
        bytes += size;
        match parts.last_mut().filter(|_| bytes <= BATCH_BYTES) {
            Some(part) => part.push(record),
            None => {
                bytes = size;
                parts.push(vec![record]);
            }
        }
    }
    parts
}

impl Slot {
    /// Says whether data may be sent now (monotonic milliseconds).
    pub fn lease_fresh(&self, now_ms: i64) -> bool {
        self.certain && now_ms - self.sent_at_ms < millis(LEASE)
    }

    /// Says whether the claim should be renewed now: 2 s after the last control write while data flows, else hourly.
    pub fn renewal_due(&self, now_ms: i64, busy: bool) -> bool {
        let after = if busy { RENEW_BUSY } else { RENEW_IDLE };
        now_ms - self.sent_at_ms >= millis(after)
    }

    /// Monotonic time until which requests of former owners may still reach the brokers, 0 if the last one released.
    pub fn quiet_at_ms(&self) -> i64 {
        self.quiet_at_ms
    }

    /// Returns the claim's epoch, for frames that are queued under it.
    pub fn epoch(&self) -> i16 {
        self.claim.epoch
    }

    /// Writes records at the claim's epoch, and folds them into `state`. One batch, except where it would pass 512 KiB.
    ///
    /// # Errors
    /// See [`SlotError`]; on any of them nothing may be taken for stored.
    pub async fn store<L: ControlLog, C: Clock>(
        &mut self,
        log: &L,
        clock: &C,
        records: Vec<ControlWrite>,
    ) -> Result<(), SlotError> {
        for part in parts(records) {
            self.append(log, clock, part).await?;
        }
        Ok(())
    }

    async fn append<L: ControlLog, C: Clock>(
        &mut self,
        log: &L,
        clock: &C,
        records: Vec<ControlWrite>,
    ) -> Result<(), SlotError> {
        let slot = self.number;
        let sent_at_ms = clock.monotonic_ms();
        if !self.certain {
            return Err(SlotError::Uncertain {
                slot,
                cause: "an earlier write".to_owned(),
            });
        }
        if sent_at_ms - self.sent_at_ms >= millis(FORGOTTEN) {
            return Err(SlotError::Lost { slot });
        }
        // Whoever abandons this future leaves the slot uncertain.
        self.certain = false;
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let sent = batch(slot, &self.claim, self.next_sequence, records.clone());
        let base = match log.append(sent).await {
            Ok(base) => base,
            Err(AppendError::Refused(code)) if FENCED.contains(&code) => {
                return Err(SlotError::Lost { slot });
            }
            Err(AppendError::Refused(code)) if UNTOUCHED.contains(&code) => {
                self.certain = true;
                return Err(PortError::Broker(code).into());
            }
            Err(cause) => {
                return Err(SlotError::Uncertain {
                    slot,
                    cause: cause.to_string(),
                });
            }
        };
        if base < self.state.next_offset {
            return Err(SlotError::WentBack { slot });
        }
        self.state.next_offset = base + count;
        self.next_sequence = sequence::advance(self.next_sequence, count);
        self.sent_at_ms = sent_at_ms;
        self.certain = true;
        for record in &records {
            self.state.keep(&record.key, record.value.as_deref())?;
        }
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
        let record = self.claim.write(self.number);
        self.append(log, clock, vec![record]).await
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
        let slot = self.number;
        self.certain = false;
        if clock.monotonic_ms() - self.sent_at_ms >= millis(FORGOTTEN) {
            return Err(SlotError::Lost { slot });
        }
        read_on(log, slot, &mut self.state).await?;
        let newest = self.state.newest_claim();
        if newest != Some((self.generation, self.claim.epoch)) {
            return Err(SlotError::Lost { slot });
        }
        match take(log, clock, &self.who, slot, self.state.clone()).await? {
            Claimed::Owned(again) => {
                // Nobody but us owned it since: what was quiet stays quiet.
                let quiet_at_ms = self.quiet_at_ms;
                *self = Self {
                    quiet_at_ms,
                    ..*again
                };
                Ok(())
            }
            Claimed::NotOurs(_) | Claimed::Empty => Err(SlotError::Lost { slot }),
        }
    }

    /// Leaves the slot. `open_until_ms` is the latest `Flow::quiet_at_ms` of its partitions: the claim is only marked
    /// released when no request, ours or a former owner's, can still be on its way.
    ///
    /// # Errors
    /// As [`Slot::store`]; the slot is left all the same.
    pub async fn release<L: ControlLog, C: Clock>(
        mut self,
        log: &L,
        clock: &C,
        open_until_ms: i64,
    ) -> Result<(), SlotError> {
        if !self.certain || clock.monotonic_ms() < self.quiet_at_ms.max(open_until_ms) {
            return Ok(());
        }
        let record = Claim {
            released: true,
            ..self.claim.clone()
        }
        .write(self.number);
        self.append(log, clock, vec![record]).await
    }
}
