use proptest::prelude::*;

use super::*;

fn rows(rows: &[(RowKind, &str)]) -> Vec<Row> {
    rows.iter()
        .map(|(kind, pattern)| Row {
            kind: *kind,
            pattern: (*pattern).to_owned(),
        })
        .collect()
}

fn selector(include: &[(RowKind, &str)], exclude: &[(RowKind, &str)]) -> Selector {
    let selection = TopicSelection {
        include: rows(include),
        exclude: rows(exclude),
        ..TopicSelection::default()
    };
    Selector::compile(&selection).unwrap()
}

use RowKind::{Exact, Prefix, Regex};

#[test]
fn decides_by_the_first_line_of_the_table_that_applies() {
    let selector = selector(
        &[
            (Exact, "__consumer_offsets"),
            (Exact, "_schemas"),
            (Prefix, "pay"),
            (Regex, "(orders|_hidden|x-internal).*"),
            (Exact, "orders-audit"),
        ],
        &[(Regex, ".*-tmp"), (Exact, "pay-roll"), (Prefix, "pay-")],
    );
    let cases = [
        ("__consumer_offsets", Reason::Reserved),
        ("causeway.link.a", Reason::Reserved),
        ("causeway.dlq.a", Reason::Reserved),
        ("pay-tmp", Reason::ExcludedBy(1)),
        ("pay-roll", Reason::ExcludedBy(2)),
        ("pay-slip", Reason::ExcludedBy(3)),
        ("_schemas", Reason::Named(2)),
        ("orders-audit", Reason::Named(5)),
        ("_hidden", Reason::Hidden),
        ("orders.internal", Reason::Hidden),
        ("orders.replica", Reason::Hidden),
        ("payments", Reason::IncludedBy(3)),
        ("orders", Reason::IncludedBy(4)),
        ("clicks", Reason::NoRow),
        ("Payments", Reason::NoRow),
    ];
    for (topic, reason) in cases {
        let decision = selector.decide(topic, false);
        assert_eq!(decision.reason, reason, "{topic}");
        let selected = matches!(reason, Reason::Named(_) | Reason::IncludedBy(_));
        assert_eq!(decision.selected, selected, "{topic}");
    }
}

#[test]
fn lets_no_row_include_what_the_broker_calls_internal() {
    let selector = selector(&[(Exact, "orders"), (Regex, ".*")], &[]);
    assert_eq!(selector.decide("orders", true).reason, Reason::Reserved);
    assert!(selector.decide("orders", false).selected);
}

#[test]
fn takes_hidden_topics_by_pattern_only_when_told_to() {
    let mut selection = TopicSelection {
        include: rows(&[(Regex, ".*")]),
        ..TopicSelection::default()
    };
    assert!(
        !Selector::compile(&selection)
            .unwrap()
            .decide("_schemas", false)
            .selected
    );
    selection.internal = true;
    let selector = Selector::compile(&selection).unwrap();
    assert!(selector.decide("_schemas", false).selected);
    assert!(!selector.decide("__consumer_offsets", false).selected);
}

#[test]
fn copies_nothing_without_an_include_row() {
    assert_eq!(
        selector(&[], &[]).decide("orders", false).reason,
        Reason::NoRow
    );
}

#[test]
fn reports_every_faulty_row_once() {
    let selection = TopicSelection {
        include: rows(&[(Regex, "a"), (Regex, "b(?!c)"), (Exact, "a b")]),
        exclude: rows(&[(Regex, &"x".repeat(2_000))]),
        ..TopicSelection::default()
    };
    let mut errors = Selector::compile(&selection).unwrap_err();
    errors.sort_by(|a, b| a.field.cmp(&b.field));
    let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
    let expected = [
        "topics.exclude[0].pattern",
        "topics.include[1].pattern",
        "topics.include[2].pattern",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        errors[1].message,
        "Pattern, character 2: look-ahead is not supported."
    );
}

#[test]
fn explains_with_the_closest_rows() {
    let selector = selector(
        &[(Exact, "orders"), (Prefix, "payments."), (Regex, "clicks")],
        &[],
    );
    assert_eq!(
        selector.explain("order", false),
        "no row matches, closest: include row 1 (`orders`)"
    );
    assert_eq!(
        selector.explain("payment.eu", false),
        "no row matches, closest: include row 2 (`payments.`)"
    );
    assert_eq!(selector.explain("something-else", false), "no row matches");
    assert_eq!(selector.explain("orders", false), "include row 1");
    assert_eq!(selector.explain("_x", false), "internal");
}

proptest! {
    #[test]
    fn excludes_whatever_an_exclude_row_matches(topic in "[a-c][a-c._-]{0,5}", prefix in "[a-c._-]{1,2}") {
        let selector = selector(&[(Regex, ".*"), (Exact, &topic)], &[(Prefix, &prefix)]);
        let decision = selector.decide(&topic, false);
        if topic.starts_with(&prefix) {
            prop_assert_eq!(decision.reason, Reason::ExcludedBy(1));
        } else {
            prop_assert!(decision.selected);
        }
    }

    #[test]
    fn adds_up_include_rows(topic in "[a-c]{1,4}", one in "[a-c]{1,2}", two in "[a-c]{1,2}") {
        let both = selector(&[(Prefix, &one), (Prefix, &two)], &[]).decide(&topic, false).selected;
        let either = topic.starts_with(&one) || topic.starts_with(&two);
        prop_assert_eq!(both, either);
    }
}
