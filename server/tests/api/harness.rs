//! One API with its own database, and requests to it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use app::{
    access::Role,
    api::tokens::{self, TokenInput},
    caller::Cookies,
    engine::{BoxFuture, Engine, Listing, PlanRequest},
};
use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use model::{
    cluster::{ClusterSpec, Ladder, Reachability},
    finding::Finding,
    plan::Plan,
    problem::Problem,
    status::LinkStatus,
};
use serde_json::{Value, json};
use server::http::{Api, Metrics, WebSettings, router};
use store::{By, DatabaseUrl, Key, Store};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Stands in every password field; no answer may hold it.
pub const CANARY: &str = "canary-7f3a";

/// Counts what it is asked for.
#[derive(Default)]
pub struct FakeEngine {
    pub wakes: AtomicU32,
    pub probes: Mutex<Vec<ClusterSpec>>,
    /// The fingerprint of the next plan.
    pub fingerprint: Mutex<String>,
    pub refusals: Mutex<Vec<String>>,
    /// What stands at each cluster, by its name; one that is not here does not answer.
    pub listings: Mutex<BTreeMap<String, Listing>>,
    pub records: Mutex<BTreeMap<String, i64>>,
    /// How clusters answered last, by name.
    pub reachabilities: Mutex<BTreeMap<String, Reachability>>,
    /// What runs.
    pub statuses: Mutex<Arc<Vec<LinkStatus>>>,
}

impl Engine for FakeEngine {
    fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }

    fn statuses(&self) -> Arc<Vec<LinkStatus>> {
        self.statuses.lock().unwrap().clone()
    }

    fn reachability(&self, cluster: &str) -> Option<Reachability> {
        self.reachabilities.lock().unwrap().get(cluster).cloned()
    }

    fn probe(&self, cluster: ClusterSpec) -> BoxFuture<'_, Ladder> {
        assert!(cluster.title != "panic", "asked to");
        self.probes.lock().unwrap().push(cluster);
        let cluster_id = Some("kafka-id-1".to_owned());
        Box::pin(async {
            Ladder {
                rungs: Vec::new(),
                cluster_id,
                brokers: Vec::new(),
            }
        })
    }

    fn listing(
        &self,
        cluster: ClusterSpec,
        _max_age: Duration,
    ) -> BoxFuture<'_, Result<Arc<Listing>, Problem>> {
        let known = self
            .listings
            .lock()
            .unwrap()
            .get(cluster.name.as_str())
            .cloned();
        Box::pin(async move {
            known.map(Arc::new).ok_or_else(|| Problem {
                code: "connect.timeout".to_owned(),
                status: 503,
                title: "The topics cannot be listed.".to_owned(),
                ..Problem::default()
            })
        })
    }

    fn count_records(
        &self,
        _cluster: ClusterSpec,
        topics: Vec<String>,
    ) -> BoxFuture<'_, BTreeMap<String, i64>> {
        let known = self.records.lock().unwrap().clone();
        Box::pin(async move {
            known
                .into_iter()
                .filter(|(topic, _)| topics.contains(topic))
                .collect()
        })
    }

    fn plan(&self, _request: PlanRequest) -> BoxFuture<'_, Result<Plan, Problem>> {
        let plan = Plan {
            fingerprint: self.fingerprint.lock().unwrap().clone(),
            source_cluster_id: "kafka-id-1".to_owned(),
            destination_cluster_id: "kafka-id-2".to_owned(),
            topics: Vec::new(),
            not_selected: 0,
            warnings: Vec::new(),
            refusals: self.refusals.lock().unwrap().clone(),
        };
        Box::pin(async { Ok(plan) })
    }
}

/// The API under test.
pub struct Harness {
    pub router: Router,
    pub engine: Arc<FakeEngine>,
    pub store: Store,
    tokens: BTreeMap<Role, String>,
    folder: PathBuf,
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn etag(&self) -> String {
        self.header("etag").to_owned()
    }

