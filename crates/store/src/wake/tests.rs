use model::{finding::Choice, link::Verb};

use crate::{
    Expect, StoreError,
    testing::{ANN, Db, NOW, cluster_spec, later, link_spec, on_both},
};

on_both!(
    every_change_of_intent_bumps_the_number,
    what_changes_nothing_bumps_nothing,
);

async fn every_change_of_intent_bumps_the_number(db: &Db) {
    let store = db.open().await;
    let mut last = store.wake_revision().await.unwrap();
    macro_rules! bumps {
        ($change:expr) => {
            $change.await.unwrap();
            let now = store.wake_revision().await.unwrap();
            assert_eq!(now, last + 1, "{}", stringify!($change));
            last = now;
        };
    }
    let mut east = cluster_spec("east");
    bumps!(store.create_cluster(&east, ANN));
    bumps!(store.create_cluster(&cluster_spec("west"), ANN));
    east.title = "East".to_owned();
    bumps!(store.update_cluster("east", &east, Expect::Any, ANN));
    let mut spec = link_spec("a");
    bumps!(store.create_link(&spec, ANN));
    spec.title = "A".to_owned();
    bumps!(store.update_link("a", &spec, Expect::Any, ANN));
    bumps!(store.apply_verb("a", Verb::Start, Expect::Any, ANN));
    let id = store.link("a").await.unwrap().id;
    bumps!(store.set_control_topic_id(&id, "topic"));
    bumps!(store.decide(&id, "finding", Choice::Continue, ANN));
    bumps!(store.apply_verb("a", Verb::Stop, Expect::Any, ANN));
    bumps!(store.delete_link("a", Expect::Any, ANN));
    bumps!(store.delete_cluster("east", Expect::Any, ANN));
    assert_eq!(last, store.wake_revision().await.unwrap());
}

async fn what_changes_nothing_bumps_nothing(db: &Db) {
    let store = db.with_clusters().await;
    let link = store.create_link(&link_spec("a"), ANN).await.unwrap();
    store
        .apply_verb("a", Verb::Start, Expect::Any, ANN)
        .await
        .unwrap();
    store.set_control_topic_id(&link.id, "topic").await.unwrap();
    store
        .decide(&link.id, "finding", Choice::Continue, ANN)
        .await
        .unwrap();
    let before = store.wake_revision().await.unwrap();
    store
        .apply_verb("a", Verb::Start, Expect::Any, later(1))
        .await
        .unwrap();
    store
        .update_link("a", &link.spec, Expect::Any, later(1))
        .await
        .unwrap();
    store
        .update_cluster("east", &cluster_spec("east"), Expect::Any, later(1))
        .await
        .unwrap();
    store.set_control_topic_id(&link.id, "other").await.unwrap();
    store
        .decide(&link.id, "finding", Choice::Continue, later(1))
        .await
        .unwrap();
    store.set_cluster_id("east", "kafka-id", ANN).await.unwrap();
    store.installation_id(NOW).await.unwrap();
    let refused = store.delete_cluster("east", Expect::Any, ANN).await;
    assert!(matches!(refused, Err(StoreError::InUse { .. })));
    assert_eq!(store.wake_revision().await.unwrap(), before);
}
