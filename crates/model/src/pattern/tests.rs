use proptest::prelude::*;

use super::*;

fn refusal(pattern: &str) -> String {
    Pattern::new(pattern).expect_err(pattern).to_string()
}

#[test]
fn matches_whole_names_and_respects_case() {
    let cases = [
        ("orders", "orders", true),
        ("orders", "orders2", false),
        ("orders", "my.orders", false),
        ("a|bc", "a", true),
        ("a|bc", "ac", false),
        ("Orders", "orders", false),
        ("(?i)Orders", "oRDERS", true),
        ("(?i:o)rders", "Orders", true),
        ("(?i:o)rders", "ORDERS", false),
        (".*", "", true),
        ("a.b", "a.b", true),
        (r"a\.b", "axb", false),
        ("[a-z&&[^b]]", "a", true),
        ("[a-z&&[^b]]", "b", false),
        ("(?<team>[a-z]+)-.*", "red-x", true),
        (r"\w+\.v\d{1,3}", "orders.v12", true),
        ("orders$", "orders", true),
        ("^orders", "orders", true),
        ("a+?", "aaa", true),
        ("(a+)+", "aaa", true),
        ("a{2,3}", "aa", true),
    ];
    for (pattern, name, expected) in cases {
        assert_eq!(
            Pattern::new(pattern).expect(pattern).matches(name),
            expected,
            "{pattern} {name}"
        );
    }
}

#[test]
fn names_each_refused_construct_with_its_position() {
    let cases = [
        (
            "foo(?!bar)",
            "Pattern, character 4: look-ahead is not supported.",
        ),
        (
            "foo(?=bar)",
            "Pattern, character 4: look-ahead is not supported.",
        ),
        (
            "(?<=a)b",
            "Pattern, character 1: look-behind is not supported.",
        ),
        (
            "a(?<!a)b",
            "Pattern, character 2: look-behind is not supported.",
        ),
        (
            r"(a)\1",
            "Pattern, character 4: back-reference is not supported.",
        ),
        (
            r"(?<x>a)\k<x>",
            "Pattern, character 8: back-reference is not supported.",
        ),
        (
            "a(?>b)",
            "Pattern, character 2: atomic group is not supported.",
        ),
        (
            "ab++",
            "Pattern, character 4: possessive quantifier is not supported.",
        ),
        (
            "ab*+",
            "Pattern, character 4: possessive quantifier is not supported.",
        ),
        (
            "ab?+",
            "Pattern, character 4: possessive quantifier is not supported.",
        ),
        (
            "ab{2}+",
            "Pattern, character 6: possessive quantifier is not supported.",
        ),
        (
            "(?:a++)",
            "Pattern, character 6: possessive quantifier is not supported.",
        ),
        (
            "a**",
            "Pattern, character 3: a second quantifier in a row is not supported, use a group.",
        ),
        (
            r"a\Q.\E",
            "Pattern, character 2: quotation `\\Q…\\E` is not supported.",
        ),
        (r"\Ga", "Pattern, character 1: `\\G` is not supported."),
        (r"a\Z", "Pattern, character 2: `\\Z` is not supported."),
        (r"a\R", "Pattern, character 2: `\\R` is not supported."),
        (r"a\h", "Pattern, character 2: `\\h` is not supported."),
        (r"a\v", "Pattern, character 2: `\\v` is not supported."),
        (r"[\v]", "Pattern, character 2: `\\v` is not supported."),
        (r"[a\R]", "Pattern, character 3: `\\R` is not supported."),
        (
            r"[\b]",
            "Pattern, character 2: `\\b` cannot stand inside a class.",
        ),
        (
            r"\<a",
            "Pattern, character 1: word boundary `\\<` or `\\>` is not supported.",
        ),
        (
            "[a--b]",
            "Pattern, character 3: `--` inside a class is not supported, write `\\-`.",
        ),
        (
            "[a~~b]",
            "Pattern, character 3: `~~` inside a class is not supported, write `~`.",
        ),
        (
            "[a[b--c]]",
            "Pattern, character 5: `--` inside a class is not supported, write `\\-`.",
        ),
        (
            "(?x)a",
            "Pattern, character 3: flag `x` is not supported, only `i` and `s` are.",
        ),
        (
            "(?im)a",
            "Pattern, character 4: flag `m` is not supported, only `i` and `s` are.",
        ),
        (
            "(?-u:a)",
            "Pattern, character 4: flag `u` is not supported, only `i` and `s` are.",
        ),
        (
            "(?U)a",
            "Pattern, character 3: flag `U` is not supported, only `i` and `s` are.",
        ),
        (
            "(?d)a",
            "Pattern, character 3: flag `d` is not supported, only `i` and `s` are.",
        ),
        (
            r"a\p{javaLowerCase}",
            "Pattern, character 2: this character class is not known.",
        ),
        (
            r"a\p{InGreek}",
            "Pattern, character 2: this character class is not known.",
        ),
        (
            "ä(?!b)",
            "Pattern, character 2: look-ahead is not supported.",
        ),
        ("a)|(b", "Pattern, character 2: this `)` closes no group."),
        (
            "a(b",
            "Pattern, character 2: this group is not closed, add `)`.",
        ),
        (
            "a[b",
            "Pattern, character 2: this class is not closed, add `]`.",
        ),
        (
            "*a",
            "Pattern, character 1: there is nothing before this quantifier to repeat.",
        ),
        (
            "a\\",
            "Pattern, character 2: a single `\\` ends the pattern.",
        ),
    ];
    for (pattern, message) in cases {
        assert_eq!(refusal(pattern), message, "{pattern}");
    }
}

