//! The connection ladder: every step from a name to a usable cluster, each with its own verdict and advice.
//!
//! Climbs with the same code that connections are opened with. Nothing is written at the cluster unless it was asked to
//! take a record, and no text that a remote side made is repeated.

mod needs;
mod text;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use model::cluster::{ClusterSpec, Ladder, LadderBroker, ProbeFor, Rung, RungKind, RungState, Tls};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::client::{Broker, ClusterMetadata, Topics};
use crate::connection::{Connection, Settings, dial, resolve, secure};
use crate::error::AuthFailure;
use crate::{Address, Error, Timeouts, sasl};

/// Longest time for one rung, and for all.
const RUNG: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(20);

const KINDS: [RungKind; 8] = [
    RungKind::Dns,
    RungKind::Tcp,
    RungKind::Tls,
    RungKind::Sasl,
    RungKind::Metadata,
    RungKind::Advertised,
    RungKind::Rights,
    RungKind::RoundTrip,
];

/// Tests how far we get with a cluster. Reaching every broker takes at most 20 s. Never fails: what fails is a rung.
pub async fn climb(spec: &ClusterSpec, client_id: &str) -> Ladder {
    climb_for(spec, client_id, &ProbeFor::default(), &|_| {}).await
}

/// Climbs like [`climb`], looks at what links need besides (15 s for rights and for limits at most, and for a record as long as
/// making its topic, 8 s and removing it take), and at each rung tells those that were reached so far.
pub async fn climb_for(
    spec: &ClusterSpec,
    client_id: &str,
    asked: &ProbeFor,
    tell: &(dyn Fn(&[Rung]) + Send + Sync),
) -> Ladder {
    let mut climb = Climb {
        rungs: Vec::new(),
        without_tls: spec.tls == Tls::Off,
        tell,
        deadline: Instant::now() + ALL,
        answers: Vec::new(),
    };
    let reached = climb.through(spec, client_id).await;
    if reached.is_some() {
        climb.beyond(spec, client_id, asked).await;
    }
    let reached = reached.unwrap_or_default();
    let mut rungs = climb.rungs;
    rungs.extend(KINDS.into_iter().skip(rungs.len()).map(not_reached));
    Ladder {
        rungs,
        cluster_id: reached.cluster_id,
        brokers: reached.brokers,
    }
}

/// Says in one sentence what an error looks like from here; repeats no text of the remote side.
pub fn seen(error: &Error) -> String {
    let address = match error {
        Error::Resolve { address, .. }
        | Error::Connect { address, .. }
        | Error::Tls { address, .. }
        | Error::TlsToPlaintext { address }
        | Error::PlaintextToTls { address }
        | Error::Auth { address, .. }
        | Error::Timeout { address, .. }
        | Error::Disconnected { address } => Some(address),
        _ => None,
    };
    let label = address.map_or_else(
        || "The cluster".to_owned(),
        |address| format!("`{address}`"),
    );
    text::detail(&label, error)
}

#[derive(Default)]
struct Reached {
    cluster_id: Option<String>,
    brokers: Vec<LadderBroker>,
}

/// One bootstrap entry or broker on its way up.
struct Entry<T> {
    label: String,
    address: Address,
    at: T,
}

/// Something that did not get past the rung.
struct Fallen {
    label: String,
    error: Error,
}

struct Climb<'t> {
    rungs: Vec<Rung>,
    without_tls: bool,
    tell: &'t (dyn Fn(&[Rung]) + Send + Sync),
    deadline: Instant,
    /// How long each broker that was reached took for one answer.
    answers: Vec<Duration>,
}

