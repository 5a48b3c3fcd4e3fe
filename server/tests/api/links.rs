//! Links through the API.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::harness::{CANARY, Harness, link};

const DR: &str = "/api/v1/links/dr";

async fn verb(harness: &Harness, verb: &str) -> crate::harness::Answer {
    harness
        .admin("POST", &format!("{DR}/{verb}"), &Value::Null)
        .await
}

#[tokio::test]
async fn a_link_is_made_as_a_draft_changed_and_deleted_with_its_name_repeated() {
    let harness = Harness::new().await;
    let made = harness.with_link().await;
    assert_eq!(
        (made.json()["phase"].as_str(), made.header("location")),
        (Some("draft"), DR)
    );
    let mut changed = link("dr");
    changed["title"] = json!("Disaster recovery");
    let answer = harness.matching("PUT", DR, &made.etag(), &changed).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    harness
        .matching("PUT", DR, &made.etag(), &changed)
        .await
        .assert_problem(412, "save.conflict");
    let mut renamed = link("other");
    renamed["title"] = json!("x");
    let refused = harness.matching("PUT", DR, &answer.etag(), &renamed).await;
    refused.assert_problem(422, "input.invalid");
    assert_eq!(refused.json()["fields"][0]["field"], "name");
    for path in [DR.to_owned(), format!("{DR}?confirm=rd")] {
        let refused = harness
            .matching("DELETE", &path, &answer.etag(), &Value::Null)
            .await;
        refused.assert_problem(422, "input.invalid");
    }
    let path = format!("{DR}?confirm=dr");
    assert_eq!(
        harness
            .matching("DELETE", &path, &answer.etag(), &Value::Null)
            .await
            .status,
        204
    );
    harness
        .admin("GET", DR, &Value::Null)
        .await
        .assert_problem(404, "link.not_found");
}

#[tokio::test]
async fn verbs_move_the_phase_and_doing_them_again_changes_nothing() {
    let harness = Harness::new().await;
    harness.with_link().await;
    verb(&harness, "pause")
        .await
        .assert_problem(409, "link.verb_refused");
    for (name, phase) in [
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("stop", "stopped"),
    ] {
        let woken = harness.engine.wakes.load(Ordering::Relaxed);
        let first = verb(&harness, name).await;
        assert_eq!(
            (first.status, first.json()["phase"].as_str()),
            (200, Some(phase)),
            "{name}"
        );
        assert!(harness.engine.wakes.load(Ordering::Relaxed) > woken);
        let again = verb(&harness, name).await;
        assert_eq!((again.status, again.etag()), (200, first.etag()), "{name}");
    }
    let refused = verb(&harness, "resume").await;
    refused.assert_problem(409, "link.verb_refused");
    assert_eq!(refused.json()["state"], "stopped");
}

#[tokio::test]
async fn a_running_link_cannot_be_deleted() {
    let harness = Harness::new().await;
    harness.with_link().await;
    let etag = verb(&harness, "start").await.etag();
    let path = format!("{DR}?confirm=dr");
    let answer = harness.matching("DELETE", &path, &etag, &Value::Null).await;
    answer.assert_problem(409, "link.not_stopped");
}

#[tokio::test]
async fn a_start_with_a_fingerprint_starts_that_plan_and_no_other() {
    let harness = Harness::new().await;
    harness.with_link().await;
    *harness.engine.fingerprint.lock().unwrap() = "aa".to_owned();
    let plan = harness
        .admin("POST", &format!("{DR}/plan"), &Value::Null)
        .await
        .json();
    assert_eq!(plan["fingerprint"], "aa");
    let view = harness
        .admin("GET", "/api/v1/clusters/west", &Value::Null)
        .await
        .json();
    assert_eq!(
        view["cluster_id"], "kafka-id-2",
        "a plan notes the cluster ids that it saw"
    );

    *harness.engine.fingerprint.lock().unwrap() = "bb".to_owned();
    let start = format!("{DR}/start");
    let refused = harness
        .admin("POST", &start, &json!({ "fingerprint": "aa" }))
        .await;
    refused.assert_problem(409, "plan.changed");
    assert_eq!(refused.json()["plan"]["fingerprint"], "bb");
    assert_eq!(
        harness.admin("GET", DR, &Value::Null).await.json()["phase"],
        "draft"
    );

    *harness.engine.refusals.lock().unwrap() = vec!["Two topics share a name.".to_owned()];
    let refused = harness
        .admin("POST", &start, &json!({ "fingerprint": "bb" }))
        .await;
    refused.assert_problem(409, "plan.refused");
    harness.engine.refusals.lock().unwrap().clear();
    for _ in 0..2 {
        let started = harness
            .admin("POST", &start, &json!({ "fingerprint": "bb" }))
            .await;
        assert_eq!(
            (started.status, started.json()["phase"].as_str()),
            (200, Some("running"))
        );
    }
    let unknown = harness
        .admin("POST", &start, &json!({ "finger": "bb" }))
        .await;
    unknown.assert_problem(422, "input.invalid");
}

