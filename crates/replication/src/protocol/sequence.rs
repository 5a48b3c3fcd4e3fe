//! Arithmetic of sequence numbers: 31 bits, and 0 follows 2^31 - 1 (`baseSequence` of a record batch).

const MODULUS: i64 = 1 << 31;

/// Returns the sequence `records` after `sequence`; `records` may be negative.
pub fn advance(sequence: i32, records: i64) -> i32 {
    let next = (i64::from(sequence) + records.rem_euclid(MODULUS)) % MODULUS;
    i32::try_from(next).expect("a remainder of 2^31 fits 31 bits")
}

/// Returns how many records lie from sequence `from` to sequence `to`, within ±2^30: negative when `to` is behind.
pub fn distance(from: i32, to: i32) -> i64 {
    let forward = (i64::from(to) - i64::from(from)).rem_euclid(MODULUS);
    if forward >= MODULUS / 2 {
        forward - MODULUS
    } else {
        forward
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zero_follows_the_largest_sequence() {
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(0, -1), i32::MAX);
        assert_eq!(distance(i32::MAX, 2), 3);
        assert_eq!(distance(2, i32::MAX), -3);
    }

    proptest! {
        #[test]
        fn distance_undoes_advance(sequence in 0..=i32::MAX, records in -(1_i64 << 30)..(1 << 30)) {
            prop_assert_eq!(distance(sequence, advance(sequence, records)), records);
        }

        #[test]
        fn advancing_twice_adds_up(sequence in 0..=i32::MAX, a in 0..(1_i64 << 40), b in 0..(1_i64 << 40)) {
            prop_assert_eq!(advance(advance(sequence, a), b), advance(sequence, a + b));
        }
    }
}
