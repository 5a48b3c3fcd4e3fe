//! Forms that somebody has begun and not finished, as the database keeps them.
//!
//! What stands in a form is [`crate::draft`]'s; here is only what tells saved ones apart.

use serde::{Deserialize, Serialize};

/// Days after the last change after which a draft is gone.
pub const KEPT_DAYS: i64 = 14;

/// Which form a draft belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftKind {
    /// A new link.
    Link,
    /// A new cluster.
    Cluster,
    /// Changes of a link.
    LinkEdit,
    /// Changes of a cluster.
    ClusterEdit,
}

impl DraftKind {
    /// Returns the word that SQL and addresses use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Cluster => "cluster",
            Self::LinkEdit => "link_edit",
            Self::ClusterEdit => "cluster_edit",
        }
    }
}
