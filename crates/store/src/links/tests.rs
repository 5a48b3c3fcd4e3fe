use super::*;
use crate::testing::{ANN, Db, NOW, cluster_spec, later, link_spec, on_both};

on_both!(
    keeps_what_was_stored,
    a_name_is_taken_once_and_clusters_must_exist,
    what_is_missing_is_not_found,
    lists_by_name_page_by_page,
    lists_the_links_of_a_cluster,
    an_update_expects_the_revision,
    what_progress_rests_on_is_fixed_by_the_first_start,
    verbs_move_the_phase_and_are_idempotent,
    a_verb_that_does_not_apply_is_refused,
    only_a_draft_or_stopped_link_is_deleted,
    the_first_control_topic_stays,
    an_unreadable_specification_is_named_without_its_content,
);

async fn start(store: &Store, name: &str) -> Link {
    store
        .apply_verb(name, Verb::Start, Expect::Any, later(7))
        .await
        .unwrap()
}

async fn keeps_what_was_stored(db: &Db) {
    let store = db.with_clusters().await;
    let made = store.create_link(&link_spec("a"), ANN).await.unwrap();
    assert_eq!(
        (made.phase, made.revision, made.started_at_ms),
        (Phase::Draft, 1, None)
    );
    assert_eq!((made.created_at_ms, made.updated_at_ms), (NOW, NOW));
    assert_eq!(store.link("a").await.unwrap(), made);
    assert_eq!(made.view().spec, link_spec("a"));
}

async fn a_name_is_taken_once_and_clusters_must_exist(db: &Db) {
    let store = db.with_clusters().await;
    store.create_link(&link_spec("a"), ANN).await.unwrap();
    let error = store.create_link(&link_spec("a"), ANN).await.unwrap_err();
    assert_eq!(
        error,
        StoreError::Exists {
            kind: "link",
            name: "a".to_owned()
        }
    );
    let north = LinkSpec {
        destination: "north".parse().unwrap(),
        ..link_spec("b")
    };
    let missing = StoreError::NotFound {
        kind: "cluster",
        name: "north".to_owned(),
    };
    assert_eq!(store.create_link(&north, ANN).await.unwrap_err(), missing);
    let north = LinkSpec {
        destination: "north".parse().unwrap(),
        ..link_spec("a")
    };
    assert_eq!(
        store
            .update_link("a", &north, Expect::Any, ANN)
            .await
            .unwrap_err(),
        missing
    );
}

async fn what_is_missing_is_not_found(db: &Db) {
    let store = db.with_clusters().await;
    let gone = missing("a");
    assert_eq!(store.link("a").await.unwrap_err(), gone);
    assert_eq!(
        store
            .update_link("a", &link_spec("a"), Expect::Any, ANN)
            .await
            .unwrap_err(),
        gone
    );
    assert_eq!(
        store
            .apply_verb("a", Verb::Start, Expect::Any, ANN)
            .await
            .unwrap_err(),
        gone
    );
    assert_eq!(
        store.delete_link("a", Expect::Any, ANN).await.unwrap_err(),
        gone
    );
    assert_eq!(store.control_topic_id("a").await.unwrap_err(), gone);
    assert_eq!(
        store.set_control_topic_id("a", "topic").await.unwrap_err(),
        gone
    );
}

async fn lists_by_name_page_by_page(db: &Db) {
    let store = db.with_clusters().await;
    for name in ["c", "a", "b"] {
        store.create_link(&link_spec(name), ANN).await.unwrap();
    }
    let names = |page: &Page<Link>| -> Vec<String> {
        page.items
            .iter()
            .map(|link| link.spec.name.to_string())
            .collect()
    };
    let first = store.links(&PageQuery::first(2)).await.unwrap();
    assert_eq!(
        (names(&first), first.next.as_deref()),
        (vec!["a".into(), "b".into()], Some("b"))
    );
    let second = store
        .links(&PageQuery {
            after: first.next,
            limit: 2,
        })
        .await
        .unwrap();
    assert_eq!((names(&second), second.next), (vec!["c".into()], None));
}

