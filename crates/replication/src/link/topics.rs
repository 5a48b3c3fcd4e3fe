//! The topics pass: what the selection takes now, compared with what stands, carried out at the destination.
//!
//! Slot 0's owner runs it every detection interval. What it returns is written into the control topic before anybody
//! copies a record of it.

use std::sync::Arc;

use model::{
    link::LinkSpec,
    plan::{TopicAction, TopicPlan},
    problem::Problem,
};
use uuid::Uuid;

use super::io::{End, Wire};
use crate::{
    crash::panic_point,
    plan::{
        FixedMirror, OtherLink,
        gather::{Depth, GatherError, Inquiry, gather},
        naming::NewTopics,
        plan_topics,
    },
    topic_sync::{Applied, ApplyError, Sieve, apply},
};

/// Which topics a link takes, compiled once per change of its settings.
#[derive(Debug)]
pub(super) struct Selection(Option<model::selection::Selector>);

impl Selection {
    pub(super) fn of(spec: &LinkSpec) -> Self {
        Self(model::selection::Selector::compile(&spec.topics).ok())
    }

    /// Says whether the link takes this topic; nothing while the selection is faulty.
    pub(super) fn takes(&self, topic: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|selector| selector.decide(topic, false).selected)
    }
}

/// What a pass works from.
#[derive(Debug)]
pub(super) struct PassInput {
    pub(super) spec: LinkSpec,
    pub(super) revision: i64,
    pub(super) fixed: Vec<FixedMirror>,
    pub(super) others: Vec<OtherLink>,
    /// The link has never run, or its settings changed since the last pass: topics there now begin at the link's start.
    pub(super) first: bool,
}

/// What a pass found and did.
#[derive(Debug)]
pub(super) struct PassResult {
    pub(super) revision: i64,
    pub(super) first: bool,
    pub(super) result: Result<Vec<PassedTopic>, Box<Problem>>,
}

/// One selected topic after a pass.
#[derive(Debug)]
pub(super) struct PassedTopic {
    pub(super) plan: TopicPlan,
    pub(super) topic_id: Uuid,
    pub(super) applied: Result<Applied, ApplyError>,
}

/// Plans, and does what the plan says, topic by topic: one that cannot be made keeps no other from being copied.
pub(super) async fn pass(wire: Arc<Wire>, input: PassInput) -> PassResult {
    panic_point("topics-pass");
    let (revision, first) = (input.revision, input.first);
    PassResult {
        revision,
        first,
        result: run(&wire, input).await,
    }
}

async fn run(wire: &Wire, input: PassInput) -> Result<Vec<PassedTopic>, Box<Problem>> {
    let client = |end: &End| {
        end.client()
            .cloned()
            .map_err(|e| settings_problem(&end.spec.name, &e.to_string()))
    };
    let (source, destination) = (client(&wire.source)?, client(&wire.destination)?);
    let takes_new = input.first || input.spec.topics.new_topics;
    let inquiry = Inquiry {
        source: &source,
        destination: &destination,
        spec: &input.spec,
        others: &input.others,
        fixed: &input.fixed,
        taken: &[],
        new_topics: if takes_new {
            NewTopics::Taken
        } else {
            NewTopics::Left
        },
        depth: Depth::Changes,
    };
    let gathered = gather(&inquiry)
        .await
        .map_err(|error| gather_problem(&input.spec, &error))?;
    let facts = gathered.facts;
    let sieve = Sieve::default();
    let mut passed = Vec::new();
    for plan in plan_topics(&facts) {
        let selected = facts
            .selected
            .iter()
            .find(|selected| selected.topic.name == plan.topic);
        let topic_id = selected.map_or(Uuid::nil(), |selected| selected.topic.id);
        let known = input.fixed.iter().any(|fixed| fixed.topic == plan.topic);
        if known && plan.action == TopicAction::Keep {
            continue;
        }
        let applied = apply(&destination, &plan, &sieve).await;
        passed.push(PassedTopic {
            plan,
            topic_id,
            applied,
        });
    }
    Ok(passed)
}

fn gather_problem(spec: &LinkSpec, error: &GatherError) -> Box<Problem> {
    let (cluster, cause) = match error {
        GatherError::Source(cause) => (&spec.source, cause),
        GatherError::Destination(cause) => (&spec.destination, cause),
        GatherError::Fields(_) => return settings_problem(&spec.name, &error.to_string()),
    };
    Box::new(Problem {
        code: cause.code().to_owned(),
        status: 503,
        title: format!("`{cluster}` does not tell its topics."),
        detail: cause.to_string(),
        state: Some("waiting".to_owned()),
        cause: Some(cause.to_string()),
        broker_error: cause.broker_code().map(|code| code.name().to_owned()),
        next_step: Some("Nothing; it is asked again. Topics that are mirrored go on.".to_owned()),
        ..Problem::default()
    })
}

fn settings_problem(cluster: &model::Name, cause: &str) -> Box<Problem> {
    Box::new(Problem {
        code: "cluster.settings".to_owned(),
        status: 409,
        title: format!("The settings of `{cluster}` cannot be used."),
        detail: cause.to_owned(),
        state: Some("waiting".to_owned()),
        cause: Some(cause.to_owned()),
        next_step: Some(format!("Correct `{cluster}`.")),
        ..Problem::default()
    })
}
