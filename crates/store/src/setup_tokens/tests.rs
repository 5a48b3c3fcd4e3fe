use super::*;
use crate::testing::{ANN, Db, NOW, on_both};

on_both!(
    is_good_until_there_is_a_user,
    is_not_left_over_when_made_beside_the_first_user,
);

async fn is_good_until_there_is_a_user(db: &Db) {
    let store = db.open().await;
    store.create_setup_token(&[1; 32], NOW).await.unwrap();
    assert_eq!(store.check_setup_token(&[1; 32]).await, Ok(()));
    assert_eq!(
        store.check_setup_token(&[2; 32]).await,
        Err(StoreError::SetupToken)
    );
    let ann = crate::users::tests::new("ann");
    store.create_first_user(&ann, None, ANN).await.unwrap();
    for sha256 in [[1; 32], [2; 32]] {
        let checked = store.check_setup_token(&sha256).await;
        assert_eq!(checked, Err(StoreError::AlreadySetUp));
    }
    let made = store.create_setup_token(&[3; 32], NOW).await;
    assert_eq!(made, Err(StoreError::AlreadySetUp));
}

async fn is_not_left_over_when_made_beside_the_first_user(db: &Db) {
    let store = db.open().await;
    let ann = crate::users::tests::new("ann");
    let (made, token) = tokio::join!(
        store.create_first_user(&ann, None, ANN),
        store.create_setup_token(&[1; 32], NOW),
    );
    made.unwrap();
    assert!(matches!(token, Ok(()) | Err(StoreError::AlreadySetUp)));
    let left = sqlx::query("SELECT hash FROM setup_tokens")
        .fetch_all(&store.pool)
        .await
        .unwrap();
    assert!(left.is_empty());
}
