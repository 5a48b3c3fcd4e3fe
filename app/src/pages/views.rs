//! The view of a page by its address: what its stream carries.

use model::problem::Problem;
use serde::Serialize;
use serde_json::Value;

use super::{
    cluster, cluster_form, clusters, first,
    link::{self, listing::Listing},
    overview,
};
use crate::{Context, api::accounts::Person};

/// Returns the view of the page at `address` (path and query) as JSON.
///
/// # Errors
/// Those of the page's own query; `page.not_live` (404) for a page without live numbers.
pub async fn of_page(context: &Context, person: &Person, address: &str) -> Result<Value, Problem> {
    let actor = &person.actor;
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match segments.as_slice() {
        [] | ["links"] => json(overview::query::view(context, actor).await?),
        ["links", name] => json(link::query::overview(context, actor, name).await?),
        ["links", name, "first"] => json(first::query::view(context, actor, name).await?),
        ["links", name, "topics"] => {
            json(link::query::topics(context, actor, name, &Listing::parse(query)).await?)
        }
        ["clusters"] => json(clusters::query::view(context, actor).await?),
        ["clusters", "new", draft, "ladder"] | ["clusters", _, "edit", draft, "ladder"] => {
            json(cluster_form::query::ladder(context, person, draft).await?)
        }
        ["clusters", name] => json(cluster::query::view(context, actor, name).await?),
        _ => Err(not_live()),
    }
}

fn json(view: impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(view).map_err(|error| {
        tracing::error!(%error, "a view cannot be written as JSON");
        not_live()
    })
}

fn not_live() -> Problem {
    Problem {
        code: "page.not_live".to_owned(),
        status: 404,
        title: "This page has no live numbers.".to_owned(),
        ..Problem::default()
    }
}
