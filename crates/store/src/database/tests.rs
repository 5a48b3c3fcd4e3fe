use std::{fs, os::unix::fs::PermissionsExt};

use model::{
    Secret,
    link::{LinkSpec, Verb},
};

use super::*;
use crate::{
    KeyError, PageQuery,
    testing::{ANN, Db, Folder, NOW, cluster_spec, key, later, link_spec, on_both},
};

on_both!(
    opens_again_with_everything_kept,
    another_key_is_refused_at_opening,
    many_writers_lose_no_update,
    a_call_given_up_leaves_nothing_half_done,
    a_lock_held_too_long_is_told_and_let_go,
);

async fn opens_again_with_everything_kept(db: &Db) {
    let store = db.with_clusters().await;
    let kept = store.cluster("east").await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(
        store.ping().await,
        Err(StoreError::Unavailable(_))
    ));
    assert_eq!(db.open().await.cluster("east").await.unwrap(), kept);
}

async fn another_key_is_refused_at_opening(db: &Db) {
    drop(db.open().await);
    // Without secrets any key will do.
    let store = Store::open(&db.url, key(2)).await.unwrap();
    store
        .create_cluster(&cluster_spec("east"), ANN)
        .await
        .unwrap();
    let error = Store::open(&db.url, key(1)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Key(KeyError::Wrong { .. })),
        "{error}"
    );
}

