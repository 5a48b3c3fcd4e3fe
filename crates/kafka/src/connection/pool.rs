//! Buffers for large frames, used again and again: a fresh megabyte costs more in page faults than in copying.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Shelf `n` holds buffers of `SMALLEST << n` bytes.
const SMALLEST: usize = 32 << 10;
const SHELVES: usize = 13;

/// How many idle bytes are kept for later; what is given back beyond it is freed.
const KEPT: usize = 32 << 20;

/// The process's pool of frame buffers.
pub(super) static POOL: Pool = Pool::new();

/// Idle buffers by size. A buffer belongs to one frame until the last slice of that frame is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Debug)]
struct Idle {
    shelves: [Vec<Vec<u8>>; SHELVES],
    bytes: usize,
}

/// A buffer on loan from [`POOL`].
#[derive(Debug)]
pub(super) struct Loan {
    data: Vec<u8>,
    len: usize,
}

impl Pool {
    const fn new() -> Self {
        Self {
            idle: Mutex::new(Idle {
                shelves: [const { Vec::new() }; SHELVES],
                bytes: 0,
            }),
        }
    }

    /// Lends a buffer of `len` bytes whose content is whatever was last in it.
    pub(super) fn lend(&'static self, len: usize) -> Loan {
        let Some(shelf) = shelf_of(len) else {
            return Loan {
                data: vec![0; len],
                len,
            };
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = idle.shelves[shelf].pop();
        if let Some(data) = &reused {
            idle.bytes -= data.len();
        }
        drop(idle);
        Loan {
            data: reused.unwrap_or_else(|| vec![0; SMALLEST << shelf]),
            len,
        }
    }

    fn give_back(&self, data: Vec<u8>) {
        let Some(shelf) = shelf_of(data.len()).filter(|shelf| SMALLEST << shelf == data.len())
        else {
            return;
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.bytes + data.len() <= KEPT {
            idle.bytes += data.len();
            idle.shelves[shelf].push(data);
        }
    }
}

impl Loan {
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.data[..self.len]
    }

    /// Hands the buffer out as `Bytes`; it returns to the pool when the last slice of it is dropped.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        &self.data[..self.len]
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        POOL.give_back(std::mem::take(&mut self.data));
    }
}

/// Returns the smallest shelf whose buffers hold `len` bytes.
fn shelf_of(len: usize) -> Option<usize> {
    (0..SHELVES).find(|shelf| len <= SMALLEST << shelf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lends_exactly_what_is_asked_for() {
        for len in [0, 1, SMALLEST, SMALLEST + 1, 5 << 20] {
            assert_eq!(POOL.lend(len).freeze().len(), len);
        }
    }

    #[test]
    fn shelves_double() {
        assert_eq!(shelf_of(1), Some(0));
        assert_eq!(shelf_of(SMALLEST + 1), Some(1));
        assert_eq!(shelf_of(SMALLEST << 12), Some(12));
        assert_eq!(shelf_of((SMALLEST << 12) + 1), None);
    }
}
