//! JSON merge patches (RFC 7396): what changed between two views, and how to apply it.

use serde_json::{Map, Value};

/// Returns the patch that turns `before` into `after`, `None` where they are equal.
///
/// Arrays are replaced whole. `null` and an absent member are one and the same, as they are for optional fields.
pub fn diff(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return Some(after.clone());
    };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(known) => {
                if let Some(change) = diff(known, value) {
                    patch.insert(key.clone(), change);
                }
            }
            None if value.is_null() => {}
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, value) in old {
        if !new.contains_key(key) && !value.is_null() {
            patch.insert(key.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Applies a patch to `target`.
pub fn apply(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(&key);
        } else {
            apply(members.entry(key).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn crosses(before: Value, after: Value) -> Option<Value> {
        let patch = diff(&before, &after);
        let mut reached = before;
        if let Some(patch) = patch.clone() {
            apply(&mut reached, patch);
        }
        assert_eq!(reached, after);
        patch
    }

    #[test]
    fn a_patch_holds_only_what_changed_and_leads_to_the_new_view() {
        let before =
            json!({"rows": {"a": {"lag": 1, "rate": 2}, "b": {"lag": 3}}, "order": ["a", "b"]});
        let after =
            json!({"rows": {"a": {"lag": 4, "rate": 2}, "c": {"lag": 5}}, "order": ["c", "a"]});
        let patch = crosses(before, after);
        let expected =
            json!({"rows": {"a": {"lag": 4}, "b": null, "c": {"lag": 5}}, "order": ["c", "a"]});
        assert_eq!(patch, Some(expected));
    }

    #[test]
    fn equal_views_need_no_patch() {
        assert_eq!(crosses(json!({"a": [1]}), json!({"a": [1]})), None);
    }

    #[test]
    fn a_value_that_becomes_unknown_is_taken_away() {
        let patch = diff(&json!({"lag": 1}), &json!({"lag": null}));
        assert_eq!(patch, Some(json!({"lag": null})));
        let mut view = json!({"lag": 1});
        apply(&mut view, json!({"lag": null}));
        assert_eq!(view, json!({}));
    }

    #[test]
    fn a_value_that_is_no_object_is_replaced() {
        crosses(json!({"a": 1}), json!({"a": {"b": 2}}));
        crosses(json!([1]), json!({"b": 2}));
    }
}
