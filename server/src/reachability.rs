//! Whether each connected cluster answers: a light question to all of them every 10 s, and at once to one that is new or
//! has other settings.
//!
//! Guarantees: a cluster that does not answer delays no other one's answer, and while the control database is away the
//! clusters known before go on being asked. What is noted is an observation of this process and is kept nowhere else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use kafka::{
    Client, Timeouts,
    client::{Options, Topics},
    ladder,
};
use model::cluster::{ClusterSpec, Reach, Reachability};
use store::{PageQuery, Store};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinHandle, JoinSet},
    time::MissedTickBehavior,
};
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
    changed: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// Starts asking all clusters of the store.
    pub fn start(store: Store, client_id: String) -> Self {
        let noted = Noted::default();
        let (changed, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let clusters = Clusters {
            store,
            client_id,
            known: HashMap::new(),
            asked: JoinSet::new(),
            noted: Arc::clone(&noted),
        };
        let span = tracing::info_span!("reachability");
        let task = watch(clusters, Arc::clone(&changed), stop.clone());
        let task = tokio::spawn(task.instrument(span));
        Self {
            noted,
            changed,
            stop,
            task: Mutex::new(Some(task)),
        }
    }

    /// Returns how a cluster answered last.
    pub fn of(&self, cluster: &str) -> Option<Reachability> {
        lock(&self.noted).get(cluster).cloned()
    }

    /// Says that clusters may have changed: those with new settings are asked now.
    pub fn changed(&self) {
        self.changed.notify_one();
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

async fn watch(mut clusters: Clusters, changed: Arc<Notify>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Ends when it is told to; what is being asked then is given up with it.
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => clusters.ask(Which::All).await,
            () = changed.notified() => clusters.ask(Which::New).await,
            Some(answer) = clusters.asked.join_next() => clusters.hear(answer),
        }
    }
}

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    /// Those that were never asked with the settings that they have.
    New,
}

/// How a cluster is asked: by a client that keeps its connections, or not at all with settings that are none.
type Asker = Arc<Result<Client, Reach>>;

#[derive(Debug)]
struct Known {
    spec: ClusterSpec,
    asker: Asker,
    is_new: bool,
    is_asked: bool,
}

/// A cluster's name, who asked it, and the answer.
type Answer = (String, Asker, Reach);

struct Clusters {
    store: Store,
    client_id: String,
    known: HashMap<String, Known>,
    asked: JoinSet<Answer>,
    noted: Noted,
}

impl Clusters {
    /// Asks those that are not being asked already; the answers are heard later, each by itself.
    async fn ask(&mut self, which: Which) {
        self.read().await;
        lock(&self.noted).retain(|name, _| self.known.contains_key(name));
        for (name, known) in &mut self.known {
            if known.is_asked || (which == Which::New && !known.is_new) {
                continue;
            }
            (known.is_new, known.is_asked) = (false, true);
            let (name, asker) = (name.clone(), Arc::clone(&known.asker));
            self.asked.spawn(
                async move {
                    let answer = ask(&asker).await;
                    (name, asker, answer)
                }
                .in_current_span(),
            );
        }
    }

    /// Notes an answer, unless the settings have changed since.
    fn hear(&mut self, answer: Result<Answer, JoinError>) {
        let (name, asker, answer) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, "a question to a cluster ended early");
                // Whose it was is not known: all may be asked again.
                let known = self.known.values_mut();
                return known.for_each(|known| known.is_asked = false);
            }
        };
        let known = self.known.get_mut(&name);
        let Some(known) = known.filter(|known| Arc::ptr_eq(&known.asker, &asker)) else {
            return;
        };
        known.is_asked = false;
        note(&mut lock(&self.noted), &name, answer, clock::now_ms());
    }

    /// Keeps one client per stored cluster. While the store does not answer, those of before stay.
    async fn read(&mut self) {
        let Ok(page) = self.store.clusters(&PageQuery::first(MOST_CLUSTERS)).await else {
            return;
        };
        let mut before = std::mem::take(&mut self.known);
        for cluster in page.items {
            let name = cluster.spec.name.to_string();
            let known = match before.remove(&name) {
                Some(known) if known.spec == cluster.spec => known,
                _ => Known {
                    asker: Arc::new(self.connect(&cluster.spec)),
                    spec: cluster.spec,
                    is_new: true,
                    is_asked: false,
                },
            };
            self.known.insert(name, known);
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
    let took = began.elapsed();
    match answer {
        Ok(Ok(cluster)) => {
            // Nice to know, and no sign that the cluster does not answer.
            let left = PATIENCE.saturating_sub(took);
            let about = tokio::time::timeout(left, client.about_brokers()).await;
            let about = about.ok().and_then(Result::ok).unwrap_or_default();
            Reach::Reachable {
                brokers: u32::try_from(cluster.brokers.len()).unwrap_or(u32::MAX),
                controller: cluster.controller,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                registered: about.registered,
                release: about.release,
                certificate_ends_ms: about.certificate_ends_ms,
            }
        }
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
            registered: None,
            release: None,
            certificate_ends_ms: None,
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
