use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{draft::error_for, problem::FieldError};

fn row(action: &str, kind: &str, pattern: &str) -> RowDraft {
    RowDraft {
        action: action.to_owned(),
        kind: kind.to_owned(),
        pattern: pattern.to_owned(),
    }
}

fn draft() -> LinkDraft {
    LinkDraft {
        name: "east-west".to_owned(),
        source: "east".to_owned(),
        destination: "west".to_owned(),
        rows: vec![row("include", "exact", "orders")],
        ..LinkDraft::default()
    }
}

fn link(changes: Value) -> LinkSpec {
    let mut sound = json!({
        "name": "east-west", "source": "east", "destination": "west",
        "topics": { "include": [{ "kind": "exact", "pattern": "orders" }] },
    });
    let Value::Object(changes) = changes else {
        panic!("an object is expected");
    };
    sound.as_object_mut().unwrap().extend(changes);
    serde_json::from_value(sound).unwrap()
}

fn inputs(errors: &[FieldError]) -> Vec<&str> {
    errors.iter().map(|e| e.field.as_str()).collect()
}

#[test]
fn a_fresh_form_holds_the_defaults_of_the_product() {
    assert_eq!(draft().spec(), Ok(link(json!({}))));
    assert_eq!(LinkDraft::default().rows, [row("include", "exact", "")]);
}

#[test]
fn an_empty_form_says_what_is_missing() {
    let errors = LinkDraft::default().spec().unwrap_err();
    assert_eq!(inputs(&errors), ["name", "source", "destination", "rows"]);
    assert!(errors[3].message.starts_with("Choose at least one topic: "));
}

#[test]
fn absent_checkboxes_are_unticked_and_absent_texts_are_the_defaults() {
    let posted: LinkDraft = serde_json::from_value(json!({ "name": "a", "grow": "on" })).unwrap();
    assert!(!posted.create && posted.grow && !posted.new_topics);
    assert_eq!(
        (posted.slots.as_str(), posted.start.as_str()),
        ("24", "earliest")
    );
}

#[test]
fn points_at_rows_as_the_form_counts_them() {
    let faulty = LinkDraft {
        rows: vec![
            row("exclude", "exact", "a b"),
            row("include", "exact", "  "),
            row("include", "prefix", "orders"),
            row("include", "exact", "c/d"),
        ],
        ..draft()
    };
    let errors = faulty.spec().unwrap_err();
    let mut found = inputs(&errors);
    found.sort_unstable();
    assert_eq!(found, ["rows[0].pattern", "rows[3].pattern"]);
    let strange = LinkDraft {
        rows: vec![row("maybe", "glob", "orders")],
        ..draft()
    };
    let errors = strange.spec().unwrap_err();
    assert_eq!(inputs(&errors), ["rows[0].action", "rows[0].kind"]);
}

#[test]
fn pasted_spaces_around_names_are_dropped() {
    let spaced = LinkDraft {
        name: " east-west ".to_owned(),
        rows: vec![row("include", "exact", " orders\t")],
        append_to: vec![" orders ".to_owned(), String::new()],
        ..draft()
    };
    let spec = spaced.spec().unwrap();
    assert_eq!(spec.topics.include[0].pattern, "orders");
    assert_eq!(spec.append_to, ["orders"]);
}

#[test]
fn each_field_of_the_spec_has_an_input() {
    let mut draft = draft();
    let table = [
        ("title", "title"),
        ("topics", "rows"),
        ("topics.include[0].pattern", "rows[0].pattern"),
        ("topics.include[7].pattern", "rows"),
        ("rename.format", "format"),
        ("rename.prefix", "prefix"),
        ("rename.suffix", "suffix"),
        ("rename.map.a.b", "rename_list"),
        ("rename.map", "rename_list"),
        ("rename.regex[0].match", "rename_match"),
        ("rename.regex[0].replace", "rename_replace"),
        ("start.timestamp", "start_at"),
        ("replication_factor", "replication_exact"),
        ("configs.include[3]", "configs_include"),
        ("configs.exclude", "configs_exclude"),
        ("configs.interval_ms", "configs_interval_s"),
        ("detect_interval_ms", "detect_interval_s"),
        ("limit_bytes_per_s", "limit_mb_s"),
        ("append_to[1]", "append_to"),
        ("policies.foreign_write", "on_foreign_write"),
        ("slots", "slots"),
    ];
    for (field, input) in table {
        assert_eq!(draft.input_of(field), input);
    }
    draft.rename_kind = "kept".to_owned();
    assert_eq!(draft.input_of("rename.map.a"), "rename_kind");
}

