//! What the pages of a link's form show.

use model::{
    draft::LinkDraft,
    plan::Plan,
    problem::{FieldError, Problem},
};
use serde::{Deserialize, Serialize};

use super::step::{Place, Step};

/// One page of the form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormView {
    pub place: Place,
    pub step: Step,
    pub draft: LinkDraft,
    /// How often the form was sent.
    pub sent: u32,
    /// When the draft was last saved, and when this page was made; milliseconds since the epoch, UTC.
    pub saved_at_ms: i64,
    pub now_ms: i64,
    /// What is wrong on this step.
    pub faults: Vec<FieldError>,
    /// Whether somebody wanted to go on, so that faults are told at the top too.
    pub checked: bool,
    /// The first step that is not complete.
    pub reached: Step,
    pub body: StepView,
}

/// What one step shows besides the form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StepView {
    Ends(Vec<ClusterChoice>),
    Topics(Box<PreviewView>),
    Options,
    Plan(Box<PlanView>),
}

/// A cluster that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterChoice {
    pub name: String,
    pub title: String,
    pub addresses: String,
    pub cluster_id: Option<String>,
    /// Why it cannot be chosen here.
    pub refused: Option<String>,
}

/// A page of the preview.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreviewView {
    pub counts: PreviewCounts,
    pub rows: Vec<PreviewRow>,
    /// How many rows there are with this filter, and the first that is shown.
    pub found: u32,
    pub at: u32,
    pub filter: String,
    /// Seconds since the lists were read.
    pub age_s: i64,
    /// What is wrong with the form, by its inputs.
    pub faults: Vec<FieldError>,
    /// Why there is no preview, or only a part.
    pub problems: Vec<Problem>,
    /// What is worth knowing besides, such as names that wait for their topic.
    pub notes: Vec<String>,
    /// Ticked topics that stand on other pages.
    pub append_elsewhere: Vec<String>,
}

/// How many topics there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewCounts {
    pub topics: u32,
    pub matched: u32,
    pub hidden: u32,
    pub refused: u32,
    pub to_decide: u32,
}

/// One source topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    pub topic: String,
    pub mirror: Option<String>,
    pub mark: Mark,
    pub because: String,
}

/// What would become of a source topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    Create,
    Keep,
    Adopt,
    Append,
    NeedsAppend,
    Refused,
    LeftOut,
}

/// The plan, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    pub plan: Option<Plan>,
    pub problem: Option<Problem>,
    /// Whether it is another one than the one that was agreed to.
    pub changed: bool,
    /// What others changed in the link meanwhile.
    pub conflict: Vec<Difference>,
    /// The link as the API takes it.
    pub json: String,
    /// How to make it without the console.
    pub curl: String,
    /// Whether the link of an edit runs.
    pub runs: bool,
}

/// A setting that somebody else changed while this form was open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub field: String,
    pub before: String,
    pub theirs: String,
    pub mine: String,
}

/// Where somebody is on a page of the form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormQuery {
    /// Whether to tell faults at the top.
    pub check: bool,
    pub filter: String,
    pub at: u32,
    /// The plan that was agreed to and is no longer the one.
    pub agreed: String,
    /// Whether to read the topic lists anew.
    pub fresh: bool,
    /// A cluster that was just connected for this form.
    pub cluster: String,
}
