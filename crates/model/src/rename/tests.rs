use super::*;
use crate::link::RenameRule;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn rename(format: &str) -> Rename {
    Rename {
        format: format.to_owned(),
        ..Rename::default()
    }
}

fn errors(rename: &Rename) -> Vec<(String, String)> {
    let errors = check_rename(rename, &name("east"), &name("west"));
    errors.into_iter().map(|e| (e.field, e.message)).collect()
}

fn message(rename: &Rename) -> String {
    let errors = errors(rename);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].1.clone()
}

#[test]
fn refuses_a_format_with_its_position() {
    let known = "only `${topic}`, `${source}` and `${destination}` are";
    let cases = [
        ("", "Format: `${topic}` is missing.".to_owned()),
        ("mirror", "Format: `${topic}` is missing.".to_owned()),
        (
            "${topic}${topic}",
            "Format, character 9: `${topic}` may stand only once.".to_owned(),
        ),
        (
            "a.${team}.${topic}",
            format!("Format, character 3: `${{team}}` is not known, {known}."),
        ),
        (
            "${topic",
            "Format, character 1: `${` is not closed, add `}`.".to_owned(),
        ),
        (
            "$1${topic}",
            "Format, character 1: `$1` belongs into the replacement of a rule.".to_owned(),
        ),
        (
            "${topic}$",
            "Format, character 9: `$` is not followed by `{…}` or a digit.".to_owned(),
        ),
        (
            "a b${topic}",
            "Format, character 2: ` ` is not allowed in topic names.".to_owned(),
        ),
        (
            "ä${topic}",
            "Format, character 1: `ä` is not allowed in topic names.".to_owned(),
        ),
    ];
    for (format, expected) in cases {
        assert_eq!(message(&rename(format)), expected, "{format}");
    }
    assert!(message(&rename(&"a".repeat(2_000))).starts_with("Format too large: 2,000 bytes"));
}

#[test]
fn reads_prefix_and_suffix_as_short_for_a_format() {
    let short = |prefix: &str, suffix: &str| Rename {
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
        ..Rename::default()
    };
    assert!(errors(&short("${source}.", "-copy")).is_empty());
    let added = "leave `${topic}` out, it is added by itself.";
    assert_eq!(
        message(&short("a${topic}", "")),
        format!("Character 2: {added}")
    );
    assert_eq!(errors(&short("", "x$"))[0].0, "rename.suffix");
    let both = Rename {
        format: "x${topic}".to_owned(),
        ..short("a", "")
    };
    assert_eq!(
        message(&both),
        "Prefix and suffix are short for a format: state one or the other."
    );
}

#[test]
fn checks_both_names_of_a_pair() {
    let pair = |topic: &str, mirror: &str| Rename {
        map: [(topic.to_owned(), mirror.to_owned())].into(),
        ..Rename::default()
    };
    assert!(errors(&pair("a", "b")).is_empty());
    assert_eq!(
        message(&pair("a", "")),
        "`a` cannot become ``: a topic name must not be empty."
    );
    assert!(message(&pair("a", "__consumer_offsets")).contains("belongs to Kafka"));
    assert!(message(&pair("a b", "c")).starts_with("Source topic: character 2"));
    let many = (0..=MAX_PAIRS)
        .map(|n| (format!("a{n}"), format!("b{n}")))
        .collect();
    let many = Rename {
        map: many,
        ..Rename::default()
    };
    assert_eq!(message(&many), "5,001 pairs, at most 5,000 are allowed.");
}

#[test]
fn checks_a_replacement_without_its_pattern() {
    let rule = |pattern: &str, replace: &str| Rename {
        regex: vec![RenameRule {
            pattern: pattern.to_owned(),
            replace: replace.to_owned(),
        }],
        ..Rename::default()
    };
    assert!(errors(&rule("(a)", "$1_${name}")).is_empty());
    assert_eq!(
        message(&rule("(a)", "x$0")),
        "Replacement, character 2: `$0` is not supported, groups count from `$1`."
    );
    assert_eq!(
        message(&rule("(a)", "")),
        "Enter a text, or remove the rule."
    );
    let large = message(&rule(&"a".repeat(2_000), "x"));
    assert_eq!(
        large,
        "Pattern too large: 2,000 bytes, at most 1,024 are allowed."
    );
}

#[cfg(feature = "pattern")]
mod renamer {
    use proptest::prelude::*;

    use super::*;

    fn compile(rename: &Rename) -> Renamer {
        Renamer::compile(rename, &name("east"), &name("west")).unwrap()
    }

    fn with_rule(pattern: &str, replace: &str) -> Rename {
        Rename {
            regex: vec![RenameRule {
                pattern: pattern.to_owned(),
                replace: replace.to_owned(),
            }],
            ..Rename::default()
        }
    }

