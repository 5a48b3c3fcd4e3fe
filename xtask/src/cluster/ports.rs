//! Free TCP ports that stay free.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Result, bail};

/// Ports below the range from which the kernel serves port 0 and outgoing connections: a broker that is down for a
/// moment finds its port free again, and a client that retries meanwhile cannot connect to itself.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// Returns `count` different ports of the loopback address that nobody listens on.
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
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            found.insert(port);
        }
    }
    bail!(
        "no {count} free ports between {} and {}",
        RANGE.start,
        RANGE.end
    )
}
