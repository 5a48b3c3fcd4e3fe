//! What the gate keeps out: other sites, endless forms, people without the role.

use std::{net::SocketAddr, time::SystemTime};

use app::access::Role;
use axum::{body::Body, extract::ConnectInfo};
use model::Secret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{By, NewSession, NewUser};

use crate::browser::{Browser, HOST, NAME, PASSWORD, PROXY, Site, encoded, origin};

#[tokio::test]
async fn a_post_of_another_site_changes_nothing() {
    let (site, _) = Site::set_up().await;
    let browser = site.browser();
    browser.open("/sign-in").await;
    let fields = [("name", NAME), ("password", PASSWORD), ("next", "/")];
    for (header, value) in [
        ("origin", "null".to_owned()),
        ("origin", "https://evil.test".to_owned()),
        ("origin", format!("http://{HOST}.evil.test")),
        ("origin", format!("http://{HOST}:81")),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
    ] {
        let request = browser.form("sign-in", &fields).header(header, &value);
        let answer = browser
            .send(request.body(Body::from(encoded(&fields))).unwrap())
            .await;
        assert_eq!(answer.status, 403, "{header}: {value}");
        assert!(answer.set_cookies().is_empty(), "{header}: {value}");
    }
    let own = browser.form("sign-in", &fields).header("origin", origin());
    let answer = browser
        .send(own.body(Body::from(encoded(&fields))).unwrap())
        .await;
    assert_eq!(answer.set_cookies().len(), 1);
}

#[tokio::test]
async fn an_endless_form_is_refused_with_a_page() {
    let (site, _) = Site::set_up().await;
    let browser = site.browser();
    let long = "x".repeat(10 * 1024 * 1024);
    let body = format!("name={long}&password=x&next=");
    let request = browser.form("sign-in", &[]).header("origin", origin());
    let answer = browser.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 413);
    answer.assert_has("The form is too long.");
    assert!(answer.text.len() < 2_000);
}

#[tokio::test]
async fn a_call_by_script_is_refused_in_words_that_the_page_can_read() {
    let (site, _) = Site::set_up().await;
    let browser = site.browser();
    let call = |function: &str, origin: String, body: String| {
        let request = browser.request("POST", &format!("/fn/{function}"));
        request
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .body(Body::from(body))
            .unwrap()
    };
    let long = format!("name={}", "x".repeat(2 * 1024 * 1024));
    for (function, origin, body, status, code) in [
        (
            "sign-in",
            "https://evil.test".to_owned(),
            String::new(),
            403,
            "request.cross_site",
        ),
        ("sign-in", origin(), long, 413, "request.too_long"),
        (
            "no-such-function",
            origin(),
            String::new(),
            404,
            "console.outdated",
        ),
    ] {
        let answer = browser.send(call(function, origin, body)).await;
        assert_eq!(answer.status, status, "{code}");
        assert_eq!(answer.ui_error().problem.code, code);
    }
}

#[tokio::test]
async fn people_behind_a_proxy_are_told_apart_by_what_it_forwards() {
    let (site, _) = Site::set_up().await;
    let browser = site.browser();
    browser.open("/sign-in").await;
    let sign_in = async |guess: usize, password: &str, client: &str| {
        // A different name each time: it is the address that is counted.
        let name = if password == PASSWORD {
            NAME.to_owned()
        } else {
            format!("guess {guess}")
        };
        let fields = [
            ("name", name.as_str()),
            ("password", password),
            ("next", "/"),
        ];
        let mut request = browser
            .form("sign-in", &fields)
            .header("x-forwarded-for", format!("203.0.113.{guess}, {client}"))
            .body(Body::from(encoded(&fields)))
            .unwrap();
        let proxy = ConnectInfo(SocketAddr::from((PROXY, 4711)));
        request.extensions_mut().insert(proxy);
        browser.send(request).await
    };
    for guess in 0..5 {
        let wrong = sign_in(guess, "wrong horse", "192.0.2.66").await;
        assert!(wrong.text.contains("auth.sign_in"), "{wrong:?}");
    }
    let waits = sign_in(5, PASSWORD, "192.0.2.66").await;
    assert!(waits.set_cookies().is_empty(), "{waits:?}");
    let other = sign_in(6, PASSWORD, "192.0.2.7").await;
    assert_eq!(other.set_cookies().len(), 1, "{other:?}");
}

/// Signs somebody of `role` in.
async fn signed_in_as(site: &Site, role: Role) -> Browser {
    const COOKIE: &str = "a secret that only this test knows";
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_ms = since.unwrap().as_millis() as i64;
    let by = By {
        actor: "test",
        now_ms,
    };
    let new = NewUser {
        name: "vera".to_owned(),
        role: role.as_str().to_owned(),
        password: Secret::new("no hash"),
    };
    let user = site
        .harness
        .store
        .create_first_user(&new, None, by)
        .await
        .unwrap();
    let session = NewSession {
        user_id: &user.id,
        password: &user.password,
        sha256: Sha256::digest(COOKIE.as_bytes()).into(),
        user_agent: "",
    };
    site.harness
        .store
        .create_session(session, by)
        .await
        .unwrap();
    let browser = site.browser();
    browser.put_cookie("causeway", COOKIE);
    browser
}

#[tokio::test]
async fn a_viewer_sees_all_and_changes_nothing() {
    let site = Site::new().await;
    site.harness.with_link().await;
    let vera = signed_in_as(&site, Role::Viewer).await;
    let page = vera.open("/links/dr").await;
    assert_eq!(page.status, 200);
    for (function, fields) in [
        ("link-run", vec![("name", "dr"), ("verb", "start")]),
        (
            "link-delete",
            vec![("name", "dr"), ("revision", "1"), ("confirm", "dr")],
        ),
    ] {
        let answer = vera.post(function, &fields).await;
        let location = answer.header("location");
        assert!(location.contains("__err="), "{function}: {answer:?}");
    }
    let link = site
        .harness
        .admin("GET", "/api/v1/links/dr", &Value::Null)
        .await;
    assert_eq!(link.status, 200);
    assert_eq!(
        site.harness.store.link("dr").await.unwrap().phase,
        model::link::Phase::Draft
    );
    let account = vera.open("/account").await;
    account.assert_lacks("value=\"administrator\"");
    let form = account.value_of("form");
    let fields = [
        ("form", form.as_str()),
        ("name", "ci"),
        ("role", "administrator"),
        ("expires_in_days", ""),
    ];
    let refused = vera.submit("make-token", &fields).await;
    refused.assert_has("A token of yours has at most your role");
    refused.assert_lacks("cw_");
}
