use crate::testing::{Db, NOW, on_both};

on_both!(is_made_once);

async fn is_made_once(db: &Db) {
    let store = db.open().await;
    let (one, two, three) = tokio::join!(
        store.installation_id(NOW),
        store.installation_id(NOW + 1),
        store.installation_id(NOW + 2)
    );
    let id = one.unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(two.unwrap(), id);
    assert_eq!(three.unwrap(), id);
    assert_eq!(db.open().await.installation_id(NOW + 9).await.unwrap(), id);
}
