//! What is measured: combinations of record size, codec, partitions, batches, brokers and line.

use std::fmt;

use serde::Serialize;

/// Each record goes in a batch of its own.
pub(super) const ONE_RECORD: u32 = 1;

/// Which times the records carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    Now,
    /// Brokers forget producers by record time: such partitions are written without their guard.
    LastWeek,
}

/// How the copier reaches both clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Plaintext,
    Tls,
}

/// One combination that is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub record_bytes: usize,
    pub codec: &'static str,
    pub partitions: i32,
    /// Largest source batch; 1 stands for one record in each.
    pub batch_bytes: u32,
    /// Brokers on each side, which is the replication factor too.
    pub brokers: u16,
    pub times: Times,
    pub line: Line,
}

/// 1 KB records, uncompressed, in 64 KB batches on six partitions, one broker on each side.
pub(super) const BASE: Cell = Cell {
    record_bytes: 1_024,
    codec: "none",
    partitions: 6,
    batch_bytes: 65_536,
    brokers: 1,
    times: Times::Now,
    line: Line::Plaintext,
};

/// The smallest set.
pub(super) fn smoke() -> Vec<Cell> {
    vec![
        BASE,
        Cell {
            codec: "lz4",
            ..BASE
        },
    ]
}

/// One cell for each thing that may cost something.
pub(super) fn core() -> Vec<Cell> {
    let mut cells = smoke();
    cells.extend([
        Cell {
            codec: "zstd",
            ..BASE
        },
        small_records(),
        Cell {
            record_bytes: 10_240,
            ..BASE
        },
        Cell {
            partitions: 100,
            ..BASE
        },
        Cell { brokers: 3, ..BASE },
        Cell {
            times: Times::LastWeek,
            ..BASE
        },
        Cell {
            line: Line::Tls,
            ..BASE
        },
    ]);
    cells
}

/// All sizes, codecs, partition counts and batches with each other, and what the core set has besides.
pub(super) fn full() -> Vec<Cell> {
    let mut cells = core();
    for record_bytes in [100, 1_024, 10_240] {
        for codec in ["none", "lz4", "zstd"] {
            for partitions in [1, 6, 100, 1_000] {
                for batch_bytes in [ONE_RECORD, 16_384, 65_536] {
                    let cell = Cell {
                        record_bytes,
                        codec,
                        partitions,
                        batch_bytes,
                        ..BASE
                    };
                    if !cells.contains(&cell) {
                        cells.push(cell);
                    }
                }
            }
        }
    }
    cells
}

/// Cost should go with batches, not records.
fn small_records() -> Cell {
    Cell {
        record_bytes: 100,
        batch_bytes: 16_384,
        ..BASE
    }
}

impl Cell {
    /// Returns how many bytes of values to write where a cell of 1 KB records gets `bytes`: less where records are many,
    /// which cost the referee time and memory, and where each byte is stored three times.
    pub(super) fn share_of(&self, bytes: u64) -> u64 {
        let records = match (self.record_bytes, self.batch_bytes) {
            (_, ONE_RECORD) => 8,
            (..=512, _) => 4,
            _ => 1,
        };
        bytes / records / if self.brokers > 1 { 2 } else { 1 }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} B, {}, {} p.",
            self.record_bytes, self.codec, self.partitions
        )?;
        match self.batch_bytes {
            65_536 => {}
            ONE_RECORD => f.write_str(", single")?,
            bytes => write!(f, ", {} KB b.", bytes / 1_024)?,
        }
        if self.brokers > 1 {
            write!(f, ", RF {}", self.brokers)?;
        }
        if self.times == Times::LastWeek {
            f.write_str(", last week")?;
        }
        if self.line == Line::Tls {
            f.write_str(", TLS")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_holds_the_smaller_one_and_nothing_twice() {
        let (smoke, core, full) = (smoke(), core(), full());
        assert!(smoke.iter().all(|cell| core.contains(cell)));
        assert!(core.iter().all(|cell| full.contains(cell)));
        for (index, cell) in full.iter().enumerate() {
            assert!(!full[..index].contains(cell), "{cell} twice");
        }
    }

    #[test]
    fn no_two_cells_have_one_name() {
        let names: std::collections::BTreeSet<String> =
            full().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), full().len());
    }
}
