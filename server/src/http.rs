//! HTTP: which address leads to which service function, and what surrounds every request.
//!
//! Invariants: handlers hold no rules, they read a request, call one function of [`app::api`] and write the answer;
//! every answer that is no success is `application/problem+json`; nothing names a version, a path or a stack.

pub mod answer;
pub mod body;
mod calls;
mod client;
mod clusters;
mod document;
mod envelope;
mod extract;
mod gate;
mod links;
mod live;
mod metrics;
mod probes;
mod reader;
mod tokens;

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use app::{
    Context,
    api::accounts::{Attempts, NewTokens},
    caller::Cookies,
    engine::Engine,
    ladders::Ladders,
};
use axum::{
    Router, middleware,
    routing::{any, delete, get, post},
};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::{clock, prometheus::Ends};
use answer::Refusal;

/// What the handlers share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Absent until the control database answered for the first time.
    hosted: OnceLock<Hosted>,
    settings: WebSettings,
    attempts: Arc<Attempts>,
    new_tokens: Arc<NewTokens>,
    ladders: Arc<Ladders>,
    streams: live::Streams,
    /// Tells this process from those before it.
    boot: String,
    /// Ends the streams, which would hold up the end of the process.
    stop: CancellationToken,
    /// The clusters of links as last read: metrics go on while the database is away.
    ends: Mutex<Ends>,
}

struct Hosted {
    store: Store,
    engine: Arc<dyn Engine>,
}

impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosted").finish_non_exhaustive()
    }
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    /// Whoever holds a token.
    WithToken,
    Everybody,
}

/// Settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct WebSettings {
    pub metrics: Metrics,
    pub cookies: Cookies,
    /// Folder with the files that browsers load.
    pub site: PathBuf,
    /// Longest time that one request may take.
    pub limit: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Api {
    /// Makes an API that answers 503 until [`Api::host`] gives it a store and an engine.
    pub fn new(settings: WebSettings, stop: CancellationToken) -> Self {
        let shared = Shared {
            hosted: OnceLock::new(),
            settings,
            attempts: Arc::default(),
            new_tokens: Arc::default(),
            ladders: Arc::default(),
            streams: live::Streams::default(),
            boot: uuid::Uuid::new_v4().simple().to_string(),
            stop,
            ends: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn cookies(&self) -> Cookies {
        self.shared.settings.cookies
    }

    fn trusted_proxies(&self) -> &[IpAddr] {
        &self.shared.settings.trusted_proxies
    }

    fn attempts(&self) -> Arc<Attempts> {
        self.shared.attempts.clone()
    }

    fn new_tokens(&self) -> Arc<NewTokens> {
        self.shared.new_tokens.clone()
    }

    fn streams(&self) -> &live::Streams {
        &self.shared.streams
    }

    fn boot(&self) -> &str {
        &self.shared.boot
    }

    fn stop_token(&self) -> CancellationToken {
        self.shared.stop.clone()
    }

    /// Gives the API what it serves; the first call counts.
    pub fn host(&self, store: Store, engine: Arc<dyn Engine>) {
        // A second call can only repeat the first: there is one store and one engine in a process.
        let _ = self.shared.hosted.set(Hosted { store, engine });
    }

    fn context(&self) -> Result<Context, Refusal> {
        let hosted = self
            .shared
            .hosted
            .get()
            .ok_or_else(app::problems::store_unavailable)?;
        Ok(Context {
            store: hosted.store.clone(),
            engine: hosted.engine.clone(),
            ladders: self.shared.ladders.clone(),
            now_ms: clock::now_ms(),
        })
    }
}

/// Returns the whole HTTP side.
pub fn router(api: Api) -> Router {
    let limit = api.shared.settings.limit;
    Router::new()
        .merge(document::routes(&api, &api.shared.settings.site))
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(metrics::metrics))
        .nest("/api/v1", api_routes())
        // Who asks for an API that is not there is a program: no page for it.
        .route("/api", any(answer::no_such_route))
        .route("/api/{*rest}", any(answer::no_such_route))
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(middleware::from_fn_with_state(limit, envelope::wrap))
        .with_state(api)
}

fn api_routes() -> Router<Api> {
    Router::new()
        .route("/clusters", get(clusters::list).post(clusters::create))
        .route(
            "/clusters/{name}",
            get(clusters::get)
                .put(clusters::change)
                .delete(clusters::delete)
                .post(clusters::on_all),
        )
        .route("/clusters/{name}/test", post(clusters::test))
        .route("/links", get(links::list).post(links::create))
        .route(
            "/links/{name}",
            get(links::get)
                .put(links::change)
                .delete(links::delete)
                .post(links::on_all),
        )
        .route("/links/{name}/plan", post(links::plan))
        .route("/links/{name}/start", post(links::start))
        .route("/links/{name}/pause", post(links::pause))
        .route("/links/{name}/resume", post(links::resume))
        .route("/links/{name}/stop", post(links::stop))
        .route("/links/{name}/status", get(links::status))
        .route("/links/{name}/events", get(links::events))
        .route("/links/{name}/findings", get(links::findings))
        .route("/links/{name}/findings/{id}/decision", post(links::decide))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
}
