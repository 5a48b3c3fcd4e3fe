//! What happened and who did it.
//!
//! Changes of intent write their event in their own transaction; the engine and the server append the rest.

use serde_json::Value;
use sqlx::{Row, any::AnyRow};

use crate::{
    By, Page, PageQuery, Store, StoreError,
    database::Transaction,
    json::{self, Place},
    new_id,
    page::moment,
};

/// What an event is about, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Cluster(String),
    Link(String),
    Token(String),
    User(String),
    Installation,
}

impl Subject {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Cluster(id) => ("cluster", id),
            Self::Link(id) => ("link", id),
            Self::Token(id) => ("token", id),
            Self::User(id) => ("user", id),
            Self::Installation => ("installation", ""),
        }
    }

    fn read(kind: &str, id: String, place: Place<'_>) -> Result<Self, StoreError> {
        match kind {
            "cluster" => Ok(Self::Cluster(id)),
            "link" => Ok(Self::Link(id)),
            "token" => Ok(Self::Token(id)),
            "user" => Ok(Self::User(id)),
            "installation" => Ok(Self::Installation),
            _ => Err(place.corrupt("unknown word")),
        }
    }
}

/// Something that happened, to be recorded.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub subject: Subject,
    /// Dotted word such as `link.waiting`.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// The subject before, without secrets.
    pub before: Option<Value>,
    /// The subject after, without secrets.
    pub after: Option<Value>,
}

impl NewEvent {
    /// Makes an event that changed nothing.
    pub fn new(subject: Subject, kind: &str, text: impl Into<String>) -> Self {
        Self {
            subject,
            kind: kind.to_owned(),
            text: text.into(),
            before: None,
            after: None,
        }
    }
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub at_ms: i64,
    pub subject: Subject,
    pub kind: String,
    pub text: String,
    pub actor: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Store {
    /// Records an event.
    pub async fn append_event(&self, event: &NewEvent, by: By<'_>) -> Result<(), StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            append(&mut transaction, event, by).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Lists all events, newest first.
    pub async fn events(&self, query: &PageQuery) -> Result<Page<Event>, StoreError> {
        self.within(async {
            let (at_ms, id) = query.before_moment()?;
            let rows = sqlx::query(
                "SELECT id, at_ms, subject_kind, subject_id, kind, text, actor, before_json, after_json \
                 FROM events WHERE at_ms < $1 OR (at_ms = $1 AND id < $2) \
                 ORDER BY at_ms DESC, id DESC LIMIT $3",
            )
            .bind(at_ms)
            .bind(id)
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            page(&rows, query)
        })
        .await
    }

    /// Lists the events of clusters and links, newest first: all but what people and tokens did to get in.
    pub async fn events_of_objects(&self, query: &PageQuery) -> Result<Page<Event>, StoreError> {
        self.within(async {
            let (at_ms, id) = query.before_moment()?;
            let rows = sqlx::query(
                "SELECT id, at_ms, subject_kind, subject_id, kind, text, actor, before_json, after_json \
                 FROM events WHERE subject_kind IN ('cluster', 'link') \
                 AND (at_ms < $1 OR (at_ms = $1 AND id < $2)) \
                 ORDER BY at_ms DESC, id DESC LIMIT $3",
            )
            .bind(at_ms)
            .bind(id)
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            page(&rows, query)
        })
        .await
    }

    /// Lists the events of one subject, newest first.
    pub async fn events_of(
        &self,
        subject: &Subject,
        query: &PageQuery,
    ) -> Result<Page<Event>, StoreError> {
        self.within(async {
            let (at_ms, id) = query.before_moment()?;
            let (subject_kind, subject_id) = subject.parts();
            let rows = sqlx::query(
                "SELECT id, at_ms, subject_kind, subject_id, kind, text, actor, before_json, after_json \
                 FROM events WHERE subject_kind = $1 AND subject_id = $2 \
                 AND (at_ms < $3 OR (at_ms = $3 AND id < $4)) \
                 ORDER BY at_ms DESC, id DESC LIMIT $5",
            )
            .bind(subject_kind)
            .bind(subject_id)
            .bind(at_ms)
            .bind(id)
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            page(&rows, query)
        })
        .await
    }
}

fn page(rows: &[AnyRow], query: &PageQuery) -> Result<Page<Event>, StoreError> {
    let items = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query, |event: &Event| {
        moment(event.at_ms, &event.id)
    }))
}

/// Records an event inside the transaction of what it tells.
pub(crate) async fn append(
    transaction: &mut Transaction,
    event: &NewEvent,
    by: By<'_>,
) -> Result<(), StoreError> {
    let (subject_kind, subject_id) = event.subject.parts();
    sqlx::query(
        "INSERT INTO events \
         (id, at_ms, subject_kind, subject_id, kind, text, actor, before_json, after_json) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new_id(by.now_ms))
    .bind(by.now_ms)
    .bind(subject_kind)
    .bind(subject_id)
    .bind(&event.kind)
    // Postgres refuses NUL in a text, and an event is not worth failing for.
    .bind(event.text.replace('\0', "\u{fffd}"))
    .bind(by.actor)
    .bind(event.before.as_ref().map(json::write))
    .bind(event.after.as_ref().map(json::write))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn event(row: &AnyRow) -> Result<Event, StoreError> {
    let id: String = row.try_get("id")?;
    let place = |column| Place {
        table: "events",
        id: &id,
        column,
    };
    let value = |column: &'static str| -> Result<Option<Value>, StoreError> {
        let text: Option<String> = row.try_get(column)?;
        text.map(|text| json::read(&text, place(column)))
            .transpose()
    };
    let subject_kind: String = row.try_get("subject_kind")?;
    Ok(Event {
        at_ms: row.try_get("at_ms")?,
        subject: Subject::read(
            &subject_kind,
            row.try_get("subject_id")?,
            place("subject_kind"),
        )?,
        kind: row.try_get("kind")?,
        text: row.try_get("text")?,
        actor: row.try_get("actor")?,
        before: value("before_json")?,
        after: value("after_json")?,
        id,
    })
}

#[cfg(test)]
mod tests;
