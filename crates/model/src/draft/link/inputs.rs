//! Which input of a link's form an error of the spec belongs to.

use super::{LinkDraft, words::Action};
use crate::problem::FieldError;

impl LinkDraft {
    /// Returns the errors of a check by the names of this form's inputs, such as `rows[2].pattern`.
    pub fn at_inputs(&self, errors: Vec<FieldError>) -> Vec<FieldError> {
        let at_input = |error: FieldError| FieldError {
            field: self.input_of(&error.field),
            message: error.message,
        };
        errors.into_iter().map(at_input).collect()
    }

    pub(super) fn input_of(&self, field: &str) -> String {
        let (head, rest) = field.split_once(['.', '[']).unwrap_or((field, ""));
        let input = match head {
            "topics" => return self.row_of_field(rest),
            "rename" => self.rename_input(rest),
            "start" => "start_at",
            "replication_factor" => "replication_exact",
            "configs" if rest.starts_with("include") => "configs_include",
            "configs" if rest.starts_with("exclude") => "configs_exclude",
            "configs" if rest.starts_with("interval") => "configs_interval_s",
            "configs" if rest.starts_with("on_drift") => "configs_on_drift",
            "configs" => "configs_from",
            "detect_interval_ms" => "detect_interval_s",
            "limit_bytes_per_s" => "limit_mb_s",
            "policies" => return format!("on_{rest}"),
            head => head,
        };
        input.to_owned()
    }

    fn rename_input<'f>(&self, rest: &'f str) -> &'f str {
        if self.rename_kind == "kept" {
            return "rename_kind";
        }
        match rest.split(['.', '[']).next().unwrap_or(rest) {
            "map" => "rename_list",
            "regex" if rest.ends_with("replace") => "rename_replace",
            "regex" => "rename_match",
            part => part,
        }
    }

    /// `include[2].pattern` counts include rows only, the form counts all rows, empty ones too.
    fn row_of_field(&self, rest: &str) -> String {
        let place = || {
            let (list, index) = rest.split_once('[')?;
            let (index, part) = index.split_once(']')?;
            let action = match list {
                "include" => Action::Include,
                "exclude" => Action::Exclude,
                _ => return None,
            };
            let word = super::word(&super::ACTIONS, &action);
            let mut rows = self.filled_rows().filter(|(_, row)| row.action == word);
            let (row, _) = rows.nth(index.parse().ok()?)?;
            Some(format!("rows[{row}]{part}"))
        };
        place().unwrap_or_else(|| "rows".to_owned())
    }
}
