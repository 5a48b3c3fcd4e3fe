//! Clusters through the API.

use serde_json::{Value, json};

use crate::harness::{CANARY, Harness, cluster};

const EAST: &str = "/api/v1/clusters/east";

#[tokio::test]
async fn a_cluster_is_made_listed_changed_and_deleted() {
    let harness = Harness::new().await;
    let made = harness
        .admin("POST", "/api/v1/clusters", &cluster("east"))
        .await;
    assert_eq!((made.status, made.header("location")), (201, EAST));
    assert_eq!(made.json()["sasl"]["has_password"], true);
    harness
        .admin("POST", "/api/v1/clusters", &cluster("east"))
        .await
        .assert_problem(409, "save.exists");

    let mut changed = cluster("east");
    changed["title"] = json!("East");
    let answer = harness.matching("PUT", EAST, &made.etag(), &changed).await;
    assert_eq!(
        (answer.status, answer.json()["title"].as_str()),
        (200, Some("East"))
    );
    assert_ne!(answer.etag(), made.etag());
    assert_eq!(
        harness.admin("GET", EAST, &Value::Null).await.etag(),
        answer.etag()
    );

    let gone = harness
        .matching("DELETE", EAST, &answer.etag(), &Value::Null)
        .await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    harness
        .admin("GET", EAST, &Value::Null)
        .await
        .assert_problem(404, "cluster.not_found");
}

#[tokio::test]
async fn changes_need_the_current_revision() {
    let harness = Harness::new().await;
    let made = harness
        .admin("POST", "/api/v1/clusters", &cluster("east"))
        .await;
    for method in ["PUT", "DELETE"] {
        let body = if method == "PUT" {
            cluster("east")
        } else {
            Value::Null
        };
        harness
            .admin(method, EAST, &body)
            .await
            .assert_problem(428, "request.precondition");
        for stale in ["\"999\"", "W/\"999\"", "nonsense", "*"] {
            let answer = harness.matching(method, EAST, stale, &body).await;
            answer.assert_problem(412, "save.conflict");
        }
    }
    assert_eq!(
        harness.admin("GET", EAST, &Value::Null).await.etag(),
        made.etag()
    );
}

#[tokio::test]
async fn a_change_without_password_keeps_the_stored_one() {
    let harness = Harness::new().await;
    let made = harness
        .admin("POST", "/api/v1/clusters", &cluster("east"))
        .await;
    let mut body = cluster("east");
    body["title"] = json!("East");
    body["sasl"].as_object_mut().unwrap().remove("password");
    let answer = harness.matching("PUT", EAST, &made.etag(), &body).await;
    assert_eq!(
        (answer.status, &answer.json()["sasl"]["has_password"]),
        (200, &json!(true))
    );
    harness
        .admin("POST", "/api/v1/clusters/east/test", &Value::Null)
        .await;
    let probed = harness.engine.probes.lock().unwrap()[0].clone();
    assert_eq!(probed.sasl.unwrap().password.unwrap().expose(), CANARY);
}

/// Who may edit a cluster must not be able to send its stored password to an address of their own.
#[tokio::test]
async fn a_stored_password_does_not_follow_to_another_address() {
    let harness = Harness::new().await;
    let made = harness
        .admin("POST", "/api/v1/clusters", &cluster("east"))
        .await;
    let mut moved = cluster("east");
    moved["bootstrap"] = json!(["elsewhere:9092"]);
    let mut bare = cluster("east");
    bare["tls"] = json!({ "mode": "system" });
    for mut body in [moved, bare] {
        body["sasl"].as_object_mut().unwrap().remove("password");
        let answer = harness.matching("PUT", EAST, &made.etag(), &body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(answer.json()["fields"][0]["field"], "sasl.password");
        body["sasl"]["password"] = json!(CANARY);
        let answer = harness.matching("PUT", EAST, "\"999\"", &body).await;
        answer.assert_problem(412, "save.conflict");
    }
}

#[tokio::test]
async fn a_test_of_a_stored_cluster_notes_its_cluster_id() {
    let harness = Harness::new().await;
    harness
        .admin("POST", "/api/v1/clusters", &cluster("east"))
        .await;
    let ladder = harness
        .admin("POST", "/api/v1/clusters/east/test", &Value::Null)
        .await;
    assert_eq!(
        (ladder.status, ladder.json()["cluster_id"].as_str()),
        (200, Some("kafka-id-1"))
    );
    let view = harness.admin("GET", EAST, &Value::Null).await.json();
    assert_eq!(view["cluster_id"], "kafka-id-1");
}

#[tokio::test]
async fn a_cluster_named_test_is_a_cluster_like_any_other() {
    let harness = Harness::new().await;
    harness
        .admin("POST", "/api/v1/clusters", &cluster("test"))
        .await;
    let path = "/api/v1/clusters/test";
    let got = harness.admin("GET", path, &Value::Null).await;
    assert_eq!(got.json()["name"], "test");
    assert_eq!(
        harness.admin("POST", path, &cluster("other")).await.status,
        200
    );
    assert_eq!(
        harness
            .matching("DELETE", path, &got.etag(), &Value::Null)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_cluster_in_use_cannot_be_deleted_and_names_its_links() {
    let harness = Harness::new().await;
    harness.with_link().await;
    let etag = harness.admin("GET", EAST, &Value::Null).await.etag();
    let answer = harness.matching("DELETE", EAST, &etag, &Value::Null).await;
    answer.assert_problem(409, "cluster.in_use");
    assert!(answer.text.contains("`dr`"), "{}", answer.text);
}

#[tokio::test]
async fn pages_join_without_gaps_or_repeats() {
    let harness = Harness::new().await;
    for n in 0..7 {
        let body = cluster(&format!("c{n}"));
        assert_eq!(
            harness
                .admin("POST", "/api/v1/clusters", &body)
                .await
                .status,
            201
        );
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/clusters?limit=3{after}");
        let page = harness.admin("GET", &path, &Value::Null).await.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);
}