#[test]
fn faults_of_options_stand_at_their_inputs() {
    let faulty = LinkDraft {
        start: "timestamp".to_owned(),
        start_at: "tomorrow".to_owned(),
        replication_factor: "exactly".to_owned(),
        replication_exact: "0".to_owned(),
        configs_include: "retention.ms, what?".to_owned(),
        detect_interval_s: "0.5".to_owned(),
        limit_mb_s: "0.0001".to_owned(),
        on_loss: "retry".to_owned(),
        slots: "257".to_owned(),
        ..draft()
    };
    let errors = faulty.spec().unwrap_err();
    let start = "Enter a date and time in UTC, as `2026-11-21T14:05`.";
    assert_eq!(error_for(&errors, "start_at"), Some(start));
    let mut found = inputs(&errors);
    found.sort_unstable();
    let expected = [
        "configs_include",
        "detect_interval_s",
        "limit_mb_s",
        "on_loss",
        "replication_exact",
        "slots",
        "start_at",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_list_of_names_is_read_by_line() {
    let list = |text: &str| LinkDraft {
        rename_kind: "list".to_owned(),
        rename_list: text.to_owned(),
        ..draft()
    };
    let spec = list("orders = us.orders\r\n\r\n a=b \r\n").spec().unwrap();
    assert_eq!(spec.rename.map.len(), 2);
    assert_eq!(spec.rename.map["a"], "b");
    for (text, message) in [
        ("a=b\nfoo", "Line 2: write a pair, as `orders = us.orders`."),
        ("a=b\n\na = c", "Line 3: `a` stands in line 1 already."),
        (
            "a=",
            "Line 1: mirror topic: a topic name must not be empty.",
        ),
        (" ", "Enter at least one pair, as `orders = us.orders`."),
    ] {
        let errors = list(text).spec().unwrap_err();
        assert_eq!(error_for(&errors, "rename_list"), Some(message));
    }
}

#[test]
fn only_the_chosen_way_of_naming_counts() {
    let prefixed = LinkDraft {
        rename_kind: "prefix".to_owned(),
        prefix: "us.".to_owned(),
        suffix: "left over".to_owned(),
        ..draft()
    };
    let rename = prefixed.spec().unwrap().rename;
    assert_eq!(
        (rename.prefix.as_str(), rename.suffix.as_str()),
        ("us.", "")
    );
    for kind in [
        "prefix", "suffix", "format", "list", "regex", "other", "kept",
    ] {
        let empty = LinkDraft {
            rename_kind: kind.to_owned(),
            format: String::new(),
            ..draft()
        };
        assert!(empty.spec().is_err(), "{kind}");
    }
}

#[test]
fn what_a_form_cannot_state_survives_an_edit() {
    let specs = [
        json!({ "rename": { "regex": [{ "match": "a(.*)", "replace": "$1" }, { "match": "b", "replace": "c" }] } }),
        json!({ "rename": { "map": { "a": "b" }, "format": "x.${topic}" } }),
        json!({ "rename": { "prefix": "a.", "suffix": ".b" } }),
        json!({ "policies": { "loss": "continue", "skip": "continue", "refused": "ask", "divergence": "continue" } }),
        json!({ "topics": { "include": [{ "kind": "regex", "pattern": "a[\nb]" }] } }),
    ];
    for changes in specs {
        let base = link(changes);
        assert_eq!(base.check(), []);
        let mut form = LinkDraft::of(&base);
        assert_eq!(form.apply(&base).as_ref(), Ok(&base));
        form.title = "Another title".to_owned();
        form.name = String::new();
        let expected = LinkSpec {
            title: form.title.clone(),
            ..base.clone()
        };
        assert_eq!(form.apply(&base), Ok(expected));
    }
}

#[test]
fn names_that_were_kept_can_be_replaced_by_choice() {
    let base = link(json!({ "rename": { "prefix": "a.", "suffix": ".b" } }));
    let mut form = LinkDraft::of(&base);
    assert_eq!(form.rename_kind, "kept");
    form.rename_kind = "same".to_owned();
    assert_eq!(
        form.apply(&base).unwrap().rename,
        crate::link::Rename::default()
    );
}

#[test]
fn a_policy_that_is_set_back_leaves_no_entry() {
    let base = link(json!({ "policies": { "loss": "ask" } }));
    let mut form = LinkDraft::of(&base);
    assert_eq!(form.on_loss, "ask");
    form.on_loss = "continue".to_owned();
    assert!(form.apply(&base).unwrap().policies.is_empty());
}

#[test]
fn one_step_leaves_the_inputs_of_the_others() {
    let full = LinkDraft {
        title: "Orders".to_owned(),
        slots: "7".to_owned(),
        ..draft()
    };
    let posted: LinkDraft = serde_json::from_value(json!({})).unwrap();
    let ends = full.clone().with(Part::Ends, posted.clone());
    assert!(ends.name.is_empty() && ends.create && ends.new_topics && ends.slots == "7");
    let topics = full.clone().with(Part::Topics, posted.clone());
    assert!(!topics.new_topics && topics.rows == posted.rows);
    assert!(topics.create && topics.slots == "7" && topics.title == "Orders");
    let options = full.clone().with(Part::Options, posted);
    assert!(!options.create && options.slots == "24" && options.rows == full.rows);
    let mut rest = full.clone();
    for part in [Part::Ends, Part::Topics, Part::Options] {
        rest = rest.with(part, full.clone());
    }
    assert_eq!(rest, full);
}

#[test]
fn rows_come_and_go_and_one_remains() {
    let mut draft = draft();
    draft.add_row();
    draft.remove_row(0);
    draft.remove_row(5);
    draft.remove_row(0);
    assert_eq!(draft.rows, [RowDraft::default()]);
}

#[test]
fn proposes_a_name_once_both_clusters_are_known() {
    assert_eq!(proposed_name("east", "west"), "east-west");
    assert_eq!(proposed_name("east", ""), "");
    assert_eq!(proposed_name(&"e".repeat(100), &"w".repeat(100)).len(), 99);
    assert_eq!(proposed_name("East!", "west"), "");
}

#[test]
fn answers_hostile_texts_shortly() {
    let huge = "ä=\n".repeat(400_000);
    let row = row(&huge, &huge, &huge);
    let fill = json!(huge);
    let mut hostile = serde_json::to_value(LinkDraft::default()).unwrap();
    for value in hostile.as_object_mut().unwrap().values_mut() {
        if value.is_string() {
            *value = fill.clone();
        }
    }
    let mut hostile: LinkDraft = serde_json::from_value(hostile).unwrap();
    hostile.rows = vec![row; 3];
    hostile.append_to = vec![huge; 2];
    for kind in ["prefix", "suffix", "format", "regex", "list", "no"] {
        hostile.rename_kind = kind.to_owned();
        for action in ["include", "no"] {
            hostile.rows[0].action = action.to_owned();
            hostile.rows[0].kind = "exact".to_owned();
            let errors = hostile.spec().unwrap_err();
            assert!(errors.len() < 100);
            assert!(errors.iter().all(|e| e.message.len() < 700), "{kind}");
        }
    }
}

fn any_rename() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        "[a-z.]{1,9}".prop_map(|p| json!({ "prefix": p })),
        "[a-z.]{1,9}".prop_map(|s| json!({ "suffix": s })),
        "[a-z.]{0,9}".prop_map(|f| json!({ "format": format!("{f}${{topic}}") })),
        "[a-z ]{1,9}"
            .prop_map(|m| json!({ "regex": [{ "match": format!("{m}(.*)"), "replace": "x.$1" }] })),
        prop::collection::btree_map("[a-z]{1,5}", "[a-z]{1,5}", 1..4)
            .prop_map(|m| json!({ "map": m })),
    ]
}

