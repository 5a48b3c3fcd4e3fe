use super::*;
use crate::testing::{ANN, Db, NOW, later, on_both};

on_both!(
    is_found_by_its_hash_while_it_is_good,
    ends_after_twelve_hours_without_a_request,
    a_request_is_noted_at_most_once_a_minute,
    is_found_by_its_id_among_many_and_counts_as_used,
    an_ended_session_is_gone_at_once_and_leaves_an_event,
    the_sessions_that_are_over_go_with_the_next_sign_in,
);

async fn user(store: &Store) -> User {
    let ann = crate::users::tests::new("ann");
    store.create_first_user(&ann, None, ANN).await.unwrap()
}

fn new(user: &User, byte: u8) -> NewSession<'_> {
    NewSession {
        user_id: &user.id,
        password: &user.password,
        sha256: [byte; 32],
        user_agent: "Browser",
    }
}

async fn at(store: &Store, byte: u8, ms: i64) -> Option<Session> {
    let found = store.session_by_hash(&[byte; 32], NOW + ms).await.unwrap();
    found.map(|(session, _)| session)
}

async fn is_found_by_its_hash_while_it_is_good(db: &Db) {
    let store = db.open().await;
    let user = user(&store).await;
    let session = store.create_session(new(&user, 1), ANN).await.unwrap();
    let found = store.session_by_hash(&[1; 32], NOW).await.unwrap();
    assert_eq!(found, Some((session.clone(), user)));
    assert_eq!(at(&store, 2, 0).await, None, "unknown");
    assert_eq!(session.expires_at_ms, NOW + LIFE_MS);
    // Seen every eleven hours, it lives for 30 days and no longer.
    let mut ms = 0;
    while ms + 11 * 3_600_000 < LIFE_MS {
        ms += 11 * 3_600_000;
        assert!(at(&store, 1, ms).await.is_some(), "{ms}");
    }
    assert!(at(&store, 1, LIFE_MS - 1).await.is_some());
    assert_eq!(at(&store, 1, LIFE_MS).await, None);
}

async fn ends_after_twelve_hours_without_a_request(db: &Db) {
    let store = db.open().await;
    let user = user(&store).await;
    store.create_session(new(&user, 1), ANN).await.unwrap();
    store.create_session(new(&user, 2), ANN).await.unwrap();
    assert!(at(&store, 1, IDLE_MS - 1).await.is_some());
    assert_eq!(at(&store, 2, IDLE_MS).await, None);
    let left = store.sessions_of(&user.id, NOW + IDLE_MS).await.unwrap();
    assert_eq!(left.len(), 1);
}

async fn a_request_is_noted_at_most_once_a_minute(db: &Db) {
    let store = db.open().await;
    let user = user(&store).await;
    store.create_session(new(&user, 1), ANN).await.unwrap();
    let mut noted = Vec::new();
    for ms in [59_999, 60_000, 60_001, 119_999, 120_000] {
        at(&store, 1, ms).await.unwrap();
        let listed = store.sessions_of(&user.id, NOW + ms).await.unwrap();
        noted.push(listed[0].last_seen_at_ms - NOW);
    }
    assert_eq!(noted, [0, 60_000, 60_000, 60_000, 120_000]);
}

async fn is_found_by_its_id_among_many_and_counts_as_used(db: &Db) {
    let store = db.open().await;
    let user = user(&store).await;
    let session = store.create_session(new(&user, 0), ANN).await.unwrap();
    for byte in 1..=u8::try_from(LISTED).unwrap() {
        store
            .create_session(new(&user, byte), later(1))
            .await
            .unwrap();
    }
    let listed = store.sessions_of(&user.id, NOW + 1).await.unwrap();
    assert!(!listed.contains(&session), "too long ago for the list");
    let found = store.session(&session.id, NOW + 1).await.unwrap();
    assert_eq!(found, Some((session.clone(), user)));
    let used_at = NOW + IDLE_MS - 1;
    assert!(store.session(&session.id, used_at).await.unwrap().is_some());
    let later = store.session(&session.id, used_at + IDLE_MS - 1).await;
    assert_eq!(later.unwrap().unwrap().0.last_seen_at_ms, used_at);
    assert_eq!(store.session("another", NOW + 1).await.unwrap(), None);
}

async fn an_ended_session_is_gone_at_once_and_leaves_an_event(db: &Db) {
    let store = db.open().await;
    let user = user(&store).await;
    let session = store.create_session(new(&user, 1), ANN).await.unwrap();
    let foreign = store.end_session("somebody else", &session.id, ANN).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })));
    let other = store.create_session(new(&user, 2), later(1)).await.unwrap();
    store
        .end_session(&user.id, &session.id, later(2))
        .await
        .unwrap();
    assert_eq!(at(&store, 1, 2).await, None);
    assert_eq!(at(&store, 2, 2).await, Some(other));
    let again = store.end_session(&user.id, &session.id, ANN).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })));
    let subject = crate::Subject::User(user.id);
    let events = store.events_of(&subject, &crate::PageQuery::first(1)).await;
    let event = events.unwrap().items.remove(0);
    assert_eq!(
        (event.kind.as_str(), event.actor.as_str()),
        ("session.ended", "ann")
    );
}

async fn the_sessions_that_are_over_go_with_the_next_sign_in(db: &Db) {
    let store = db.open().await;
    let user = user(&store).await;
    store.create_session(new(&user, 1), ANN).await.unwrap();
    store
        .create_session(new(&user, 2), later(IDLE_MS))
        .await
        .unwrap();
    let rows = sqlx::query("SELECT id FROM sessions")
        .fetch_all(&store.pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
}
