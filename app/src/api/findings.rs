//! Findings of a link, and the choices on held partitions.

use model::{
    finding::{Choice, Finding, FindingState},
    problem::Problem,
};
use store::{FindingCounts, Link, PageQuery};

use super::{List, check_page, links::readable};
use crate::{
    Context,
    access::{Action, Actor, Resource, authorize},
    problems::{from_store, invalid_field},
};

/// Returns one page of a link's findings, newest first.
pub async fn list(
    context: &Context,
    actor: &Actor,
    link: &str,
    page: &PageQuery,
) -> Result<List<Finding>, Problem> {
    let link = readable(context, actor, link).await?;
    check_page(page)?;
    let page = context.store.findings(&link.id, page).await;
    Ok(List::of(page.map_err(from_store)?, |finding| finding))
}

/// Returns one page of the findings of a link that somebody may read, those that are held first.
pub(crate) async fn held_first(
    context: &Context,
    link: &Link,
    page: &PageQuery,
) -> Result<List<Finding>, Problem> {
    check_page(page)?;
    let page = context.store.findings_held_first(&link.id, page).await;
    Ok(List::of(page.map_err(from_store)?, |finding| finding))
}

/// Counts the findings of a link that somebody may read.
pub(crate) async fn counts(context: &Context, link: &Link) -> Result<FindingCounts, Problem> {
    let counts = context.store.count_findings(&link.id).await;
    counts.map_err(from_store)
}

/// Stores a choice on a held partition and returns its finding; the engine carries it out and then marks it decided.
pub async fn decide(
    context: &Context,
    actor: &Actor,
    link: &str,
    finding_id: &str,
    choice: Choice,
) -> Result<Finding, Problem> {
    authorize(actor, Action::Decide, Resource::Link(link))?;
    let link = context.store.link(link).await.map_err(from_store)?;
    let finding = context
        .store
        .finding(&link.id, finding_id)
        .await
        .map_err(from_store)?;
    if !finding.kind.choices().contains(&choice) {
        return Err(invalid_field(
            "choice",
            format!("Choose one of: {}.", choices(&finding)),
        ));
    }
    match &finding.state {
        FindingState::Decided { choice: made, .. } if *made == choice => return Ok(finding),
        FindingState::Held => {}
        FindingState::Recorded | FindingState::Decided { .. } => return Err(not_held(&finding)),
    }
    let decided = context
        .store
        .decide(&link.id, finding_id, choice, context.by(actor))
        .await;
    decided.map_err(from_store)?;
    context.engine.wake();
    Ok(finding)
}

fn choices(finding: &Finding) -> String {
    let words = finding.kind.choices().iter().map(|choice| {
        let json = serde_json::to_value(choice).unwrap_or_default();
        format!("`{}`", json.as_str().unwrap_or_default())
    });
    words.collect::<Vec<_>>().join(", ")
}

fn not_held(finding: &Finding) -> Problem {
    Problem {
        code: "finding.not_held".to_owned(),
        status: 409,
        title: "Nothing is held by this finding.".to_owned(),
        detail: format!(
            "`{}`, partition {}: it was only recorded, or decided already.",
            finding.topic, finding.partition
        ),
        ..Problem::default()
    }
}
