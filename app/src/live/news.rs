//! Changes of state that a patch brings, in words: a screen reader hears of them without reading the page again (UX 6).

use model::status::State;
use serde_json::Value;

use crate::json;

/// Seconds between two texts: a region that speaks more often is not listened to.
const EVERY_S: u32 = 5;
/// Things that one text names; more are counted.
const MOST_NAMED: usize = 3;

/// What is told and what waits to be.
#[derive(Debug, Default)]
pub struct News {
    waiting: Vec<String>,
    /// Seconds until the next text.
    rest_s: u32,
}

impl News {
    /// Notes the changes of state in a patch of `view`, which is as it was before.
    pub fn note(&mut self, view: &Value, patch: &Value) {
        for (name, state) in changes(view, patch) {
            let before = format!("{name}: ");
            // Only where it stands now is worth a word.
            self.waiting.retain(|text| !text.starts_with(&before));
            self.waiting.push(format!("{before}{}.", state.words()));
        }
    }

    /// Says what is to be told now, if anything is; asked once a second.
    pub fn tell(&mut self) -> Option<String> {
        self.rest_s = self.rest_s.saturating_sub(1);
        if self.rest_s > 0 || self.waiting.is_empty() {
            return None;
        }
        self.rest_s = EVERY_S;
        let mut texts = std::mem::take(&mut self.waiting);
        let more = texts.len().saturating_sub(MOST_NAMED);
        texts.truncate(MOST_NAMED);
        if more > 0 {
            texts.push(format!("{more} others changed, too."));
        }
        Some(texts.join(" "))
    }
}

/// Returns the names of links whose state a patch changes, with the new state: that of the page's own link, or of those in
/// a list.
fn changes(view: &Value, patch: &Value) -> Vec<(String, State)> {
    let of = |value: &Value| json::from_value::<State>(value.get("state")?).ok();
    let head = |value: &Value| value["head"]["name"].as_str().map(str::to_owned);
    let own = of(&patch["head"]).and_then(|state| Some((head(view)?, state)));
    let listed = patch["links"].as_object().into_iter().flatten();
    // One that is new in the list has not changed.
    let listed = listed.filter(|(name, _)| view["links"].get(name.as_str()).is_some());
    let listed = listed.filter_map(|(name, row)| Some((name.clone(), of(row)?)));
    own.into_iter().chain(listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_of_state_is_told_with_its_name() {
        let mut news = News::default();
        let page = json!({ "head": { "name": "orders-dr", "state": "mirroring" } });
        news.note(&page, &json!({ "head": { "state": "needs_decision" } }));
        assert_eq!(news.tell().unwrap(), "orders-dr: needs a decision.");
        let list = json!({ "links": { "a": { "state": "mirroring" } } });
        let patch = json!({ "links": { "a": { "state": "paused" }, "b": { "state": "draft" } } });
        assert_eq!(
            changes(&list, &patch),
            [("a".to_owned(), State::Paused)],
            "the link `b` has come, not changed"
        );
    }

    #[test]
    fn numbers_and_what_is_no_state_are_not_told() {
        let mut news = News::default();
        for patch in [
            json!({ "now": { "records_per_s": 5 } }),
            json!({ "head": { "since": "5 min" } }),
            json!({ "head": { "state": "rotten" } }),
            json!({ "links": { "a": { "lag": 5 } } }),
            json!(null),
        ] {
            news.note(
                &json!({ "head": { "name": "a" }, "links": { "a": {} } }),
                &patch,
            );
        }
        assert_eq!(news.tell(), None);
    }

    #[test]
    fn one_text_in_five_seconds_tells_only_where_things_stand_now() {
        let mut news = News::default();
        let list = json!({ "links": { "a": {}, "b": {}, "c": {}, "d": {}, "e": {} } });
        let change = |news: &mut News, name: &str, state: &str| {
            news.note(&list, &json!({ "links": { name: { "state": state } } }));
        };
        change(&mut news, "a", "waiting");
        assert_eq!(news.tell().unwrap(), "a: waiting.");
        change(&mut news, "b", "waiting");
        change(&mut news, "b", "mirroring");
        let told: Vec<String> = (0..5).filter_map(|_| news.tell()).collect();
        assert_eq!(told, ["b: mirroring."], "after five seconds");
        for name in ["a", "b", "c", "d", "e"] {
            change(&mut news, name, "paused");
        }
        let told: Vec<String> = (0..5).filter_map(|_| news.tell()).collect();
        assert_eq!(
            told,
            ["a: paused. b: paused. c: paused. 2 others changed, too."]
        );
    }
}