/// 20 writers change what they have read until it is stored; every change must be seen at the end.
async fn many_writers_lose_no_update(db: &Db) {
    let store = db.with_clusters().await;
    store
        .create_link(&link_spec("east-west"), ANN)
        .await
        .unwrap();
    let before = store.wake_revision().await.unwrap();
    let writers: Vec<_> = (0..20)
        .map(|n| tokio::spawn(write_five(store.clone(), n)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let link = store.link("east-west").await.unwrap();
    assert_eq!(link.spec.append_to.len(), 100);
    assert_eq!(link.revision, 101);
    assert_eq!(store.wake_revision().await.unwrap(), before + 100);
    let events = store.events(&PageQuery::first(1_000)).await.unwrap();
    assert_eq!(
        events
            .items
            .iter()
            .filter(|event| event.kind == "link.changed")
            .count(),
        100
    );
}

async fn write_five(store: Store, writer: i64) {
    for n in 0..5 {
        loop {
            let link = store.link("east-west").await.unwrap();
            let mut spec = link.spec.clone();
            spec.append_to.push(format!("topic-{writer}-{n}"));
            let expect = Expect::Revision(link.revision);
            match store
                .update_link("east-west", &spec, expect, later(writer))
                .await
            {
                Ok(_) => break,
                Err(StoreError::Conflict { current, .. }) => assert!(current > link.revision),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A browser that goes away drops its call at any await point.
async fn a_call_given_up_leaves_nothing_half_done(db: &Db) {
    let store = db.with_clusters().await;
    store
        .create_link(&link_spec("east-west"), ANN)
        .await
        .unwrap();
    let before = store.wake_revision().await.unwrap();
    for n in 0..100_u64 {
        let mut spec = link_spec("east-west");
        spec.title = n.to_string();
        let call = store.update_link("east-west", &spec, Expect::Any, ANN);
        let _ = tokio::time::timeout(Duration::from_micros(50 * n), call).await;
    }
    let changed = LinkSpec {
        title: "last".to_owned(),
        ..link_spec("east-west")
    };
    let link = store
        .update_link("east-west", &changed, Expect::Any, ANN)
        .await
        .unwrap();
    let events = store.events(&PageQuery::first(1_000)).await.unwrap();
    let told = events
        .items
        .iter()
        .filter(|event| event.kind == "link.changed")
        .count();
    assert_eq!(link.revision, 1 + i64::try_from(told).unwrap());
    assert_eq!(
        store.wake_revision().await.unwrap() - before,
        link.revision - 1
    );
}

async fn a_lock_held_too_long_is_told_and_let_go(db: &Db) {
    let (store, other) = (db.with_clusters().await, db.open().await);
    let held = other.change().await.unwrap();
    let error = store.create_link(&link_spec("a"), ANN).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unavailable(_)) && error.is_transient(),
        "{error}"
    );
    // Readers are not held up.
    store.cluster("east").await.unwrap();
    drop(held);
    store.create_link(&link_spec("a"), ANN).await.unwrap();
}

fn sqlite_path(db: &Db) -> &Path {
    match &db.url {
        DatabaseUrl::Sqlite(path) => path,
        DatabaseUrl::Postgres(_) => unreachable!("a test of SQLite"),
    }
}

#[tokio::test]
async fn two_stores_on_one_file_wait_for_each_other() {
    let db = Db::sqlite();
    let (one, two) = (db.with_clusters().await, db.open().await);
    one.create_link(&link_spec("east-west"), ANN).await.unwrap();
    let writers: Vec<_> = [one.clone(), two.clone(), one.clone(), two]
        .into_iter()
        .zip(0..)
        .map(|(store, n)| tokio::spawn(write_five(store, n)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(
        one.link("east-west").await.unwrap().spec.append_to.len(),
        20
    );
}

#[tokio::test]
async fn a_new_file_and_its_side_files_are_for_their_owner_alone() {
    let db = Db::sqlite();
    let _store = db.with_clusters().await;
    let folder = sqlite_path(&db).parent().unwrap();
    let modes: Vec<u32> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777)
        .collect();
    assert!(
        modes.len() > 1 && modes.iter().all(|mode| *mode == 0o600),
        "{modes:?}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").unwrap();
    for place in ["missing/causeway.db", "file/causeway.db", "."] {
        let path = folder.path().join(place);
        let error = Store::open(&DatabaseUrl::Sqlite(path.clone()), key(1))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Unwritable { .. }), "{error}");
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = Folder::new();
    let path = folder.path().join("causeway.db");
    fs::write(
        &path,
        "this is a text of more than a few words, and it is no database".repeat(20),
    )
    .unwrap();
    let error = Store::open(&DatabaseUrl::Sqlite(path.clone()), key(1))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::Unwritable {
            path,
            reason: "it is not a SQLite database".to_owned()
        }
    );
}

#[tokio::test]
async fn a_path_may_hold_any_character() {
    let folder = Folder::new();
    let path = folder.path().join("über % ?mode=ro# a.db");
    let store = Store::open(&DatabaseUrl::Sqlite(path.clone()), key(1))
        .await
        .unwrap();
    store.installation_id(NOW).await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn a_server_that_is_away_is_named_without_its_password() {
    let folder = Folder::new();
    let url = format!(
        "postgres://ann:hunter2@localhost/db?host={}",
        folder.path().display()
    );
    let error = Store::open(&url.parse().unwrap(), key(1))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let words = error.to_string();
    assert!(
        words.contains("postgres://localhost/db") && !words.contains("hunter2"),
        "{words}"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ann@{}/db", listener.local_addr().unwrap());
    let error = Store::open(&url.parse().unwrap(), key(1))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no answer within 5 s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_postgres_database_is_named() {
    let db = Db::postgres().await;
    let DatabaseUrl::Postgres(url) = &db.url else {
        unreachable!("a test of Postgres")
    };
    let url = url.replace("localhost/", "localhost/missing_");
    let error = Store::open(&url.parse().unwrap(), key(1))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable(why) if why.contains("does not exist")),
        "{error}"
    );
}

#[tokio::test]
async fn no_stored_secret_is_readable_in_the_file() {
    let db = Db::sqlite();
    let store = db.with_clusters().await;
    let mut spec = cluster_spec("east");
    spec.sasl.as_mut().unwrap().password = Some(Secret::new("another pa55"));
    store
        .update_cluster("east", &spec, Expect::Any, later(1))
        .await
        .unwrap();
    store.create_link(&link_spec("a"), ANN).await.unwrap();
    store
        .apply_verb("a", Verb::Start, Expect::Any, ANN)
        .await
        .unwrap();
    store.close().await;
    let folder = sqlite_path(&db).parent().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for secret in [&b"pa55 word"[..], b"another pa55"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}