fn any_rows(least: usize) -> impl Strategy<Value = Value> {
    let row = prop_oneof![
        (Just("exact"), "[a-zA-Z0-9_-]{1,9}"),
        (Just("prefix"), "[a-zA-Z0-9_-]{1,9}"),
        (Just("regex"), "[a-z.* ]{0,4}[a-z ]"),
    ];
    let row = row.prop_map(|(kind, pattern)| json!({ "kind": kind, "pattern": pattern }));
    prop::collection::vec(row, least..4).prop_map(Value::from)
}

fn any_start() -> impl Strategy<Value = Value> {
    let at = (0..253_402_300_800_000_i64).prop_map(|at| json!({ "timestamp": at }));
    prop_oneof![Just(json!("earliest")), Just(json!("latest")), at]
}

fn any_factor() -> impl Strategy<Value = Value> {
    let exactly = (1..=i16::MAX).prop_map(|n| json!({ "exactly": n }));
    prop_oneof![Just(json!("source")), Just(json!("destination")), exactly]
}

prop_compose! {
    fn any_link()(
        (include, exclude, rename) in (any_rows(1), any_rows(0), any_rename()),
        (start, factor) in (any_start(), any_factor()),
        flags in any::<[bool; 12]>(),
        (interval, slots) in (1_000..=3_600_000_u64, 1..=256_u32),
        configs in prop::collection::vec("[a-z.]{1,9}", 0..4),
        append_to in prop::collection::vec("[a-z]{1,9}", 0..4),
        title in "([a-z][a-z ]{0,9}[a-z])?",
    ) -> LinkSpec {
        let [internal, new_topics, create, grow, raw, reduce, from, skip, policies @ ..] = flags;
        let either = |flag: bool, yes: &'static str, no: &'static str| if flag { yes } else { no };
        let kinds = [("loss", "ask"), ("divergence", "continue"), ("duplicate", "ask"), ("foreign_write", "ask")];
        let policies: serde_json::Map<String, Value> = kinds
            .into_iter()
            .zip(policies)
            .filter(|(_, stated)| *stated)
            .map(|((kind, policy), _)| (kind.to_owned(), json!(policy)))
            .collect();
        link(json!({
            "title": title,
            "topics": { "include": include, "exclude": exclude, "internal": internal, "new_topics": new_topics },
            "rename": rename, "start": start, "replication_factor": factor,
            "isolation": either(raw, "read_uncommitted", "read_committed"),
            "create": create, "grow": grow,
            "on_fewer_brokers": either(reduce, "reduce", "refuse"),
            "configs": { "defaults_from": either(from, "source", "destination"), "include": configs, "exclude": configs,
                "interval_ms": interval, "on_drift": either(skip, "report", "overwrite") },
            "detect_interval_ms": interval, "append_to": append_to, "policies": policies,
            "on_refused": either(skip, "skip", "hold"), "slots": slots,
            "limit_bytes_per_s": grow.then_some(interval * 1_001),
            "guarantee": either(reduce, "transactional", "exactly_once"),
        }))
    }
}

proptest! {
    #[test]
    fn what_forms_can_state_survives_the_way_through_them(spec in any_link()) {
        prop_assume!(spec.check().is_empty());
        let form = LinkDraft::of(&spec);
        prop_assert_ne!(form.rename_kind.as_str(), "kept");
        prop_assert_eq!(form.spec(), Ok(spec.clone()));
        prop_assert_eq!(form.apply(&spec), Ok(spec.clone()));
        let stored = serde_json::to_string(&form).unwrap();
        prop_assert_eq!(serde_json::from_str::<LinkDraft>(&stored).unwrap(), form);
    }

    #[test]
    fn whatever_is_posted_is_answered(texts in prop::collection::vec(".{0,12}", 12)) {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap();
        let form = LinkDraft {
            name: next(),
            rows: vec![row("include", "regex", &next()), row(&next(), "prefix", &next())],
            rename_kind: "regex".to_owned(),
            rename_match: next(),
            rename_replace: next(),
            start: "timestamp".to_owned(),
            start_at: next(),
            slots: next(),
            detect_interval_s: next(),
            configs_exclude: next(),
            ..draft()
        };
        let _ = form.spec();
    }
}
