//! `causeway serve`: builds every part, starts, and drains when asked to stop.
//!
//! Order of a start: folder lock, key, listener, HTTP (which answers 503 so far), database, supervisor. Order of a
//! stop: no new connections, links drain, HTTP ends; the whole takes at most `shutdown_timeout`.

use std::{future::IntoFuture, net::SocketAddr, sync::Arc};

use anyhow::Context;
use app::{api::accounts, caller::Cookies};
use store::Store;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::Config,
    engine::HostedEngine,
    failure::Failure,
    http::{self, Api, Metrics, WebSettings},
    ledger::SqlLedger,
    lock::FolderLock,
    open,
};

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps it from starting, and what ends it early.
pub async fn run(config: Config) -> Result<(), Failure> {
    kafka::token::permit(config.token_hosts.clone());
    open::make_data_dir(&config)?;
    let since = clock::words(clock::now_ms());
    let _lock = open::sqlite_folder(&config)
        .map(|folder| FolderLock::take(folder, &since))
        .transpose()?;
    // A key that cannot be used is a setting to mend, before anything answers.
    open::key(&config)?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "cannot listen on `{}`; take another `--listen`",
            config.listen
        )
    })?;
    let address = listener
        .local_addr()
        .context("while reading the listener's address")?;
    let stop = CancellationToken::new();
    let api = Api::new(web_settings(&config), stop.clone());
    let router = http::router(api.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut web = tokio::spawn(server.into_future());
    announce(address, &config);
    let engine = tokio::select! {
        hosted = host(&config, &api, address) => Some(hosted?),
        signal = stop_signal() => { signal?; None }
    };
    if engine.is_some() {
        tokio::select! {
            signal = stop_signal() => signal?,
            ended = &mut web => return Err(early_end(ended)),
        }
    }
    drain(&config, engine, stop, web).await;
    Ok(())
}

fn announce(address: SocketAddr, config: &Config) {
    tracing::info!(
        %address,
        data_dir = %config.data_dir.display(),
        worker = config.worker,
        "causeway listens on http://{address}"
    );
}

fn web_settings(config: &Config) -> WebSettings {
    let https = config
        .public_url
        .as_ref()
        .is_some_and(|url| url.starts_with("https://"));
    WebSettings {
        metrics: match config.metrics_open {
            true => Metrics::Everybody,
            false => Metrics::WithToken,
        },
        cookies: match https {
            true => Cookies::Secure,
            false => Cookies::Plain,
        },
        site: config.site_dir.clone(),
        limit: config.timeouts.http,
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

/// While there is no user, makes the administrator of `CAUSEWAY_ADMIN_PASSWORD`, or prints the one-time link that leads
/// to making one.
async fn first_person(config: &Config, store: &Store, address: SocketAddr) -> Result<(), Failure> {
    let now_ms = clock::now_ms();
    let outcome = async {
        if let Some(password) = &config.admin_password {
            accounts::create_first_admin_with_password(store, password.expose(), now_ms).await?;
            return Ok(None);
        }
        accounts::new_setup_token(store, now_ms).await
    };
    let token = outcome
        .await
        .map_err(|problem| anyhow::anyhow!("{} {}", problem.title, problem.detail))
        .context("while making the first user")?;
    if let Some(token) = token {
        let own = format!("http://{address}");
        let url = config.public_url.as_deref().unwrap_or(&own);
        tracing::warn!("no user yet: make the first one at {url}/setup?token={token}");
    }
    Ok(())
}

/// Waits for the database, then starts the engine and lets the API serve both.
async fn host(
    config: &Config,
    api: &Api,
    address: SocketAddr,
) -> Result<Arc<HostedEngine>, Failure> {
    let store = open::store_when_there(config).await?;
    first_person(config, &store, address).await?;
    let ledger = SqlLedger::open(store.clone())
        .await
        .context("while reading the installation's id")?;
    let engine = Arc::new(HostedEngine::start(config, Arc::new(ledger), store.clone()));
    api.host(store, engine.clone());
    tracing::info!(database = %config.database, "ready");
    Ok(engine)
}

/// Returns at the first SIGTERM or SIGINT.
async fn stop_signal() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("while listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("while listening for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
        _ = interrupt.recv() => tracing::info!("stopping on SIGINT"),
    }
    Ok(())
}

type WebTask = tokio::task::JoinHandle<std::io::Result<()>>;

async fn drain(
    config: &Config,
    engine: Option<Arc<HostedEngine>>,
    stop: CancellationToken,
    mut web: WebTask,
) {
    // The last tenth is for the end of the process itself.
    let end = Instant::now() + config.timeouts.shutdown.mul_f64(0.9);
    stop.cancel();
    if let Some(engine) = engine {
        let limit = (config.timeouts.drain + Duration::from_secs(1)).min(end - Instant::now());
        if tokio::time::timeout(limit, engine.stop()).await.is_err() {
            tracing::warn!("links did not drain in time; the next start reads how far they came");
        }
    }
    if tokio::time::timeout_at(end, &mut web).await.is_err() {
        tracing::warn!("open requests were cut off");
        web.abort();
    }
    tracing::info!("stopped");
}

fn early_end(ended: Result<std::io::Result<()>, tokio::task::JoinError>) -> Failure {
    let error = match ended {
        Ok(Ok(())) => anyhow::anyhow!("it ended by itself"),
        Ok(Err(error)) => error.into(),
        Err(error) => error.into(),
    };
    Failure::Fault(error.context("the HTTP server ended"))
}
