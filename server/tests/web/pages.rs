//! What holds for every page.

use axum::body::Body;

use crate::browser::{Page, Site};

/// All addresses that need no more than the link `dr` and its clusters.
const PAGES: [&str; 18] = [
    "/",
    "/links",
    "/links?q=dr",
    "/links/dr",
    "/links/dr/topics",
    "/links/dr/config",
    "/links/dr/events",
    "/links/dr/findings",
    "/links/dr/delete",
    "/search",
    "/search?q=dr",
    "/events",
    "/clusters",
    "/clusters/east",
    "/clusters/east/remove",
    "/account",
    "/nowhere",
    "/links/missing",
];

fn assert_complete(path: &str, page: &Page) {
    let html = &page.text;
    assert!(html.starts_with("<!DOCTYPE html>"), "{path}: {html}");
    // Leptos sends what the browser takes over with behind the document, as scripts.
    let (_, behind) = html.split_once("</html>").unwrap();
    let behind = behind.trim_start_matches("<!>");
    assert!(
        behind.is_empty() || behind.starts_with("<script nonce="),
        "{path}: {behind}"
    );
    assert_eq!(html.matches("<h1").count(), 1, "{path}: {html}");
    assert_eq!(html.matches("<main").count(), 1, "{path}: {html}");
    assert_eq!(html.matches("<title>").count(), 1, "{path}: {html}");
    let title = html
        .split("<title>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    assert!(
        title.ends_with("· Causeway") && title.len() > 12,
        "{path}: {title}"
    );
    assert!(html.len() < 300_000, "{path}: {} bytes", html.len());
    assert!(!html.contains(" style=\""), "{path}: {html}");
    assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(page.header("cache-control"), "no-store", "{path}");
    assert_only_scripts_of_this_page(path, page);
}

/// Every script carries the nonce of the policy, which lets nothing else in.
fn assert_only_scripts_of_this_page(path: &str, page: &Page) {
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    for part in [
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(nonce.len() > 15, "{path}: {policy}");
    for script in page.text.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{path}: {tag}");
    }
    for tag in page.text.split('<') {
        let tag = tag.split('>').next().unwrap();
        assert!(
            !tag.contains(" onclick=") && !tag.contains("javascript:"),
            "{path}: {tag}"
        );
    }
}

#[tokio::test]
async fn every_page_is_complete_without_script_and_lets_no_foreign_script_in() {
    let (site, browser) = Site::set_up().await;
    site.harness.with_link().await;
    let mut nonces = std::collections::BTreeSet::new();
    for path in PAGES {
        let page = browser.open(path).await;
        let expected = match path {
            "/nowhere" | "/links/missing" => 404,
            _ => 200,
        };
        assert_eq!(page.status, expected, "{path}: {}", page.text);
        assert_complete(path, &page);
        assert!(page.text.contains("class=\"skip\""), "{path}");
        nonces.insert(page.header("content-security-policy").to_owned());
    }
    assert_eq!(
        nonces.len(),
        PAGES.len(),
        "each answer has a nonce of its own"
    );
}

#[tokio::test]
async fn the_pages_before_the_sign_in_are_complete_too() {
    let site = Site::new().await;
    let browser = site.browser();
    assert_complete("/setup", &browser.open("/setup").await);
    let link = site.setup_link().await;
    browser
        .set_up(&link, "correct horse", "correct horse")
        .await;
    let stranger = site.browser();
    assert_complete("/sign-in", &stranger.open("/sign-in").await);
}

#[tokio::test]
async fn a_head_request_is_answered_like_the_page_without_its_body() {
    let (_site, browser) = Site::set_up().await;
    for (path, status) in [("/", 200), ("/account", 200), ("/nowhere", 404)] {
        let request = browser.request("HEAD", path).body(Body::empty()).unwrap();
        let head = browser.send(request).await;
        assert_eq!(head.status, status, "{path}");
        assert!(head.text.is_empty(), "{path}");
        assert!(
            head.header("content-type").starts_with("text/html"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_unknown_address_has_a_page_with_a_way_back() {
    let (site, browser) = Site::set_up().await;
    let page = browser.open("/no/such/page").await;
    assert_eq!(page.status, 404);
    page.assert_has("There is nothing at this address.");
    assert!(page.text.contains("href=\"/\""));
    let stranger = site.browser().open("/no/such/page").await;
    stranger.assert_has("Sign in to Causeway");
}
