//! Membership in a consumer group: Kafka's coordinator decides which member owns which partition.
//!
//! Only membership: assigned partitions are paused at once, and whoever owns them reads them with its own client. One
//! thread per membership polls librdkafka, which blocks, and turns its callbacks into events.
//!
//! Guarantees: partitions that are revoked stay ours until the event's [`RevokeAck`] is answered or dropped, at most 8 s;
//! lost partitions may belong to somebody else already when the event arrives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::cluster::{ClusterSpec, SaslMechanism, Tls};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::token;

/// How long revoked partitions are held back for their owner to drain.
const DRAIN: Duration = Duration::from_secs(8);

/// How soon a changed subscription or the wish to leave is noticed.
const TURN: Duration = Duration::from_millis(100);

/// How long leaving may take before the coordinator has to find out by itself.
const LEAVE: Duration = Duration::from_secs(10);

/// Events that may wait for their reader. When it is full the polling thread waits too; the session goes on, since
/// librdkafka sends heartbeats from a thread of its own.
const EVENTS: usize = 256;

/// A partition of a subscribed topic.
pub type Slot = (String, i32);

/// What happens to our share of the group.
#[derive(Debug)]
pub enum GroupEvent {
    /// These are ours from now on, besides those we have.
    Assigned(Vec<Slot>),
    /// These go to somebody else as soon as the answer is given or dropped.
    Revoked(Vec<Slot>, RevokeAck),
    /// These were taken from us: our session ended. Somebody else may own them already.
    Lost(Vec<Slot>),
    /// We may not join: READ on the group is missing (GROUP_AUTHORIZATION_FAILED). It is tried again.
    Refused,
    /// librdkafka complains; it goes on by itself.
    Error(String),
}

/// The permission to give revoked partitions away; dropping it gives it.
#[derive(Debug)]
pub struct RevokeAck {
    _held: std::sync::mpsc::SyncSender<()>,
}

impl RevokeAck {
    /// Says that nothing of ours happens on the revoked partitions any more.
    pub fn drained(self) {}
}

/// A member of a group. Dropping it leaves the group without waiting.
#[derive(Debug)]
pub struct Membership {
    wishes: Arc<Wishes>,
    ended: oneshot::Receiver<()>,
}

#[derive(Debug, Default)]
struct Wishes {
    topics: Mutex<Vec<String>>,
    leave: AtomicBool,
}

impl Membership {
    /// Joins `group` as a dynamic member as soon as topics are subscribed to. Never fails: what goes wrong comes as
    /// [`GroupEvent::Error`]. The event channel closes when the group was left.
    pub fn join(
        spec: &ClusterSpec,
        group: String,
        client_id: String,
    ) -> (Self, mpsc::Receiver<GroupEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (end, ended) = oneshot::channel();
        let wishes = Arc::<Wishes>::default();
        let config = membership_config(spec, &group, &client_id);
        let member = Member {
            wishes: Arc::clone(&wishes),
            events: events.clone(),
            tokens: Tokens::of(spec),
        };
        let spawned = thread::Builder::new()
            .name("kafka-group".to_owned())
            .spawn(move || {
                member.run(&config);
                // Nobody waits when the membership was dropped.
                let _ = end.send(());
            });
        if spawned.is_err() {
            let _ = events.try_send(GroupEvent::Error(
                "no thread could be started for the group".to_owned(),
            ));
        }
        (Self { wishes, ended }, receiver)
    }

    /// Replaces the topics whose partitions the group shares out. An empty list gives up all.
    pub fn subscribe(&self, mut topics: Vec<String>) {
        topics.sort();
        topics.dedup();
        *self
            .wishes
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = topics;
    }

    /// Leaves the group: what we own is revoked first, as events. Returns when the thread has ended.
    pub async fn leave(mut self) {
        self.wishes.leave.store(true, Ordering::Relaxed);
        // An error means that the thread is gone already.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.wishes.leave.store(true, Ordering::Relaxed);
    }
}

/// The polling thread's side.
struct Member {
    wishes: Arc<Wishes>,
    events: mpsc::Sender<GroupEvent>,
    tokens: Option<Tokens>,
}

impl Member {
    fn run(&self, config: &ClientConfig) {
        let context = Callbacks {
            events: self.events.clone(),
            tokens: self.tokens.clone(),
        };
        let consumer: BaseConsumer<Callbacks> = match config.create_with_context(context) {
            Ok(consumer) => consumer,
            Err(error) => return self.complain(&error),
        };
        let mut subscribed = Vec::new();
        // Ends when leaving is wished for.
        while !self.wishes.leave.load(Ordering::Relaxed) {
            self.follow_subscription(&consumer, &mut subscribed);
            // Nothing is fetched, so a message can only be one that slipped in before the pause: nobody wants it.
            if let Some(Err(error)) = consumer.poll(TURN) {
                self.complain(&error);
            }
        }
        leave(&consumer);
    }

    fn follow_subscription(
        &self,
        consumer: &BaseConsumer<Callbacks>,
        subscribed: &mut Vec<String>,
    ) {
        let wanted = self
            .wishes
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if wanted == *subscribed {
            return;
        }
        let topics: Vec<&str> = wanted.iter().map(String::as_str).collect();
        if topics.is_empty() {
            consumer.unsubscribe();
        } else if let Err(error) = consumer.subscribe(&topics) {
            return self.complain(&error);
        }
        *subscribed = wanted;
    }

