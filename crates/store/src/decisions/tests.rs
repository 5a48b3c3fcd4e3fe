use super::*;
use crate::{
    Expect, PageQuery,
    testing::{ANN, Db, NOW, later, link_spec, on_both},
};

on_both!(
    keeps_choices_oldest_first,
    the_same_choice_again_changes_nothing,
    a_retry_can_be_asked_for_again,
    the_newest_choice_counts,
    choices_need_a_link_and_go_with_it,
);

async fn with_link(db: &Db) -> (Store, String) {
    let store = db.with_clusters().await;
    let id = store.create_link(&link_spec("a"), ANN).await.unwrap().id;
    (store, id)
}

async fn keeps_choices_oldest_first(db: &Db) {
    let (store, link) = with_link(db).await;
    let late = store
        .decide(&link, "f1", Choice::MirrorAnew, later(5))
        .await
        .unwrap();
    let early = store
        .decide(&link, "f2", Choice::Continue, ANN)
        .await
        .unwrap();
    assert_eq!(
        (early.by.as_str(), early.at_ms, early.link_id.as_str()),
        ("ann", NOW, &*link)
    );
    assert_eq!(store.decisions(&link).await.unwrap(), [early, late]);
}

async fn the_same_choice_again_changes_nothing(db: &Db) {
    let (store, link) = with_link(db).await;
    let first = store
        .decide(&link, "f1", Choice::Continue, ANN)
        .await
        .unwrap();
    assert_eq!(
        store
            .decide(&link, "f1", Choice::Continue, later(5))
            .await
            .unwrap(),
        first
    );
    assert_eq!(store.decisions(&link).await.unwrap(), [first]);
    let events = store
        .events_of(&Subject::Link(link), &PageQuery::first(9))
        .await
        .unwrap()
        .items;
    assert_eq!(
        events
            .iter()
            .filter(|event| event.kind == "link.decided")
            .count(),
        1
    );
}

async fn a_retry_can_be_asked_for_again(db: &Db) {
    let (store, link) = with_link(db).await;
    store.decide(&link, "f1", Choice::Retry, ANN).await.unwrap();
    store
        .decide(&link, "f1", Choice::Retry, later(5))
        .await
        .unwrap();
    let decisions = store.decisions(&link).await.unwrap();
    assert_eq!((decisions.len(), decisions[0].at_ms), (1, NOW + 5));
}

async fn the_newest_choice_counts(db: &Db) {
    let (store, link) = with_link(db).await;
    store.decide(&link, "f1", Choice::Retry, ANN).await.unwrap();
    let skip = store
        .decide(&link, "f1", Choice::Skip, later(5))
        .await
        .unwrap();
    assert_eq!(store.decisions(&link).await.unwrap(), [skip]);
}

async fn choices_need_a_link_and_go_with_it(db: &Db) {
    let (store, link) = with_link(db).await;
    let error = store
        .decide("nobody", "f1", Choice::Skip, ANN)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::NotFound {
            kind: "link",
            name: "nobody".to_owned()
        }
    );
    store.decide(&link, "f1", Choice::Skip, ANN).await.unwrap();
    store.delete_link("a", Expect::Any, ANN).await.unwrap();
    assert_eq!(store.decisions(&link).await.unwrap(), []);
}
