//! `/metrics`.

use app::{
    Context,
    access::{Action, Resource, authorize},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::StatusCode,
    response::Response,
};
use store::PageQuery;

use super::{
    Api, Metrics,
    answer::{self, Refusal},
    extract::Caller,
};
use crate::prometheus::{self, Ends, process};

const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the metrics of all links and of this process, to holders of a token unless they are open.
pub async fn metrics(State(api): State<Api>, request: Request) -> Result<Response, Refusal> {
    if api.shared.settings.metrics != Metrics::Everybody {
        let (mut parts, _) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, &api).await?;
        authorize(&caller.actor, Action::Read, Resource::Metrics)?;
    }
    let mut text = process::facts();
    if let Ok(context) = api.context() {
        let ends = ends(&api, &context).await;
        text.push_str(&prometheus::links(&context.engine.statuses(), &ends));
    }
    Ok(answer::text(StatusCode::OK, EXPOSITION, text))
}

/// Returns the clusters of all links, as last read where the database does not answer.
async fn ends(api: &Api, context: &Context) -> Ends {
    let read = read_ends(context).await;
    let mut known = api
        .shared
        .ends
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Ok(read) = read {
        *known = read;
    }
    known.clone()
}

async fn read_ends(context: &Context) -> Result<Ends, store::StoreError> {
    let mut ends = Ends::new();
    let mut query = PageQuery::first(1_000);
    // Ends with the last page.
    loop {
        let page = context.store.links(&query).await?;
        ends.extend(page.items.into_iter().map(|link| {
            let spec = link.spec;
            (
                spec.name.to_string(),
                (spec.source.to_string(), spec.destination.to_string()),
            )
        }));
        if page.next.is_none() {
            return Ok(ends);
        }
        query.after = page.next;
    }
}
