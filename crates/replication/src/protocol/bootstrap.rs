//! A link's very first start (EXACTLY_ONCE 2.2).

use super::{
    claim::{self, Claimant, Claimed, SlotError, read_slot},
    control::{CONTROL_PRODUCER_ID, Claim, Spec},
    ports::{AppendError, Clock, ControlBatch, ControlLog, PortError},
};

/// Claims slot 0 of a control topic without a `spec`, writes a first, released claim to every other empty partition, then
/// `spec`. Only slot 0's owner calls it, and only while the database does not know the control topic's id (store that id
/// after this succeeded); safe to repeat after a crash at any point. With a `spec` there it is a plain claim: compare
/// its link and installation.
///
/// # Errors
/// As [`claim::claim`].
pub async fn bootstrap<L: ControlLog, C: Clock>(
    log: &L,
    clock: &C,
    who: &Claimant,
    spec: &Spec,
) -> Result<Claimed, SlotError> {
    let state = read_slot(log, 0).await?;
    if state.spec.is_some() {
        return claim::claim(log, clock, who, 0).await;
    }
    let mut slot = match claim::take(log, clock, who, 0, state).await? {
        Claimed::Owned(slot) => slot,
        other => return Ok(other),
    };
    if slot.state.spec.is_some() {
        return Ok(Claimed::Owned(slot));
    }
    for number in 1..spec.slots {
        open(log, who, number).await?;
    }
    slot.store(log, clock, vec![spec.write()]).await?;
    Ok(Claimed::Owned(slot))
}

/// Writes the first claim of an empty slot, released from the start.
async fn open<L: ControlLog>(log: &L, who: &Claimant, number: u32) -> Result<(), SlotError> {
    if read_slot(log, number).await?.newest_claim().is_some() {
        return Ok(());
    }
    let claim = Claim {
        worker: who.worker.clone(),
        process: who.process.clone(),
        generation: 0,
        epoch: 0,
        produce_timeout_ms: 0,
        released: true,
    };
    let batch = ControlBatch {
        slot: number,
        producer_id: CONTROL_PRODUCER_ID,
        epoch: claim.epoch,
        base_sequence: 0,
        records: vec![claim.write(number)],
    };
    match log.append(batch).await {
        // 45 and 47: another worker opened and claimed it meanwhile.
        Ok(_) | Err(AppendError::Refused(45 | 47)) => Ok(()),
        Err(AppendError::Refused(code)) => Err(PortError::Broker(code).into()),
        Err(AppendError::Indefinite(cause)) => Err(PortError::Unreachable(cause).into()),
    }
}
