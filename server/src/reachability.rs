//! Whether each connected cluster answers: a light question to all of them every 10 s.
//!
//! Guarantees: a cluster that does not answer delays no other one's answer, and while the control database is away the
//! clusters known before go on being asked. What is noted is an observation of this process and is kept nowhere else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use kafka::{
    Client, Timeouts,
    client::{Options, Topics},
    ladder,
};
use model::cluster::{ClusterSpec, Reach, Reachability};
use store::{PageQuery, Store};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock;

/// Time between two questions (UX 3: reachability is live at 10 s).
const EVERY: Duration = Duration::from_secs(10);
/// How long one address, and one answer, is waited for: a dead bootstrap entry leaves time for the others.
const EACH: Duration = Duration::from_secs(2);
/// How long a cluster is waited for in all.
const PATIENCE: Duration = Duration::from_secs(8);
/// Most clusters that are asked.
const MOST_CLUSTERS: u32 = 500;

type Noted = Arc<Mutex<HashMap<String, Reachability>>>;

/// Asks clusters until it is stopped.
#[derive(Debug)]
pub struct Watch {
    noted: Noted,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// Starts asking all clusters of the store.
    pub fn start(store: Store, client_id: String) -> Self {
        let noted = Noted::default();
        let stop = CancellationToken::new();
        let round = Round {
            store,
            client_id,
            clients: HashMap::new(),
            noted: Arc::clone(&noted),
        };
        let span = tracing::info_span!("reachability");
        let task = tokio::spawn(watch(round, stop.clone()).instrument(span));
        Self {
            noted,
            stop,
            task: Mutex::new(Some(task)),
        }
    }

    /// Returns how a cluster answered last.
    pub fn of(&self, cluster: &str) -> Option<Reachability> {
        lock(&self.noted).get(cluster).cloned()
    }

    /// Ends the questions. A second call returns at once.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = lock(&self.task).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the watch over clusters ended early");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn watch(mut round: Round, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Ends when it is told to, in the middle of a round too.
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = round.next(&mut clock) => {}
        }
    }
}

struct Round {
    store: Store,
    client_id: String,
    /// One client per cluster, with the settings that it was made of.
    clients: HashMap<String, (ClusterSpec, Result<Client, Reach>)>,
    noted: Noted,
}

impl Round {
    async fn next(&mut self, clock: &mut tokio::time::Interval) {
        clock.tick().await;
        self.read_clusters().await;
        let noted = &self.noted;
        lock(noted).retain(|name, _| self.clients.contains_key(name));
        let asked = self.clients.iter();
        let asked = asked.map(|(name, (_, client))| async move {
            let answer = ask(client).await;
            // At once: whoever answers does not wait for those who do not.
            note(&mut lock(noted), name, answer, clock::now_ms());
        });
        join_all(asked).await;
    }

    /// Keeps one client per stored cluster. While the store does not answer, those of before stay.
    async fn read_clusters(&mut self) {
        let Ok(page) = self.store.clusters(&PageQuery::first(MOST_CLUSTERS)).await else {
            return;
        };
        let mut before = std::mem::take(&mut self.clients);
        for cluster in page.items {
            let name = cluster.spec.name.to_string();
            let client = match before.remove(&name) {
                Some((spec, client)) if spec == cluster.spec => client,
                _ => self.connect(&cluster.spec),
            };
            self.clients.insert(name, (cluster.spec, client));
        }
    }

    fn connect(&self, spec: &ClusterSpec) -> Result<Client, Reach> {
        let options = Options {
            client_id: self.client_id.clone(),
            timeouts: Timeouts {
                connect: EACH,
                request: EACH,
            },
        };
        Client::new(spec, options).map_err(|error| unreachable(&error))
    }
}

async fn ask(client: &Result<Client, Reach>) -> Reach {
    let client = match client {
        Ok(client) => client,
        Err(reach) => return reach.clone(),
    };
    let began = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, client.metadata(Topics::None)).await;
    match answer {
        Ok(Ok(cluster)) => Reach::Reachable {
            brokers: u32::try_from(cluster.brokers.len()).unwrap_or(u32::MAX),
            controller: cluster.controller,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        },
        Ok(Err(error)) => unreachable(&error),
        Err(_) => Reach::Unreachable {
            code: "connect.timeout".to_owned(),
            detail: format!("No broker answered within {} s.", PATIENCE.as_secs()),
        },
    }
}

fn unreachable(error: &kafka::Error) -> Reach {
    Reach::Unreachable {
        code: error.code().to_owned(),
        detail: ladder::seen(error),
    }
}

/// Notes an answer; an unbroken time of reachability, or of one cause, keeps its beginning.
fn note(noted: &mut HashMap<String, Reachability>, name: &str, answer: Reach, now_ms: i64) {
    let before = noted.get(name);
    let same = before.is_some_and(|before| up(&before.answer) == up(&answer));
    if !same {
        match &answer {
            Reach::Reachable { .. } => tracing::info!(cluster.name = name, "the cluster answers"),
            Reach::Unreachable { code, .. } => {
                tracing::warn!(cluster.name = name, code, "the cluster cannot be reached");
            }
        }
    }
    let since_ms = before
        .filter(|_| same)
        .map_or(now_ms, |before| before.since_ms);
    let reachability = Reachability {
        answer,
        since_ms,
        measured_at_ms: now_ms,
    };
    noted.insert(name.to_owned(), reachability);
}

fn up(reach: &Reach) -> bool {
    matches!(reach, Reach::Reachable { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_in(took_ms: u64) -> Reach {
        Reach::Reachable {
            brokers: 3,
            controller: None,
            took_ms,
        }
    }

    fn down(code: &str) -> Reach {
        Reach::Unreachable {
            code: code.to_owned(),
            detail: String::new(),
        }
    }

    #[test]
    fn an_unbroken_time_keeps_its_beginning_and_its_last_cause() {
        let mut noted = HashMap::new();
        let steps = [
            (1, up_in(4), 1),
            (2, up_in(5), 1),
            (3, down("connect.tcp"), 3),
            (4, down("connect.dns"), 3),
            (5, up_in(4), 5),
        ];
        for (now_ms, answer, since_ms) in steps {
            note(&mut noted, "east", answer.clone(), now_ms);
            let expected = Reachability {
                answer,
                since_ms,
                measured_at_ms: now_ms,
            };
            assert_eq!(noted.get("east"), Some(&expected));
        }
    }
}
