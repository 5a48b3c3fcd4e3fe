//! Events as pages show them, with what changed worked out.

use model::problem::Problem;
use serde_json::Value;
use store::{Link, PageQuery};

use super::{Change, EventList, EventRow};
use crate::{
    Context,
    access::Actor,
    api::{
        List,
        events::{self, EventView},
    },
    pages::ROWS,
};

/// Changed values that are listed of one event at most.
const MOST_CHANGES: usize = 100;
/// Longest shown value, characters.
const LONGEST: usize = 300;

/// Returns one page of all events; `after` is the cursor of the page before, or empty.
pub async fn all(context: &Context, actor: &Actor, after: &str) -> Result<EventList, Problem> {
    let list = events::all(context, actor, &page(after)).await?;
    Ok(shown(list, after))
}

/// Returns one page of a link's events.
pub async fn of_link(
    context: &Context,
    actor: &Actor,
    link: &str,
    after: &str,
) -> Result<EventList, Problem> {
    let list = events::of_link(context, actor, link, &page(after)).await?;
    Ok(shown(list, after))
}

/// Returns the last `count` events of a link that somebody may read.
pub async fn last(context: &Context, link: &Link, count: u32) -> Result<Vec<EventRow>, Problem> {
    let list = events::of(context, link, &PageQuery::first(count)).await?;
    let short = |event: EventView| EventRow {
        changes: Vec::new(),
        ..row(event)
    };
    Ok(list.items.into_iter().map(short).collect())
}

fn page(after: &str) -> PageQuery {
    PageQuery {
        after: (!after.is_empty()).then(|| after.to_owned()),
        ..PageQuery::first(ROWS)
    }
}

fn shown(list: List<EventView>, after: &str) -> EventList {
    EventList {
        items: list.items.into_iter().map(row).collect(),
        next: list.next,
        further: !after.is_empty(),
    }
}

fn row(event: EventView) -> EventRow {
    EventRow {
        changes: changes(event.before.as_ref(), event.after.as_ref()),
        id: event.id,
        at_ms: event.at_ms,
        text: event.text,
        actor: event.actor,
    }
}

/// Returns the values that differ, in the order of the newer one.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    leaves("", before.unwrap_or(&Value::Null), &mut old);
    leaves("", after.unwrap_or(&Value::Null), &mut new);
    let value = |leaves: &[(String, String)], path: &str| {
        let found = leaves.iter().find(|(known, _)| known == path);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let gone = old
        .iter()
        .filter(|(path, _)| !new.iter().any(|(known, _)| known == path));
    let paths = new.iter().chain(gone).map(|(path, _)| path.clone());
    paths
        .map(|path| Change {
            before: value(&old, &path),
            after: value(&new, &path),
            path,
        })
        .filter(|change| change.before != change.after)
        .take(MOST_CHANGES)
        .collect()
}

/// Lists the values inside `value` that hold no others, each with its path.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (key, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(&format!("{path}{dot}{key}"), value, found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(&format!("{path}[{index}]"), value, found);
            }
        }
        Value::String(text) => found.push((path.to_owned(), cut(text))),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_with_its_place() {
        let before =
            json!({"phase": "running", "spec": {"rows": [{"p": "a"}, {"p": "b"}], "n": 1}});
        let after = json!({"phase": "paused", "spec": {"rows": [{"p": "a"}], "n": 1, "t": "new"}});
        let change = |path: &str, before: &str, after: &str| Change {
            path: path.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        assert_eq!(
            changes(Some(&before), Some(&after)),
            [
                change("phase", "running", "paused"),
                change("spec.t", "", "new"),
                change("spec.rows[1].p", "b", ""),
            ]
        );
        assert_eq!(changes(None, None), []);
    }

    #[test]
    fn endless_values_are_cut() {
        let after = json!({ "title": "é".repeat(5_000) });
        let told = changes(None, Some(&after));
        assert_eq!(told[0].after.chars().count(), LONGEST + 1);
        let many: Vec<u32> = (0..1_000).collect();
        assert_eq!(changes(None, Some(&json!(many))).len(), MOST_CHANGES);
    }
}