async fn lists_the_links_of_a_cluster(db: &Db) {
    let store = db.with_clusters().await;
    store
        .create_cluster(&cluster_spec("north"), ANN)
        .await
        .unwrap();
    store.create_link(&link_spec("b"), ANN).await.unwrap();
    let back = LinkSpec {
        source: "west".parse().unwrap(),
        destination: "north".parse().unwrap(),
        ..link_spec("a")
    };
    store.create_link(&back, ANN).await.unwrap();
    for (cluster, expected) in [
        ("east", "b"),
        ("west", "a b"),
        ("north", "a"),
        ("south", ""),
    ] {
        let links = store.links_of_cluster(cluster).await.unwrap();
        let names: Vec<&str> = links.iter().map(|link| link.spec.name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{cluster}");
    }
}

async fn an_update_expects_the_revision(db: &Db) {
    let store = db.with_clusters().await;
    store.create_link(&link_spec("a"), ANN).await.unwrap();
    let spec = LinkSpec {
        title: "one".to_owned(),
        ..link_spec("a")
    };
    let after = store
        .update_link("a", &spec, Expect::Revision(1), later(3))
        .await
        .unwrap();
    assert_eq!(
        (after.revision, after.created_at_ms, after.updated_at_ms),
        (2, NOW, NOW + 3)
    );
    assert_eq!(store.link("a").await.unwrap(), after);
    let conflict = StoreError::Conflict {
        kind: "link",
        name: "a".to_owned(),
        current: 2,
    };
    let old = Expect::Revision(1);
    assert_eq!(
        store
            .update_link("a", &link_spec("a"), old, ANN)
            .await
            .unwrap_err(),
        conflict
    );
    assert_eq!(
        store
            .apply_verb("a", Verb::Start, old, ANN)
            .await
            .unwrap_err(),
        conflict
    );
    assert_eq!(
        store.delete_link("a", old, ANN).await.unwrap_err(),
        conflict
    );
}

async fn what_progress_rests_on_is_fixed_by_the_first_start(db: &Db) {
    let store = db.with_clusters().await;
    store.create_link(&link_spec("a"), ANN).await.unwrap();
    let turned = LinkSpec {
        source: "west".parse().unwrap(),
        destination: "east".parse().unwrap(),
        slots: 3,
        ..link_spec("a")
    };
    store
        .update_link("a", &turned, Expect::Any, ANN)
        .await
        .unwrap();
    assert_eq!(
        store.links_of_cluster("west").await.unwrap()[0].spec,
        turned
    );
    start(&store, "a").await;
    store
        .apply_verb("a", Verb::Stop, Expect::Any, ANN)
        .await
        .unwrap();
    let cases = [
        (
            "name",
            LinkSpec {
                name: "b".parse().unwrap(),
                ..turned.clone()
            },
        ),
        (
            "source",
            LinkSpec {
                source: "east".parse().unwrap(),
                ..turned.clone()
            },
        ),
        (
            "destination",
            LinkSpec {
                destination: "west".parse().unwrap(),
                ..turned.clone()
            },
        ),
        (
            "slots",
            LinkSpec {
                slots: 4,
                ..turned.clone()
            },
        ),
        (
            "guarantee",
            LinkSpec {
                guarantee: model::link::Guarantee::Transactional,
                ..turned.clone()
            },
        ),
    ];
    for (expected, spec) in cases {
        let error = store
            .update_link("a", &spec, Expect::Any, ANN)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Immutable { field, .. } if field == expected));
    }
    let titled = LinkSpec {
        title: "A".to_owned(),
        ..turned
    };
    store
        .update_link("a", &titled, Expect::Any, ANN)
        .await
        .unwrap();
}