    fn complain(&self, error: &KafkaError) {
        complain(&self.events, error);
    }
}

/// Gives everything up and says good-bye to the coordinator.
fn leave(consumer: &BaseConsumer<Callbacks>) {
    let deadline = Instant::now() + LEAVE;
    if consumer.close_queue().is_err() {
        return;
    }
    // Ends when the coordinator was told, or never answers.
    while !consumer.closed() && Instant::now() < deadline {
        let _ = consumer.poll(TURN);
    }
}

/// Where OAUTHBEARER's tokens come from, for callers outside of the runtime.
#[derive(Clone)]
struct Tokens {
    client: token::Client,
    runtime: Handle,
}

impl Tokens {
    /// `None` where the cluster's sign-in needs no token. Settings that cannot be used are told by those who ask.
    fn of(spec: &ClusterSpec) -> Option<Self> {
        let client = token::Client::of(spec).ok()??;
        let runtime = Handle::try_current().ok()?;
        Some(Self { client, runtime })
    }

    fn fetch(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let token = self.runtime.block_on(self.client.token())?;
        let left = token
            .ends
            .saturating_duration_since(tokio::time::Instant::now());
        let ends = SystemTime::now().duration_since(UNIX_EPOCH)? + left;
        Ok(OAuthToken {
            token: token.text.expose().to_owned(),
            // Only librdkafka's own log shows it: brokers read the token.
            principal_name: token.subject.unwrap_or_else(|| "causeway".to_owned()),
            lifetime_ms: i64::try_from(ends.as_millis())?,
        })
    }
}

/// What librdkafka calls on the polling thread.
struct Callbacks {
    events: mpsc::Sender<GroupEvent>,
    tokens: Option<Tokens>,
}

impl ClientContext for Callbacks {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let tokens = self.tokens.as_ref();
        tokens.ok_or("no token endpoint can be used")?.fetch()
    }

    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, _reason: &str) {
        complain(&self.events, &error);
    }
}

/// Of a flood of complaints some may be lost.
fn complain(events: &mpsc::Sender<GroupEvent>, error: &KafkaError) {
    let event = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::GroupAuthorizationFailed) => GroupEvent::Refused,
        _ => GroupEvent::Error(error.to_string()),
    };
    let _ = events.try_send(event);
}

impl ConsumerContext for Callbacks {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(partitions) = rebalance else {
            return;
        };
        let slots = slots(partitions);
        if slots.is_empty() {
            return;
        }
        if consumer.assignment_lost() {
            let _ = self.events.blocking_send(GroupEvent::Lost(slots));
            return;
        }
        // Nothing is ever sent: the channel closes when the answer, or the event with it, is dropped.
        let (held, drained) = std::sync::mpsc::sync_channel::<()>(0);
        let event = GroupEvent::Revoked(slots, RevokeAck { _held: held });
        if self.events.blocking_send(event).is_ok() {
            let _ = drained.recv_timeout(DRAIN);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                if let Err(error) = consumer.pause(partitions) {
                    complain(&self.events, &error);
                }
                let slots = slots(partitions);
                if !slots.is_empty() {
                    let _ = self.events.blocking_send(GroupEvent::Assigned(slots));
                }
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => complain(&self.events, error),
        }
    }
}

fn slots(partitions: &TopicPartitionList) -> Vec<Slot> {
    partitions
        .elements()
        .iter()
        .map(|element| (element.topic().to_owned(), element.partition()))
        .collect()
}

fn membership_config(spec: &ClusterSpec, group: &str, client_id: &str) -> ClientConfig {
    let mut config = client_config(spec, client_id);
    config
        .set("group.id", group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "3000")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        // A link's control topic is subscribed to right after it was made.
        .set("topic.metadata.refresh.interval.ms", "10000");
    config
}

/// Translates a cluster's settings for librdkafka. These properties and no others ever reach it: several of its
/// properties run commands or load libraries.
fn client_config(spec: &ClusterSpec, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", spec.bootstrap.join(","))
        .set("client.id", client_id);
    let protocol = match (&spec.tls, &spec.sasl) {
        (Tls::Off, None) => "plaintext",
        (Tls::Off, Some(_)) => "sasl_plaintext",
        (_, None) => "ssl",
        (_, Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    let verify_hostname = match &spec.tls {
        Tls::Off => None,
        Tls::System { verify_hostname } => Some(*verify_hostname),
        Tls::Ca {
            ca_pem,
            verify_hostname,
        } => {
            config.set("ssl.ca.pem", ca_pem);
            Some(*verify_hostname)
        }
    };
    if let Some(verify) = verify_hostname {
        config.set(
            "ssl.endpoint.identification.algorithm",
            if verify { "https" } else { "none" },
        );
    }
    if let (Some(shown), Some(_)) = (&spec.client_certificate, verify_hostname) {
        config.set("ssl.certificate.pem", &shown.certificate_pem);
        if let Some(key) = &shown.key_pem {
            config.set("ssl.key.pem", key.expose());
        }
    }
    if let Some(sasl) = &spec.sasl {
        config.set("sasl.mechanisms", sasl.mechanism.as_str());
        // With OAUTHBEARER client and secret go to the token endpoint alone.
        if sasl.mechanism != SaslMechanism::OAuthBearer {
            config.set("sasl.username", &sasl.username);
            if let Some(password) = &sasl.password {
                config.set("sasl.password", password.expose());
            }
        }
    }
    config
}

#[cfg(test)]
mod tests;
