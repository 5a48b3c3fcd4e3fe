//! The steps of a link's form, and the addresses that they have.

use serde::{Deserialize, Serialize};

/// One page of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Source,
    Destination,
    Topics,
    Options,
    Plan,
}

impl Step {
    /// The steps of a new link.
    pub const NEW: [Self; 5] = [
        Self::Source,
        Self::Destination,
        Self::Topics,
        Self::Options,
        Self::Plan,
    ];
    /// The steps of an edit: a link keeps its clusters.
    pub const EDIT: [Self; 3] = [Self::Topics, Self::Options, Self::Plan];

    /// Returns the word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Topics => "topics",
            Self::Options => "options",
            Self::Plan => "plan",
        }
    }

    /// Returns the word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::Destination => "Destination",
            Self::Topics => "Topics",
            Self::Options => "Options",
            Self::Plan => "Plan",
        }
    }

    /// Returns the step with that word in its address.
    pub fn of(word: &str) -> Option<Self> {
        Self::NEW.into_iter().find(|step| step.as_str() == word)
    }

    /// Returns the step on which the input of this name stands.
    pub fn of_field(field: &str) -> Self {
        let head = field.split(['[', '.']).next().unwrap_or(field);
        match head {
            "source" => Self::Source,
            "destination" => Self::Destination,
            "rows" | "internal" | "new_topics" | "append_to" | "rename_kind" | "prefix"
            | "suffix" | "format" | "rename_match" | "rename_replace" | "rename_list" => {
                Self::Topics
            }
            _ => Self::Options,
        }
    }
}

/// A form that somebody fills in: of a new link, or of changes to one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Id of the draft.
    pub id: String,
    /// Name of the link that is edited; empty for a new one.
    pub link: String,
}

impl Place {
    /// Returns the form's steps in order.
    pub fn steps(&self) -> &'static [Step] {
        if self.link.is_empty() {
            &Step::NEW
        } else {
            &Step::EDIT
        }
    }

    /// Returns the address of one step.
    pub fn path(&self, step: Step) -> String {
        let (id, step) = (&self.id, step.as_str());
        if self.link.is_empty() {
            format!("/links/new/{id}/{step}")
        } else {
            format!("/links/{}/edit/{id}/{step}", self.link)
        }
    }

    /// Returns the step before `step`, `None` for the first.
    pub fn before(&self, step: Step) -> Option<Step> {
        self.steps()
            .iter()
            .rev()
            .find(|other| **other < step)
            .copied()
    }

    /// Returns the step after `step`, the plan at last.
    pub fn after(&self, step: Step) -> Step {
        let next = self.steps().iter().find(|other| **other > step);
        next.copied().unwrap_or(Step::Plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_an_address_and_leads_to_its_neighbours() {
        let new = Place {
            id: "1".to_owned(),
            link: String::new(),
        };
        assert_eq!(new.path(Step::Topics), "/links/new/1/topics");
        assert_eq!(new.before(Step::Source), None);
        assert_eq!(new.after(Step::Destination), Step::Topics);
        let edit = Place {
            link: "dr".to_owned(),
            ..new
        };
        assert_eq!(edit.path(Step::Plan), "/links/dr/edit/1/plan");
        assert_eq!(edit.before(Step::Topics), None);
        assert_eq!(edit.after(Step::Plan), Step::Plan);
        for step in Step::NEW {
            assert_eq!(Step::of(step.as_str()), Some(step));
        }
    }

    #[test]
    fn every_input_stands_on_one_step() {
        for (field, step) in [
            ("rows[2].pattern", Step::Topics),
            ("rename_list", Step::Topics),
            ("start_at", Step::Options),
            ("name", Step::Options),
            ("destination", Step::Destination),
        ] {
            assert_eq!(Step::of_field(field), step);
        }
    }
}
