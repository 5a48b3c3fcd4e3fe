use model::cluster::Tls;

use super::*;
use crate::testing::{ANN, Db, NOW, cluster_spec, later, link_spec, on_both};

on_both!(
    keeps_what_was_stored,
    a_name_is_taken_once,
    what_is_missing_is_not_found,
    lists_by_name_page_by_page,
    what_is_shown_needs_no_password_opened,
    an_update_without_password_keeps_the_stored_one,
    an_update_without_sign_in_forgets_the_password,
    an_update_expects_the_revision,
    the_name_stays,
    a_cluster_in_use_cannot_be_deleted,
    the_cluster_id_is_noted_without_a_new_revision,
    events_show_no_secret,
    a_secret_moved_to_another_row_does_not_open,
);

fn password(cluster: &Cluster) -> &str {
    cluster.password().unwrap().expose()
}

fn without_password(name: &str) -> ClusterSpec {
    let mut spec = cluster_spec(name);
    spec.sasl.as_mut().unwrap().password = None;
    spec
}

async fn keeps_what_was_stored(db: &Db) {
    let store = db.open().await;
    let mut spec = cluster_spec("east");
    spec.title = "East, \"primary\" \0 ü".to_owned();
    spec.tls = Tls::Ca {
        ca_pem: "pem\n".to_owned(),
        verify_hostname: false,
    };
    let made = store.create_cluster(&spec, ANN).await.unwrap();
    assert_eq!(made.spec, spec);
    assert_eq!(
        (made.revision, made.created_at_ms, made.updated_at_ms),
        (1, NOW, NOW)
    );
    assert_eq!(store.cluster("east").await.unwrap(), made);
    assert!(made.view().sasl.unwrap().has_password);
    let plain = ClusterSpec {
        tls: Tls::Off,
        sasl: None,
        ..cluster_spec("west")
    };
    store.create_cluster(&plain, ANN).await.unwrap();
    assert_eq!(store.cluster("west").await.unwrap().spec, plain);
}

async fn a_name_is_taken_once(db: &Db) {
    let store = db.with_clusters().await;
    let error = store
        .create_cluster(&cluster_spec("east"), later(1))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::Exists {
            kind: "cluster",
            name: "east".to_owned()
        }
    );
}

async fn what_is_missing_is_not_found(db: &Db) {
    let store = db.open().await;
    let missing = StoreError::NotFound {
        kind: "cluster",
        name: "east".to_owned(),
    };
    assert_eq!(store.cluster("east").await.unwrap_err(), missing);
    let spec = cluster_spec("east");
    assert_eq!(
        store
            .update_cluster("east", &spec, Expect::Any, ANN)
            .await
            .unwrap_err(),
        missing
    );
    assert_eq!(
        store
            .delete_cluster("east", Expect::Any, ANN)
            .await
            .unwrap_err(),
        missing
    );
    assert_eq!(
        store.set_cluster_id("east", "id", ANN).await.unwrap_err(),
        missing
    );
}

async fn lists_by_name_page_by_page(db: &Db) {
    let store = db.open().await;
    for name in ["b", "a1", "a2", "c", "a"] {
        store
            .create_cluster(&cluster_spec(name), ANN)
            .await
            .unwrap();
    }
    let (mut names, mut sizes, mut query) = (Vec::new(), Vec::new(), PageQuery::first(2));
    loop {
        let page = store.clusters(&query).await.unwrap();
        sizes.push(page.items.len());
        names.extend(
            page.items
                .into_iter()
                .map(|cluster| cluster.spec.name.to_string()),
        );
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(names, ["a", "a1", "a2", "b", "c"]);
}

async fn what_is_shown_needs_no_password_opened(db: &Db) {
    let store = db.open().await;
    let stored = store.create_cluster(&cluster_spec("east"), ANN).await;
    let view = stored.unwrap().view();
    assert!(view.sasl.as_ref().unwrap().has_password);
    // No key opens this one.
    sqlx::query("UPDATE clusters SET password = 'v1:damaged'")
        .execute(&store.pool)
        .await
        .unwrap();
    assert!(store.cluster("east").await.is_err());
    assert_eq!(store.cluster_view("east").await.unwrap(), view);
    let page = store.cluster_views(&PageQuery::first(10)).await.unwrap();
    assert_eq!(page.items, [view]);
    let open = ClusterSpec {
        sasl: None,
        ..cluster_spec("west")
    };
    store.create_cluster(&open, ANN).await.unwrap();
    assert_eq!(store.cluster_view("west").await.unwrap().sasl, None);
}

async fn an_update_without_password_keeps_the_stored_one(db: &Db) {
    let store = db.with_clusters().await;
    let mut spec = without_password("east");
    spec.title = "East".to_owned();
    let after = store
        .update_cluster("east", &spec, Expect::Revision(1), later(5))
        .await
        .unwrap();
    assert_eq!(password(&after), "pa55 word");
    assert_eq!(
        (after.revision, after.created_at_ms, after.updated_at_ms),
        (2, NOW, NOW + 5)
    );
    assert_eq!(store.cluster("east").await.unwrap(), after);
    spec.sasl.as_mut().unwrap().password = Some(Secret::new("new"));
    store
        .update_cluster("east", &spec, Expect::Any, later(6))
        .await
        .unwrap();
    assert_eq!(password(&store.cluster("east").await.unwrap()), "new");
}

async fn an_update_without_sign_in_forgets_the_password(db: &Db) {
    let store = db.with_clusters().await;
    let open = ClusterSpec {
        sasl: None,
        ..cluster_spec("east")
    };
    store
        .update_cluster("east", &open, Expect::Any, ANN)
        .await
        .unwrap();
    let after = store
        .update_cluster("east", &without_password("east"), Expect::Any, ANN)
        .await
        .unwrap();
    assert_eq!(after.password(), None);
    assert!(!after.view().sasl.unwrap().has_password);
}

async fn an_update_expects_the_revision(db: &Db) {
    let store = db.with_clusters().await;
    let mut spec = without_password("east");
    spec.title = "one".to_owned();
    store
        .update_cluster("east", &spec, Expect::Revision(1), ANN)
        .await
        .unwrap();
    spec.title = "two".to_owned();
    let conflict = StoreError::Conflict {
        kind: "cluster",
        name: "east".to_owned(),
        current: 2,
    };
    let old = Expect::Revision(1);
    assert_eq!(
        store
            .update_cluster("east", &spec, old, ANN)
            .await
            .unwrap_err(),
        conflict
    );
    assert_eq!(
        store.delete_cluster("east", old, ANN).await.unwrap_err(),
        conflict
    );
    assert_eq!(store.cluster("east").await.unwrap().spec.title, "one");
}

async fn the_name_stays(db: &Db) {
    let store = db.with_clusters().await;
    let error = store
        .update_cluster("east", &cluster_spec("north"), Expect::Any, ANN)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Immutable { field: "name", .. }));
}