    fn rule_error(pattern: &str, replace: &str) -> String {
        let errors = Renamer::compile(&with_rule(pattern, replace), &name("east"), &name("west"));
        errors.unwrap_err()[0].message.clone()
    }

    #[test]
    fn keeps_names_by_default() {
        assert_eq!(
            compile(&Rename::default()).mirror_name("orders").unwrap(),
            "orders"
        );
    }

    #[test]
    fn takes_the_map_before_rules_before_the_format() {
        let rename = Rename {
            map: [("orders".to_owned(), "mapped".to_owned())].into(),
            regex: vec![
                RenameRule {
                    pattern: "(o|p)(.*)".to_owned(),
                    replace: "$2-$1".to_owned(),
                },
                RenameRule {
                    pattern: "p.*".to_owned(),
                    replace: "never".to_owned(),
                },
            ],
            format: "${source}.${topic}.${destination}".to_owned(),
            ..Rename::default()
        };
        let renamer = compile(&rename);
        let cases = [
            ("orders", "mapped"),
            ("pay", "ay-p"),
            ("other", "ther-o"),
            ("clicks", "east.clicks.west"),
        ];
        for (topic, mirror) in cases {
            assert_eq!(renamer.mirror_name(topic).unwrap(), mirror);
        }
    }

    #[test]
    fn ends_a_reference_after_one_digit_as_java_does() {
        let cases = [
            ("(a)(b)?", "$1_x", "a", "a_x"),
            ("(a)(b)?", "x$2y", "a", "xy"),
            ("(a)", "$12", "a", "a2"),
            ("(?<team>[a-z]+)-(.*)", "${team}.$2", "red-x", "red.x"),
            ("(a)(b)", "$2$1", "ab", "ba"),
        ];
        for (pattern, replace, topic, mirror) in cases {
            let renamer = compile(&with_rule(pattern, replace));
            assert_eq!(renamer.mirror_name(topic).unwrap(), mirror, "{replace}");
        }
    }

    #[test]
    fn matches_rules_against_the_whole_name() {
        let renamer = compile(&with_rule("orders", "x"));
        assert_eq!(renamer.mirror_name("orders2").unwrap(), "orders2");
    }

    #[test]
    fn refuses_unknown_and_ambiguous_groups() {
        let cases = [
            (
                "(a)",
                "$2",
                "Replacement, character 1: the pattern has one group, there is no `$2`.",
            ),
            (
                "(a)(b)",
                "x-$3",
                "Replacement, character 3: the pattern has 2 groups, there is no `$3`.",
            ),
            (
                "(a)",
                "${b}",
                "Replacement, character 1: the pattern has no group `b`.",
            ),
            (
                "(a)",
                "${1_x}",
                "Replacement, character 1: the pattern has no group `1_x`.",
            ),
            (
                "a(?=b)",
                "c",
                "Pattern, character 2: look-ahead is not supported.",
            ),
        ];
        for (pattern, replace, message) in cases {
            assert_eq!(rule_error(pattern, replace), message);
        }
        let ambiguous = rule_error(&"(a)".repeat(12), "$12");
        assert!(ambiguous.contains("`$12` is ambiguous"), "{ambiguous}");
        assert_eq!(
            compile(&with_rule(&"(a)".repeat(12), "$13"))
                .mirror_name("aaaaaaaaaaaa")
                .unwrap(),
            "a3"
        );
    }

    #[test]
    fn refuses_an_impossible_result_with_both_names() {
        let long = "x".repeat(248);
        let error = compile(&rename("b.${topic}"))
            .mirror_name(&long)
            .unwrap_err();
        assert_eq!(error.cause, topic_name::TopicNameError::TooLong(250));
        let error = compile(&with_rule("(a)?b", "$1"))
            .mirror_name("b")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`b` cannot become ``: a topic name must not be empty"
        );
        let error = compile(&rename("causeway.link.${topic}"))
            .mirror_name("b")
            .unwrap_err();
        assert_eq!(error.cause, topic_name::TopicNameError::Reserved);
        let error = compile(&with_rule("b", "..")).mirror_name("b").unwrap_err();
        assert_eq!(error.cause, topic_name::TopicNameError::Dots);
    }

    proptest! {
        #[test]
        fn gives_a_legal_name_or_refuses(topic in "[a-z._-]{1,20}", format in "[a-z.${}]{0,12}") {
            let format = format!("{format}${{topic}}");
            if let Ok(renamer) = Renamer::compile(&rename(&format), &name("east"), &name("west"))
                && let Ok(mirror) = renamer.mirror_name(&topic)
            {
                prop_assert!(topic_name::check_mirror(&mirror).is_ok());
                prop_assert!(mirror.contains(&topic));
            }
        }

        #[test]
        fn never_panics_on_a_replacement(replace in "[a$1-9{}ä_]{0,12}") {
            let _ = Renamer::compile(&with_rule("(a)(?<b>b)", &replace), &name("east"), &name("west"));
        }
    }
}
