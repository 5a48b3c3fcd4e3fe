//! One's own API tokens.

use leptos::{prelude::*, server_fn::ServerFn};
use model::{account::Role, format};

use super::{NewToken, TokenRow, TokenState};
use crate::{
    components::{
        field::{Choice, SelectField, TextField},
        icon::{Glyph, Icon},
        notice::{ActionNotice, ErrorSummary},
    },
    error::{UiError, answered},
    fns::account::{MakeToken, RevokeToken},
};

/// Lists the tokens, with the form that makes one.
#[component]
pub fn TokensCard(
    /// Tokens that open something.
    good: Vec<TokenRow>,
    /// Expired and revoked ones.
    over: Vec<TokenRow>,
    new_token: Option<NewToken>,
    /// Key of the form.
    form: String,
    /// The person's own role, the highest that a token may have.
    role: Role,
) -> impl IntoView {
    let error = answered::<RevokeToken>();
    let table = match good.is_empty() {
        true => view! {
            <p class="body muted">
                "A token lets scripts and tools use the API as you, or with less. There is none."
            </p>
        }
        .into_any(),
        false => view! { <Table rows=good caption="API tokens that are good" /> }.into_any(),
    };
    let over = (!over.is_empty()).then(|| {
        let summary = format!("Expired or revoked: {}", over.len());
        view! {
            <details class="tokens-over">
                <summary>{summary}</summary>
                <Table rows=over caption="API tokens that are expired or revoked" />
            </details>
        }
    });
    view! {
        <section class="card" aria-labelledby="tokens-title">
            <header>
                <h2 id="tokens-title">"API tokens"</h2>
            </header>
            <ActionNotice error />
            {new_token.map(|token| view! { <Shown token /> })}
            {table}
            {over}
            <NewTokenForm form role />
        </section>
    }
}

/// Shows a new token: this page is the only one that does.
#[component]
fn Shown(token: NewToken) -> impl IntoView {
    view! {
        <div class="notice new-token ok" id="new-token" role="status" tabindex="-1">
            <Icon glyph=Signal::stored(Glyph::Tick) />
            <div>
                <p class="notice-title">"The token " <bdi>{token.name}</bdi> " is made."</p>
                <p>"Copy it now: it is not shown again."</p>
                <p><code class="secret">{token.text}</code></p>
            </div>
        </div>
    }
}

#[component]
fn Table(rows: Vec<TokenRow>, caption: &'static str) -> impl IntoView {
    let rows = rows.into_iter().map(|token| view! { <Row token /> });
    let rows = rows.collect_view();
    view! {
        <div class="table-wrap">
            <table class="cards">
                <caption class="unseen">{caption}</caption>
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"Role"</th>
                        <th scope="col">"Made"</th>
                        <th scope="col">"Expires"</th>
                        <th scope="col"><span class="unseen">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(token: TokenRow) -> impl IntoView {
    let day = |ms: i64| {
        let title = format::moment(ms);
        let day: String = title.chars().take("2026-11-21".len()).collect();
        view! { <time datetime=format::datetime(ms) title=title>{day}</time> }
    };
    let expires = match token.expires_at_ms {
        Some(ms) => day(ms).into_any(),
        None => "never".into_any(),
    };
    let end = match token.state {
        TokenState::Good => view! { <Revoke id=token.id name=token.name.clone() /> }.into_any(),
        TokenState::Expired => "expired".into_any(),
        TokenState::Revoked => "revoked".into_any(),
    };
    view! {
        <tr>
            <td class="wide strong"><bdi>{token.name}</bdi></td>
            <td data-label="Role">{token.role}</td>
            <td data-label="Made" class="when">{day(token.created_at_ms)}</td>
            <td data-label="Expires" class="when">{expires}</td>
            <td class="act">{end}</td>
        </tr>
    }
}

#[component]
fn Revoke(id: String, name: String) -> impl IntoView {
    view! {
        <form method="post" action=RevokeToken::url()>
            <input type="hidden" name="id" value=id />
            <button type="submit" class="danger">
                "Revoke" <span class="unseen">" " <bdi>{name}</bdi></span>
            </button>
        </form>
    }
}

#[component]
fn NewTokenForm(form: String, role: Role) -> impl IntoView {
    let error = answered::<MakeToken>();
    let of_field = move |name: &'static str| {
        Signal::derive(move || error.get().and_then(|error: UiError| error.of_field(name)))
    };
    let kept = move |name: &str| error.get_untracked().map(|error| error.kept(name));
    let faults = Signal::derive(move || {
        let error = error.get();
        error.map(|error| error.problem.fields).unwrap_or_default()
    });
    let choices = Role::ALL.into_iter().filter(|choice| *choice <= role);
    let choices = choices.map(|choice| Choice {
        value: choice.as_str().to_owned(),
        label: choice.as_str().to_owned(),
    });
    let choices = choices.collect::<Vec<_>>();
    view! {
        <form method="post" action=MakeToken::url() class="form new-token-form">
            <h3>"New token"</h3>
            <ActionNotice error />
            <ErrorSummary faults />
            <input type="hidden" name="form" value=form />
            <div class="pair">
                <TextField
                    name="name"
                    label="Name"
                    hint="What it is for."
                    value=kept("name").unwrap_or_default()
                    required=true
                    error=of_field("name")
                />
                <SelectField
                    name="role"
                    label="Role"
                    hint="At most your own."
                    value=kept("role").unwrap_or_else(|| Role::Viewer.as_str().to_owned())
                    choices
                    error=of_field("role")
                />
                <TextField
                    name="expires_in_days"
                    label="Expires after, days"
                    hint="Empty: never."
                    value=kept("expires_in_days").unwrap_or_else(|| "90".to_owned())
                    kind="number"
                    error=of_field("expires_in_days")
                />
            </div>
            <div class="actions">
                <button type="submit">"Make the token"</button>
            </div>
        </form>
    }
}