    /// Asserts a problem of this status and code, in the shape that all problems have.
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["status"], status);
        assert!(
            body["title"]
                .as_str()
                .is_some_and(|title| title.ends_with('.')),
            "{body}"
        );
    }
}

/// Makes an API that has no store yet; `limit` is the longest time of a request.
pub fn api(metrics: Metrics, limit: Duration) -> Api {
    let settings = WebSettings {
        metrics,
        cookies: Cookies::Plain,
        site: "no-site".into(),
        limit,
        trusted_proxies: Vec::new(),
    };
    Api::new(settings, CancellationToken::new())
}

impl Harness {
    pub async fn new() -> Self {
        Self::with(Metrics::WithToken).await
    }

    pub async fn with(metrics: Metrics) -> Self {
        let folder = std::env::temp_dir().join(format!("causeway-api-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = DatabaseUrl::Sqlite(folder.join("causeway.db"));
        let key = Key::from_file(&folder.join("secret.key")).unwrap();
        let store = Store::open(&url, key).await.unwrap();
        let mut made = BTreeMap::new();
        for role in Role::ALL {
            let input = TokenInput {
                name: role.as_str().to_owned(),
                role,
                expires_at_ms: None,
            };
            let by = By {
                actor: "test",
                now_ms: 1,
            };
            made.insert(role, tokens::issue(&store, &input, by).await.unwrap().token);
        }
        let engine = Arc::new(FakeEngine::default());
        let api = api(metrics, Duration::from_secs(30));
        api.host(store.clone(), engine.clone());
        let router = router(api);
        Self {
            router,
            engine,
            store,
            tokens: made,
            folder,
        }
    }

    /// Returns the file of the database.
    #[allow(dead_code, reason = "this file serves several tests")]
    pub fn database(&self) -> PathBuf {
        self.folder.join("causeway.db")
    }

    pub fn token(&self, role: Role) -> &str {
        &self.tokens[&role]
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// Sends as `role`, with a JSON body unless it is null.
    pub async fn ask(&self, role: Role, method: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(role, method, path, body)).await
    }

    pub fn request(&self, role: Role, method: &str, path: &str, body: &Value) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token(role)));
        match body {
            Value::Null => request.body(Body::empty()).unwrap(),
            body => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()))
                .unwrap(),
        }
    }

    /// Sends as administrator with `If-Match`.
    pub async fn matching(&self, method: &str, path: &str, etag: &str, body: &Value) -> Answer {
        let mut request = self.request(Role::Administrator, method, path, body);
        request
            .headers_mut()
            .insert("if-match", etag.parse().unwrap());
        self.send(request).await
    }

    pub async fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(Role::Administrator, method, path, body).await
    }

    /// Makes the clusters `east` and `west` and the link `dr` between them.
    pub async fn with_link(&self) -> Answer {
        for name in ["east", "west"] {
            assert_eq!(
                self.admin("POST", "/api/v1/clusters", &cluster(name))
                    .await
                    .status,
                201
            );
        }
        let made = self.admin("POST", "/api/v1/links", &link("dr")).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made
    }

    /// Records a finding of the link `dr`, as the engine would.
    pub async fn record(&self, finding: Value) -> Finding {
        let link = self.store.link("dr").await.unwrap();
        let finding: Finding = serde_json::from_value(finding).unwrap();
        self.store.save_finding(&link.id, &finding).await.unwrap();
        finding
    }
}

async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text,
    }
}

pub fn cluster(name: &str) -> Value {
    json!({
        "name": name,
        "bootstrap": [format!("{name}-1:9092")],
        "sasl": { "mechanism": "SCRAM-SHA-512", "username": "causeway", "password": CANARY },
    })
}

pub fn link(name: &str) -> Value {
    json!({
        "name": name,
        "source": "east",
        "destination": "west",
        "topics": { "include": [{ "kind": "prefix", "pattern": "orders" }] },
    })
}
