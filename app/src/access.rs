//! Who may do what: one function decides for pages, API and command line.
//!
//! Roles are cumulative (SEMANTICS 13): a viewer reads; an operator also runs links and decides on findings; an editor
//! also makes and changes links; an administrator also handles clusters, their credentials and tokens.

use model::{problem::Problem, saved_draft::DraftKind};
use serde::{Deserialize, Serialize};

pub use model::account::{Role, UnknownRole};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Id of the token or user.
    pub id: String,
    /// Name that events and audit show.
    pub name: String,
    pub role: Role,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See it, in a list or alone.
    Read,
    Create,
    Change,
    Delete,
    /// Connect to a cluster to see whether it works.
    Test,
    /// Work out what a link would do, with questions to its clusters.
    Plan,
    /// Start, pause, resume or stop a link.
    Run,
    /// Choose what happens on a held partition.
    Decide,
}

/// What it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The list of clusters, or one that does not exist yet.
    Clusters,
    Cluster(&'a str),
    /// The list of links, or one that does not exist yet.
    Links,
    Link(&'a str),
    Tokens,
    /// One's own account: password, sessions, tokens.
    Account,
    /// One's own drafts of this kind.
    Drafts(DraftKind),
    /// All events, of whatever object.
    Events,
    /// The metrics endpoint.
    Metrics,
}

impl std::fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clusters => f.write_str("clusters"),
            Self::Cluster(name) => write!(f, "cluster `{name}`"),
            Self::Links => f.write_str("links"),
            Self::Link(name) => write!(f, "link `{name}`"),
            Self::Tokens => f.write_str("tokens"),
            Self::Account => f.write_str("accounts"),
            Self::Drafts(DraftKind::Link | DraftKind::LinkEdit) => f.write_str("drafts of links"),
            Self::Drafts(DraftKind::Cluster | DraftKind::ClusterEdit) => {
                f.write_str("drafts of clusters")
            }
            Self::Events => f.write_str("events"),
            Self::Metrics => f.write_str("metrics"),
        }
    }
}

/// Decides whether `actor` may do `action` to `resource`.
///
/// # Errors
/// A problem `access.denied` (403) that names the role it needs.
pub fn authorize(actor: &Actor, action: Action, resource: Resource<'_>) -> Result<(), Problem> {
    let needed = needed_role(action, resource);
    if actor.role >= needed {
        return Ok(());
    }
    #[cfg(feature = "ssr")]
    tracing::warn!(actor = %actor.name, ?action, %resource, "refused for want of role `{}`", needed.as_str());
    Err(Problem {
        code: "access.denied".to_owned(),
        status: 403,
        title: format!("You may not {} {resource}.", verb(action)),
        detail: format!(
            "It needs the role `{}`; you have `{}`.",
            needed.as_str(),
            actor.role.as_str()
        ),
        next_step: Some("Ask an administrator for that role.".to_owned()),
        ..Problem::default()
    })
}

/// Returns the role that `actor` lacks for `action`, `None` where it is allowed: for what is shown and cannot be done.
pub fn missing_role(actor: &Actor, action: Action, resource: Resource<'_>) -> Option<Role> {
    let needed = needed_role(action, resource);
    (actor.role < needed).then_some(needed)
}

fn needed_role(action: Action, resource: Resource<'_>) -> Role {
    match (resource, action) {
        (Resource::Tokens, _) => Role::Administrator,
        (Resource::Account, _) => Role::Viewer,
        (Resource::Drafts(DraftKind::Link | DraftKind::LinkEdit), _) => Role::Editor,
        (Resource::Drafts(DraftKind::Cluster | DraftKind::ClusterEdit), _) => Role::Administrator,
        (_, Action::Read) => Role::Viewer,
        (Resource::Clusters | Resource::Cluster(_) | Resource::Metrics, _) => Role::Administrator,
        // What is planned without being stored is somebody's draft of a new link.
        (Resource::Links, Action::Plan) => Role::Editor,
        (_, Action::Run | Action::Decide | Action::Plan) => Role::Operator,
        (_, Action::Create | Action::Change | Action::Delete | Action::Test) => Role::Editor,
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Read => "see",
        Action::Create => "create",
        Action::Change => "change",
        Action::Delete => "delete",
        Action::Test => "test",
        Action::Plan => "plan",
        Action::Run => "start, pause, resume or stop",
        Action::Decide => "decide on findings of",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(role: Role, action: Action, resource: Resource<'_>) -> bool {
        let actor = Actor {
            id: "1".to_owned(),
            name: "ci".to_owned(),
            role,
        };
        authorize(&actor, action, resource).is_ok()
    }

    #[test]
    fn every_action_needs_exactly_the_role_of_the_table() {
        use Action::*;
        use Role::*;
        let table = [
            (Read, Resource::Link("a"), Viewer),
            (Read, Resource::Cluster("a"), Viewer),
            (Read, Resource::Metrics, Viewer),
            (Run, Resource::Link("a"), Operator),
            (Decide, Resource::Link("a"), Operator),
            (Plan, Resource::Link("a"), Operator),
            (Plan, Resource::Links, Editor),
            (Create, Resource::Links, Editor),
            (Change, Resource::Link("a"), Editor),
            (Delete, Resource::Link("a"), Editor),
            (Create, Resource::Clusters, Administrator),
            (Test, Resource::Clusters, Administrator),
            (Test, Resource::Cluster("a"), Administrator),
            (Change, Resource::Cluster("a"), Administrator),
            (Delete, Resource::Cluster("a"), Administrator),
            (Read, Resource::Tokens, Administrator),
            (Create, Resource::Tokens, Administrator),
            (Change, Resource::Account, Viewer),
            (Read, Resource::Drafts(DraftKind::Link), Editor),
            (Change, Resource::Drafts(DraftKind::LinkEdit), Editor),
            (Read, Resource::Drafts(DraftKind::Cluster), Administrator),
            (
                Create,
                Resource::Drafts(DraftKind::ClusterEdit),
                Administrator,
            ),
            (Read, Resource::Events, Viewer),
        ];
        for (action, resource, needed) in table {
            for role in Role::ALL {
                assert_eq!(
                    may(role, action, resource),
                    role >= needed,
                    "{action:?} {resource} as {role:?}"
                );
            }
        }
    }

    #[test]
    fn a_refusal_names_the_object_and_the_role_it_needs() {
        let actor = Actor {
            id: "1".to_owned(),
            name: "ci".to_owned(),
            role: Role::Viewer,
        };
        let problem = authorize(&actor, Action::Delete, Resource::Link("orders-dr")).unwrap_err();
        assert_eq!(problem.status, 403);
        assert!(problem.title.contains("`orders-dr`"));
        assert!(problem.detail.contains("`editor`"));
    }
}
