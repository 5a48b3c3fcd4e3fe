//! One's own account: password, API tokens, theme.

use axum::body::Body;

use crate::browser::{Browser, NAME, PASSWORD, Page, Site};

async fn make_token(browser: &Browser, page: &Page, name: &str, role: &str) -> Page {
    let form = page.value_of("form");
    let fields = [
        ("form", form.as_str()),
        ("name", name),
        ("role", role),
        ("expires_in_days", "30"),
    ];
    browser.submit("make-token", &fields).await
}

fn token_in(page: &Page) -> Option<String> {
    let shown = page.visible();
    let at = shown.find("cw_")?;
    Some(shown[at..].chars().take(46).collect())
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_stands_in_no_address() {
    let (site, browser) = Site::set_up().await;
    let page = browser.open("/account").await;
    page.assert_has("There is none.");
    let form = page.value_of("form");
    let fields = [
        ("form", form.as_str()),
        ("name", "ci"),
        ("role", "viewer"),
        ("expires_in_days", ""),
    ];
    let answer = browser.post("make-token", &fields).await;
    let location = answer.header("location").to_owned();
    assert!(!format!("{:?}", answer.headers).contains("cw_"));
    let head = browser.request("HEAD", location.split('#').next().unwrap());
    browser.send(head.body(Body::empty()).unwrap()).await;
    let again = browser.post("make-token", &fields).await;
    assert_eq!(
        again.header("location"),
        location,
        "a form sent twice makes one token"
    );

    let shown = browser.open(location.split('#').next().unwrap()).await;
    let token = token_in(&shown).unwrap();
    shown.assert_has("not shown again");
    assert_eq!(shown.header("cache-control"), "no-store");
    let reloaded = browser.open(location.split('#').next().unwrap()).await;
    assert_eq!(token_in(&reloaded), None);
    reloaded.assert_lacks("cw_");

    let request = browser
        .request("GET", "/api/v1/links")
        .header("authorization", format!("Bearer {token}"));
    let answer = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    let tokens = site
        .harness
        .admin("GET", "/api/v1/tokens", &serde_json::Value::Null)
        .await;
    let items = tokens.json()["items"].clone();
    let named = items
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["name"] == "ci");
    assert_eq!(named.count(), 1);

    let id = reloaded.text.split("/fn/revoke-token").nth(1).unwrap();
    let id = id
        .split("value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let revoked = browser.submit("revoke-token", &[("id", id)]).await;
    revoked.assert_has("The token is revoked");
    revoked.assert_has("Expired or revoked: 1");
    let request = browser
        .request("GET", "/api/v1/links")
        .header("authorization", format!("Bearer {token}"));
    let answer = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_new_token_is_for_its_makers_eyes_only() {
    let (site, ann) = Site::set_up().await;
    let page = ann.open("/account").await;
    let form = page.value_of("form");
    let fields = [
        ("form", form.as_str()),
        ("name", "ci"),
        ("role", "viewer"),
        ("expires_in_days", ""),
    ];
    let answer = ann.post("make-token", &fields).await;
    let location = answer
        .header("location")
        .split('#')
        .next()
        .unwrap()
        .to_owned();
    let eve = site.browser();
    let page = eve.open(&location).await;
    page.assert_has("Sign in to Causeway");
    page.assert_lacks("cw_");
    assert!(token_in(&ann.open(&location).await).is_some());
}

#[tokio::test]
async fn a_faulty_token_form_comes_back_as_it_was_filled_in() {
    let (_site, browser) = Site::set_up().await;
    let page = browser.open("/account").await;
    let form = page.value_of("form");
    let fields = [
        ("form", form.as_str()),
        ("name", "ci \u{202e}<b>&\"'"),
        ("role", "editor"),
        ("expires_in_days", "soon"),
    ];
    let page = browser.submit("make-token", &fields).await;
    page.assert_has("A number of days, 1 to 3650");
    page.assert_lacks("<b>&");
    assert!(page.text.contains("value=\"soon\""), "{}", page.text);
    assert!(
        page.text.contains("value=\"editor\" selected"),
        "{}",
        page.text
    );
    assert!(page.text.contains("ci \u{202e}&lt;b&gt;"), "{}", page.text);
    let made = make_token(&browser, &page, "ci", "editor").await;
    assert!(token_in(&made).is_some());
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let (site, browser) = Site::set_up().await;
    let other = site.browser();
    other.open("/sign-in").await;
    other.sign_in(NAME, PASSWORD, "/").await;
    browser.open("/account").await;
    let change = |current: &'static str, password: &'static str, again: &'static str| {
        [
            ("current", current),
            ("password", password),
            ("password_again", again),
        ]
    };
    let wrong = browser
        .submit(
            "change-password",
            &change("wrong horse", "battery staple", "battery staple"),
        )
        .await;
    wrong.assert_has("This is not the present password.");
    assert!(!wrong.address.contains("staple"), "{}", wrong.address);
    let differ = browser
        .submit(
            "change-password",
            &change(PASSWORD, "battery staple", "battery stable"),
        )
        .await;
    differ.assert_has("The two passwords differ.");
    let done = browser
        .submit(
            "change-password",
            &change(PASSWORD, "battery staple", "battery staple"),
        )
        .await;
    done.assert_has("The password is changed. The other session has ended.");
    let page = other.open("/").await;
    page.assert_has("Your session has ended");
    let old = other.sign_in(NAME, PASSWORD, "/").await;
    assert_eq!(old.status, 401);
    let new = other.sign_in(NAME, "battery staple", "/").await;
    assert_eq!((new.status, new.address.as_str()), (200, "/"));
}

#[tokio::test]
async fn a_theme_is_kept_in_a_cookie_and_leads_back_to_the_page() {
    let (_site, browser) = Site::set_up().await;
    browser.open("/account").await;
    let page = browser.submit("theme", &[("theme", "dark")]).await;
    assert_eq!(page.address.trim_end_matches('?'), "/account");
    assert!(page.text.contains("data-theme=\"dark\""), "{}", page.text);
    let page = browser.submit("theme", &[("theme", "\"><script>")]).await;
    assert!(page.text.contains("data-theme=\"system\""), "{}", page.text);
}
