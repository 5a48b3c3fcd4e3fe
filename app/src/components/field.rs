//! Form fields: a label, the control, a hint, and the message of a faulty one, tied together for screen readers.
//!
//! Their types are erased: a form of many fields would else be a type too deep for the compiler.

use leptos::prelude::*;

use super::coded::coded;

/// Returns the element id of a field: letters, digits and `-`.
pub fn id_of(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id: String = name.chars().map(legal).collect();
    format!("field-{}", id.trim_end_matches('-'))
}

/// What surrounds a control: its label before, hint and message after it.
#[component]
pub fn Field(
    /// Name of the input; its element id is [`id_of`] of it.
    #[prop(into)]
    name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional, into)] error: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    let id = id_of(&name);
    let hint_id = format!("{id}-hint");
    let error_id = format!("{id}-error");
    let hint = (!hint.is_empty()).then(|| view! { <p class="hint" id=hint_id>{hint}</p> });
    view! {
        <div class="field" class:faulty=move || error.get().is_some()>
            <label for=id>{label}</label>
            {children()}
            {hint}
            <p class="field-error" id=error_id>{move || error.get().map(|error| coded(&error))}</p>
        </div>
    }
}

/// A field with one line of text.
#[component]
pub fn TextField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional, into)] value: String,
    /// `text`, `password`, `email` or `number`.
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] required: bool,
    #[prop(optional)] mono: bool,
    /// Whether it has the focus when the page loads.
    #[prop(optional)]
    autofocus: bool,
    #[prop(optional, into)] placeholder: String,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let id = id_of(&name);
    let described = format!("{id}-hint {id}-error");
    view! {
        <Field name=name.clone() label hint error>
            <input
                id=id
                name=name
                type=kind
                value=value
                class:mono=mono
                placeholder=placeholder
                autocomplete=autocomplete
                autofocus=autofocus
                aria-required=required.then_some("true")
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=described
                spellcheck="false"
                autocapitalize="off"
            />
        </Field>
    }
}

/// A field with several lines of text.
#[component]
pub fn AreaField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional, into)] value: String,
    #[prop(default = 4)] rows: u32,
    #[prop(optional, into)] placeholder: String,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let id = id_of(&name);
    let described = format!("{id}-hint {id}-error");
    view! {
        <Field name=name.clone() label hint error>
            <textarea
                id=id
                name=name
                class="mono"
                rows=rows
                placeholder=placeholder
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=described
                spellcheck="false"
            >
                {text_of_area(value)}
            </textarea>
        </Field>
    }
}

/// Returns the text between the tags of a text area. Leptos writes it as it is, so here `<` and `&` are made harmless;
/// HTML drops a line end at the beginning, so one more stands before it.
#[cfg(feature = "ssr")]
fn text_of_area(value: String) -> String {
    let text = value.replace('&', "&amp;").replace('<', "&lt;");
    match text.starts_with(['\n', '\r']) {
        true => format!("\n{text}"),
        false => text,
    }
}

/// Returns the text of a text area, which the browser takes as text anyhow.
#[cfg(not(feature = "ssr"))]
fn text_of_area(value: String) -> String {
    value
}

/// One choice of a select field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

impl Choice {
    /// Makes choices from pairs of value and label.
    pub fn list(pairs: &[(&str, &str)]) -> Vec<Self> {
        let choice = |(value, label): &(&str, &str)| Self {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
        };
        pairs.iter().map(choice).collect()
    }
}

/// A field with a list of choices.
#[component]
pub fn SelectField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: String,
    #[prop(into)] value: String,
    choices: Vec<Choice>,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let id = id_of(&name);
    let described = format!("{id}-hint {id}-error");
    let options = choices.into_iter().map(|choice| {
        let chosen = choice.value == value;
        view! { <option value=choice.value selected=chosen>{choice.label}</option> }
    });
    let options = options.collect_view();
    view! {
        <Field name=name.clone() label hint error>
            <select
                id=id
                name=name
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=described
            >
                {options}
            </select>
        </Field>
    }
}

/// A box to tick; unticked it is absent from what the form sends.
#[component]
pub fn CheckField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional)] checked: bool,
) -> impl IntoView {
    let id = id_of(&name);
    let hint_id = format!("{id}-hint");
    let described = hint_id.clone();
    let hint = (!hint.is_empty()).then(|| view! { <p class="hint" id=hint_id>{hint}</p> });
    view! {
        <div class="field check">
            <input
                type="checkbox"
                id=id.clone()
                name=name
                value="true"
                checked=checked
                aria-describedby=described
            />
            <label for=id>{label}</label>
            {hint}
        </div>
    }
}
