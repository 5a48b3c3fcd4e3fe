use proptest::prelude::*;

use super::*;
use crate::link::{Rename, Row, RowKind, TopicSelection};

/// Builds a link from `source` to `destination` that copies what `pattern` matches; names say which cluster is meant.
fn edge(source: &str, destination: &str, pattern: &str, format: &str) -> LinkEdge {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let row = Row {
        kind: RowKind::Regex,
        pattern: pattern.to_owned(),
    };
    let topics = TopicSelection {
        include: vec![row],
        ..TopicSelection::default()
    };
    let rename = Rename {
        format: format.to_owned(),
        ..Rename::default()
    };
    LinkEdge {
        link: name(&format!("{source}-{destination}")),
        source: name(source),
        destination: name(destination),
        source_cluster_id: format!("id-{source}"),
        destination_cluster_id: format!("id-{destination}"),
        selector: Selector::compile(&topics).unwrap(),
        renamer: Renamer::compile(&rename, &name(source), &name(destination)).unwrap(),
        fixed: BTreeMap::new(),
    }
}

fn walk(edges: &[LinkEdge], topic: &str) -> Result<(), Loop> {
    Graph::new(edges).walk(&edges[0], topic)
}

#[test]
fn allows_a_link_a_chain_and_a_hub() {
    let same = "${topic}";
    assert_eq!(walk(&[edge("a", "b", ".*", same)], "t"), Ok(()));
    assert_eq!(
        walk(
            &[edge("a", "b", ".*", same), edge("b", "c", ".*", same)],
            "t"
        ),
        Ok(())
    );
    assert_eq!(
        walk(
            &[edge("a", "b", ".*", same), edge("a", "c", ".*", same)],
            "t"
        ),
        Ok(())
    );
    let apart = [edge("a", "b", "x.*", same), edge("b", "a", "y.*", same)];
    assert_eq!(walk(&apart, "x"), Ok(()));
}

#[test]
fn refuses_equal_names_both_ways_and_draws_the_path() {
    let edges = [
        edge("a", "b", ".*", "${topic}"),
        edge("b", "a", ".*", "${topic}"),
    ];
    let found = walk(&edges, "orders").unwrap_err();
    assert!(matches!(found, Loop::Returns(_)));
    assert_eq!(
        found.to_string(),
        "the topic would come back to where it was: `orders` at `a` → `orders` at `b` (link `a-b`) → `orders` at \
         `a` (link `b-a`)"
    );
}

#[test]
fn refuses_a_ring_of_three() {
    let same = "${topic}";
    let edges = [
        edge("a", "b", ".*", same),
        edge("b", "c", ".*", same),
        edge("c", "a", ".*", same),
    ];
    assert!(matches!(walk(&edges, "t"), Err(Loop::Returns(path)) if path.0.len() == 4));
}

#[test]
fn refuses_names_that_grow_without_end() {
    let edges = [
        edge("a", "b", ".*", "${source}.${topic}"),
        edge("b", "a", ".*", "${source}.${topic}"),
    ];
    assert!(matches!(walk(&edges, "t"), Err(Loop::TooLong(path)) if path.0.len() == MAX_HOPS + 2));
}

#[test]
fn allows_prefixed_links_both_ways_that_leave_mirrors_out() {
    let edges = [
        edge("a", "b", "[^.]*", "${source}.${topic}"),
        edge("b", "a", "[^.]*", "${source}.${topic}"),
    ];
    assert_eq!(walk(&edges, "t"), Ok(()));
}

#[test]
fn allows_a_chain_of_eight_links_and_no_longer() {
    let chain = |links: usize| -> Vec<LinkEdge> {
        (0..links)
            .map(|n| edge(&format!("c{n}"), &format!("c{}", n + 1), ".*", "${topic}"))
            .collect()
    };
    assert_eq!(walk(&chain(8), "t"), Ok(()));
    assert!(matches!(walk(&chain(9), "t"), Err(Loop::TooLong(_))));
}

#[test]
fn refuses_two_ways_into_one_topic() {
    let same = "${topic}";
    let edges = [
        edge("a", "b", ".*", same),
        edge("a", "c", ".*", same),
        edge("b", "d", ".*", same),
        edge("c", "d", ".*", same),
    ];
    let found = walk(&edges, "t").unwrap_err();
    assert!(matches!(&found, Loop::Meets(..)), "{found}");
    assert!(
        found.to_string().contains("(link `b-d`) and `t` at `a`"),
        "{found}"
    );
}

#[test]
fn compares_clusters_by_id_not_by_name() {
    let mut back = edge("b", "a2", ".*", "${topic}");
    back.destination_cluster_id = "id-a".to_owned();
    assert!(matches!(
        walk(&[edge("a", "b", ".*", "${topic}"), back], "t"),
        Err(Loop::Returns(_))
    ));

    let mut itself = edge("a", "b", ".*", "${topic}");
    assert_eq!(itself.check_clusters(), Ok(()));
    itself.destination_cluster_id = "id-a".to_owned();
    let message = itself.check_clusters().unwrap_err().to_string();
    assert_eq!(
        message,
        "`a` and `b` are one cluster, both have the id `id-a`"
    );
}

#[test]
fn follows_the_names_that_mirrors_really_have() {
    let mut forth = edge("a", "b", ".*", "new.${topic}");
    let back = edge("b", "a", "orders", "${topic}");
    assert_eq!(walk(&[forth.clone(), back.clone()], "orders"), Ok(()));
    forth.fixed.insert("orders".to_owned(), "orders".to_owned());
    assert!(matches!(
        walk(&[forth, back], "orders"),
        Err(Loop::Returns(_))
    ));
}

proptest! {
    /// Whatever links there are, a walk ends, and one that finds nothing visits no stop twice.
    #[test]
    fn always_ends(links in prop::collection::vec((0..4_u8, 0..4_u8, 0..3_u8), 1..10)) {
        let formats = ["${topic}", "x.${topic}", "${source}.${topic}"];
        let edges: Vec<LinkEdge> = links
            .iter()
            .map(|(s, d, f)| edge(&format!("c{s}"), &format!("c{d}"), ".*", formats[usize::from(*f)]))
            .collect();
        let returns_at_once = links.iter().any(|(s, d, f)| s == d && *f == 0 && *s == links[0].0);
        let result = walk(&edges, "t");
        if returns_at_once {
            prop_assert!(result.is_err());
        }
    }

    /// A cycle over any number of clusters with equal names is found.
    #[test]
    fn finds_every_ring(length in 1..=8_usize) {
        let edges: Vec<LinkEdge> = (0..length)
            .map(|n| edge(&format!("c{n}"), &format!("c{}", (n + 1) % length), ".*", "${topic}"))
            .collect();
        prop_assert!(matches!(walk(&edges, "t"), Err(Loop::Returns(_))));
    }
}
