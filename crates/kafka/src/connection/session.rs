//! Signing in anew before a session ends (KIP-368), on the connection that it belongs to.
//!
//! A broker takes the frames after a handshake for the sign-in, so nothing else may be written meanwhile: the writer
//! holds requests back until the sign-in is over, and those written before are answered first. No request is lost and
//! none fails. What a sign-in needs from elsewhere, such as a token, is fetched before anything is held back.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument;

use super::{Connection, Handle, Queued, Settings};
use crate::sasl::Prepared;
use crate::{Error, sasl};

/// Part of a session after which a new one is begun, at least and at most: brokers check the end when they read a
/// request, which may have waited there behind others.
const RENEW: (f64, f64) = (0.65, 0.8);

/// Brokers take a sign-in within a second of the last one for an error.
const SOONEST: Duration = Duration::from_millis(1_050);

/// How long until what a sign-in needs is looked for again.
const RETRY: Duration = Duration::from_millis(500);

/// A sign-in's own requests: one is open at a time.
const REQUESTS: usize = 2;

impl Connection {
    /// Keeps signing in anew from now on, the first time before `lifetime` is over. Ends with the connection.
    pub(super) fn keep_session(&self, settings: &Settings, lifetime: Duration) {
        let span = tracing::info_span!("session", broker = %self.address());
        let stop = self.handle.pending.stop.clone();
        let keeper = keep(Arc::downgrade(&self.handle), settings.clone(), lifetime);
        let until_closed = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = keeper => {}
            }
        };
        self.handle.tasks.spawn(until_closed.instrument(span));
    }

    /// Returns a handle whose requests go into `queue`; dropping it does not close the connection.
    fn through(&self, queue: mpsc::Sender<Queued>) -> Self {
        let handle = Handle {
            pending: Arc::clone(&self.handle.pending),
            queue,
            apis: self.handle.apis.clone(),
            round_trip: self.handle.round_trip.clone(),
            certificate_ends_ms: self.handle.certificate_ends_ms.clone(),
            tasks: self.handle.tasks.clone(),
            _closes: None,
        };
        Self {
            handle: Arc::new(handle),
        }
    }
}

/// Ends when the connection has no owner any more, its sessions do not end any more, or a sign-in failed.
async fn keep(connection: Weak<Handle>, settings: Settings, mut lifetime: Duration) {
    loop {
        let ends = Instant::now() + lifetime;
        let (least, most) = RENEW;
        let part = least + (most - least) * fastrand::f64();
        tokio::time::sleep(lifetime.mul_f64(part).max(SOONEST)).await;
        let prepared = prepare(&settings, ends).await;
        let Some(handle) = connection.upgrade() else {
            return;
        };
        let connection = Connection { handle };
        let renewed = match prepared {
            Ok(prepared) => renew(&connection, &settings, prepared).await,
            Err(error) => Err(error),
        };
        match renewed {
            Ok(Some(next)) => lifetime = next,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "the session was not renewed");
                return connection.handle.pending.fail(error);
            }
        }
    }
}

/// Gets what a sign-in needs, again and again until the session ends.
async fn prepare(settings: &Settings, ends: Instant) -> Result<Prepared, Error> {
    loop {
        match sasl::prepare(settings).await {
            Err(_) if Instant::now() + RETRY < ends => tokio::time::sleep(RETRY).await,
            prepared => return prepared,
        }
    }
}

async fn renew(
    connection: &Connection,
    settings: &Settings,
    prepared: Prepared,
) -> Result<Option<Duration>, Error> {
    let (queue, requests) = mpsc::channel(REQUESTS);
    let taken = connection.handle.queue.send(Queued::SignIn(requests)).await;
    if taken.is_err() {
        return Err(connection.ended());
    }
    sasl::sign_in_with(&connection.through(queue), settings, prepared).await
}
