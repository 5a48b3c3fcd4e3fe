use model::finding::{Choice, FindingKind};

use super::*;
use crate::testing::{Db, on_both};

on_both!(
    keeps_what_was_stored,
    the_same_finding_again_has_its_new_state_and_first_time,
    lists_newest_first_page_by_page,
    a_foreign_cursor_is_refused,
    held_ones_come_first_on_whatever_page,
);

fn found(id: &str, found_at_ms: i64) -> Finding {
    Finding {
        id: id.to_owned(),
        kind: FindingKind::DestinationChanged,
        topic: "orders".to_owned(),
        mirror_topic: "east.orders".to_owned(),
        partition: 3,
        source: Some((5, 9)),
        destination: None,
        detail: "The mirror topic was deleted and made again.".to_owned(),
        broker_error: Some("UNKNOWN_TOPIC_ID".to_owned()),
        found_at_ms,
        state: FindingState::Held,
    }
}

async fn keeps_what_was_stored(db: &Db) {
    let store = db.open().await;
    store.save_finding("link", &found("f", 10)).await.unwrap();
    assert_eq!(store.finding("link", "f").await.unwrap(), found("f", 10));
    let missing = StoreError::NotFound {
        kind: "finding",
        name: "f".to_owned(),
    };
    assert_eq!(store.finding("other", "f").await.unwrap_err(), missing);
}

async fn the_same_finding_again_has_its_new_state_and_first_time(db: &Db) {
    let store = db.open().await;
    store.save_finding("link", &found("f", 10)).await.unwrap();
    let state = FindingState::Decided {
        choice: Choice::GoOn,
        by: "ann".to_owned(),
        at_ms: 20,
    };
    store
        .save_finding(
            "link",
            &Finding {
                state: state.clone(),
                ..found("f", 25)
            },
        )
        .await
        .unwrap();
    let page = store.findings("link", &PageQuery::first(5)).await.unwrap();
    assert_eq!(
        page.items,
        [Finding {
            state,
            ..found("f", 10)
        }]
    );
}

async fn lists_newest_first_page_by_page(db: &Db) {
    let store = db.open().await;
    for (id, at) in [("a", 10), ("b", 30), ("c", 20), ("d", 20), ("e", 20)] {
        store.save_finding("link", &found(id, at)).await.unwrap();
    }
    store.save_finding("other", &found("x", 40)).await.unwrap();
    let (mut ids, mut query) = (Vec::new(), PageQuery::first(2));
    loop {
        let page = store.findings("link", &query).await.unwrap();
        ids.extend(page.items.into_iter().map(|finding| finding.id));
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
    }
    assert_eq!(ids, ["b", "e", "d", "c", "a"]);
}

async fn held_ones_come_first_on_whatever_page(db: &Db) {
    let store = db.open().await;
    let recorded = |id: &str, at| Finding {
        state: FindingState::Recorded,
        ..found(id, at)
    };
    for finding in [
        recorded("a", 50),
        found("b", 10),
        recorded("c", 30),
        found("d", 20),
        recorded("e", 5),
        found("f", 10),
    ] {
        store.save_finding("link", &finding).await.unwrap();
    }
    store.save_finding("other", &found("x", 40)).await.unwrap();
    for limit in 1..=7 {
        let (mut ids, mut query) = (Vec::new(), PageQuery::first(limit));
        loop {
            let page = store.findings_held_first("link", &query).await.unwrap();
            ids.extend(page.items.into_iter().map(|finding| finding.id));
            if page.next.is_none() {
                break;
            }
            query.after = page.next;
        }
        assert_eq!(ids, ["d", "f", "b", "a", "c", "e"], "{limit} on a page");
    }
    let counts = |all, held| FindingCounts { all, held };
    assert_eq!(store.count_findings("link").await.unwrap(), counts(6, 3));
    assert_eq!(store.count_findings("none").await.unwrap(), counts(0, 0));
    let foreign = PageQuery {
        after: Some("20_d".to_owned()),
        limit: 2,
    };
    assert_eq!(
        store
            .findings_held_first("link", &foreign)
            .await
            .unwrap_err(),
        StoreError::Cursor
    );
}

async fn a_foreign_cursor_is_refused(db: &Db) {
    let store = db.open().await;
    for cursor in ["", "x", "x_y", "99999999999999999999_a"] {
        let query = PageQuery {
            after: Some(cursor.to_owned()),
            limit: 2,
        };
        assert_eq!(
            store.findings("link", &query).await.unwrap_err(),
            StoreError::Cursor
        );
    }
}
