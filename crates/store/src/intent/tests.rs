use model::{finding::Choice, link::Verb};

use crate::{
    Expect, StoreError,
    testing::{ANN, Db, cluster_spec, later, link_spec, on_both},
};

on_both!(
    holds_started_links_with_all_they_need,
    one_unreadable_link_leaves_the_others
);

async fn holds_started_links_with_all_they_need(db: &Db) {
    let store = db.with_clusters().await;
    for name in ["a", "b", "draft"] {
        store.create_link(&link_spec(name), ANN).await.unwrap();
    }
    for name in ["a", "b"] {
        store
            .apply_verb(name, Verb::Start, Expect::Any, ANN)
            .await
            .unwrap();
    }
    store
        .apply_verb("b", Verb::Stop, Expect::Any, ANN)
        .await
        .unwrap();
    let a = store.link("a").await.unwrap();
    let decision = store
        .decide(&a.id, "f", Choice::Skip, later(1))
        .await
        .unwrap();
    let intent = store.intent().await.unwrap();
    assert_eq!(intent.revision, store.wake_revision().await.unwrap());
    let names: Vec<&str> = intent
        .links
        .iter()
        .map(|l| l.link.spec.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(intent.links[0].link, a);
    assert_eq!(intent.links[0].decisions, [decision]);
    assert_eq!(intent.links[0].source.spec, cluster_spec("east"));
    assert_eq!(intent.links[0].destination.spec, cluster_spec("west"));
    assert!(intent.links[1].decisions.is_empty() && intent.unreadable.is_empty());
}

async fn one_unreadable_link_leaves_the_others(db: &Db) {
    let store = db.with_clusters().await;
    for name in ["a", "b"] {
        store.create_link(&link_spec(name), ANN).await.unwrap();
        store
            .apply_verb(name, Verb::Start, Expect::Any, ANN)
            .await
            .unwrap();
    }
    let broken = "UPDATE links SET spec = '{' WHERE name = 'a'";
    sqlx::query(broken).execute(&store.pool).await.unwrap();
    let intent = store.intent().await.unwrap();
    assert_eq!(intent.links.len(), 1);
    assert!(matches!(
        intent.unreadable[..],
        [StoreError::Corrupt { table: "links", .. }]
    ));
}
