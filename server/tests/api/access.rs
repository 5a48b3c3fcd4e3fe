//! Who gets in, and who may do what.

use app::access::Role;
use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use server::http::Metrics;

use crate::harness::{CANARY, Harness, cluster, link};

const FINDING: &str = "/api/v1/links/dr/findings/0190a000-0000-7000-8000-000000000001/decision";
const TOKEN: &str = "/api/v1/tokens/0190a000-0000-7000-8000-000000000001";

/// Every route with the least role that it needs.
fn routes() -> Vec<(&'static str, &'static str, Value, Role)> {
    use Role::{Administrator as A, Editor as E, Operator as O, Viewer as V};
    let none = || Value::Null;
    vec![
        ("GET", "/api/v1/clusters", none(), V),
        ("GET", "/api/v1/clusters/east", none(), V),
        ("POST", "/api/v1/clusters", cluster("north"), A),
        ("PUT", "/api/v1/clusters/east", cluster("east"), A),
        ("DELETE", "/api/v1/clusters/spare", none(), A),
        ("POST", "/api/v1/clusters/test", cluster("new-one"), A),
        ("POST", "/api/v1/clusters/east/test", none(), A),
        ("GET", "/api/v1/links", none(), V),
        ("GET", "/api/v1/links/dr", none(), V),
        ("GET", "/api/v1/links/dr/status", none(), V),
        ("GET", "/api/v1/links/dr/events", none(), V),
        ("GET", "/api/v1/links/dr/findings", none(), V),
        ("POST", "/api/v1/links", link("second"), E),
        ("POST", "/api/v1/links/plan", link("third"), E),
        ("PUT", "/api/v1/links/dr", link("dr"), E),
        ("POST", "/api/v1/links/dr/plan", none(), O),
        ("POST", "/api/v1/links/dr/start", none(), O),
        ("POST", "/api/v1/links/dr/pause", none(), O),
        ("POST", "/api/v1/links/dr/resume", none(), O),
        ("POST", "/api/v1/links/dr/stop", none(), O),
        ("POST", FINDING, json!({ "choice": "continue" }), O),
        ("DELETE", "/api/v1/links/dr?confirm=dr", none(), E),
        ("GET", "/api/v1/tokens", none(), A),
        (
            "POST",
            "/api/v1/tokens",
            json!({ "name": "x", "role": "viewer" }),
            A,
        ),
        ("DELETE", TOKEN, none(), A),
        ("GET", "/metrics", none(), V),
    ]
}

#[tokio::test]
async fn every_route_answers_403_below_its_role_and_not_from_it_on() {
    let harness = Harness::new().await;
    harness.with_link().await;
    for (method, path, body, needed) in routes() {
        for role in Role::ALL {
            let mut request = harness.request(role, method, path, &body);
            request
                .headers_mut()
                .insert("if-match", "\"999\"".parse().unwrap());
            let answer = harness.send(request).await;
            let denied = answer.status == 403;
            assert_eq!(
                denied,
                role < needed,
                "{method} {path} as {role:?}: {}",
                answer.text
            );
            assert!(
                answer.status < 500,
                "{method} {path} as {role:?}: {}",
                answer.text
            );
            assert!(!answer.text.contains(CANARY), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_answers_401_without_a_good_token_and_always_the_same() {
    let harness = Harness::new().await;
    harness.with_link().await;
    let revoked = harness.token(Role::Operator).to_owned();
    let list = harness
        .admin("GET", "/api/v1/tokens", &Value::Null)
        .await
        .json();
    let operator = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["role"] == "operator")
        .unwrap();
    let path = format!("/api/v1/tokens/{}", operator["id"].as_str().unwrap());
    assert_eq!(
        harness.admin("DELETE", &path, &Value::Null).await.status,
        204
    );
    let headers = [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer cw_wrong".to_owned()),
        Some(format!("Basic {revoked}")),
        Some(format!("Bearer {revoked}")),
    ];
    let mut texts = std::collections::BTreeSet::new();
    for (method, path, _, _) in routes() {
        for header in &headers {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = harness.send(request.body(Body::empty()).unwrap()).await;
            answer.assert_problem(401, "auth.token");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            texts.insert(answer.text);
        }
    }
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let harness = Harness::new().await;
    let past = json!({ "name": "x", "role": "viewer", "expires_at_ms": 5 });
    harness
        .admin("POST", "/api/v1/tokens", &past)
        .await
        .assert_problem(422, "input.invalid");
    let input = app::api::tokens::TokenInput {
        name: "old".to_owned(),
        role: Role::Viewer,
        expires_at_ms: Some(5),
    };
    let by = store::By {
        actor: "test",
        now_ms: 1,
    };
    let issued = app::api::tokens::issue(&harness.store, &input, by)
        .await
        .unwrap();
    let request = Request::builder()
        .uri("/api/v1/links")
        .header("authorization", format!("Bearer {}", issued.token));
    let answer = harness.send(request.body(Body::empty()).unwrap()).await;
    answer.assert_problem(401, "auth.token");
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_with_its_role() {
    let harness = Harness::new().await;
    let input = json!({ "name": "ci", "role": "viewer" });
    let made = harness.admin("POST", "/api/v1/tokens", &input).await;
    assert_eq!(made.status, 201);
    let text = made.json()["token"].as_str().unwrap().to_owned();
    assert!(text.starts_with("cw_") && text.len() == 46, "{text}");
    let list = harness.admin("GET", "/api/v1/tokens", &Value::Null).await;
    assert!(!list.text.contains(&text));
    for (path, status) in [("/api/v1/links", 200), ("/api/v1/tokens", 403)] {
        let request = Request::builder()
            .uri(path)
            .header("authorization", format!("bearer {text}"));
        assert_eq!(
            harness
                .send(request.body(Body::empty()).unwrap())
                .await
                .status,
            status
        );
    }
}

#[tokio::test]
async fn probes_need_no_token_and_metrics_none_when_they_are_open() {
    let harness = Harness::with(Metrics::Everybody).await;
    for (path, begins) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "# HELP"),
    ] {
        let answer = harness
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text.starts_with(begins), "{path}: {}", answer.text);
    }
}
