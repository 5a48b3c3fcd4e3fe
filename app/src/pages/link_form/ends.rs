//! The first two steps: which clusters.

use leptos::{prelude::*, server_fn::ServerFn};

use super::{
    Onward, error_at,
    step::Step,
    view::{ClusterChoice, FormView},
};
use crate::{
    access::{Action, Resource},
    components::{
        allowed::{ButtonLink, lacking},
        notice::ActionNotice,
    },
    error::answered,
    fns::link_forms::SaveLinkEnd,
};

/// Chooses the source or the destination among the clusters that are connected.
#[component]
pub fn EndStep(view: FormView, clusters: Vec<ClusterChoice>) -> impl IntoView {
    let error = answered::<SaveLinkEnd>();
    let step = view.step;
    let (input, title, hint, chosen) = match step {
        Step::Source => (
            "source",
            "Where are the records now?",
            "Causeway only reads here.",
            view.draft.source.clone(),
        ),
        _ => (
            "destination",
            "Where shall they be copied to?",
            "Causeway makes the mirror topics here and writes them.",
            view.draft.destination.clone(),
        ),
    };
    let fault = error_at(&view, input);
    let none = clusters.is_empty();
    let cards = clusters.into_iter().map(|cluster| {
        let chosen = cluster.name == chosen;
        view! { <ClusterCard cluster chosen /> }
    });
    let connect = format!("/clusters/new?then={}", view.place.path(step));
    let lacking = lacking(Action::Create, Resource::Clusters);
    view! {
        <ActionNotice error />
        <form method="post" action=SaveLinkEnd::url() class="card">
            <header>
                <h2 id="end-title">{title}</h2>
                <span class="aside">{hint}</span>
            </header>
            <input type="hidden" name="id" value=view.place.id.clone() />
            <input type="hidden" name="step" value=step.as_str() />
            <div class="body">
                <fieldset
                    class="choices"
                    id=crate::components::field::id_of(input)
                    tabindex="-1"
                    aria-labelledby="end-title"
                    aria-describedby="end-fault"
                >
                    {cards.collect_view()}
                    {none.then(|| view! { <p>"No cluster is connected yet."</p> })}
                </fieldset>
                <p class="field-error" id="end-fault">{fault}</p>
            </div>
            <footer>
                <ButtonLink href=connect word="Connect another cluster" lacking=lacking.clone() />
                <span class="hint">{lacking}</span>
                <Onward place=view.place step />
            </footer>
        </form>
    }
}

#[component]
fn ClusterCard(cluster: ClusterChoice, chosen: bool) -> impl IntoView {
    let refused = cluster.refused.is_some();
    let under = cluster.refused.unwrap_or(cluster.addresses);
    let title = (!cluster.title.is_empty())
        .then(|| view! { <span class="muted"><bdi>{cluster.title}</bdi></span> });
    let id = cluster
        .cluster_id
        .map(|id| view! { <span class="muted small">"id " <bdi class="mono">{id}</bdi></span> });
    view! {
        <label class="choice" class:refused=refused>
            <input
                type="radio"
                name="cluster"
                value=cluster.name.clone()
                checked=chosen
                disabled=refused
            />
            <span class="choice-text">
                <strong>{cluster.name}</strong>
                {title}
                <span class="muted small"><bdi>{under}</bdi></span>
                {id}
            </span>
        </label>
    }
}