async fn verbs_move_the_phase_and_are_idempotent(db: &Db) {
    let store = db.with_clusters().await;
    let id = store.create_link(&link_spec("a"), ANN).await.unwrap().id;
    let moves = [
        (Verb::Start, Phase::Running, 2),
        (Verb::Start, Phase::Running, 2),
        (Verb::Pause, Phase::Paused, 3),
        (Verb::Resume, Phase::Running, 4),
        (Verb::Stop, Phase::Stopped, 5),
        (Verb::Start, Phase::Running, 6),
    ];
    for (n, (verb, phase, revision)) in (1..).zip(moves) {
        let link = store
            .apply_verb("a", verb, Expect::Any, later(n))
            .await
            .unwrap();
        assert_eq!((link.phase, link.revision), (phase, revision));
        assert_eq!(link.started_at_ms, Some(NOW + 1), "the first start stays");
        assert_eq!(store.link("a").await.unwrap(), link);
    }
    let events = store
        .events_of(&Subject::Link(id), &PageQuery::first(20))
        .await
        .unwrap()
        .items;
    let kinds: Vec<&str> = events
        .iter()
        .rev()
        .map(|event| event.kind.as_str())
        .collect();
    let expected = "link.created link.running link.paused link.running link.stopped link.running";
    assert_eq!(kinds.join(" "), expected);
}

async fn a_verb_that_does_not_apply_is_refused(db: &Db) {
    let store = db.with_clusters().await;
    store.create_link(&link_spec("a"), ANN).await.unwrap();
    let error = store
        .apply_verb("a", Verb::Pause, Expect::Any, ANN)
        .await
        .unwrap_err();
    let (phase, verb) = (Phase::Draft, Verb::Pause);
    assert_eq!(
        error,
        StoreError::VerbRefused {
            link: "a".to_owned(),
            phase,
            verb
        }
    );
}

async fn only_a_draft_or_stopped_link_is_deleted(db: &Db) {
    let store = db.with_clusters().await;
    store.create_link(&link_spec("a"), ANN).await.unwrap();
    let old = start(&store, "a").await;
    let error = store.delete_link("a", Expect::Any, ANN).await.unwrap_err();
    assert_eq!(
        error,
        StoreError::NotStopped {
            link: "a".to_owned(),
            phase: Phase::Running
        }
    );
    store
        .apply_verb("a", Verb::Stop, Expect::Any, ANN)
        .await
        .unwrap();
    store.delete_link("a", Expect::Any, ANN).await.unwrap();
    assert_eq!(store.link("a").await.unwrap_err(), missing("a"));
    let new = store.create_link(&link_spec("a"), ANN).await.unwrap();
    assert_ne!(new.id, old.id);
}

async fn the_first_control_topic_stays(db: &Db) {
    let store = db.with_clusters().await;
    let id = store.create_link(&link_spec("a"), ANN).await.unwrap().id;
    assert_eq!(store.control_topic_id(&id).await.unwrap(), None);
    assert_eq!(store.set_control_topic_id(&id, "one").await.unwrap(), "one");
    assert_eq!(store.set_control_topic_id(&id, "two").await.unwrap(), "one");
    assert_eq!(
        store.control_topic_id(&id).await.unwrap(),
        Some("one".to_owned())
    );
    // A change of the link keeps it.
    let link = start(&store, "a").await;
    assert_eq!(
        (link.control_topic_id.as_deref(), link.revision),
        (Some("one"), 2)
    );
    assert_eq!(store.link("a").await.unwrap(), link);
}

async fn an_unreadable_specification_is_named_without_its_content(db: &Db) {
    let store = db.with_clusters().await;
    let id = store.create_link(&link_spec("a"), ANN).await.unwrap().id;
    let broken = "UPDATE links SET spec = '{\"hunter2\": 1}'";
    sqlx::query(broken).execute(&store.pool).await.unwrap();
    let error = store.link("a").await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { id: row, column: "spec", .. } if *row == id));
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
