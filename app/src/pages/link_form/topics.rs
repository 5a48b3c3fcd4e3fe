//! The third step: which topics, under which names, with the preview beside.

use leptos::{prelude::*, server_fn::ServerFn};
use model::draft::RowDraft;

use super::{
    error_at,
    preview::PreviewPanel,
    view::{FormView, PreviewView},
};
use crate::{
    components::{
        field::{AreaField, CheckField, Choice, SelectField, TextField},
        icon::{Glyph, Icon},
        notice::ActionNotice,
    },
    error::answered,
    fns::link_forms::SaveLinkTopics,
};

/// Rows at the left, preview at the right, in one form.
#[component]
pub fn TopicsStep(view: FormView, preview: PreviewView) -> impl IntoView {
    let error = answered::<SaveLinkTopics>();
    let (shown, show) = signal(preview);
    let follow = super::preview::follow(show);
    view! {
        <ActionNotice error />
        <form
            method="post"
            action=SaveLinkTopics::url()
            class="topics-step"
            on:input=follow
            on:submit=move |event| follow(event.into())
        >
            // Enter in a field shows the preview; it must not take a row away or go on.
            <button type="submit" name="go" value="preview" class="unseen" tabindex="-1" aria-hidden="true">
                "Preview"
            </button>
            <input type="hidden" name="id" value=view.place.id.clone() />
            <input type="hidden" name="sent" value=view.sent.to_string() />
            <div class="stack">
                <Rows view=view.clone() shown />
                <Names view=view.clone() shown />
            </div>
            <PreviewPanel place=view.place shown />
        </form>
    }
}

#[component]
fn Rows(view: FormView, shown: ReadSignal<PreviewView>) -> impl IntoView {
    let rows = view.draft.rows.clone().into_iter().enumerate();
    let rows = rows.map(|(index, row)| view! { <RowInputs index row shown /> });
    let fault = error_at(&view, "rows");
    let internal = view.draft.internal;
    view! {
        <section class="card" aria-labelledby="rows-title">
            <header>
                <h2 id="rows-title">"Which topics"</h2>
                <span class="aside">"exclude wins"</span>
            </header>
            <div class="body">
                <ol class="rows">{rows.collect_view()}</ol>
                <p class="field-error" id="field-rows" tabindex="-1">{fault}</p>
                <p>
                    <button type="submit" name="go" value="add">"Add a row"</button>
                </p>
                <CheckField
                    name="draft[internal]"
                    label="Patterns also match hidden topics"
                    hint="Names that begin with _ or end in .internal or .replica. Kafka's own and Causeway's never match."
                    checked=internal
                />
                <CheckField
                    name="draft[new_topics]"
                    label="Take new topics that match later"
                    checked=view.draft.new_topics
                />
            </div>
        </section>
    }
}

#[component]
fn RowInputs(index: usize, row: RowDraft, shown: ReadSignal<PreviewView>) -> impl IntoView {
    let number = index + 1;
    let name = move |part: &str| format!("draft[rows][{index}][{part}]");
    let id = crate::components::field::id_of(&format!("rows[{index}].pattern"));
    let fault_id = format!("{id}-fault");
    let fault = Memo::new(move |_| {
        shown.with(|shown| {
            let own = format!("rows[{index}].");
            let found = shown
                .faults
                .iter()
                .find(|fault| fault.field.starts_with(&own));
            found.map(|fault| fault.message.clone())
        })
    });
    let options = |chosen: &str, words: &[&'static str]| {
        let chosen = chosen.to_owned();
        let options = words.iter().map(move |word| {
            let selected = *word == chosen;
            view! { <option value=*word selected=selected>{*word}</option> }
        });
        options.collect_view()
    };
    let actions = options(&row.action, &["include", "exclude"]);
    let kinds = options(&row.kind, &["exact", "prefix", "regex"]);
    view! {
        <li class="row-inputs">
            <select name=name("action") aria-label=format!("Row {number}: include or exclude")>{actions}</select>
            <select name=name("kind") aria-label=format!("Row {number}: kind")>{kinds}</select>
            <input
                class="mono"
                id=id
                name=name("pattern")
                value=row.pattern
                aria-label=format!("Row {number}: name, prefix or pattern")
                aria-invalid=move || fault.get().is_some().then_some("true")
                aria-describedby=fault_id.clone()
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
            />
            <button
                type="submit"
                class="icon-button"
                name="go"
                value=format!("remove-{index}")
                aria-label=format!("Remove row {number}")
            >
                <Icon glyph=Signal::stored(Glyph::Cross) />
            </button>
            <p class="field-error" id=fault_id>{move || fault.get().map(|text| view! { <bdi>{text}</bdi> })}</p>
        </li>
    }
}

/// Which of the inputs below is used says the list; the others keep what was typed.
#[component]
fn Names(view: FormView, shown: ReadSignal<PreviewView>) -> impl IntoView {
    let draft = view.draft.clone();
    let mut ways = vec![
        ("same", "As at the source"),
        ("prefix", "With a prefix"),
        ("suffix", "With a suffix"),
        ("format", "By a format"),
        ("regex", "By a pattern and its replacement"),
        ("list", "From a list of pairs"),
    ];
    if draft.rename_kind == "kept" {
        ways.insert(
            0,
            ("kept", "As they are stored (this form cannot show them)"),
        );
    }
    let fault = move |input: &'static str| {
        Signal::derive(move || {
            shown.with(|shown| {
                let found = model::draft::error_for(&shown.faults, input);
                found.map(str::to_owned)
            })
        })
    };
    view! {
        <section class="card" aria-labelledby="names-title">
            <header>
                <h2 id="names-title">"Names at the destination"</h2>
            </header>
            <div class="body form-body names-body">
                <SelectField
                    name="draft[rename_kind]"
                    label="Mirror topics are named"
                    value=draft.rename_kind
                    choices=Choice::list(&ways)
                    error=fault("rename_kind")
                />
                <div class="way way-prefix">
                    <TextField name="draft[prefix]" label="Prefix" mono=true value=draft.prefix
                        placeholder="us." error=fault("prefix") />
                </div>
                <div class="way way-suffix">
                    <TextField name="draft[suffix]" label="Suffix" mono=true value=draft.suffix
                        placeholder=".copy" error=fault("suffix") />
                </div>
                <div class="way way-format">
                    <TextField name="draft[format]" label="Format" mono=true value=draft.format
                        placeholder="us.${topic}" hint="${topic} once; also ${source} and ${destination}."
                        error=fault("format") />
                </div>
                <div class="way way-regex pair">
                    <TextField name="draft[rename_match]" label="Pattern" mono=true value=draft.rename_match
                        placeholder="(.+)\\.v1" error=fault("rename_match") />
                    <TextField name="draft[rename_replace]" label="Replacement" mono=true value=draft.rename_replace
                        placeholder="$1" hint="$1 to $9 and ${name} are the pattern's groups."
                        error=fault("rename_replace") />
                </div>
                <div class="way way-list">
                    <AreaField name="draft[rename_list]" label="Pairs" value=draft.rename_list
                        placeholder="orders = us.orders" hint="One pair a line; other topics keep their names."
                        error=fault("rename_list") />
                </div>
            </div>
        </section>
    }
}
