//! What moving bytes costs on this machine at the least: a thread that reads from one socket and writes to another over
//! loopback, with no broker, protocol or checksum. The CPU cost of copiers is told beside it, because the same copier costs
//! twice as much on a machine whose memory is twice as slow.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use anyhow::{Context, Result};

use crate::process::cpu_times;

/// Bytes that are moved.
const BYTES: usize = 2 << 30;
/// Bytes in one read.
const CHUNK: usize = 256 << 10;

/// Returns the CPU time of a relay in seconds per GB.
pub(super) fn cpu_seconds_per_gb() -> Result<f64> {
    let (mut source, from) = pair()?;
    let (to, mut sink) = pair()?;
    let relay = thread::spawn(move || relay(from, to));
    let writing = thread::spawn(move || {
        let chunk = vec![7; CHUNK];
        (0..BYTES / CHUNK).try_for_each(|_| source.write_all(&chunk))
    });
    let mut chunk = vec![0; CHUNK];
    while sink.read(&mut chunk)? > 0 {}
    let ended = "a thread of the relay panicked";
    writing.join().ok().context(ended)??;
    let seconds = relay.join().ok().context(ended)??;
    Ok(seconds / (BYTES as f64 / 1e9))
}

/// Two ends of one connection.
fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    Ok((near, listener.accept()?.0))
}

/// Moves everything; returns the CPU time of this thread in seconds.
fn relay(mut from: TcpStream, mut to: TcpStream) -> Result<f64> {
    let spent = || -> Result<f64> {
        Ok(cpu_times(&fs::read_to_string("/proc/thread-self/stat")?)?.total())
    };
    let before = spent()?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            return Ok(spent()? - before);
        }
        to.write_all(&chunk[..read])?;
    }
}