impl Climb<'_> {
    /// `None` when a rung stopped us; its verdict, and those before it, are in `rungs`.
    async fn through(&mut self, spec: &ClusterSpec, client_id: &str) -> Option<Reached> {
        let limits = Timeouts {
            connect: RUNG,
            request: RUNG,
        };
        let settings =
            Settings::from_spec(spec, client_id).map(|settings| settings.with_timeouts(limits));
        let found = self.resolve(&spec.bootstrap).await?;
        let dialled = self
            .rung(RungKind::Tcp, found, |address, at| async move {
                dial(&address, &at, limits.connect).await
            })
            .await?;
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => {
                let fallen = vec![Fallen {
                    label: "Security".to_owned(),
                    error,
                }];
                self.push(RungKind::Tls, Instant::now(), 0, fallen);
                return None;
            }
        };
        let secured = self
            .rung(RungKind::Tls, dialled, |address, at| {
                greet(address, at, settings.clone())
            })
            .await?;
        let signed_in = self
            .rung(RungKind::Sasl, secured, |_, at| {
                sign_in(at, settings.clone())
            })
            .await?;
        let cluster = self.metadata(signed_in).await?;
        let brokers = self.advertised(&cluster.brokers, &settings).await;
        Some(Reached {
            cluster_id: cluster.cluster_id,
            brokers,
        })
    }

    fn stand(&mut self, rung: Rung, began: Instant) {
        let took_ms = u64::try_from(began.elapsed().as_millis()).ok();
        self.rungs.push(Rung {
            took_ms: took_ms.filter(|_| rung.state != RungState::NotUsed),
            ..rung
        });
        (self.tell)(&self.rungs);
    }

    async fn resolve(&mut self, bootstrap: &[String]) -> Option<Vec<Entry<Vec<SocketAddr>>>> {
        let began = Instant::now();
        let (mut entries, mut fallen) = (Vec::new(), Vec::new());
        for (index, text) in bootstrap.iter().enumerate() {
            let label = match bootstrap.len() {
                1 => format!("`{text}`"),
                len => format!("Entry {} of {len}, `{text}`", index + 1),
            };
            match text.parse::<Address>() {
                Ok(address) => entries.push(Entry {
                    label,
                    address,
                    at: (),
                }),
                Err(error) => fallen.push(Fallen {
                    label,
                    error: Error::Settings {
                        what: error.to_string(),
                    },
                }),
            }
        }
        let (found, unknown) = self
            .each(
                entries,
                |address, ()| async move { resolve(&address).await },
            )
            .await;
        fallen.extend(unknown);
        self.push(RungKind::Dns, began, found.len(), fallen);
        (!found.is_empty()).then_some(found)
    }

    /// Asks through every entry, so that entries of different clusters are noticed.
    async fn metadata(&mut self, entries: Vec<Entry<Connection>>) -> Option<ClusterMetadata> {
        let began = Instant::now();
        let (told, mut fallen) = self.each(entries, |_, at| describe(at)).await;
        let mut told = told.into_iter();
        let first = told.next();
        if let Some(first) = &first {
            let other = |entry: &Entry<ClusterMetadata>| entry.at.cluster_id != first.at.cluster_id;
            fallen.extend(told.filter(other).map(|entry| Fallen {
                label: entry.label,
                error: Error::Settings {
                    what: "it belongs to another cluster than the first entry".to_owned(),
                },
            }));
        }
        self.push(
            RungKind::Metadata,
            began,
            usize::from(first.is_some()),
            fallen,
        );
        let cluster = first?.at;
        if let Some(rung) = self
            .rungs
            .last_mut()
            .filter(|rung| rung.state == RungState::Passed)
        {
            rung.detail = text::cluster(&cluster);
        }
        Some(cluster)
    }

    async fn advertised(&mut self, brokers: &[Broker], settings: &Settings) -> Vec<LadderBroker> {
        let began = Instant::now();
        let (mut entries, mut fallen) = (Vec::new(), Vec::new());
        for broker in brokers {
            let label = text::broker(broker);
            match broker.address() {
                Some(address) => entries.push(Entry {
                    label,
                    address,
                    at: broker.id,
                }),
                None => fallen.push(Fallen {
                    label,
                    error: Error::UnknownBroker { id: broker.id },
                }),
            }
        }
        let reach = |address, id| reach(address, id, settings.clone());
        let (reached, unreachable) = self.each(entries, reach).await;
        fallen.extend(unreachable);
        self.answers = reached.iter().map(|entry| entry.at.1).collect();
        let reached: Vec<i32> = reached.into_iter().map(|entry| entry.at.0).collect();
        self.push(RungKind::Advertised, began, reached.len(), fallen);
        brokers
            .iter()
            .map(|broker| ladder_broker(broker, reached.contains(&broker.id)))
            .collect()
    }

    /// Takes every entry up one rung; `None` when none got there.
    async fn rung<T, U, F>(
        &mut self,
        kind: RungKind,
        entries: Vec<Entry<T>>,
        step: impl Fn(Address, T) -> F,
    ) -> Option<Vec<Entry<U>>>
    where
        F: Future<Output = Result<U, Error>>,
    {
        let began = Instant::now();
        let (up, fallen) = self.each(entries, step).await;
        self.push(kind, began, up.len(), fallen);
        (!up.is_empty()).then_some(up)
    }

    /// Takes one step with every entry at the same time.
    async fn each<T, U, F>(
        &self,
        entries: Vec<Entry<T>>,
        step: impl Fn(Address, T) -> F,
    ) -> (Vec<Entry<U>>, Vec<Fallen>)
    where
        F: Future<Output = Result<U, Error>>,
    {
        let deadline = self.deadline.min(Instant::now() + RUNG);
        let steps = entries.into_iter().map(|Entry { label, address, at }| {
            let step = in_time(deadline, address.clone(), step(address.clone(), at));
            async move { (label, address, step.await) }
        });
        let (mut up, mut fallen) = (Vec::new(), Vec::new());
        for (label, address, result) in join_all(steps).await {
            match result {
                Ok(at) => up.push(Entry { label, address, at }),
                Err(error) => fallen.push(Fallen { label, error }),
            }
        }
        (up, fallen)
    }

    fn push(&mut self, kind: RungKind, began: Instant, up: usize, fallen: Vec<Fallen>) {
        // A broker out of reach leaves its partitions waiting; a dead bootstrap entry hurts nobody.
        let state = match fallen.is_empty() {
            true if self.without_tls && kind == RungKind::Tls => RungState::NotUsed,
            true => RungState::Passed,
            false if up > 0 && kind != RungKind::Advertised => RungState::Warning,
            false => RungState::Failed,
        };
        let first = fallen.first().map(|fallen| &fallen.error);
        let code = first.map(|error| match kind {
            RungKind::Advertised if error.is_connection() => "connect.advertised",
            _ => error.code(),
        });
        let told: Vec<_> = fallen
            .iter()
            .map(|fallen| text::detail(&fallen.label, &fallen.error))
            .collect();
        self.rungs.push(Rung {
            kind,
            state,
            took_ms: u64::try_from(began.elapsed().as_millis()).ok(),
            code: code.map(str::to_owned),
            detail: if told.is_empty() {
                text::passed(kind, up)
            } else {
                told.join(" ")
            },
            advice: first.map_or_else(String::new, |error| text::advice(kind, error).to_owned()),
        });
        (self.tell)(&self.rungs);
    }
}

