use super::*;
use crate::{
    NewSession, PageQuery,
    testing::{ANN, Db, NOW, later, on_both},
};

on_both!(
    the_first_user_spends_all_setup_tokens,
    of_several_first_users_at_once_one_wins,
    a_change_of_the_password_ends_all_other_sessions,
    a_session_for_a_replaced_password_is_not_begun,
);

pub(crate) fn new(name: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        role: "administrator".to_owned(),
        password: Secret::new("hash one"),
    }
}

async fn the_first_user_spends_all_setup_tokens(db: &Db) {
    let store = db.open().await;
    assert!(!store.has_users().await.unwrap());
    store.create_setup_token(&[1; 32], NOW).await.unwrap();
    store.create_setup_token(&[2; 32], NOW).await.unwrap();
    let made = store
        .create_first_user(&new("ann"), Some(&[3; 32]), ANN)
        .await;
    assert_eq!(made.unwrap_err(), StoreError::SetupToken);
    assert!(!store.has_users().await.unwrap());
    let user = store
        .create_first_user(&new("ann"), Some(&[1; 32]), ANN)
        .await
        .unwrap();
    assert!(store.has_users().await.unwrap());
    assert_eq!(store.user(&user.id).await.unwrap(), user);
    assert_eq!(store.user_by_name("ann").await.unwrap(), Some(user));
    assert_eq!(store.user_by_name("Ann").await.unwrap(), None);
    for token in [None, Some(&[2; 32])] {
        let again = store.create_first_user(&new("bob"), token, ANN).await;
        assert_eq!(again.unwrap_err(), StoreError::AlreadySetUp);
    }
}

async fn of_several_first_users_at_once_one_wins(db: &Db) {
    let store = db.open().await;
    let (one, two, three) = (new("one"), new("two"), new("three"));
    let made = tokio::join!(
        store.create_first_user(&one, None, ANN),
        store.create_first_user(&two, None, ANN),
        store.create_first_user(&three, None, ANN),
    );
    let outcomes = [made.0, made.1, made.2];
    let refused =
        |outcome: &&Result<User, StoreError>| matches!(outcome, Err(StoreError::AlreadySetUp));
    assert_eq!(outcomes.iter().filter(refused).count(), 2, "{outcomes:?}");
}

async fn a_change_of_the_password_ends_all_other_sessions(db: &Db) {
    let store = db.open().await;
    let user = store
        .create_first_user(&new("ann"), None, ANN)
        .await
        .unwrap();
    let mut sessions = Vec::new();
    for byte in 1..=3 {
        sessions.push(
            store
                .create_session(session(&user, byte), ANN)
                .await
                .unwrap(),
        );
    }
    let after = Secret::new("hash two");
    let change = PasswordChange {
        user_id: &user.id,
        before: &user.password,
        after: &after,
        session_id: &sessions[1].id,
    };
    assert_eq!(store.change_password(change, later(5)).await.unwrap(), 2);
    let left = store.sessions_of(&user.id, NOW + 5).await.unwrap();
    assert_eq!(left, [sessions[1].clone()]);
    let changed = store.user(&user.id).await.unwrap();
    assert_eq!(changed.password, after);
    assert_eq!(changed.password_changed_at_ms, NOW + 5);
    let stale = store.change_password(change, later(6)).await.unwrap_err();
    assert!(matches!(stale, StoreError::Conflict { .. }), "{stale}");
    let events = store.events(&PageQuery::first(99)).await.unwrap().items;
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(
        (count("user.password_changed"), count("session.ended")),
        (1, 2)
    );
    assert!(!format!("{events:?} {changed:?}").contains("hash"));
}

async fn a_session_for_a_replaced_password_is_not_begun(db: &Db) {
    let store = db.open().await;
    let user = store
        .create_first_user(&new("ann"), None, ANN)
        .await
        .unwrap();
    let before = User {
        password: Secret::new("hash of yesterday"),
        ..user.clone()
    };
    let begun = store.create_session(session(&before, 1), ANN).await;
    assert!(matches!(begun.unwrap_err(), StoreError::NotFound { .. }));
    assert_eq!(store.sessions_of(&user.id, NOW).await.unwrap(), []);
}

fn session(user: &User, byte: u8) -> NewSession<'_> {
    NewSession {
        user_id: &user.id,
        password: &user.password,
        sha256: [byte; 32],
        user_agent: "Browser",
    }
}
