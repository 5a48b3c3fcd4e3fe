//! CRC-32C (Castagnoli), the checksum of a record batch, and its correction when only a header changes.
//!
//! The checksum is linear over GF(2): two inputs of equal length differ in their checksums by the raw remainder of
//! their XOR. A changed header followed by `n` unchanged bytes therefore costs one remainder of the header's XOR,
//! moved along by `n` zero bytes, which is one multiplication by `x^(8n)` modulo the polynomial.

use crc_fast::crc32_iscsi;

/// The Castagnoli polynomial, bits reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `POWERS[k][b]` is `x^(8 * b * 256^k)` modulo the polynomial, so the power for any 32-bit length is the product of
/// four entries.
static POWERS: [[u32; 256]; 4] = powers();

/// Returns the CRC-32C of `data`.
pub(crate) fn checksum(data: &[u8]) -> u32 {
    crc32_iscsi(data)
}

/// Returns the checksum after the first bytes of a checked range were changed, `tail_length` unchanged bytes follow.
///
/// `difference` is the XOR of the old and the new first bytes.
pub(crate) fn corrected<const N: usize>(old: u32, difference: &[u8; N], tail_length: usize) -> u32 {
    // The checksum's initial value and final inversion cancel out in the XOR with the checksum of as many zeros.
    let remainder = checksum(difference) ^ const { zeros(N) };
    old ^ moved_along(remainder, tail_length)
}

/// Returns the remainder of `remainder`'s input with `zero_bytes` zero bytes appended.
fn moved_along(remainder: u32, zero_bytes: usize) -> u32 {
    let mut moved = remainder;
    for (table, digit) in POWERS.iter().zip((zero_bytes as u32).to_le_bytes()) {
        if digit != 0 {
            moved = multiplied(table[usize::from(digit)], moved);
        }
    }
    moved
}

/// Returns the product of two reflected polynomials modulo the CRC's polynomial.
const fn multiplied(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        product ^= b & ((a >> bit) & 1).wrapping_neg();
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
    }
    product
}

const fn powers() -> [[u32; 256]; 4] {
    const ONE: u32 = 1 << 31;
    let mut tables = [[ONE; 256]; 4];
    let mut step = ONE >> 8;
    let mut k = 0;
    while k < 4 {
        let mut b = 1;
        while b < 256 {
            tables[k][b] = multiplied(tables[k][b - 1], step);
            b += 1;
        }
        step = multiplied(tables[k][255], step);
        k += 1;
    }
    tables
}

/// Returns the CRC-32C of `length` zero bytes.
const fn zeros(length: usize) -> u32 {
    let mut crc = u32::MAX;
    let mut bits = length * 8;
    while bits > 0 {
        crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
        bits -= 1;
    }
    !crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_the_published_check_value() {
        assert_eq!(checksum(b"123456789"), 0xE306_9283);
        assert_eq!(zeros(40), checksum(&[0; 40]));
    }

    #[test]
    fn moves_along_more_than_sixteen_mebibytes() {
        let mut data = vec![0u8; 20 << 20];
        let before = checksum(&data);
        data[3] = 7;
        let difference = [0, 0, 0, 7];
        assert_eq!(
            corrected(before, &difference, data.len() - 4),
            checksum(&data)
        );
    }

    proptest! {
        #[test]
        fn a_corrected_checksum_is_the_recomputed_one(
            old in any::<[u8; 32]>(),
            new in any::<[u8; 32]>(),
            tail in proptest::collection::vec(any::<u8>(), 0..3000),
        ) {
            let with_tail = |head: [u8; 32]| [&head[..], &tail[..]].concat();
            let difference = std::array::from_fn(|i| old[i] ^ new[i]);
            let before = checksum(&with_tail(old));
            prop_assert_eq!(corrected::<32>(before, &difference, tail.len()), checksum(&with_tail(new)));
        }
    }
}
