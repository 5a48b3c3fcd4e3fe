//! The console while the control database is busy or away.

use app::caller::Cookies;
use axum::body::Body;
use server::http::router;
use sqlx::{AnyConnection, Connection, Executor};

use crate::browser::{Browser, NAME, PASSWORD, Site, api};

#[tokio::test]
async fn while_the_database_is_away_a_page_says_so() {
    let browser = Browser::of(router(api(Cookies::Plain)));
    for path in ["/", "/sign-in", "/setup", "/links/dr"] {
        let page = browser.open(path).await;
        assert_eq!(page.status, 503, "{path}");
        page.assert_has("The control database does not answer.");
        page.assert_has("Running links go on with their last settings");
        assert_eq!(page.header("retry-after"), "5");
        assert!(page.header("content-type").starts_with("text/html"));
    }
    let call = browser.request("POST", "/fn/overview");
    let call = call.header("accept", "application/json");
    let answer = browser.send(call.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.ui_error().problem.code, "store.unavailable");
    let posted = browser.post("sign-in", &[("name", NAME)]).await;
    assert_eq!(posted.status, 503);
    posted.assert_has("The control database does not answer.");
    posted.assert_has("load this page again, and it is sent once more");
    posted.assert_lacks("http-equiv");
}

#[tokio::test]
async fn while_somebody_else_writes_pages_are_read_and_a_form_keeps_its_input() {
    let (site, browser) = Site::set_up().await;
    site.harness.with_link().await;
    let begun = browser.open("/clusters/new").await;
    let draft = begun.value_of("draft");
    let page = browser.open("/account").await;
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", site.harness.database().display());
    let mut other = AnyConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();

    for path in ["/", "/links/dr", "/clusters", "/account"] {
        let read = browser.open(path).await;
        assert_eq!(read.status, 200, "{path}");
    }
    let form = page.value_of("form");
    let fields = [
        ("form", form.as_str()),
        ("name", "nightly export"),
        ("role", "operator"),
        ("expires_in_days", "31"),
    ];
    let refused = browser.submit("make-token", &fields).await;
    refused.assert_has("The control database does not answer.");
    assert_eq!(refused.value_of("name"), "nightly export");
    assert_eq!(refused.value_of("expires_in_days"), "31");
    let draft = [
        ("draft", draft.as_str()),
        ("name", "typed"),
        ("verb", "save"),
    ];
    let refused = browser.post("cluster-save", &draft).await;
    assert_eq!(refused.status, 503);
    refused.assert_has("load this page again, and it is sent once more");
    let stranger = site.browser();
    stranger.open("/sign-in").await;
    let refused = stranger.sign_in(NAME, PASSWORD, "/links").await;
    assert_eq!(refused.status, 503);
    refused.assert_has("The control database does not answer.");
    assert_eq!(refused.value_of("name"), NAME);

    other.execute("ROLLBACK").await.unwrap();
    let page = browser.open("/account").await;
    let form = page.value_of("form");
    let fields = [("form", form.as_str()), fields[1], fields[2], fields[3]];
    let made = browser.submit("make-token", &fields).await;
    made.assert_has("nightly export");
    let back = stranger.sign_in(NAME, PASSWORD, "/links").await;
    assert_eq!(back.address, "/links");
}
