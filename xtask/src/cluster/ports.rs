//! Free TCP ports that stay free.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};

/// Ports below the range from which the kernel serves port 0 and outgoing connections: a broker that is down for a
/// moment finds its port free again, and a client that retries meanwhile cannot connect to itself.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// What this process gave out: a broker listens seconds after its ports were chosen, and others choose meanwhile.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Returns `count` different ports of the loopback address that nobody listens on, and that were not returned before.
///
/// # Errors
/// Fails when no free port is found in many tries.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let mut found = BTreeSet::new();
    for _ in 0..10_000 {
        if found.len() == count {
            return Ok(found.into_iter().collect());
        }
        let port = fastrand::u16(RANGE);
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.contains(&port) {
            continue;
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            found.insert(port);
        }
    }
    bail!(
        "no {count} free ports between {} and {}",
        RANGE.start,
        RANGE.end
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice() {
        let mut all = BTreeSet::new();
        for _ in 0..500 {
            for port in free_ports(8).unwrap() {
                assert!(all.insert(port), "{port} was given out before");
            }
        }
    }
}
