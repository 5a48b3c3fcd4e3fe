//! The fourth step: everything that has a default.

use leptos::{prelude::*, server_fn::ServerFn};

use super::{Onward, error_at, step::Step, view::FormView};
use crate::{
    components::{
        field::{AreaField, CheckField, Choice, SelectField, TextField},
        notice::ActionNotice,
    },
    error::answered,
    fns::link_forms::SaveLinkOptions,
};

const ON_FINDING: [(&str, &str); 2] = [
    ("continue", "Go on and record it"),
    ("ask", "Hold the partition until somebody chooses"),
];

/// Name, start, mirror topics, and what happens when something goes wrong.
#[component]
pub fn OptionsStep(view: FormView) -> impl IntoView {
    let error = answered::<SaveLinkOptions>();
    view! {
        <ActionNotice error />
        <form method="post" action=SaveLinkOptions::url() class="options-step">
            // Enter in a field goes on, as the last button does.
            <button type="submit" name="go" value="continue" class="unseen" tabindex="-1" aria-hidden="true">
                "Continue"
            </button>
            <input type="hidden" name="id" value=view.place.id.clone() />
            <Naming view=view.clone() />
            <Starting view=view.clone() />
            <Mirrors view=view.clone() />
            <Findings view=view.clone() />
            <Work view=view.clone() />
            <div class="card">
                <footer>
                    <Onward place=view.place step=Step::Options />
                </footer>
            </div>
        </form>
    }
}

fn fault(view: &FormView, input: &str) -> Signal<Option<String>> {
    Signal::stored(error_at(view, input))
}

#[component]
fn Group(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <fieldset class="card">
            <legend class="unseen">{title}</legend>
            <div class="card-head" aria-hidden="true">
                <h2>{title}</h2>
            </div>
            <div class="body form-body">{children()}</div>
        </fieldset>
    }
}

#[component]
fn Naming(view: FormView) -> impl IntoView {
    let draft = view.draft.clone();
    let name = match view.place.link.is_empty() {
        true => view! {
            <TextField name="draft[name]" label="Name" mono=true required=true value=draft.name
                hint="Part of addresses and of the control topic causeway.link.<name>; it stays."
                error=fault(&view, "name") />
        }
        .into_any(),
        false => view! {
            <p>"Name " <code>{view.place.link.clone()}</code> <span class="muted">", which stays."</span></p>
        }
        .into_any(),
    };
    view! {
        <Group title="Name">
            {name}
            <TextField name="draft[title]" label="Title" value=draft.title
                hint="What it is for, in a few words; may stay empty." error=fault(&view, "title") />
        </Group>
    }
}

#[component]
fn Starting(view: FormView) -> impl IntoView {
    let draft = view.draft.clone();
    let starts = [
        ("earliest", "At the earliest record"),
        ("latest", "At the end: only records from now on"),
        ("timestamp", "At a time"),
    ];
    let isolations = [
        ("read_committed", "Committed records only"),
        (
            "read_uncommitted",
            "All records, those of aborted transactions too",
        ),
    ];
    let guarantees = [
        (
            "exactly_once",
            "Exactly once for every reader of the mirror",
        ),
        (
            "transactional",
            "In transactions: exactly once for readers of committed records",
        ),
    ];
    view! {
        <Group title="Where it starts">
            <div class="pair">
                <SelectField name="draft[start]" label="Start" value=draft.start choices=Choice::list(&starts)
                    hint="Holds for partitions that exist at the first start; later ones begin at their first record."
                    error=fault(&view, "start") />
                <TextField name="draft[start_at]" label="Time (UTC)" value=draft.start_at
                    placeholder="2026-11-21T14:05" hint="Only for a start at a time."
                    error=fault(&view, "start_at") />
            </div>
            <SelectField name="draft[isolation]" label="Reads" value=draft.isolation
                choices=Choice::list(&isolations) error=fault(&view, "isolation") />
            <SelectField name="draft[guarantee]" label="Guarantee" value=draft.guarantee
                choices=Choice::list(&guarantees)
                hint="Fixed at the first start. Transactions need Kafka 4.0 at the destination and delay each record by up to half a second; readers of uncommitted records see attempts that were given up."
                error=fault(&view, "guarantee") />
        </Group>
    }
}

