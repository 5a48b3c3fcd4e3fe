//! One link: what its pages show, and what they do to it.

use leptos::prelude::*;

use crate::{
    error::UiError,
    fns::call::Call,
    pages::link::{ConfigView, DeleteView, EventsView, FindingsView, OverviewView, TopicsTabView},
};

#[cfg(feature = "ssr")]
use crate::{
    api::{findings, links},
    caller::signed_in,
    pages::link::{listing::Listing, of_word, query},
    problems::invalid_field,
};
#[cfg(feature = "ssr")]
use model::link::Verb;

/// Returns what the tab *Overview* of a link shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-overview")]
pub async fn link_overview(name: String) -> Result<OverviewView, UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match query::overview(context, actor, &name).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(query::explained(context, actor, &name, problem).await),
    }
}

/// Returns the topics of a link that `listing`, a query, names.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-topics")]
pub async fn link_topics(name: String, listing: String) -> Result<TopicsTabView, UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match query::topics(context, actor, &name, &Listing::parse(&listing)).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(query::explained(context, actor, &name, problem).await),
    }
}

/// Returns the settings of a link.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-config")]
pub async fn link_config(name: String) -> Result<ConfigView, UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match query::config(context, actor, &name).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(query::explained(context, actor, &name, problem).await),
    }
}

/// Returns one page of a link's events.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-events")]
pub async fn link_events(name: String, after: String) -> Result<EventsView, UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match query::events(context, actor, &name, &after).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(query::explained(context, actor, &name, problem).await),
    }
}

/// Returns one page of a link's findings; `after` is the cursor of the page before, or empty.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-findings")]
pub async fn link_findings(name: String, after: String) -> Result<FindingsView, UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match query::findings(context, actor, &name, &after).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(query::explained(context, actor, &name, problem).await),
    }
}

/// Returns what the page that deletes a link shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-to-delete")]
pub async fn link_to_delete(name: String) -> Result<DeleteView, UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match query::to_delete(context, actor, &name).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(query::explained(context, actor, &name, problem).await),
    }
}

/// Pauses, resumes, starts or stops a link and returns to it.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-run")]
pub async fn run_link(name: String, verb: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let chosen = match verb.as_str() {
        "pause" => Verb::Pause,
        "resume" => Verb::Resume,
        "start" => Verb::Start,
        "stop" => Verb::Stop,
        _ => return Err(invalid_field("verb", "Pause, resume, start or stop it.").into()),
    };
    links::run(&caller.context, &person.actor, &name, chosen).await?;
    leptos_axum::redirect(&format!("/links/{name}?done={verb}"));
    Ok(())
}

/// Stores a choice on a held partition and returns to its link, or to all findings where it was made `among_all`.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-decide")]
pub async fn decide_finding(
    link: String,
    finding: String,
    choice: String,
    #[server(default)] among_all: bool,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let Some(choice) = of_word(&choice) else {
        return Err(invalid_field("choice", "Choose one of the ways shown.").into());
    };
    findings::decide(&caller.context, &person.actor, &link, &finding, choice).await?;
    let all = if among_all { "/findings" } else { "" };
    leptos_axum::redirect(&format!("/links/{link}{all}?done=decide"));
    Ok(())
}

/// Deletes a link whose name was typed; one that is gone already is no fault.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-delete")]
pub async fn delete_link(name: String, revision: i64, confirm: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let (context, actor) = (&caller.context, &person.actor);
    match links::delete(context, actor, &name, revision, Some(confirm.trim())).await {
        Err(problem) if !problem.fields.is_empty() => {
            let message = format!("Type the link's name as it stands: {name}.");
            Err(invalid_field("confirm", message).into())
        }
        Err(problem) if problem.code != "link.not_found" => Err(problem.into()),
        _ => {
            leptos_axum::redirect("/links");
            Ok(())
        }
    }
}
