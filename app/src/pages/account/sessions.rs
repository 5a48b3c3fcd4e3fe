//! The browsers that are signed in to one's own account.

use leptos::{prelude::*, server_fn::ServerFn};
use model::format;

use super::SessionRow;
use crate::{components::notice::ActionNotice, error::answered, fns::account::EndSession};

/// Lists the sessions, each with the button that ends it.
#[component]
pub fn SessionsCard(sessions: Vec<SessionRow>, now_ms: i64) -> impl IntoView {
    let error = answered::<EndSession>();
    let count = sessions.len();
    let rows = sessions
        .into_iter()
        .map(|session| view! { <Row session now_ms /> });
    let rows = rows.collect_view();
    view! {
        <section class="card" aria-labelledby="sessions-title">
            <header>
                <h2 id="sessions-title">"Sessions"</h2>
                <span class="aside">{count}</span>
            </header>
            <ActionNotice error />
            <div class="table-wrap">
                <table class="cards sessions">
                    <caption class="unseen">"Browsers signed in to this account"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Browser"</th>
                            <th scope="col">"Since"</th>
                            <th scope="col">"Last seen"</th>
                            <th scope="col"><span class="unseen">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}

#[component]
fn Row(session: SessionRow, now_ms: i64) -> impl IntoView {
    let seen_ms = session.last_seen_at_ms;
    let seen = match session.current {
        true => "now".to_owned(),
        false => format::ago(now_ms - seen_ms),
    };
    let mark = session
        .current
        .then(|| view! { " " <span class="pill">"this one"</span> });
    view! {
        <tr>
            <td class="wide"><bdi title=session.user_agent>{session.browser.clone()}</bdi>{mark}</td>
            <td data-label="Since" class="when">
                <time datetime=format::datetime(session.created_at_ms)>
                    {format::moment(session.created_at_ms)}
                </time>
            </td>
            <td data-label="Last seen" class="when">
                <time datetime=format::datetime(seen_ms) title=format::moment(seen_ms)>{seen}</time>
            </td>
            <td class="wide act">
                <form method="post" action=EndSession::url()>
                    <input type="hidden" name="id" value=session.id />
                    <button type="submit">
                        "End this session"
                        <span class="unseen">" of " <bdi>{session.browser}</bdi></span>
                    </button>
                </form>
            </td>
        </tr>
    }
}
