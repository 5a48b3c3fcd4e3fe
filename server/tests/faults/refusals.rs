//! What a plan refuses: patterns, names, collisions and circles. Nothing of it reaches a cluster.

use serde_json::{Value, json};
use xtask::cluster::shared;

use crate::harness::{Console, SOON, Topic, assert_whole, link, unique, until};

/// Returns the settings of a link with one include row of a kind.
fn selecting(kind: &str, pattern: &str) -> Value {
    let mut spec = link(&unique("refused"), "east", "west", &[]);
    spec["topics"]["include"] = json!([{ "kind": kind, "pattern": pattern }]);
    spec
}

/// Asserts that planning and storing both refuse the field with words that contain `told`.
fn assert_refused(spec: &Value, field: &str, told: &str) {
    for path in ["links/plan", "links"] {
        let problem = Console::shared().refused(path, spec);
        assert_eq!(problem["status"], 422, "{path}: {problem:#}");
        let fields = problem["fields"].as_array().unwrap();
        let named = fields.iter().find(|f| f["field"] == field);
        let message = named.map_or("", |f| f["message"].as_str().unwrap());
        assert!(message.contains(told), "{path}, {field}: {problem:#}");
        assert!(
            problem.to_string().len() < 4_096,
            "{path} repeats the input"
        );
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn faulty_patterns_and_names_are_refused_by_field() {
    let row = "topics.include[0].pattern";
    assert_refused(&selecting("regex", "orders-("), row, "character 8");
    assert_refused(&selecting("regex", "(?=orders).*"), row, "look-ahead");
    assert_refused(&selecting("regex", "orders\\Z"), row, "\\Z");
    assert_refused(&selecting("regex", "orders.*+"), row, "possessive");
    let long = "a".repeat(1_000_000);
    assert_refused(&selecting("regex", &long), row, "1,024");
    let wide = "(\\w{1000}){1000}";
    assert_refused(&selecting("regex", wide), row, "too large");

    let renamed = |rename: Value| {
        let mut spec = selecting("exact", "orders");
        spec["rename"] = rename;
        spec
    };
    let twice = renamed(json!({ "format": "${topic}.${topic}" }));
    assert_refused(&twice, "rename.format", "once");
    let unknown = renamed(json!({ "format": "${topic}.${cluster}" }));
    assert_refused(&unknown, "rename.format", "${cluster}");
    let blank = json!({ "regex": [{ "match": "(.*)s", "replace": "$1 $1" }] });
    assert_refused(&renamed(blank), "rename.regex[0].replace", "not allowed");
    let illegal = renamed(json!({ "map": { "orders": "orders/east" } }));
    assert_refused(&illegal, "rename.map.orders", "`/`");
}

/// Makes topics on a cluster under a name of their own and returns that name.
fn topics(stem: &str, suffixes: &[&str]) -> String {
    let (name, east) = (unique(stem), shared("east").unwrap());
    for suffix in suffixes {
        Topic::new(&east.bootstrap, &format!("{name}{suffix}")).create(1);
    }
    name
}

/// Plans a link over all topics that begin with `name`, and returns each topic's code and message of refusal.
fn plan(name: &str, rename: Value) -> Vec<(String, String)> {
    let mut spec = selecting("prefix", name);
    spec["rename"] = rename;
    let plan = Console::shared().post("links/plan", &spec);
    refused_topics(&plan)
}

fn refused_topics(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |topic: &Value| {
        (
            text(&topic["action"]["code"]),
            text(&topic["action"]["message"]),
        )
    };
    plan["topics"].as_array().unwrap().iter().map(of).collect()
}

fn assert_each(refused: &[(String, String)], code: &str, names: &[&str]) {
    assert!(!refused.is_empty());
    for (found, message) in refused {
        assert_eq!(found, code, "{refused:#?}");
        assert!(names.iter().all(|name| message.contains(name)), "{message}");
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn names_that_collide_or_break_the_rules_are_refused_in_the_plan() {
    let name = topics("collide", &["-a", "-b"]);
    let (a, b) = (format!("{name}-a"), format!("{name}-b"));
    let merged = json!({ "regex": [{ "match": "(.*)-[ab]", "replace": "$1" }] });
    let refused = plan(&name, merged);
    assert_eq!(refused.len(), 2);
    assert_each(&refused, "rename.collision", &[&a, &b]);

    let similar =
        json!({ "map": { a.clone(): format!("{name}.x"), b.clone(): format!("{name}_x") } });
    assert_each(&plan(&name, similar), "rename.similar", &[&a, &b]);

    let long = json!({ "prefix": "x".repeat(240) });
    assert_each(&plan(&name, long), "rename.illegal", &["249"]);

    let ours = json!({ "format": "causeway.link.${topic}" });
    assert_each(&plan(&name, ours), "rename.illegal", &["causeway.link."]);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_second_link_into_the_same_mirror_is_refused() {
    let name = topics("taken", &["-a"]);
    let console = Console::shared();
    let mut first = link(&name, "east", "west", &[]);
    first["topics"]["include"] = json!([{ "kind": "prefix", "pattern": name }]);
    console.post("links", &first);
    console.verb(&name, "start");
    let refused = plan(&name, json!({}));
    assert_each(&refused, "rename.collision", &[&name, "link"]);
    console.verb(&name, "stop");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_circle_of_links_is_refused_with_its_path() {
    let name = topics("circle", &["-a"]);
    // Clusters that nobody has tested or planned with yet.
    let console = Console::shared();
    let [near, far] = ["east", "west"].map(|side| {
        let cluster = format!("{name}-{side}");
        console.connect(&cluster, &shared(side).unwrap().bootstrap);
        cluster
    });
    let there = link(
        &format!("{name}-there"),
        &near,
        &far,
        &[&Topic::new("", &format!("{name}-a"))],
    );
    console.post("links", &there);
    console.verb(&format!("{name}-there"), "start");
    let mirror = Topic::new(&shared("west").unwrap().bootstrap, &format!("{name}-a"));
    until(
        "the mirror is made",
        SOON,
        || console.status(&format!("{name}-there")),
        || {
            mirror
                .admin()
                .topics()
                .unwrap()
                .contains(&mirror.name)
                .then_some(())
        },
    );

    let back = link(&format!("{name}-back"), &far, &near, &[&mirror]);
    let plan = console.post("links/plan", &back);
    let refused = refused_topics(&plan);
    assert_each(
        &refused,
        "link.cycle",
        &[&format!("{name}-there"), &format!("{name}-back")],
    );
    console.verb(&format!("{name}-there"), "stop");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn one_cluster_under_two_names_is_refused_and_a_link_over_it_copies_nothing() {
    let name = topics("same", &["-a"]);
    let console = Console::shared();
    let again = format!("{name}-again");
    console.connect(&again, &shared("east").unwrap().bootstrap);
    let topic = Topic::new(&shared("east").unwrap().bootstrap, &format!("{name}-a"));
    let spec = link(&name, "east", &again, &[&topic]);
    let plan = console.post("links/plan", &spec);
    assert!(!plan["refusals"].as_array().unwrap().is_empty(), "{plan:#}");
    assert_each(&refused_topics(&plan), "link.same_cluster", &[]);

    console.post("links", &spec);
    let start = format!("links/{name}/start");
    let problem = console.refused(&start, &json!({ "fingerprint": plan["fingerprint"] }));
    assert!(["plan.refused", "plan.changed"].contains(&problem["code"].as_str().unwrap()));
    console.verb(&name, "start");
    let status = until(
        "refused at run time",
        SOON,
        || console.status(&name),
        || Some(console.status(&name)).filter(|status| status["state"] == "needs_decision"),
    );
    assert_whole(&status["problems"][0], "needs_decision");
    topic.write(0, "alone", 0..10);
    assert_eq!(topic.end(0), 10);
    console.verb(&name, "stop");
}
