//! The control topic of an earlier link of the same name: another installation's, or one that was deleted here. It is never
//! taken for our own: an operator says whether the link goes on from its positions or begins anew (DESIGN 11).

use std::time::Duration;

use kafka::client::{Client, Topics};
use model::{
    acl::AclResource,
    finding::{Choice, Finding, FindingKind, FindingState},
    own,
    problem::Problem,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    grants,
    ledger::DesiredLink,
    link::io::Wire,
    protocol::{claim::read_slot, control::Spec},
};

/// How long the deletion of a topic may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is read before somebody is told that it cannot be, and the pause between.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Its positions are ours from now on.
    GoOn,
    /// It is deleted.
    Remove,
}

/// Says whether the control topic may be another link's: it stood there before this link ever ran, or somebody chose to go
/// on with such a one, and the process may have ended before that was done.
pub(super) fn may_be(link: &DesiredLink, topic_id: Uuid, made: bool) -> bool {
    let id = finding_id(link, topic_id);
    let chosen = link.decisions.iter().any(|d| d.finding_id == id);
    (link.control_topic_id.is_none() && !made) || chosen
}

/// Returns the `spec` in the control topic, if it is that of another link.
pub(super) async fn earlier_spec(
    wire: &Wire,
    installation: &str,
    link: &DesiredLink,
) -> Result<Option<Spec>, Box<Problem>> {
    let mut read = read_slot(wire, 0).await;
    for _ in 1..ATTEMPTS {
        if read.is_ok() {
            break;
        }
        // A leader that is new is soon known.
        tokio::time::sleep(PAUSE).await;
        read = read_slot(wire, 0).await;
    }
    let state = match read {
        Ok(state) => state,
        // Whoever follows the control topic tells what is wrong with its records.
        Err(crate::protocol::claim::SlotError::Record(_)) => return Ok(None),
        Err(error) => return Err(unread(wire, link, &error.to_string())),
    };
    let other = |spec: &Spec| spec.link_id != link.id || spec.installation != installation;
    Ok(state.spec.filter(other))
}

fn unread(wire: &Wire, link: &DesiredLink, cause: &str) -> Box<Problem> {
    let destination = &wire.destination.spec.name;
    let problem = Problem {
        code: "control.unreadable".to_owned(),
        status: 503,
        title: format!("The control topic at `{destination}` could not be read."),
        detail: format!("Topic `{}`: {cause}. Retried.", wire.control_topic),
        state: Some("waiting".to_owned()),
        cause: Some(cause.to_owned()),
        next_step: Some(format!(
            "Check that `{}` has a leader for each partition.",
            wire.control_topic
        )),
        ..Problem::default()
    };
    Box::new(grants::named_by_cause(problem, || {
        grants::own(&link.destination)
    }))
}

/// Says what an operator chose.
pub(super) fn judge(
    spec: &Spec,
    topic_id: Uuid,
    link: &DesiredLink,
    source_cluster_id: &str,
) -> Result<Way, Box<Problem>> {
    let unfit = unfit(spec, link, source_cluster_id);
    let id = finding_id(link, topic_id);
    let chosen = link.decisions.iter().rev().find(|d| d.finding_id == id);
    match chosen.map(|decision| decision.choice) {
        Some(Choice::GoOn) if unfit.is_none() => Ok(Way::GoOn),
        Some(Choice::MirrorAnew) => Ok(Way::Remove),
        _ => Err(undecided(spec, topic_id, link, unfit)),
    }
}

/// Says why its positions are of no use here, `None` where they are.
fn unfit(spec: &Spec, link: &DesiredLink, source_cluster_id: &str) -> Option<&'static str> {
    if spec.source_cluster_id != source_cluster_id {
        return Some(
            "It holds the positions of a link from another source cluster, which say nothing here.",
        );
    }
    (spec.guarantee != link.spec.guarantee).then_some(
        "It holds the positions of a link with another `guarantee`, which do not fit this one.",
    )
}

fn undecided(
    spec: &Spec,
    topic_id: Uuid,
    link: &DesiredLink,
    unfit: Option<&'static str>,
) -> Box<Problem> {
    let destination = &link.spec.destination;
    let detail = unfit.unwrap_or("It holds the positions of a link from the same source cluster.");
    let next_step = match unfit {
        None => {
            "Choose whether this link goes on there or begins anew, or make the link under another name."
        }
        Some(_) => "Choose to begin anew, or make the link under another name.",
    };
    Box::new(Problem {
        code: "control.retired".to_owned(),
        status: 409,
        title: format!(
            "An earlier link `{}` left its control topic at `{destination}`.",
            spec.name
        ),
        detail: format!("{detail} Nothing is copied until that is settled."),
        state: Some("needs_decision".to_owned()),
        cause: Some(format!("control topic {topic_id} of link {}", spec.link_id)),
        next_step: Some(next_step.to_owned()),
        ..Problem::default()
    })
}

/// Returns the finding that asks for the choice without which an earlier link's control topic is left alone.
pub(super) fn finding(
    undecided: &Problem,
    topic_id: Uuid,
    link: &DesiredLink,
    now_ms: i64,
) -> Finding {
    let topic = own::control_topic(link.spec.name.as_str());
    Finding {
        id: finding_id(link, topic_id),
        kind: FindingKind::ControlTopicChanged,
        topic: topic.clone(),
        mirror_topic: topic,
        partition: 0,
        source: None,
        destination: None,
        detail: format!("{} {}", undecided.title, undecided.detail),
        broker_error: None,
        found_at_ms: now_ms,
        state: FindingState::Held,
    }
}

