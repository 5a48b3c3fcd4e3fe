//! Loops between links (SEMANTICS 6): every matched topic is walked through all links before a record moves.
//!
//! Clusters are compared by Kafka's `cluster.id`, never by name or address. A topic that comes back to where it was,
//! reaches one topic on two ways, or grows a name hop by hop, is refused with the path.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::{
    Name, link::LinkSpec, problem::FieldError, rename::Renamer, selection::Selector, text::shown,
};

/// Longest chain of links that a record may travel.
pub const MAX_HOPS: usize = 8;

/// One link as loops see it.
#[derive(Clone, Debug)]
pub struct LinkEdge {
    pub link: Name,
    pub source: Name,
    pub destination: Name,
    /// Kafka's `cluster.id` of the source.
    pub source_cluster_id: String,
    /// Kafka's `cluster.id` of the destination.
    pub destination_cluster_id: String,
    pub selector: Selector,
    pub renamer: Renamer,
    /// Mirrors that this link already has, by source topic: their names stay whatever the rename says now.
    pub fixed: BTreeMap<String, String>,
}

impl LinkEdge {
    /// Compiles a link; `fixed` starts empty.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with its selection and rename.
    pub fn compile(
        spec: &LinkSpec,
        source_cluster_id: &str,
        destination_cluster_id: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let selector = Selector::compile(&spec.topics);
        let renamer = Renamer::compile(&spec.rename, &spec.source, &spec.destination);
        match (selector, renamer) {
            (Ok(selector), Ok(renamer)) => Ok(Self {
                link: spec.name.clone(),
                source: spec.source.clone(),
                destination: spec.destination.clone(),
                source_cluster_id: source_cluster_id.to_owned(),
                destination_cluster_id: destination_cluster_id.to_owned(),
                selector,
                renamer,
                fixed: BTreeMap::new(),
            }),
            (selector, renamer) => Err(selector
                .err()
                .into_iter()
                .chain(renamer.err())
                .flatten()
                .collect()),
        }
    }

    /// Returns the mirror's name if this link copies `topic` and can name its mirror.
    pub fn mirror_of(&self, topic: &str) -> Option<String> {
        if !self.selector.decide(topic, false).selected {
            return None;
        }
        match self.fixed.get(topic) {
            Some(mirror) => Some(mirror.clone()),
            None => self.renamer.mirror_name(topic).ok(),
        }
    }

    /// Refuses a link whose two clusters are one.
    ///
    /// # Errors
    ///
    /// [`Loop::SameCluster`].
    pub fn check_clusters(&self) -> Result<(), Loop> {
        if self.source_cluster_id != self.destination_cluster_id {
            return Ok(());
        }
        Err(Loop::SameCluster {
            one: self.source.clone(),
            other: self.destination.clone(),
            cluster_id: self.source_cluster_id.clone(),
        })
    }
}

/// A stop on a topic's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The link that leads here; none at the start.
    pub link: Option<Name>,
    pub cluster: Name,
    pub cluster_id: String,
    pub topic: String,
}

impl Stop {
    fn is_at(&self, other: &Self) -> bool {
        self.cluster_id == other.cluster_id && self.topic == other.topic
    }
}

/// Why links must not run together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loop {
    #[error("`{one}` and `{other}` are one cluster, both have the id `{}`", shown(.cluster_id))]
    SameCluster {
        one: Name,
        other: Name,
        cluster_id: String,
    },
    #[error("the topic would come back to where it was: {0}")]
    Returns(Path),
    #[error("two links would write to one topic: {0} and {1}")]
    Meets(Path, Path),
    #[error("the topic would be copied on by more than 8 links: {0}")]
    TooLong(Path),
}

/// A topic's way, drawn as `orders` at `east` → `orders` at `west` (link `a`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<Stop>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stop in &self.0 {
            if let Some(link) = &stop.link {
                write!(
                    f,
                    " → `{}` at `{}` (link `{link}`)",
                    stop.topic, stop.cluster
                )?;
            } else {
                write!(f, "`{}` at `{}`", stop.topic, stop.cluster)?;
            }
        }
        Ok(())
    }
}

/// All links, ready to be walked.
#[derive(Debug)]
pub struct Graph<'e> {
    by_source: HashMap<&'e str, Vec<&'e LinkEdge>>,
}

impl<'e> Graph<'e> {
    /// Lays out the links by their source cluster.
    pub fn new(edges: impl IntoIterator<Item = &'e LinkEdge>) -> Self {
        let mut by_source: HashMap<&str, Vec<&LinkEdge>> = HashMap::new();
        for edge in edges {
            by_source
                .entry(&edge.source_cluster_id)
                .or_default()
                .push(edge);
        }
        Self { by_source }
    }

    /// Follows `topic` from the source cluster of `edge` over every link that copies it on.
    ///
    /// # Errors
    ///
    /// Returns the first loop with its path.
    pub fn walk(&self, edge: &LinkEdge, topic: &str) -> Result<(), Loop> {
        let start = Stop {
            link: None,
            cluster: edge.source.clone(),
            cluster_id: edge.source_cluster_id.clone(),
            topic: topic.to_owned(),
        };
        Walk {
            graph: self,
            path: vec![start],
            reached: Vec::new(),
        }
        .follow()
    }
}

/// One walk in progress. Every stop is reached once or the walk ends, so it is as long as there are stops.
struct Walk<'g, 'e> {
    graph: &'g Graph<'e>,
    /// From the start to where the walk stands.
    path: Vec<Stop>,
    /// The ways that were walked to their end.
    reached: Vec<Vec<Stop>>,
}

impl Walk<'_, '_> {
    /// Takes every link that leads on from the last stop; at most [`MAX_HOPS`] deep.
    fn follow(&mut self) -> Result<(), Loop> {
        let here = self
            .path
            .last()
            .expect("a walk begins with its start")
            .clone();
        let graph = self.graph;
        for edge in graph
            .by_source
            .get(here.cluster_id.as_str())
            .into_iter()
            .flatten()
        {
            if let Some(topic) = edge.mirror_of(&here.topic) {
                let next = Stop {
                    link: Some(edge.link.clone()),
                    cluster: edge.destination.clone(),
                    cluster_id: edge.destination_cluster_id.clone(),
                    topic,
                };
                self.enter(next)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, next: Stop) -> Result<(), Loop> {
        let returns = self.path.iter().any(|stop| stop.is_at(&next));
        let other = self
            .reached
            .iter()
            .find(|way| way.last().is_some_and(|stop| stop.is_at(&next)));
        let other = other.cloned();
        self.path.push(next);
        let path = || Path(self.path.clone());
        if returns {
            return Err(Loop::Returns(path()));
        }
        if let Some(other) = other {
            return Err(Loop::Meets(Path(other), path()));
        }
        if self.path.len() - 1 > MAX_HOPS {
            return Err(Loop::TooLong(path()));
        }
        self.reached.push(self.path.clone());
        self.follow()?;
        self.path.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
