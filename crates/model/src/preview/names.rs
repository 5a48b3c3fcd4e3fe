//! Every topic name at the destination, existing and planned, with whose it is.

use std::collections::HashMap;

use super::{COLLISION, Refusal, SIMILAR, refusal};
use crate::{Name, topic_name};

/// Whose a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A topic that exists.
    Nobody,
    /// The mirror of this topic by the link in question.
    Ours { topic: String },
    /// Another link's mirror.
    Anothers { link: Name, topic: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    name: String,
    owner: Owner,
}

/// Claims by the name as brokers compare it.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_folded: HashMap<String, Claims>,
}

/// The claims of one folded name, kept apart so that none of ten thousand equal ones is looked at twice.
#[derive(Debug, Default)]
struct Claims {
    anothers: Vec<Claim>,
    ours: Vec<Claim>,
    nobodys: Vec<Claim>,
}

impl Names {
    pub(super) fn add(&mut self, name: &str, owner: Owner) {
        let claims = self.by_folded.entry(topic_name::folded(name)).or_default();
        let list = match owner {
            Owner::Anothers { .. } => &mut claims.anothers,
            Owner::Ours { .. } => &mut claims.ours,
            Owner::Nobody => &mut claims.nobodys,
        };
        list.push(Claim {
            name: name.to_owned(),
            owner,
        });
    }

    /// Returns who stands in the way of `mirror` as the mirror of our `topic`; other links' claims weigh most.
    pub(super) fn conflict(&self, topic: &str, mirror: &str) -> Option<&Claim> {
        let claims = self.by_folded.get(&topic_name::folded(mirror))?;
        let mut all = claims
            .anothers
            .iter()
            .chain(&claims.ours)
            .chain(&claims.nobodys);
        all.find(|claim| claim.conflicts(topic, mirror))
    }
}

impl Claim {
    pub(super) fn is_anothers(&self) -> bool {
        matches!(self.owner, Owner::Anothers { .. })
    }

    fn conflicts(&self, topic: &str, mirror: &str) -> bool {
        match &self.owner {
            Owner::Nobody => self.name != mirror,
            Owner::Ours { topic: other } => other != topic,
            Owner::Anothers { .. } => true,
        }
    }

    /// Says in words what the conflict of `topic`, to be named `mirror`, is.
    pub(super) fn refusal(&self, topic: &str, mirror: &str) -> Refusal {
        let whose = match &self.owner {
            Owner::Nobody => format!("`{}` exists at the destination", self.name),
            Owner::Ours { topic } => format!("`{topic}` becomes `{}`", self.name),
            Owner::Anothers { link, topic } => {
                format!("link `{link}` copies `{topic}` into `{}`", self.name)
            }
        };
        if self.name == mirror {
            return refusal(
                COLLISION,
                &format!("`{topic}` cannot become `{mirror}`: {whose} already"),
            );
        }
        let rule = "brokers refuse two names that differ only in `.` and `_`";
        refusal(
            SIMILAR,
            &format!("`{topic}` cannot become `{mirror}`: {whose}, and {rule}"),
        )
    }
}
