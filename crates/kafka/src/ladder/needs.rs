//! Rungs 7 and 8: what links need of a cluster that was reached, whichever broker it is that answers.

mod in_sync;
mod rights;
mod round_trip;
mod text;

use std::future::Future;
use std::time::Duration;

use model::cluster::{ClusterSpec, ProbeFor, RungKind};
use tokio::time::Instant;

use super::{Climb, RUNG};
use crate::client::{Client, Options};
use crate::{Error, Timeouts};

use in_sync::InSync;
use round_trip::Written;

/// Longest time for asking for rights, and for what writes need.
const BEYOND: Duration = Duration::from_secs(15);

/// What the last rung found.
struct Trip {
    /// For one answer of the slowest broker.
    slowest: Duration,
    in_sync: Option<InSync>,
    /// Where a record was to go to the cluster and back.
    written: Option<Result<Written, Error>>,
}

impl Climb<'_> {
    /// Climbs both rungs: they need a cluster, not a certain broker.
    pub(super) async fn beyond(&mut self, spec: &ClusterSpec, client_id: &str, asked: &ProbeFor) {
        let limits = Timeouts {
            connect: RUNG,
            request: RUNG,
        };
        let options = Options {
            client_id: client_id.to_owned(),
            timeouts: limits,
        };
        let began = Instant::now();
        let client = match Client::new(spec, options) {
            Ok(client) => client,
            Err(error) => return self.stand(text::broken(RungKind::Rights, &error), began),
        };
        let rights = match asked.reads.is_some() || asked.writes.is_some() {
            false => text::no_rights_needed(),
            true => match in_time_for(rights::missing(&client, asked)).await {
                Ok(missing) => text::rights(spec, &missing),
                Err(error) => text::broken(RungKind::Rights, &error),
            },
        };
        self.stand(rights, began);
        if let Some(slowest) = self.answers.iter().max().copied() {
            let began = Instant::now();
            let in_sync = self.in_sync(&client, asked).await;
            // Where nothing can be written a record would only be waited for.
            let writable = in_sync.is_none_or(InSync::suffices);
            let written = match asked.round_trip && asked.writes.is_some() && writable {
                false => None,
                true => Some(round_trip(client.clone()).await),
            };
            let trip = Trip {
                slowest,
                in_sync,
                written,
            };
            self.stand(text::trip(spec, &trip), began);
        }
        client.close().await;
    }

    /// What writing needs; of no interest where a cluster is read alone, and `None` where we may not know.
    async fn in_sync(&self, client: &Client, asked: &ProbeFor) -> Option<InSync> {
        if asked.reads.is_some() && asked.writes.is_none() {
            return None;
        }
        in_time_for(in_sync::ask(client)).await.ok().flatten()
    }
}

/// Sends a record there and back, in a task that no caller who loses patience ends before its topic is removed.
async fn round_trip(client: Client) -> Result<Written, Error> {
    let ended = |_| Error::Settings {
        what: "it ended by a fault of its own".to_owned(),
    };
    tokio::spawn(round_trip::go(client)).await.map_err(ended)?
}

async fn in_time_for<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let overdue = |_| Error::Settings {
        what: "it does not answer in time".to_owned(),
    };
    tokio::time::timeout(BEYOND, asked).await.map_err(overdue)?
}