#[component]
fn Mirrors(view: FormView) -> impl IntoView {
    let draft = view.draft.clone();
    let factors = [
        ("source", "The source topic's"),
        ("destination", "The destination's default"),
        ("exactly", "A number"),
    ];
    let fewer = [
        ("refuse", "Refuse the topic in the plan"),
        ("reduce", "Take as many as there are brokers"),
    ];
    let origins = [
        ("destination", "Copy what is set on the source topic"),
        ("source", "Copy the source topic's effective settings"),
    ];
    let drifts = [
        ("overwrite", "Keep its settings so, whoever changes them"),
        (
            "report",
            "Follow the source; show what is changed at the mirror",
        ),
        ("ignore", "Leave its settings alone"),
    ];
    view! {
        <Group title="Mirror topics">
            <CheckField name="draft[create]" label="Make missing mirror topics" checked=draft.create />
            <CheckField name="draft[grow]" label="Add partitions when the source topic gains some" checked=draft.grow />
            <div class="pair">
                <SelectField name="draft[replication_factor]" label="Replication factor"
                    value=draft.replication_factor choices=Choice::list(&factors)
                    error=fault(&view, "replication_factor") />
                <TextField name="draft[replication_exact]" label="Replicas" value=draft.replication_exact
                    hint="Only for a number." error=fault(&view, "replication_exact") />
                <SelectField name="draft[on_fewer_brokers]" label="With fewer brokers than replicas"
                    value=draft.on_fewer_brokers choices=Choice::list(&fewer)
                    error=fault(&view, "on_fewer_brokers") />
            </div>
            <SelectField name="draft[configs_from]" label="Topic settings" value=draft.configs_from
                choices=Choice::list(&origins) error=fault(&view, "configs_from") />
            <div class="pair">
                <SelectField name="draft[configs_on_drift]" label="Once the mirror topic is there"
                    value=draft.configs_on_drift choices=Choice::list(&drifts)
                    error=fault(&view, "configs_on_drift") />
                <TextField name="draft[configs_interval_s]" label="Compare them every (seconds)"
                    value=draft.configs_interval_s error=fault(&view, "configs_interval_s") />
            </div>
            <div class="pair">
                <AreaField name="draft[configs_include]" label="Also copy" rows=2 value=draft.configs_include
                    placeholder="min.insync.replicas" hint="Names between commas, spaces or line ends."
                    error=fault(&view, "configs_include") />
                <AreaField name="draft[configs_exclude]" label="Never copy" rows=2 value=draft.configs_exclude
                    placeholder="retention.ms" hint="Beats the list beside it." error=fault(&view, "configs_exclude") />
            </div>
        </Group>
    }
}

#[component]
fn Findings(view: FormView) -> impl IntoView {
    let draft = view.draft.clone();
    let refused = [
        ("hold", "Hold the partition until somebody chooses"),
        ("dead_letter", "Put it aside into causeway.dlq.<link>"),
        ("skip", "Skip it and record it"),
    ];
    let on = || Choice::list(&ON_FINDING);
    view! {
        <Group title="When something goes wrong">
            <p class="hint">"Whatever happens is recorded with its exact offsets. Other partitions always go on."</p>
            <div class="pair">
                <SelectField name="draft[on_loss]" label="Records are gone before they were copied"
                    value=draft.on_loss choices=on() error=fault(&view, "on_loss") />
                <SelectField name="draft[on_divergence]" label="The source lost records that were copied"
                    value=draft.on_divergence choices=on() error=fault(&view, "on_divergence") />
                <SelectField name="draft[on_duplicate]" label="Records may be there twice"
                    value=draft.on_duplicate choices=on() error=fault(&view, "on_duplicate") />
                <SelectField name="draft[on_foreign_write]" label="Somebody else wrote into a mirror topic"
                    value=draft.on_foreign_write choices=on() error=fault(&view, "on_foreign_write") />
                <SelectField name="draft[on_refused]" label="The destination refuses a record"
                    value=draft.on_refused choices=Choice::list(&refused) error=fault(&view, "on_refused") />
            </div>
        </Group>
    }
}

#[component]
fn Work(view: FormView) -> impl IntoView {
    let draft = view.draft.clone();
    view! {
        <Group title="Work">
            <div class="pair">
                <TextField name="draft[slots]" label="Slots" value=draft.slots
                    hint="Shares that workers can take, 1 to 256; fixed at the first start." error=fault(&view, "slots") />
                <TextField name="draft[detect_interval_s]" label="Look for new topics every (seconds)"
                    value=draft.detect_interval_s hint="1 to 3600." error=fault(&view, "detect_interval_s") />
            </div>
            <TextField name="draft[limit_mb_s]" label="Bandwidth limit (MB/s)" value=draft.limit_mb_s
                hint="The most that is read from the source; empty for no limit. Can be changed while the link runs."
                error=fault(&view, "limit_mb_s") />
        </Group>
    }
}