async fn a_cluster_in_use_cannot_be_deleted(db: &Db) {
    let store = db.with_clusters().await;
    for name in ["b", "a"] {
        store.create_link(&link_spec(name), ANN).await.unwrap();
    }
    let links = vec!["a".to_owned(), "b".to_owned()];
    for cluster in ["east", "west"] {
        let error = store
            .delete_cluster(cluster, Expect::Any, ANN)
            .await
            .unwrap_err();
        assert_eq!(
            error,
            StoreError::InUse {
                cluster: cluster.to_owned(),
                links: links.clone()
            }
        );
        assert!(error.to_string().contains("links `a`, `b`"), "{error}");
    }
    for name in ["b", "a"] {
        store.delete_link(name, Expect::Any, ANN).await.unwrap();
    }
    store
        .delete_cluster("east", Expect::Revision(1), ANN)
        .await
        .unwrap();
    assert!(matches!(
        store.cluster("east").await,
        Err(StoreError::NotFound { .. })
    ));
}

async fn the_cluster_id_is_noted_without_a_new_revision(db: &Db) {
    let store = db.with_clusters().await;
    assert_eq!(
        store.set_cluster_id("east", "one", ANN).await.unwrap(),
        None
    );
    assert_eq!(
        store.set_cluster_id("east", "one", ANN).await.unwrap(),
        Some("one".to_owned())
    );
    assert_eq!(
        store.set_cluster_id("east", "two", ANN).await.unwrap(),
        Some("one".to_owned())
    );
    let cluster = store.cluster("east").await.unwrap();
    assert_eq!(
        (cluster.cluster_id.as_deref(), cluster.revision),
        (Some("two"), 1)
    );
    let subject = Subject::Cluster(cluster.id);
    let events = store
        .events_of(&subject, &PageQuery::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(
        events
            .iter()
            .filter(|event| event.kind == "cluster.identified")
            .count(),
        2
    );
}

async fn events_show_no_secret(db: &Db) {
    let store = db.with_clusters().await;
    let mut spec = cluster_spec("east");
    spec.sasl.as_mut().unwrap().password = Some(Secret::new("new pa55"));
    let changed = store
        .update_cluster("east", &spec, Expect::Any, later(1))
        .await
        .unwrap();
    spec.title = "East".to_owned();
    store
        .update_cluster("east", &spec, Expect::Any, later(2))
        .await
        .unwrap();
    let subject = Subject::Cluster(changed.id);
    let events = store
        .events_of(&subject, &PageQuery::first(10))
        .await
        .unwrap()
        .items;
    let passwords: Vec<bool> = events
        .iter()
        .map(|event| event.after.as_ref().unwrap()["sasl"]["password"] == "changed")
        .collect();
    assert_eq!(passwords, [false, true, false], "newest first");
    assert!(events.iter().all(|event| event.actor == "ann"));
    assert!(!format!("{events:?}").contains("pa55"));
}

async fn a_secret_moved_to_another_row_does_not_open(db: &Db) {
    let store = db.with_clusters().await;
    let moved =
        "UPDATE clusters SET password = (SELECT password FROM clusters WHERE name = 'east')";
    sqlx::query(moved).execute(&store.pool).await.unwrap();
    store.cluster("east").await.unwrap();
    let error = store.cluster("west").await.unwrap_err();
    assert!(
        matches!(error, StoreError::Key(crate::KeyError::Damaged { .. })),
        "{error}"
    );
}
