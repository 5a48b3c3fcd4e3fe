use serde_json::json;

use super::*;
use crate::testing::{ANN, Db, NOW, later, on_both};

on_both!(
    keeps_what_was_stored,
    lists_newest_first_page_by_page,
    lists_the_events_of_one_subject,
);

fn subject() -> Subject {
    Subject::Link("1".to_owned())
}

async fn keeps_what_was_stored(db: &Db) {
    let store = db.open().await;
    let new = NewEvent {
        before: Some(json!({ "a": 1 })),
        ..NewEvent::new(subject(), "link.waiting", "Waits for\0 `east`.")
    };
    store.append_event(&new, ANN).await.unwrap();
    let event = store
        .events(&PageQuery::first(1))
        .await
        .unwrap()
        .items
        .remove(0);
    let expected = Event {
        id: event.id.clone(),
        at_ms: NOW,
        subject: subject(),
        kind: "link.waiting".to_owned(),
        text: "Waits for\u{fffd} `east`.".to_owned(),
        actor: "ann".to_owned(),
        before: Some(json!({ "a": 1 })),
        after: None,
    };
    assert_eq!(event, expected);
}

async fn lists_newest_first_page_by_page(db: &Db) {
    let store = db.open().await;
    for (kind, at) in [("a", 1), ("b", 3), ("c", 2), ("d", 0)] {
        store
            .append_event(&NewEvent::new(subject(), kind, ""), later(at))
            .await
            .unwrap();
    }
    let first = store.events(&PageQuery::first(3)).await.unwrap();
    let second = store
        .events(&PageQuery {
            after: first.next.clone(),
            limit: 3,
        })
        .await
        .unwrap();
    let kinds = |page: &Page<Event>| -> String {
        page.items.iter().map(|event| event.kind.as_str()).collect()
    };
    assert_eq!(
        (kinds(&first), kinds(&second)),
        ("bca".to_owned(), "d".to_owned())
    );
    assert_eq!(second.next, None);
}

async fn lists_the_events_of_one_subject(db: &Db) {
    let store = db.open().await;
    let subjects = [
        subject(),
        Subject::Link("2".to_owned()),
        Subject::Cluster("1".to_owned()),
        Subject::Token("1".to_owned()),
        Subject::User("1".to_owned()),
        Subject::Installation,
    ];
    for (n, subject) in (0..).zip(&subjects) {
        for at in [n, n + 10] {
            let event = NewEvent::new(subject.clone(), "x", format!("{at}"));
            store.append_event(&event, later(at)).await.unwrap();
        }
    }
    for subject in &subjects {
        let first = store
            .events_of(subject, &PageQuery::first(1))
            .await
            .unwrap();
        let next = PageQuery {
            after: first.next,
            limit: 1,
        };
        let second = store.events_of(subject, &next).await.unwrap();
        assert_eq!(second.next, None);
        let (new, old) = (&first.items[0], &second.items[0]);
        assert_eq!((&new.subject, &old.subject), (subject, subject));
        assert_eq!(new.at_ms, old.at_ms + 10);
    }
    let objects = store
        .events_of_objects(&PageQuery::first(99))
        .await
        .unwrap();
    let shown = |event: &Event| matches!(event.subject, Subject::Link(_) | Subject::Cluster(_));
    assert_eq!(objects.items.len(), 6);
    assert!(objects.items.iter().all(shown));
}