async fn in_time<T>(
    deadline: Instant,
    address: Address,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let overdue = |_| Error::Timeout {
        address,
        what: "the connection test",
        after: RUNG,
    };
    timeout_at(deadline, step).await.map_err(overdue)?
}

async fn greet(address: Address, tcp: TcpStream, settings: Settings) -> Result<Connection, Error> {
    let stream = secure(tcp, &address, &settings).await?;
    let connection = Connection::start(stream, &address, &settings);
    connection.greet(&settings).await?;
    Ok(connection)
}

/// Returns the broker's id and how long one answer takes.
async fn reach(address: Address, id: i32, settings: Settings) -> Result<(i32, Duration), Error> {
    let connection = Connection::open(&address, &settings).await?;
    let began = Instant::now();
    connection.call(&Topics::None.request(), 4..=13).await?;
    let took = began.elapsed();
    connection.close().await;
    Ok((id, took))
}

async fn sign_in(connection: Connection, settings: Settings) -> Result<Connection, Error> {
    if settings.sasl.is_some() {
        sasl::sign_in(&connection, &settings).await?;
    } else if let Some(offered) = sasl::offered(&connection).await? {
        let address = connection.address().clone();
        return Err(Error::Auth {
            address,
            reason: AuthFailure::Needed { offered },
        });
    }
    Ok(connection)
}

async fn describe(connection: Connection) -> Result<ClusterMetadata, Error> {
    let answer = connection.call(&Topics::None.request(), 4..=13).await?;
    Ok(ClusterMetadata::from(answer))
}

fn not_reached(kind: RungKind) -> Rung {
    let (detail, advice) = (String::new(), String::new());
    Rung {
        kind,
        state: RungState::NotReached,
        took_ms: None,
        code: None,
        detail,
        advice,
    }
}

fn ladder_broker(broker: &Broker, reachable: bool) -> LadderBroker {
    LadderBroker {
        id: broker.id,
        host: broker.host.clone(),
        port: u16::try_from(broker.port).unwrap_or_default(),
        rack: broker.rack.clone(),
        reachable,
    }
}

#[cfg(test)]
mod tests;
