//! Which slot of a link a partition belongs to (EXACTLY_ONCE 6).

/// Returns Kafka's own 32-bit murmur2 hash (`org.apache.kafka.common.utils.Utils.murmur2`).
pub fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    // Kafka's length is an int; a longer input than that cannot be a key or a name.
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

/// Returns the slot of a source partition: `(toPositive(murmur2(topic)) + partition) mod slots`.
///
/// `slots` is at least 1 in a checked link; 0 counts as 1.
pub fn slot_of(topic: &str, partition: i32, slots: u32) -> u32 {
    let hash = murmur2(topic.as_bytes()) & i32::MAX;
    let sum = i64::from(hash) + i64::from(partition);
    let slot = sum.rem_euclid(i64::from(slots.max(1)));
    u32::try_from(slot).expect("a remainder of a u32 fits into a u32")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_kafkas_murmur2() {
        let vectors = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ];
        for (text, hash) in vectors {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn puts_neighbouring_partitions_into_neighbouring_slots() {
        let first = slot_of("abc", 0, 24);
        assert_eq!(first, 479_470_107 % 24);
        assert_eq!(slot_of("abc", 1, 24), (first + 1) % 24);
        assert_eq!(
            slot_of("foobar", 0, 24),
            ((-790_332_482_i32) & i32::MAX) as u32 % 24
        );
    }

    proptest! {
        #[test]
        fn stays_within_the_slots(topic in "[a-z.]{1,40}", partition in 0..i32::MAX, slots in 1..=256_u32) {
            prop_assert!(slot_of(&topic, partition, slots) < slots);
        }

        #[test]
        fn spreads_a_wide_topic_evenly(topic in "[a-z.]{1,40}", slots in 1..=256_u32) {
            let mut held = vec![0; slots as usize];
            for partition in 0..slots.cast_signed() * 2 {
                held[slot_of(&topic, partition, slots) as usize] += 1;
            }
            prop_assert!(held.iter().all(|n| *n == 2));
        }
    }
}
