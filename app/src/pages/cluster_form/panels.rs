//! What stands around a cluster's form: warnings, pasted properties, a conflict.

use leptos::prelude::*;
use model::problem::FieldError;

use super::{ConflictView, FORM, PasteView};
use crate::components::{
    field::id_of,
    icon::{Glyph, Icon},
};

/// What is allowed and yet worth a second look.
#[component]
pub fn Warnings(warnings: Vec<FieldError>) -> impl IntoView {
    (!warnings.is_empty()).then(|| {
        let lines = warnings.into_iter().map(|warning| {
            let href = format!("#{}", id_of(&warning.field));
            view! { <li><a href=href rel="external">{warning.message}</a></li> }
        });
        view! {
            <div class="notice warn">
                <Icon glyph=Signal::stored(Glyph::Warning) />
                <div>
                    <p class="notice-title">"Allowed, and worth a second look"</p>
                    <ul>{lines.collect_view()}</ul>
                </div>
            </div>
        }
    })
}

/// Takes pasted client.properties and tells what came of the last ones.
#[component]
pub fn PastePanel(pasted: Option<PasteView>) -> impl IntoView {
    let open = pasted.is_some();
    let report = pasted.map(|pasted| view! { <Report pasted /> });
    view! {
        <section class="card" id="paste" aria-labelledby="paste-title">
            <header><h2 id="paste-title">"Paste client.properties"</h2></header>
            <div class="body stack">
                {report}
                <details open=open>
                    <summary>"Fill the form from a client's settings"</summary>
                    <div class="stack paste">
                        <PasteField />
                        <div>
                            <button type="submit" form=FORM name="verb" value="paste">"Read them"</button>
                        </div>
                    </div>
                </details>
            </div>
        </section>
    }
}

/// The text belongs to the form beside it, so that nothing typed there is lost.
#[component]
fn PasteField() -> impl IntoView {
    view! {
        <div class="field">
            <label for="field-properties">"Properties of a Java client or of librdkafka"</label>
            <textarea
                id="field-properties"
                name="properties"
                form=FORM
                class="mono"
                rows="6"
                placeholder="bootstrap.servers=kafka-1:9093"
                aria-describedby="field-properties-hint"
                spellcheck="false"
            ></textarea>
            <p class="hint" id="field-properties-hint">
                "Only listed properties pass. A password goes straight into the encrypted store; the text itself is not kept."
            </p>
        </div>
    }
}

#[component]
fn Report(pasted: PasteView) -> impl IntoView {
    let nothing = pasted.recognised.is_empty() && pasted.translated.is_empty();
    let recognised = pasted.recognised.into_iter();
    let recognised = recognised.map(|key| view! { <li><code><bdi>{key}</bdi></code></li> });
    let translated = pasted
        .translated
        .into_iter()
        .map(|text| view! { <li><bdi>{text}</bdi></li> });
    let refused = pasted.refused.into_iter();
    let refused = refused
        .map(|(key, why)| view! { <li><code><bdi>{key}</bdi></code> " " <bdi>{why}</bdi></li> });
    let list = |title: &'static str, lines: Vec<AnyView>| {
        (!lines.is_empty()).then(|| view! { <h3>{title}</h3> <ul class="bullets">{lines}</ul> })
    };
    view! {
        <div class="paste-report" role="status">
            {nothing.then(|| view! { <p class="strong">"Nothing was taken; the form is as it was."</p> })}
            {list("Taken", recognised.map(IntoAny::into_any).collect())}
            {list("Translated", translated.map(IntoAny::into_any).collect())}
            {list("Not taken", refused.map(IntoAny::into_any).collect())}
            {pasted.password.then(|| view! { <p>"The password is stored with this form."</p> })}
        </div>
    }
}

/// Both versions of a cluster that somebody else saved meanwhile.
#[component]
pub fn Conflict(conflict: ConflictView) -> impl IntoView {
    if conflict.revision.is_none() {
        return view! {
            <div class="notice crit" role="alert">
                <Icon glyph=Signal::stored(Glyph::Warning) />
                <div>
                    <p class="notice-title">"Someone removed this cluster meanwhile."</p>
                    <p>"What you typed is kept here for 14 days. Connect the cluster anew to use it."</p>
                </div>
            </div>
        }
        .into_any();
    }
    let rows = conflict.rows.into_iter().map(|row| {
        view! {
            <tr>
                <th scope="row">{row.label}</th>
                <td data-label="Saved meanwhile"><bdi class="mono">{row.theirs}</bdi></td>
                <td data-label="Yours"><bdi class="mono">{row.mine}</bdi></td>
                <td data-label="Yours on top">{row.result}</td>
            </tr>
        }
    });
    view! {
        <section class="card conflict" role="alert" aria-labelledby="conflict-title">
            <header>
                <span class="crit"><Icon glyph=Signal::stored(Glyph::Warning) /></span>
                <h2 id="conflict-title">"Someone saved this cluster meanwhile"</h2>
                <span class="aside">"Nothing is lost."</span>
            </header>
            <div class="table-wrap">
                <table class="cards">
                    <caption class="unseen">"What differs between both versions"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Field"</th>
                            <th scope="col">"Saved meanwhile"</th>
                            <th scope="col">"Yours"</th>
                            <th scope="col">"Yours on top gives"</th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
            <footer>
                <button type="submit" form=FORM name="verb" value="on_top" class="primary">
                    "Apply mine on top"
                </button>
                <span class="hint">"Keeps theirs where you changed nothing."</span>
            </footer>
        </section>
    }
    .into_any()
}
