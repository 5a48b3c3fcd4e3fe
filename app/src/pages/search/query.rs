//! What `/search` shows. Topics are those of links that run here: nothing is asked of a cluster.

use model::{
    cluster::ClusterView,
    matching::{Fit, fit},
    nearest::nearest,
    problem::Problem,
    status::{LinkStatus, TopicStatus},
};
use store::{Link, PageQuery};

use super::{Group, Hit, SearchView};
use crate::{
    Context,
    access::Actor,
    api::{clusters, status},
    pages::{ROWS, address},
};

/// Most clusters that are looked through.
const MOST_CLUSTERS: u32 = 1_000;
/// Names that resemble one that nothing holds.
const NEAREST: usize = 5;

/// Returns what holds `q` in its name, or else what resembles it.
pub async fn view(context: &Context, actor: &Actor, q: &str) -> Result<SearchView, Problem> {
    let q = address::short(q.trim());
    if q.is_empty() {
        return Ok(SearchView::default());
    }
    let mut view = search(context, actor, &q).await?.view();
    if view.groups.is_empty() {
        view.nearest = search(context, actor, "").await?.nearest(&q);
    }
    Ok(view)
}

async fn search<'q>(context: &Context, actor: &Actor, q: &'q str) -> Result<Search<'q>, Problem> {
    let mut found = Search::new(q);
    let clusters = clusters::list(context, actor, &PageQuery::first(MOST_CLUSTERS)).await?;
    for cluster in &clusters.items {
        found.look_at_cluster(cluster);
    }
    let look = |link: &Link, status: &LinkStatus| found.look_at_link(link, status);
    status::with_all(context, actor, look).await?;
    Ok(found)
}

/// What was found so far, each with how well it fits.
struct Search<'q> {
    q: &'q str,
    links: Vec<(Fit, Hit)>,
    clusters: Vec<(Fit, Hit)>,
    topics: Vec<(Fit, Hit)>,
}

impl<'q> Search<'q> {
    fn new(q: &'q str) -> Self {
        Self {
            q,
            links: Vec::new(),
            clusters: Vec::new(),
            topics: Vec::new(),
        }
    }

    /// Returns how well the best of these names fits.
    fn fit(&self, names: &[&str]) -> Option<Fit> {
        names.iter().filter_map(|name| fit(name, self.q)).min()
    }

    fn look_at_cluster(&mut self, cluster: &ClusterView) {
        let name = cluster.name.as_str();
        if let Some(fit) = self.fit(&[name, &cluster.title]) {
            let note = match cluster.title.as_str() {
                "" => cluster.bootstrap.join(", "),
                title => title.to_owned(),
            };
            let hit = Hit {
                name: name.to_owned(),
                href: format!("/clusters/{name}"),
                note,
                state: None,
            };
            self.clusters.push((fit, hit));
        }
    }

    fn look_at_link(&mut self, link: &Link, status: &LinkStatus) {
        let spec = &link.spec;
        let name = spec.name.as_str();
        if let Some(fit) = self.fit(&[name, &spec.title]) {
            let hit = Hit {
                name: name.to_owned(),
                href: format!("/links/{name}"),
                note: format!("{} → {}", spec.source, spec.destination),
                state: Some(status.state),
            };
            self.links.push((fit, hit));
        }
        for topic in &status.topics {
            if let Some(fit) = self.fit(&[&topic.topic, &topic.mirror_topic]) {
                self.topics.push((fit, topic_hit(name, topic)));
            }
        }
    }

    fn view(self) -> SearchView {
        let groups = [
            ("Links", self.links),
            ("Clusters", self.clusters),
            ("Topics", self.topics),
        ];
        SearchView {
            q: self.q.to_owned(),
            groups: groups.into_iter().filter_map(group).collect(),
            nearest: Vec::new(),
        }
    }

    /// Returns what resembles `wanted` among all that was looked at.
    fn nearest(self, wanted: &str) -> Vec<Hit> {
        let all = || self.links.iter().chain(&self.clusters).chain(&self.topics);
        let names = all().map(|(_, hit)| hit.name.as_str());
        let close = nearest(wanted, names, NEAREST);
        let hit = |name: &str| all().find(|(_, hit)| hit.name == name);
        let hits = close.into_iter().filter_map(hit);
        hits.map(|(_, hit)| hit.clone()).collect()
    }
}

fn topic_hit(link: &str, topic: &TopicStatus) -> Hit {
    let query = address::query(&[("q", &topic.topic), ("open", &topic.topic)]);
    Hit {
        name: topic.topic.clone(),
        href: format!("/links/{link}/topics{query}"),
        note: match topic.topic == topic.mirror_topic {
            true => format!("by link {link}"),
            false => format!("→ {}, by link {link}", topic.mirror_topic),
        },
        state: Some(topic.state),
    }
}

fn group((word, mut found): (&str, Vec<(Fit, Hit)>)) -> Option<Group> {
    if found.is_empty() {
        return None;
    }
    let key = |(fit, hit): &(Fit, Hit)| (*fit, hit.name.clone(), hit.href.clone());
    found.sort_by_cached_key(key);
    Some(Group {
        word: word.to_owned(),
        found: found.len() as u32,
        hits: found
            .into_iter()
            .take(ROWS as usize)
            .map(|(_, hit)| hit)
            .collect(),
    })
}
