//! A small TCP fault proxy: one listening port before one server, switchable while connections are open.
//!
//! It ends connections on both sides, so it cannot show the window limits of a long line, and the kernel goes on
//! acknowledging bytes that a black hole swallows. What was held back by a black hole arrives late once the proxy
//! passes again, like packets sent again after a network outage: late requests reach the server even when the client
//! has gone away meanwhile.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::watch,
};

use crate::cluster::free_ports;

mod pump;

/// What the proxy does with every connection, present and future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Forwards both ways.
    #[default]
    Pass,
    /// Accepts, forwards nothing either way, closes nothing.
    BlackHole,
    /// Holds what the client sends; replies pass (a half-open line).
    HoldRequests,
    /// Holds what the server sends: requests take effect, nobody hears of it (a half-open line).
    HoldReplies,
    /// Nobody listens: new connections are refused, open ones were reset.
    Refuse,
    /// Every byte arrives this much later, each way.
    Delay(Duration),
    /// Each direction of each connection carries at most this many bytes per second.
    Rate(u64),
    /// One bit flips in the middle of each piece's first long run of this byte, which a test writes into values alone: so
    /// nothing but records is hit, whatever else passes.
    Corrupt(u8),
}

impl Mode {
    fn holds(self, direction: Direction) -> bool {
        match self {
            Self::BlackHole | Self::Refuse => true,
            Self::HoldRequests => direction == Direction::ToServer,
            Self::HoldReplies => direction == Direction::ToClient,
            Self::Pass | Self::Delay(_) | Self::Rate(_) | Self::Corrupt(_) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// Counts since the proxy's start.
#[derive(Debug, Default)]
struct Counters {
    open: AtomicUsize,
    accepted: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    corrupted: AtomicU64,
}

/// One proxy; shared by handle, ends with the last one.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    target: SocketAddr,
    mode: watch::Sender<Mode>,
    /// Each new value resets the connections that are open at that moment.
    resets: watch::Sender<u64>,
    counters: Arc<Counters>,
}

impl FaultProxy {
    /// Starts a proxy on a free loopback port before `target`; connections are made to it as clients arrive.
    ///
    /// # Errors
    /// Fails when no port is free.
    pub fn start(target: SocketAddr) -> Result<Arc<Self>> {
        let port = free_ports(1)?[0];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let runtime = runtime()?;
        let listener = runtime
            .block_on_elsewhere(async move { TcpListener::bind(address).await })
            .with_context(|| format!("cannot listen on {address}"))?;
        let (mode, modes) = watch::channel(Mode::Pass);
        let (resets, reset) = watch::channel(0);
        let counters = Arc::new(Counters::default());
        let line = Line {
            target,
            modes,
            reset,
            counters: Arc::clone(&counters),
        };
        // Ends when the proxy is dropped and with it the sender of modes.
        runtime.0.spawn(accept(address, listener, line));
        Ok(Arc::new(Self {
            address,
            target,
            mode,
            resets,
            counters,
        }))
    }

    /// Returns the address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the server behind.
    pub fn target(&self) -> SocketAddr {
        self.target
    }

    /// Returns what the proxy does now.
    pub fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    /// Switches the mode, for open connections too. [`Mode::Refuse`] resets them.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
        if mode == Mode::Refuse {
            self.reset_all();
        }
    }

    /// Resets every open connection (RST to both sides); new ones are welcome.
    pub fn reset_all(&self) {
        self.resets.send_modify(|n| *n += 1);
    }

    /// Returns how many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.counters.open.load(Ordering::Relaxed)
    }

    /// Returns how many connections have been accepted since the start.
    pub fn accepted_connections(&self) -> u64 {
        self.counters.accepted.load(Ordering::Relaxed)
    }

    /// Returns the bytes forwarded since the start: to the server, to clients.
    pub fn forwarded_bytes(&self) -> (u64, u64) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (of(&self.counters.to_server), of(&self.counters.to_client))
    }

    /// Returns how many bits were flipped since the start.
    pub fn flipped_bits(&self) -> u64 {
        self.counters.corrupted.load(Ordering::Relaxed)
    }
}

/// What every task of one proxy needs.
#[derive(Clone, Debug)]
struct Line {
    target: SocketAddr,
    modes: watch::Receiver<Mode>,
    reset: watch::Receiver<u64>,
    counters: Arc<Counters>,
}

/// Takes connections until the proxy is dropped; while it refuses, there is no listener.
async fn accept(address: SocketAddr, listener: TcpListener, mut line: Line) {
    let mut listener = Some(listener);
    loop {
        let refuse = *line.modes.borrow_and_update() == Mode::Refuse;
        if refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        tokio::select! {
            changed = line.modes.changed() => if changed.is_err() { return },
            client = next_client(listener.as_ref()) => if let Ok(client) = client {
                line.counters.accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(client, line.clone()));
            },
        }
    }
}

async fn next_client(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => std::future::pending().await,
    }
}

/// Serves one connection until both directions have ended, a reset is ordered or the proxy is dropped.
async fn serve(mut client: TcpStream, mut line: Line) {
    line.reset.mark_unchanged();
    line.counters.open.fetch_add(1, Ordering::Relaxed);
    match TcpStream::connect(line.target).await {
        Ok(mut server) => {
            if forward(&mut client, &mut server, &line).await == Ending::Reset {
                reset(&client);
                reset(&server);
            }
        }
        Err(_) => reset(&client),
    }
    line.counters.open.fetch_sub(1, Ordering::Relaxed);
}

/// How a proxied connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    ByItself,
    Reset,
}

async fn forward(client: &mut TcpStream, server: &mut TcpStream, line: &Line) -> Ending {
    for side in [&*client, &*server] {
        // Failing here would only cost speed.
        let _ = side.set_nodelay(true);
    }
    // Borrowed halves: dropping owned ones would end the stream in an orderly way before the reset.
    let (client_in, client_out) = client.split();
    let (server_in, server_out) = server.split();
    let both = async {
        tokio::join!(
            pump::run(client_in, server_out, Direction::ToServer, line),
            pump::run(server_in, client_out, Direction::ToClient, line),
        )
    };
    let mut reset = line.reset.clone();
    tokio::select! {
        _ = both => Ending::ByItself,
        _ = reset.changed() => Ending::Reset,
    }
}

/// Makes closing this socket a reset.
fn reset(side: &TcpStream) {
    // Fails only on a socket that is already gone.
    let _ = side.set_zero_linger();
}

/// The thread on which all proxies of this process work.
struct ProxyRuntime(Runtime);

impl ProxyRuntime {
    /// Runs a future on the proxies' thread and waits for it; works inside and outside of another runtime.
    fn block_on_elsewhere<T: Send + 'static>(
        &self,
        future: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = std::sync::mpsc::sync_channel(1);
        self.0.spawn(async move {
            let _ = answer.send(future.await);
        });
        Ok(result.recv()??)
    }
}

fn runtime() -> Result<&'static ProxyRuntime> {
    static RUNTIME: OnceLock<ProxyRuntime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("proxy")
        .enable_all()
        .build()?;
    Ok(RUNTIME.get_or_init(|| ProxyRuntime(made)))
}

#[cfg(test)]
mod tests;
