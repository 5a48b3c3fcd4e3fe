//! The one connection per broker that all questions to it share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::{Address, Connection, Error, Settings};

/// A connection that is opened when it is first asked for, and again when it was lost. After a failure nobody tries
/// before the back-off is over: who asks meanwhile gets the failure at once.
#[derive(Debug)]
pub(super) struct SharedConnection {
    address: Address,
    open: AtomicBool,
    /// Held while opening, so that only one attempt runs; nobody who asks for another broker waits for it.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connection: Option<Connection>,
    backoff: Backoff,
    failure: Option<(Error, Instant)>,
}

impl SharedConnection {
    pub(super) fn new(address: Address) -> Self {
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let state = State {
            connection: None,
            backoff,
            failure: None,
        };
        Self {
            address,
            open: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Says whether the connection was open when it was last looked at.
    pub(super) fn was_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Returns the connection, opened if need be.
    pub(super) async fn get(&self, settings: &Settings) -> Result<Connection, Error> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state
            .connection
            .take_if(|connection| !connection.is_closed())
        {
            state.connection = Some(connection.clone());
            return Ok(connection);
        }
        state.connection = None;
        self.open.store(false, Ordering::Relaxed);
        if let Some((error, until)) = &state.failure
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        match Connection::open(&self.address, settings).await {
            Ok(connection) => {
                state.backoff.reset();
                state.failure = None;
                state.connection = Some(connection.clone());
                self.open.store(true, Ordering::Relaxed);
                Ok(connection)
            }
            Err(error) => {
                let until = Instant::now() + state.backoff.next_delay();
                state.failure = Some((error.clone(), until));
                Err(error)
            }
        }
    }

    /// Closes the connection, if it is open.
    pub(super) async fn close(&self) {
        let connection = self.state.lock().await.connection.take();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }
}
