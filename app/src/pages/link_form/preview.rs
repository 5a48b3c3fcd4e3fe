//! The preview beside the rows: which topics match, what their mirrors are called, and why.

use leptos::prelude::*;
use model::format::{ago, grouped};

use super::{
    step::{Place, Step},
    view::{Mark, PreviewRow, PreviewView},
};
use crate::{
    components::{badge::Badge, coded::coded, icon::Glyph, notice::ProblemNotice},
    pages::ROWS,
};

/// Returns what to do on every input of the form, and when it is sent: ask for the preview once the typing rests.
#[cfg(feature = "hydrate")]
pub fn follow(show: WriteSignal<PreviewView>) -> impl Fn(leptos::ev::Event) + Copy {
    super::typing::follow(show)
}

/// On the server nobody types.
#[cfg(not(feature = "hydrate"))]
pub fn follow(_show: WriteSignal<PreviewView>) -> impl Fn(leptos::ev::Event) + Copy {
    |_| {}
}

/// The panel with its counts, filter, rows and pages.
#[component]
pub fn PreviewPanel(place: Place, shown: ReadSignal<PreviewView>) -> impl IntoView {
    let counts = Memo::new(move |_| shown.with(|shown| shown.counts));
    let age = Memo::new(move |_| shown.with(|shown| shown.age_s));
    let filter = shown.with_untracked(|shown| shown.filter.clone());
    view! {
        <section class="card preview" id="preview" aria-labelledby="preview-title">
            <header>
                <h2 id="preview-title">"Preview"</h2>
                <span class="pill">
                    {move || {
                        let counts = counts.get();
                        format!("{} of {} match", grouped(counts.matched.into()), grouped(counts.topics.into()))
                    }}
                </span>
                <span class="pill">{move || format!("{} internal hidden", grouped(counts.get().hidden.into()))}</span>
                <span class="aside">
                    {move || format!("list {} ·", ago(age.get() * 1_000))}
                    <button type="submit" class="plain" name="go" value="refresh">"refresh"</button>
                </span>
            </header>
            <div class="preview-filter">
                <input
                    type="search"
                    name="filter"
                    value=filter
                    aria-label="Show topics whose name contains"
                    placeholder="Show names that contain"
                    autocomplete="off"
                />
                <button type="submit" name="go" value="preview">"Preview"</button>
            </div>
            {move || {
                let problems = shown.with(|shown| shown.problems.clone());
                problems.into_iter().map(|problem| view! { <ProblemNotice problem /> }).collect_view()
            }}
            <PreviewTable shown />
            <Notes shown />
            <footer>
                <p class="muted small">{move || summary(&shown.get())}</p>
                <div class="actions">
                    <Pages shown />
                    <Back place />
                    <button type="submit" class="primary" name="go" value="continue">"Continue"</button>
                </div>
            </footer>
        </section>
    }
}

#[component]
fn Back(place: Place) -> impl IntoView {
    let before = place.before(Step::Topics);
    before.map(|before| {
        let value = format!("step-{}", before.as_str());
        view! { <button type="submit" name="go" value=value>"Back"</button> }
    })
}

fn summary(view: &PreviewView) -> String {
    let counts = view.counts;
    if view
        .faults
        .iter()
        .any(|fault| !fault.field.starts_with("rows"))
    {
        return "The preview follows once the names are in order.".to_owned();
    }
    let told = match (counts.refused, counts.to_decide) {
        (0, 0) if counts.matched == 0 => "No topic matches yet.".to_owned(),
        (0, 0) => "All that match can start.".to_owned(),
        (refused, 0) => format!("{refused} refused; the others can start."),
        (0, decide) => format!("{decide} to decide; the others can start."),
        (refused, decide) => {
            format!("{refused} refused, {decide} to decide; the others can start.")
        }
    };
    let faulty = view.faults.len();
    match faulty {
        0 => told,
        1 => format!("1 row is faulty and not counted. {told}"),
        _ => format!("{faulty} rows are faulty and not counted. {told}"),
    }
}

#[component]
fn PreviewTable(shown: ReadSignal<PreviewView>) -> impl IntoView {
    let rows = Memo::new(move |_| shown.with(|shown| shown.rows.clone()));
    let elsewhere = Memo::new(move |_| shown.with(|shown| shown.append_elsewhere.clone()));
    let hidden = move || {
        let inputs = elsewhere.get().into_iter().map(|mirror| {
            view! { <input type="hidden" name="draft[append_to][]" value=mirror /> }
        });
        inputs.collect_view()
    };
    let key = |row: &PreviewRow| format!("{row:?}");
    view! {
        {hidden}
        <div class="table-wrap">
            <table class="cards">
                <caption class="unseen">"Source topics and their mirror topics"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Source topic"</th>
                        <th scope="col">"Mirror topic"</th>
                        <th scope="col">"Verdict"</th>
                        <th scope="col">"Because"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || rows.get() key=key let:row>
                        <TopicRow row />
                    </For>
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn TopicRow(row: PreviewRow) -> impl IntoView {
    let (tone, glyph, word) = match row.mark {
        Mark::Create => ("ok", Glyph::Tick, "create"),
        Mark::Keep => ("ok", Glyph::Tick, "keep"),
        Mark::Adopt => ("ok", Glyph::Tick, "use empty"),
        Mark::Append => ("warn", Glyph::Tick, "append"),
        Mark::NeedsAppend => ("warn", Glyph::Hand, "append?"),
        Mark::Refused => ("crit", Glyph::Warning, "refused"),
        Mark::LeftOut => ("idle", Glyph::Bars, "left out"),
    };
    let mirror = row.mirror.clone();
    let tick = mirror.filter(|_| matches!(row.mark, Mark::Append | Mark::NeedsAppend));
    let tick = tick.map(|mirror| {
        // The server says what is ticked; this row is made anew when that changes.
        let checked = row.mark == Mark::Append;
        view! {
            <label class="append">
                <input type="checkbox" name="draft[append_to][]" value=mirror checked=checked />
                " append to it"
            </label>
        }
    });
    view! {
        <tr>
            <td class="mono wide"><bdi>{row.topic}</bdi></td>
            <td class="mono wide" data-label="Mirror topic"><bdi>{row.mirror.unwrap_or_else(|| "–".to_owned())}</bdi></td>
            <td><Badge tone glyph word /></td>
            <td class="small because">{coded(&row.because)} {tick}</td>
        </tr>
    }
}

#[component]
fn Notes(shown: ReadSignal<PreviewView>) -> impl IntoView {
    move || {
        {
            let notes = shown.with(|shown| shown.notes.clone());
            let notes = notes
                .into_iter()
                .map(|note| view! { <li><bdi>{note}</bdi></li> });
            view! { <ul class="preview-notes muted small">{notes.collect_view()}</ul> }
        }
        .into_any()
    }
}

#[component]
fn Pages(shown: ReadSignal<PreviewView>) -> impl IntoView {
    move || {
        {
        let (at, found) = shown.with(|shown| (shown.at, shown.found));
        (found > ROWS).then(|| {
            let last = found.min(at + ROWS);
            let to = |at: u32| format!("page-{at}");
            view! {
                <span class="muted small num">{format!("{} to {last} of {found}", at + 1)}</span>
                <button type="submit" name="go" value=to(at.saturating_sub(ROWS)) disabled={at == 0}>
                    "Previous"
                </button>
                <button type="submit" name="go" value=to(at + ROWS) disabled={last >= found}>"Next"</button>
            }
        })
    }
    .into_any()
    }
}
