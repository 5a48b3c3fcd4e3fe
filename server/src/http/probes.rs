//! `/healthz` and `/readyz`, for whatever watches the process.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    Api,
    answer::{self, Refusal},
};

const PLAIN: &str = "text/plain; charset=utf-8";

/// The process answers.
pub async fn healthz() -> Response {
    answer::text(StatusCode::OK, PLAIN, "ok\n".to_owned())
}

/// The process can work: its control database answers. Kafka clusters may be away, that is what links are for.
pub async fn readyz(State(api): State<Api>) -> Response {
    let context = match api.context() {
        Ok(context) => context,
        Err(refusal) => return refusal.into_response(),
    };
    match context.store.ping().await {
        Ok(()) => answer::text(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Refusal::from(app::problems::store_unavailable()).into_response()
        }
    }
}
