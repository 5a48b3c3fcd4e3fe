//! The event streams of pages.

use axum::body::Body;
use futures_util::StreamExt;
use tower::ServiceExt;

use crate::browser::Site;

#[tokio::test]
async fn one_stream_too_many_is_told_why_it_ends_and_the_others_go_on() {
    const STREAMS_EACH: usize = 20;
    let (site, browser) = Site::set_up().await;
    let ask = || {
        browser
            .request("GET", "/live?page=/")
            .body(Body::empty())
            .unwrap()
    };
    let mut held = Vec::new();
    for _ in 0..STREAMS_EACH {
        let stream = site.router.clone().oneshot(ask()).await.unwrap();
        assert_eq!(stream.status(), 200);
        held.push(stream);
    }
    let refused = browser.send(ask()).await;
    assert_eq!(refused.header("content-type"), "text/event-stream");
    assert_eq!(refused.text.trim(), "event: bye\ndata: full");
    held.pop();
    let welcome = site.router.clone().oneshot(ask()).await.unwrap();
    let (event, _) = welcome.into_body().into_data_stream().into_future().await;
    let event = event.unwrap().unwrap();
    assert!(event.starts_with(b"event: snapshot"), "{event:?}");
}

#[tokio::test]
async fn the_rail_counts_links_and_clusters_in_the_first_html_and_by_the_stream() {
    let (site, browser) = Site::set_up().await;
    let none = browser.open("/account").await;
    none.assert_has("Links 0");
    none.assert_has("Clusters 0");
    site.harness.with_link().await;
    let some = browser.open("/account").await;
    some.assert_has("Links 1");
    some.assert_has("Clusters 2");
    let ask = browser
        .request("GET", "/live?page=/clusters")
        .body(Body::empty())
        .unwrap();
    let stream = site.router.clone().oneshot(ask).await.unwrap();
    let (event, _) = stream.into_body().into_data_stream().into_future().await;
    let event = String::from_utf8(event.unwrap().unwrap().to_vec()).unwrap();
    let counts = r#""_counts":{"clusters":2,"links":1}"#;
    assert!(event.contains(counts), "{event}");
}