#[tokio::test]
async fn status_follows_the_phase_where_no_worker_reports() {
    let harness = Harness::new().await;
    harness.with_link().await;
    let state = async || {
        harness
            .admin("GET", &format!("{DR}/status"), &Value::Null)
            .await
            .json()["state"]
            .clone()
    };
    assert_eq!(state().await, "draft");
    verb(&harness, "start").await;
    assert_eq!(state().await, "starting");
    verb(&harness, "stop").await;
    assert_eq!(state().await, "stopped");
}

#[tokio::test]
async fn a_held_partition_takes_a_choice_that_fits_its_finding() {
    let harness = Harness::new().await;
    harness.with_link().await;
    let finding = |id: &str, state: &str| {
        json!({
            "id": id, "kind": "divergence", "topic": "orders", "mirror_topic": "orders", "partition": 3,
            "source": [5, 9], "destination": null, "detail": "x", "broker_error": null, "found_at_ms": 7,
            "state": { "state": state },
        })
    };
    let (held, recorded) = (
        "0190a000-0000-7000-8000-000000000001",
        "0190a000-0000-7000-8000-000000000002",
    );
    harness.record(finding(held, "held")).await;
    harness.record(finding(recorded, "recorded")).await;
    let list = harness
        .admin("GET", &format!("{DR}/findings"), &Value::Null)
        .await
        .json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);

    let decide = async |id: &str, choice: &str| {
        let path = format!("{DR}/findings/{id}/decision");
        harness
            .admin("POST", &path, &json!({ "choice": choice }))
            .await
    };
    let refused = decide(held, "append").await;
    refused.assert_problem(422, "input.invalid");
    assert!(refused.text.contains("`continue`"), "{}", refused.text);
    decide(recorded, "continue")
        .await
        .assert_problem(409, "finding.not_held");
    decide("0190a000-0000-7000-8000-000000000003", "continue")
        .await
        .assert_problem(404, "finding.not_found");
    for _ in 0..2 {
        assert_eq!(decide(held, "continue").await.status, 200);
    }
    let link = harness.store.link("dr").await.unwrap();
    assert_eq!(harness.store.decisions(&link.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn events_tell_who_did_what_without_secrets() {
    let harness = Harness::new().await;
    harness.with_link().await;
    verb(&harness, "start").await;
    let answer = harness
        .admin("GET", &format!("{DR}/events?limit=1"), &Value::Null)
        .await;
    let page = answer.json();
    assert_eq!(page["items"][0]["kind"], "link.running");
    assert_eq!(page["items"][0]["actor"], "token administrator");
    let path = format!(
        "{DR}/events?limit=1&after={}",
        page["next"].as_str().unwrap()
    );
    let next = harness.admin("GET", &path, &Value::Null).await.json();
    assert_eq!(next["items"][0]["kind"], "link.created");
    assert!(!answer.text.contains(CANARY));
}

#[tokio::test]
async fn a_link_named_plan_is_a_link_like_any_other() {
    let harness = Harness::new().await;
    harness.with_link().await;
    harness.admin("POST", "/api/v1/links", &link("plan")).await;
    let got = harness
        .admin("GET", "/api/v1/links/plan", &Value::Null)
        .await;
    assert_eq!(got.json()["spec"]["name"], "plan");
    let planned = harness
        .admin("POST", "/api/v1/links/plan", &link("draft"))
        .await;
    assert_eq!(planned.json()["destination_cluster_id"], "kafka-id-2");
}
