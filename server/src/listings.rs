//! Topic lists of clusters, kept for a short while: previews follow every key stroke, brokers are not asked for each.
//!
//! Guarantees: callers that come at once ask the cluster once; a cluster that does not answer is not asked again for a
//! few seconds; a list of other addresses or credentials is never given out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::{Duration, Instant},
};

use app::engine::{ListedTopic, Listing};
use model::{Name, cluster::ClusterSpec, problem::Problem};
use replication::plan::listing;
use tokio::sync::Mutex;

use crate::clock;

/// How long a failure stands before the cluster is asked again.
const FAILURE_AGE: Duration = Duration::from_secs(5);
/// How long counted records stand.
const COUNT_AGE: Duration = Duration::from_secs(30);
/// Clusters that are remembered at most.
const MOST_CLUSTERS: usize = 100;

/// All lists of the process.
#[derive(Debug)]
pub struct Listings {
    timeout: Duration,
    clusters: SyncMutex<HashMap<Name, Arc<Mutex<Known>>>>,
}

/// What is known of one cluster.
#[derive(Debug, Default)]
struct Known {
    listed: Option<Listed>,
    /// When each topic was counted; `None` where that failed.
    counted: HashMap<String, (Instant, Option<i64>)>,
}

#[derive(Debug)]
struct Listed {
    /// Whom it was asked of.
    cluster: ClusterSpec,
    at: Instant,
    outcome: Result<Arc<Listing>, Problem>,
}

impl Listed {
    fn is_good(&self, cluster: &ClusterSpec, max_age: Duration) -> bool {
        let limit = match self.outcome {
            Ok(_) => max_age,
            Err(_) => FAILURE_AGE.min(max_age),
        };
        self.cluster == *cluster && self.at.elapsed() <= limit
    }
}

impl Listings {
    /// Makes an empty memory; `timeout` is how long a cluster is waited for.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            clusters: SyncMutex::default(),
        }
    }

    /// Returns a cluster's topics, read at most `max_age` ago.
    pub async fn listing(
        &self,
        cluster: &ClusterSpec,
        max_age: Duration,
    ) -> Result<Arc<Listing>, Problem> {
        let known = self.known(&cluster.name);
        let mut known = known.lock().await;
        if let Some(listed) = &known.listed
            && listed.is_good(cluster, max_age)
        {
            return listed.outcome.clone();
        }
        let outcome = listing::list(cluster, self.timeout).await;
        let outcome = outcome.map(|listing| Arc::new(told(listing)));
        known.counted.clear();
        known.listed = Some(Listed {
            cluster: cluster.clone(),
            at: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Counts the offsets that these topics hold; topics that cannot be asked are absent.
    pub async fn count_records(
        &self,
        cluster: &ClusterSpec,
        topics: Vec<String>,
    ) -> BTreeMap<String, i64> {
        let known = self.known(&cluster.name);
        let mut known = known.lock().await;
        known.counted.retain(|_, (at, records)| {
            let limit = match records {
                Some(_) => COUNT_AGE,
                None => FAILURE_AGE,
            };
            at.elapsed() < limit
        });
        let missing = topics
            .iter()
            .filter(|topic| !known.counted.contains_key(*topic));
        let missing: Vec<String> = missing.cloned().collect();
        if !missing.is_empty() {
            let counts = listing::count_records(cluster, &missing, self.timeout).await;
            let now = Instant::now();
            let noted = missing.into_iter().map(|topic| {
                let records = counts.get(&topic).copied();
                (topic, (now, records))
            });
            known.counted.extend(noted);
        }
        let told = topics.into_iter();
        told.filter_map(|topic| {
            let (_, records) = known.counted.get(&topic)?;
            Some((topic, (*records)?))
        })
        .collect()
    }

    fn known(&self, name: &Name) -> Arc<Mutex<Known>> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if clusters.len() >= MOST_CLUSTERS && !clusters.contains_key(name) {
            clusters.clear();
        }
        clusters.entry(name.clone()).or_default().clone()
    }
}

fn told(listing: listing::Listing) -> Listing {
    let topics = listing.topics.into_iter().map(|topic| ListedTopic {
        name: topic.name,
        internal: topic.internal,
        partitions: topic.partitions,
    });
    Listing {
        read_at_ms: clock::now_ms(),
        cluster_id: listing.cluster_id,
        topics: topics.collect(),
        mirrors: listing.mirrors,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use model::cluster::Tls;
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[tokio::test]
    async fn topics_that_cannot_be_counted_are_not_asked_for_at_every_key_stroke() {
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = broker.local_addr().unwrap();
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        // Hangs up on everybody; ends with the test.
        let hanging_up = tokio::spawn(async move {
            while let Ok((call, _)) = broker.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                drop(call);
            }
        });
        let cluster = ClusterSpec {
            name: "east".parse().unwrap(),
            title: String::new(),
            bootstrap: vec![address.to_string()],
            tls: Tls::Off,
            client_certificate: None,
            sasl: None,
        };
        let listings = Listings::new(Duration::from_millis(300));
        let mut after = Vec::new();
        for _ in 0..3 {
            let counts = listings.count_records(&cluster, vec!["orders".to_owned()]);
            assert!(counts.await.is_empty());
            // Calls are taken in order: once this one is hung up on, all earlier ones are counted.
            let mut mark = TcpStream::connect(address).await.unwrap();
            let _ = mark.read(&mut [0; 1]).await;
            after.push(calls.load(Ordering::Relaxed));
        }
        assert!(after[0] > 1, "it was asked once");
        assert_eq!(after[1..], [after[0] + 1, after[0] + 2], "the marks alone");
        hanging_up.abort();
    }
}
