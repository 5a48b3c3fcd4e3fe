use super::*;
use crate::testing::{ANN, Db, NOW, later, on_both};

on_both!(
    is_found_by_its_hash_while_it_is_good,
    a_revoked_token_is_not_found_any_more,
    the_same_text_cannot_be_stored_twice,
    lists_in_order_of_making,
    an_owned_token_is_listed_and_revoked_by_its_owner_alone,
);

fn new(name: &str, byte: u8, expires_at_ms: Option<i64>) -> NewToken {
    NewToken {
        name: name.to_owned(),
        role: "admin".to_owned(),
        sha256: [byte; 32],
        expires_at_ms,
        owner_id: None,
    }
}

async fn is_found_by_its_hash_while_it_is_good(db: &Db) {
    let store = db.open().await;
    let lasting = store.create_token(&new("ci", 1, None), ANN).await.unwrap();
    let short = store
        .create_token(&new("ci", 2, Some(NOW + 10)), ANN)
        .await
        .unwrap();
    assert_eq!(
        (lasting.role.as_str(), lasting.created_at_ms),
        ("admin", NOW)
    );
    let at = |byte, now_ms| {
        let store = store.clone();
        async move { store.token_by_hash(&[byte; 32], now_ms).await.unwrap() }
    };
    assert_eq!(at(1, i64::MAX).await, Some(lasting));
    assert_eq!(at(2, NOW + 9).await, Some(short));
    assert_eq!(at(2, NOW + 10).await, None, "expired");
    assert_eq!(at(3, NOW).await, None, "unknown");
}

async fn a_revoked_token_is_not_found_any_more(db: &Db) {
    let store = db.open().await;
    let token = store.create_token(&new("ci", 1, None), ANN).await.unwrap();
    let revoked = store.revoke_token(&token.id, later(5)).await.unwrap();
    assert_eq!(revoked.revoked_at_ms, Some(NOW + 5));
    assert_eq!(
        store.revoke_token(&token.id, later(9)).await.unwrap(),
        revoked
    );
    assert_eq!(store.token_by_hash(&[1; 32], NOW + 6).await.unwrap(), None);
    let missing = StoreError::NotFound {
        kind: "token",
        name: "x".to_owned(),
    };
    assert_eq!(store.revoke_token("x", ANN).await.unwrap_err(), missing);
    let subject = Subject::Token(token.id);
    let events = store
        .events_of(&subject, &PageQuery::first(9))
        .await
        .unwrap()
        .items;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["token.revoked", "token.created"]);
}

async fn the_same_text_cannot_be_stored_twice(db: &Db) {
    let store = db.open().await;
    store.create_token(&new("ci", 1, None), ANN).await.unwrap();
    let error = store
        .create_token(&new("cd", 1, None), ANN)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::Exists {
            kind: "token",
            name: "cd".to_owned()
        }
    );
}

async fn lists_in_order_of_making(db: &Db) {
    let store = db.open().await;
    for byte in 1..=3 {
        let name = format!("t{byte}");
        store
            .create_token(&new(&name, byte, None), later(byte.into()))
            .await
            .unwrap();
    }
    let first = store.tokens(&PageQuery::first(2)).await.unwrap();
    let second = store
        .tokens(&PageQuery {
            after: first.next,
            limit: 2,
        })
        .await
        .unwrap();
    let names: Vec<&str> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|token| token.name.as_str())
        .collect();
    assert_eq!(names, ["t1", "t2", "t3"]);
    assert_eq!(second.next, None);
}

async fn an_owned_token_is_listed_and_revoked_by_its_owner_alone(db: &Db) {
    let store = db.open().await;
    let ann = crate::users::tests::new("ann");
    let owner = store.create_first_user(&ann, None, ANN).await.unwrap().id;
    let nobodys = store.create_token(&new("ci", 1, None), ANN).await.unwrap();
    let owned = NewToken {
        owner_id: Some(owner.clone()),
        ..new("own", 2, None)
    };
    let own = store.create_token(&owned, ANN).await.unwrap();
    assert_eq!(own.owner_role.as_deref(), Some("administrator"));
    let found = store.token_by_hash(&[2; 32], NOW).await.unwrap();
    assert_eq!(found, Some(own.clone()));
    let listed = store.tokens_of(&owner, &PageQuery::first(9)).await.unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&own));
    for (who, id) in [(owner.as_str(), &nobodys.id), ("bob", &own.id)] {
        let refused = store.revoke_token_of(who, id, ANN).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotFound { .. }), "{refused}");
    }
    let revoked = store.revoke_token_of(&owner, &own.id, later(1)).await;
    assert_eq!(revoked.unwrap().revoked_at_ms, Some(NOW + 1));
    let stranger = NewToken {
        owner_id: Some("nobody".to_owned()),
        ..new("own", 3, None)
    };
    assert!(store.create_token(&stranger, ANN).await.is_err());
}
