//! What troubles slots and the control topic, as problems.

use model::{acl::AclResource, own, problem::Problem};

use crate::{grants, link::worker::Worker};

/// Where it shows that the workers' group is closed to us.
pub(super) const GROUP: &str = "group";

/// Where problems of one slot show.
pub(in crate::link::worker) fn place(number: u32) -> String {
    format!("slot/{number}")
}

pub(super) fn fault_problem(number: u32) -> Problem {
    Problem {
        code: "engine.fault".to_owned(),
        status: 500,
        title: format!("Keeping slot {number} of the link ended by a fault."),
        detail: "The fault is Causeway's own. The slot is claimed anew by itself, and its partitions go on where they stopped."
            .to_owned(),
        state: Some("waiting".to_owned()),
        next_step: Some(
            "If it comes again, report it with the lines of Causeway's log that say `panic`."
                .to_owned(),
        ),
        ..Problem::default()
    }
}

pub(super) fn malformed_problem(cause: &str) -> Problem {
    Problem {
        code: "control.damaged".to_owned(),
        status: 409,
        title: "The control topic is not what was left there.".to_owned(),
        detail: format!("What was found: {cause}."),
        state: Some("needs_decision".to_owned()),
        cause: Some(cause.to_owned()),
        next_step: Some(
            "If the whole destination was restored from an older copy, stop the link and start it: it goes on from what the copy holds. Else restore the control topic, or make the link anew under another name; nothing is copied until then."
                .to_owned(),
        ),
        ..Problem::default()
    }
}

pub(super) fn control_topic_problem(foreign: bool) -> Problem {
    malformed_problem(if foreign {
        "it belongs to another link or installation"
    } else {
        "its `spec` is gone"
    })
}

impl Worker {
    pub(in crate::link::worker) fn control_unreachable(&self, cause: &str) -> Problem {
        let topic = own::control_topic(self.link.spec.name.as_str());
        let problem = Problem {
            code: "control.unreachable".to_owned(),
            status: 503,
            title: format!(
                "The control topic at `{}` does not answer.",
                self.link.spec.destination
            ),
            detail: format!("Topic `{topic}`: {cause}"),
            state: Some("waiting".to_owned()),
            cause: Some(cause.to_owned()),
            next_step: Some(
                "Check the destination's brokers; the link resumes by itself.".to_owned(),
            ),
            ..Problem::default()
        };
        grants::named_by_cause(problem, || grants::own(&self.link.destination))
    }

    /// The destination does not let us into the group whose members share the slots.
    pub(in crate::link::worker) fn group_refused(&mut self, group: &str) {
        let destination = &self.link.spec.destination;
        let name = "GROUP_AUTHORIZATION_FAILED";
        let problem = Problem {
            code: "acl.missing".to_owned(),
            status: 403,
            title: format!("May not join the group `{group}` at `{destination}` ({name})."),
            detail: "Its members share the link's work; without it nothing is copied.".to_owned(),
            state: Some("waiting".to_owned()),
            broker_error: Some(name.to_owned()),
            next_step: Some(grants::grant(
                &self.link.destination,
                &["Read"],
                AclResource::Group(group.to_owned()),
            )),
            ..Problem::default()
        };
        self.problem(GROUP, problem);
    }
}
