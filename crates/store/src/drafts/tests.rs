use serde_json::json;

use super::*;
use crate::testing::{ANN, Db, NOW, on_both};

on_both!(
    keeps_what_was_stored_with_its_secrets_sealed,
    a_save_replaces_the_body_and_only_the_secrets_given,
    a_save_of_an_old_revision_is_refused,
    others_drafts_are_not_there,
    is_gone_fourteen_days_after_the_last_change,
    lists_by_kind_last_changed_first,
    one_that_cannot_be_read_is_left_out_of_the_list,
    the_oldest_beyond_the_limit_make_room,
);

async fn store_with_owner(db: &Db) -> (Store, String) {
    let store = db.open().await;
    let ann = crate::users::tests::new("ann");
    let user = store.create_first_user(&ann, None, ANN).await.unwrap();
    (store, user.id)
}

fn new(owner: &str, kind: DraftKind) -> NewDraft {
    NewDraft {
        kind,
        owner_id: owner.to_owned(),
        subject: "west".to_owned(),
        body: json!({ "title": "a" }),
        secrets: secrets(&[("password", "canary-1"), ("key", "canary-2")]),
    }
}

fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    let secret = |(name, text): &(&str, &str)| ((*name).to_owned(), Secret::new(*text));
    pairs.iter().map(secret).collect()
}

fn change(expect: Expect) -> DraftChange {
    DraftChange {
        body: json!({ "title": "b" }),
        secrets: BTreeMap::new(),
        forget: BTreeSet::new(),
        expect,
    }
}

async fn keeps_what_was_stored_with_its_secrets_sealed(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let made = store
        .create_draft(new(&owner, DraftKind::ClusterEdit), NOW)
        .await
        .unwrap();
    let read = store.draft(&owner, &made.id, NOW).await.unwrap();
    assert_eq!(read, made);
    assert_eq!(read.secrets["key"].expose(), "canary-2");
    assert!(!format!("{read:?}").contains("canary"));
    let row = sqlx::query("SELECT body, secrets FROM drafts")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    let columns: (String, String) = sqlx::FromRow::from_row(&row).unwrap();
    assert!(columns.1.starts_with("v1:"));
    assert!(!format!("{columns:?}").contains("canary"));
}

async fn a_save_replaces_the_body_and_only_the_secrets_given(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let new = new(&owner, DraftKind::Cluster);
    let id = store.create_draft(new, NOW).await.unwrap().id;
    let saved = DraftChange {
        secrets: secrets(&[("password", "newer")]),
        ..change(Expect::Any)
    };
    let saved = store.save_draft(&owner, &id, saved, NOW + 1).await.unwrap();
    assert_eq!(
        saved.secrets,
        secrets(&[("password", "newer"), ("key", "canary-2")])
    );
    assert_eq!((saved.revision, saved.updated_at_ms), (2, NOW + 1));
    assert_eq!(saved.body, json!({ "title": "b" }));
    let forgetful = DraftChange {
        forget: ["password", "key"].map(str::to_owned).into(),
        ..change(Expect::Revision(2))
    };
    store
        .save_draft(&owner, &id, forgetful, NOW + 2)
        .await
        .unwrap();
    let read = store.draft(&owner, &id, NOW + 2).await.unwrap();
    assert!(read.secrets.is_empty());
}

async fn a_save_of_an_old_revision_is_refused(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let new = new(&owner, DraftKind::Link);
    let id = store.create_draft(new, NOW).await.unwrap().id;
    let first = change(Expect::Revision(1));
    store
        .save_draft(&owner, &id, first.clone(), NOW)
        .await
        .unwrap();
    let error = store.save_draft(&owner, &id, first, NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { current: 2, .. }));
}