/// The same control topic asks the same question.
fn finding_id(link: &DesiredLink, topic_id: Uuid) -> String {
    let name = format!("{}/control/{topic_id}", link.id);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// Deletes the control topic and waits until nobody sees it any more.
pub(super) async fn remove(
    client: &Client,
    wire: &Wire,
    link: &DesiredLink,
) -> Result<(), Box<Problem>> {
    let name = &*wire.control_topic;
    let names = [name.to_owned()];
    let failed = |cause: String| {
        let problem = Problem {
            code: "control.not_removed".to_owned(),
            status: 502,
            title: format!("The control topic `{name}` could not be deleted."),
            detail: "Nothing is copied until it is gone. Retried.".to_owned(),
            state: Some("waiting".to_owned()),
            cause: Some(cause),
            next_step: Some(format!(
                "Look at the destination, or delete `{name}` yourself."
            )),
            ..Problem::default()
        };
        Box::new(grants::named_by_cause(problem, || {
            let resource = AclResource::Topic(name.to_owned());
            grants::grant(&link.destination, &["Delete", "Describe"], resource)
        }))
    };
    let deleted = client.delete_topics(&names).await;
    for (_, answer) in deleted.map_err(|error| failed(error.to_string()))? {
        answer.map_err(|error| failed(error.to_string()))?;
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let seen = client.metadata(Topics::Named(&names)).await;
        let gone =
            seen.is_ok_and(|seen| seen.topic(name).is_none_or(|topic| topic.error.is_some()));
        if gone {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(failed("it is still there".to_owned()))
}

/// What stands for a moment after the removal: the next attempt makes the topic anew.
pub(super) fn removed(name: &str) -> Box<Problem> {
    Box::new(Problem {
        code: "control.removed".to_owned(),
        status: 503,
        title: "The earlier link's control topic was removed.".to_owned(),
        detail: format!("`{name}` is made anew."),
        state: Some("waiting".to_owned()),
        cause: Some("an operator chose to begin anew".to_owned()),
        next_step: Some("Nothing to do: the link starts in a moment.".to_owned()),
        ..Problem::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ledger::Decision, link::testing::desired, protocol::position::Meaning};

    const TOPIC: Uuid = Uuid::from_u128(7);

    fn spec() -> Spec {
        let link = desired("localhost:1", "localhost:2");
        Spec {
            link_id: "earlier".to_owned(),
            name: "link".to_owned(),
            installation: "there".to_owned(),
            phase: link.phase,
            revision: 9,
            source_cluster_id: "east-id".to_owned(),
            selection: link.spec.topics,
            rename: link.spec.rename,
            slots: 4,
            data_producer_id: Some(3),
            former_producer_ids: Vec::new(),
            meaning: Meaning {
                revision: 1,
                isolation: link.spec.isolation,
                timestamps: link.spec.timestamps,
            },
            topics_seen: true,
            guarantee: link.spec.guarantee,
        }
    }

    fn deciding(choice: Option<Choice>) -> DesiredLink {
        let mut link = desired("localhost:1", "localhost:2");
        link.decisions = choice
            .into_iter()
            .map(|choice| Decision {
                finding_id: finding_id(&link, TOPIC),
                choice,
                by: "ann".to_owned(),
                at_ms: 1,
            })
            .collect();
        link
    }

    #[test]
    fn nothing_happens_to_an_earlier_links_topic_before_somebody_chose() {
        let link = deciding(None);
        let problem = judge(&spec(), TOPIC, &link, "east-id").unwrap_err();
        assert_eq!(problem.state.as_deref(), Some("needs_decision"));
        let asked = finding(&problem, TOPIC, &link, 5);
        assert_eq!(asked.id, finding_id(&link, TOPIC));
        assert_eq!(asked.kind.choices(), [Choice::GoOn, Choice::MirrorAnew]);
    }

    #[test]
    fn only_a_control_topic_that_was_there_before_may_be_an_earlier_links() {
        let link = deciding(None);
        assert!(may_be(&link, TOPIC, false));
        assert!(!may_be(&link, TOPIC, true), "made just now");
        let mut known = link;
        known.control_topic_id = Some(TOPIC.to_string());
        assert!(!may_be(&known, TOPIC, false));
        known.decisions = deciding(Some(Choice::GoOn)).decisions;
        assert!(
            may_be(&known, TOPIC, false),
            "the choice may not be carried out"
        );
    }

    #[test]
    fn positions_of_another_source_are_never_gone_on_from() {
        let goes_on = deciding(Some(Choice::GoOn));
        assert_eq!(judge(&spec(), TOPIC, &goes_on, "east-id"), Ok(Way::GoOn));
        let problem = judge(&spec(), TOPIC, &goes_on, "north-id").unwrap_err();
        assert!(problem.detail.contains("another source cluster"));
        let mut other = spec();
        other.guarantee = model::link::Guarantee::Transactional;
        let problem = judge(&other, TOPIC, &goes_on, "east-id").unwrap_err();
        assert!(problem.detail.contains("another `guarantee`"));
        let anew = deciding(Some(Choice::MirrorAnew));
        assert_eq!(judge(&spec(), TOPIC, &anew, "north-id"), Ok(Way::Remove));
    }
}
