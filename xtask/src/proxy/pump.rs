//! One direction of one proxied connection.

use std::{io, sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{ReadHalf, WriteHalf},
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{Direction, Line, Mode};

/// Bytes with the time at which they may leave.
struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
}

/// Forwards until the sending side ends or either side breaks. Reading runs ahead of writing, so that a delay does
/// not limit the rate; the channel between is full after 256 chunks, and then the sender is held back.
pub(super) async fn run(from: ReadHalf<'_>, to: WriteHalf<'_>, direction: Direction, line: &Line) {
    let (chunks, queue) = mpsc::channel(256);
    // The outcome of either half is the end of a connection, which the other side sees by itself.
    let _ = tokio::join!(read(from, chunks, line), write(queue, to, direction, line));
}

async fn read(mut from: ReadHalf<'_>, chunks: mpsc::Sender<Chunk>, line: &Line) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; 64 * 1024];
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        bytes.truncate(count);
        let delay = match *line.modes.borrow() {
            Mode::Delay(delay) => delay,
            _ => Duration::ZERO,
        };
        if chunks
            .send(Chunk {
                bytes,
                due: Instant::now() + delay,
            })
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

async fn write(
    mut queue: mpsc::Receiver<Chunk>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    line: &Line,
) -> io::Result<()> {
    let mut modes = line.modes.clone();
    let counter = match direction {
        Direction::ToServer => &line.counters.to_server,
        Direction::ToClient => &line.counters.to_client,
    };
    while let Some(mut chunk) = queue.recv().await {
        sleep_until(chunk.due).await;
        // Ends with an error when the proxy is dropped.
        modes
            .wait_for(|mode| !mode.holds(direction))
            .await
            .map_err(io::Error::other)?;
        let mode = *modes.borrow();
        match mode {
            Mode::Corrupt(run_of) => {
                if corrupt(&mut chunk.bytes, run_of) {
                    line.counters.corrupted.fetch_add(1, Ordering::Relaxed);
                }
                to.write_all(&chunk.bytes).await?;
            }
            Mode::Rate(per_second) => slowly(&mut to, &chunk.bytes, per_second).await?,
            _ => to.write_all(&chunk.bytes).await?,
        }
        counter.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
    }
    // A held line also holds the news that the sender has gone.
    modes
        .wait_for(|mode| !mode.holds(direction))
        .await
        .map_err(io::Error::other)?;
    to.shutdown().await
}

/// Writes in twentieths of a second's share.
async fn slowly(to: &mut WriteHalf<'_>, bytes: &[u8], per_second: u64) -> io::Result<()> {
    let share = usize::try_from(per_second / 20)
        .unwrap_or(usize::MAX)
        .max(1);
    for piece in bytes.chunks(share) {
        to.write_all(piece).await?;
        sleep(Duration::from_secs_f64(
            piece.len() as f64 / per_second.max(1) as f64,
        ))
        .await;
    }
    Ok(())
}

/// Flips one bit in the middle of the first run of 64 or more of a byte; returns whether there is one.
fn corrupt(bytes: &mut [u8], run_of: u8) -> bool {
    const RUN: usize = 64;
    let Some(start) = bytes
        .windows(RUN)
        .position(|run| run.iter().all(|byte| *byte == run_of))
    else {
        return false;
    };
    bytes[start + RUN / 2] ^= 0x10;
    true
}