#[test]
fn refuses_patterns_that_are_too_large() {
    assert_eq!(
        refusal(&"a".repeat(1 << 20)),
        "Pattern too large: 1,048,576 bytes, at most 1,024 are allowed."
    );
    assert_eq!(
        refusal(r"(\w{1000}){1000}"),
        "Pattern too large: its repetitions need too much memory."
    );
    let deep = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(refusal(&deep), "Pattern too large: nested deeper than 50.");
    assert!(Pattern::new(&"a".repeat(1_024)).is_ok());
}

#[test]
fn accepts_nesting_up_to_the_limit() {
    let nested = |depth: usize| format!("{}a{}", "(?:".repeat(depth), ")".repeat(depth));
    assert!(Pattern::new(&nested(50)).is_ok());
    assert!(Pattern::new(&nested(51)).is_err());
}

#[test]
fn matches_in_linear_time_where_backtracking_would_not_end() {
    // No clock is needed: a backtracking matcher would not come back from the first of these.
    let name = format!("{}!", "a".repeat(248));
    for pattern in ["(a+)+$", "(a*)*b", "(a|aa)+$", "(.*)(.*)(.*)(.*)(.*)x"] {
        let pattern = Pattern::new(pattern).unwrap();
        for _ in 0..100 {
            assert!(!pattern.matches(&name));
        }
    }
}

#[test]
fn knows_its_groups() {
    let pattern = Pattern::new("(a)(?<name>b)(?:c)").unwrap();
    assert_eq!(pattern.groups(), 2);
    assert_eq!(pattern.group_called("name"), Some(2));
    assert_eq!(pattern.group_called("other"), None);
}

proptest! {
    #[test]
    fn never_panics_and_points_into_the_pattern(pattern in "[a-c(){}\\[\\]?*+|\\\\^$.<>=!:&~\\-,0-3iQEZä]{0,24}") {
        if let Err(error) = Pattern::new(&pattern) {
            let length = pattern.chars().count();
            prop_assert!(error.position.is_none_or(|p| (1..=length + 1).contains(&p)), "{error}");
        }
    }

    #[test]
    fn matches_an_escaped_name_and_nothing_else(name in "[a-z._-]{1,20}", other in "[a-z._-]{1,20}") {
        let pattern = Pattern::new(&regex_syntax::escape(&name)).unwrap();
        prop_assert!(pattern.matches(&name));
        prop_assert_eq!(pattern.matches(&other), name == other);
    }
}
