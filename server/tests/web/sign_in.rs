//! Set-up, sign-in, sign-out, and sessions that end.

use app::caller::Cookies;

use crate::browser::{NAME, PASSWORD, Site};

#[tokio::test]
async fn the_first_user_is_made_with_the_link_of_the_log_and_is_signed_in() {
    let site = Site::new().await;
    let browser = site.browser();
    let anything = browser.open("/links").await;
    assert_eq!(anything.address, "/setup");
    anything.assert_has("Welcome to Causeway");
    anything.assert_has("the log of the last start");
    let guessed = browser
        .set_up("/setup?token=guessed", PASSWORD, PASSWORD)
        .await;
    assert_eq!(guessed.status, 403);
    guessed.assert_has("This set-up link is not a good one.");

    let link = site.setup_link().await;
    let short = browser.set_up(&link, "short", "short").await;
    assert_eq!(short.status, 422);
    short.assert_has("this one has 5");
    short.assert_has("One field needs a correction.");
    assert_eq!(short.value_of("name"), NAME, "what was typed is kept");
    assert_eq!(short.value_of("password"), "", "but no password");
    assert!(!short.address.contains("short"), "{}", short.address);

    let made = browser.set_up(&link, PASSWORD, PASSWORD).await;
    assert_eq!((made.status, made.address.as_str()), (200, "/"));
    made.assert_lacks("Sign in to Causeway");

    let again = site.browser().open(&link).await;
    assert_eq!(again.status, 404, "once there is a user there is no set-up");
    again.assert_lacks(PASSWORD);
}

#[tokio::test]
async fn a_sign_in_leads_to_the_page_that_was_asked_for() {
    let (site, _) = Site::set_up().await;
    let browser = site.browser();
    let page = browser.open("/links?sort=lag").await;
    assert_eq!(page.address, "/sign-in?next=/links%3Fsort%3Dlag");
    page.assert_has("Sign in to Causeway");
    page.assert_lacks("Your session has ended");
    let next = page.value_of("next");
    assert_eq!(next, "/links?sort=lag");
    let there = browser.sign_in(NAME, PASSWORD, &next).await;
    assert_eq!(
        (there.status, there.address.as_str()),
        (200, "/links?sort=lag")
    );
    let twice = browser.open("/sign-in").await;
    assert_eq!(twice.address, "/", "who is signed in needs no sign-in");
}

#[tokio::test]
async fn a_sign_in_leads_nowhere_but_to_this_console() {
    let (site, _) = Site::set_up().await;
    for next in [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "javascript:x",
        "",
    ] {
        let browser = site.browser();
        browser.open("/sign-in").await;
        let fields = [("name", NAME), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("sign-in", &fields).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_the_sixth_must_wait() {
    let (site, _) = Site::set_up().await;
    let browser = site.browser();
    browser.open("/sign-in?next=/events").await;
    for _ in 0..5 {
        let wrong = browser.sign_in(NAME, "wrong horse", "/events").await;
        assert_eq!(wrong.status, 401);
        wrong.assert_has("Name or password is wrong.");
        assert_eq!(wrong.value_of("name"), NAME);
        assert_eq!(wrong.value_of("password"), "");
        assert_eq!(wrong.value_of("next"), "/events");
        assert!(!wrong.address.contains("horse"), "{}", wrong.address);
        assert_eq!(
            wrong.address.matches("__err").count(),
            1,
            "{}",
            wrong.address
        );
    }
    let waits = browser.sign_in(NAME, PASSWORD, "/events").await;
    assert_eq!(waits.status, 429);
    waits.assert_has("Try again in 10 s.");
    assert_eq!(waits.value_of("name"), NAME);
}

#[tokio::test]
async fn an_error_has_the_status_of_its_problem_for_a_browser_with_script() {
    let (site, browser) = Site::set_up().await;
    let stranger = site.browser();
    let ask = |function: &str| {
        let request = stranger.request("POST", &format!("/fn/{function}"));
        let request = request
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        request.body(axum::body::Body::empty()).unwrap()
    };
    let answer = stranger.send(ask("overview")).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("auth.signed_out"), "{}", answer.text);
    let unknown = browser.send(ask("no-such-function")).await;
    assert_eq!(unknown.status, 404);
    unknown.assert_lacks("server function");
}

#[tokio::test]
async fn cookies_are_out_of_reach_for_scripts_and_other_sites() {
    for (cookies, name, secure) in [
        (Cookies::Plain, "causeway", false),
        (Cookies::Secure, "__Host-causeway", true),
    ] {
        let site = Site::with(cookies).await;
        let browser = site.browser();
        let link = site.setup_link().await;
        let token = link.split_once('=').unwrap().1.to_owned();
        browser.open(&link).await;
        let fields = [
            ("token", token.as_str()),
            ("name", NAME),
            ("password", PASSWORD),
            ("password_again", PASSWORD),
        ];
        let answer = browser.post("set-up", &fields).await;
        let lines = answer.set_cookies();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert!(line.starts_with(&format!("{name}=")), "{line}");
        for part in ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age="] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert_eq!(line.contains("; Secure"), secure, "{line}");
        assert!(!line.contains("Domain"), "{line}");
    }
}

#[tokio::test]
async fn a_sign_out_ends_the_session_everywhere() {
    let (site, browser) = Site::set_up().await;
    let secret = browser.cookie("causeway").unwrap();
    let out = browser.submit("sign-out", &[]).await;
    assert_eq!(out.address, "/sign-in");
    assert_eq!(browser.cookie("causeway"), None);
    let thief = site.browser();
    let request = thief
        .request("GET", "/")
        .header("cookie", format!("causeway={secret}"));
    let page = thief
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(page.status, 303);
    assert_eq!(page.header("location"), "/sign-in?ended=1&next=/");
    let again = browser.submit("sign-out", &[]).await;
    assert_eq!(again.address, "/sign-in", "twice does no harm");
}

#[tokio::test]
async fn a_session_that_is_ended_elsewhere_leads_to_the_sign_in_with_the_next_step() {
    let (site, here) = Site::set_up().await;
    let there = site.browser();
    there.open("/sign-in").await;
    there.sign_in(NAME, PASSWORD, "/account").await;
    let account = here.open("/account").await;
    account.assert_has("Firefox on Linux");
    assert_eq!(account.visible().matches("this one").count(), 1);
    let rows = account
        .text
        .split("<tr")
        .filter(|row| row.contains("name=\"id\""));
    let others: Vec<&str> = rows.filter(|row| !row.contains("this one")).collect();
    assert_eq!(others.len(), 1);
    let id = others[0].split("value=\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    let ended = here.submit("end-session", &[("id", id)]).await;
    assert_eq!(ended.address, "/account?done=session");
    ended.assert_has("The session has ended.");
    let twice = here.submit("end-session", &[("id", id)]).await;
    assert_eq!(twice.address, "/account?done=session");
    let change = [
        ("current", PASSWORD),
        ("password", "battery staple"),
        ("password_again", "battery staple"),
    ];
    let refused = there.submit("change-password", &change).await;
    assert!(
        refused
            .address
            .starts_with("/sign-in?ended=1&next=/account"),
        "{}",
        refused.address
    );
    assert!(!refused.address.contains("__err"), "{}", refused.address);
    refused.assert_has("Your session has ended");
    let back = there
        .sign_in(NAME, PASSWORD, &refused.value_of("next"))
        .await;
    assert_eq!(
        back.address, "/account",
        "nothing was changed, and the way goes on"
    );
}