async fn others_drafts_are_not_there(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let new = new(&owner, DraftKind::Link);
    let id = store.create_draft(new, NOW).await.unwrap().id;
    let missing = row::missing(&id);
    let read = store.draft("bob", &id, NOW).await.unwrap_err();
    let saved = store.save_draft("bob", &id, change(Expect::Any), NOW).await;
    let deleted = store.delete_draft("bob", &id).await;
    assert_eq!(read, missing);
    assert_eq!(saved.unwrap_err(), missing);
    assert_eq!(deleted.unwrap_err(), missing);
    store.delete_draft(&owner, &id).await.unwrap();
    assert_eq!(store.draft(&owner, &id, NOW).await.unwrap_err(), missing);
}

async fn is_gone_fourteen_days_after_the_last_change(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let made = new(&owner, DraftKind::Link);
    let id = store.create_draft(made, NOW).await.unwrap().id;
    let end = NOW + KEPT_MS;
    assert!(store.draft(&owner, &id, end - 1).await.is_ok());
    assert!(store.draft(&owner, &id, end).await.is_err());
    assert_eq!(
        store.drafts(&owner, DraftKind::Link, end).await.unwrap(),
        []
    );
    store
        .create_draft(new(&owner, DraftKind::Link), end)
        .await
        .unwrap();
    assert!(store.draft(&owner, &id, NOW).await.is_err(), "deleted");
}

async fn lists_by_kind_last_changed_first(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let mut ids = Vec::new();
    for kind in [DraftKind::Link, DraftKind::Cluster, DraftKind::Link] {
        let made = store.create_draft(new(&owner, kind), NOW).await.unwrap();
        ids.push(made.id);
    }
    let saved = change(Expect::Any);
    store
        .save_draft(&owner, &ids[0], saved, NOW + 5)
        .await
        .unwrap();
    let listed = store
        .drafts(&owner, DraftKind::Link, NOW + 5)
        .await
        .unwrap();
    let listed: Vec<&String> = listed.iter().map(|draft| &draft.id).collect();
    assert_eq!(listed, [&ids[0], &ids[2]]);
    assert_eq!(store.drafts("bob", DraftKind::Link, NOW).await.unwrap(), []);
}

async fn one_that_cannot_be_read_is_left_out_of_the_list(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    let mut ids = Vec::new();
    for at in 0..3 {
        let new = new(&owner, DraftKind::Link);
        ids.push(store.create_draft(new, NOW + at).await.unwrap().id);
    }
    sqlx::query("UPDATE drafts SET body = '{', secrets = 'v1:damaged' WHERE id = $1")
        .bind(&ids[1])
        .execute(&store.pool)
        .await
        .unwrap();
    sqlx::query("UPDATE drafts SET secrets = 'v1:damaged' WHERE id = $1")
        .bind(&ids[0])
        .execute(&store.pool)
        .await
        .unwrap();
    let listed = store.drafts(&owner, DraftKind::Link, NOW).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|draft| (&draft.id, &draft.body))
        .collect();
    let body = json!({ "title": "a" });
    assert_eq!(listed, [(&ids[2], &body), (&ids[0], &body)]);
}

async fn the_oldest_beyond_the_limit_make_room(db: &Db) {
    let (store, owner) = store_with_owner(db).await;
    for at in 0..=MOST {
        let new = new(&owner, DraftKind::Link);
        store.create_draft(new, NOW + at).await.unwrap();
    }
    let listed = store
        .drafts(&owner, DraftKind::Link, NOW + MOST)
        .await
        .unwrap();
    assert_eq!(i64::try_from(listed.len()).unwrap(), MOST);
    assert_eq!(listed.last().unwrap().created_at_ms, NOW + 1);
    let oldest = listed.last().unwrap().id.clone();
    let touched = store
        .save_draft(&owner, &oldest, change(Expect::Any), NOW + 1)
        .await
        .unwrap();
    let another = new(&owner, DraftKind::Link);
    store.create_draft(another, NOW + 2 * MOST).await.unwrap();
    let kept = store.draft(&owner, &touched.id, NOW + 2 * MOST).await;
    assert_eq!(
        kept.unwrap().revision,
        2,
        "one that was only begun goes first"
    );
}
