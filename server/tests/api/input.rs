//! Bad input of every kind gets a clear problem.

use std::time::Duration;

use app::access::Role;
use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use server::http::{Metrics, router};
use tower::ServiceExt;

use crate::harness::{CANARY, Harness, api, cluster, link};

async fn post(
    harness: &Harness,
    content_type: &str,
    body: impl Into<Body>,
) -> crate::harness::Answer {
    let request = Request::post("/api/v1/clusters")
        .header(
            "authorization",
            format!("Bearer {}", harness.token(Role::Administrator)),
        )
        .header("content-type", content_type);
    harness.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn malformed_json_is_named_by_its_place() {
    let harness = Harness::new().await;
    let answer = post(&harness, "application/json", "{\"name\": \"a\",\n oops}").await;
    answer.assert_problem(400, "request.malformed");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("Line 2, column 2: ")
    );
}

#[tokio::test]
async fn unknown_fields_are_refused_by_name_at_every_depth() {
    let harness = Harness::new().await;
    let mut outer = cluster("a");
    outer["nmae"] = json!("a");
    let mut inner = cluster("a");
    inner["sasl"]["passwrd"] = json!(CANARY);
    for (body, field) in [(outer, "nmae"), (inner, "passwrd")] {
        let answer = harness.admin("POST", "/api/v1/clusters", &body).await;
        answer.assert_problem(422, "input.invalid");
        assert_eq!(answer.json()["fields"][0]["field"], field);
        assert!(!answer.text.contains(CANARY));
    }
}

#[tokio::test]
async fn a_password_in_the_wrong_place_does_not_come_back() {
    let harness = Harness::new().await;
    for place in ["/bootstrap", "/sasl", "/tls"] {
        let mut body = cluster("a");
        body["tls"] = json!({ "mode": "off" });
        *body.pointer_mut(place).unwrap() = json!(CANARY);
        let answer = harness.admin("POST", "/api/v1/clusters", &body).await;
        answer.assert_problem(422, "input.invalid");
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_body_of_10_mb_is_refused_whether_or_not_its_length_is_known() {
    let harness = Harness::new().await;
    let big = vec![b' '; 10 << 20];
    let answer = post(&harness, "application/json", big.clone()).await;
    answer.assert_problem(413, "request.too_large");
    let chunks = big
        .chunks(65_536)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let stream = futures_util::stream::iter(chunks.collect::<Vec<_>>());
    let answer = post(&harness, "application/json", Body::from_stream(stream)).await;
    answer.assert_problem(413, "request.too_large");
}

#[tokio::test]
async fn other_media_types_addresses_and_methods_are_problems_too() {
    let harness = Harness::new().await;
    post(&harness, "text/plain", "{}")
        .await
        .assert_problem(415, "request.media_type");
    post(&harness, "application/x-www-form-urlencoded", "name=a")
        .await
        .assert_problem(415, "request.media_type");
    for path in [
        "/api",
        "/api/v2/links",
        "/api/v1/nothing",
        "/api/v1/links/UPPER",
    ] {
        let answer = harness.admin("GET", path, &Value::Null).await;
        answer.assert_problem(404, "request.not_found");
    }
    let answer = harness.admin("PATCH", "/api/v1/links", &Value::Null).await;
    answer.assert_problem(405, "request.method");
    assert!(
        answer.header("allow").contains("POST"),
        "{:?}",
        answer.headers
    );
    harness
        .admin("POST", "/api/v1/links/dr", &link("dr"))
        .await
        .assert_problem(405, "request.method");
    harness
        .admin("GET", "/api/v1/links/dr/start", &Value::Null)
        .await
        .assert_problem(405, "request.method");
}

#[tokio::test]
async fn queries_are_checked() {
    let harness = Harness::new().await;
    for query in ["limit=0", "limit=1001"] {
        let path = format!("/api/v1/links?{query}");
        harness
            .admin("GET", &path, &Value::Null)
            .await
            .assert_problem(422, "input.invalid");
    }
    for query in ["limit=x", "limt=5", "limit=-1"] {
        let path = format!("/api/v1/links?{query}");
        harness
            .admin("GET", &path, &Value::Null)
            .await
            .assert_problem(400, "request.query");
    }
    harness
        .admin("GET", "/api/v1/links?after=%00", &Value::Null)
        .await
        .assert_problem(400, "request.cursor");
}

#[tokio::test]
async fn faulty_specs_are_told_field_by_field() {
    let harness = Harness::new().await;
    harness.with_link().await;
    let mut body = cluster("a");
    body["bootstrap"] = json!(["kafka-1", "kafka-2:9092", ":1"]);
    let answer = harness.admin("POST", "/api/v1/clusters", &body).await;
    answer.assert_problem(422, "input.invalid");
    let fields = answer.json()["fields"].clone();
    assert_eq!(fields[0]["field"], "bootstrap[0]");
    assert!(
        fields[0]["message"]
            .as_str()
            .unwrap()
            .contains("`kafka-1:9092`"),
        "{fields}"
    );
    assert_eq!(fields[1]["field"], "bootstrap[2]");
    for pattern in ["(?=x)y", "a)|(b", "a++", &"x".repeat(1 << 19)] {
        let mut body = link("x");
        body["topics"]["include"][0] = json!({ "kind": "regex", "pattern": pattern });
        let answer = harness.admin("POST", "/api/v1/links", &body).await;
        answer.assert_problem(422, "input.invalid");
        assert_eq!(
            answer.json()["fields"][0]["field"],
            "topics.include[0].pattern",
            "{pattern:.20}"
        );
    }
    let mut body = link("x");
    body["destination"] = json!("north");
    let answer = harness.admin("POST", "/api/v1/links", &body).await;
    answer.assert_problem(422, "input.invalid");
    assert_eq!(answer.json()["fields"][0]["field"], "destination");
    let mut body = cluster("a");
    body["sasl"].as_object_mut().unwrap().remove("password");
    let answer = harness.admin("POST", "/api/v1/clusters", &body).await;
    answer.assert_problem(422, "input.invalid");
    assert_eq!(answer.json()["fields"][0]["field"], "sasl.password");
}

#[tokio::test]
async fn every_answer_carries_its_id_and_the_security_headers_and_no_server_name() {
    let harness = Harness::new().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/healthz", "/api/v1/links", "/nothing"] {
        let answer = harness.admin("GET", path, &Value::Null).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        assert_eq!(answer.header("server"), "");
        ids.insert(answer.header("x-request-id").to_owned());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_panic_answers_500_without_its_words() {
    let harness = Harness::new().await;
    let mut body = cluster("a");
    body["title"] = json!("panic");
    let answer = harness.admin("POST", "/api/v1/clusters/test", &body).await;
    answer.assert_problem(500, "internal");
    assert!(!answer.text.contains("asked to"));
    assert_eq!(answer.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn without_a_database_the_process_is_alive_but_not_ready() {
    let router = router(api(Metrics::Everybody, Duration::from_secs(5)));
    for (path, status) in [
        ("/healthz", 200),
        ("/metrics", 200),
        ("/readyz", 503),
        ("/api/v1/links", 503),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let api = api(Metrics::WithToken, Duration::from_millis(50));
    let harness = Harness::new().await;
    api.host(harness.store.clone(), harness.engine.clone());
    let router = router(api);
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let mut request = harness.request(Role::Administrator, "POST", "/api/v1/links", &json!({}));
    *request.body_mut() = Body::from_stream(never);
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 504);
}
