use super::*;

const HERE: Option<&str> = Some("192.0.2.1");

fn fail(attempts: &Attempts, name: &str, address: Option<&str>, now_ms: i64) -> Option<i64> {
    attempts.begin(name, address, now_ms).err()
}

#[test]
fn five_failures_are_free_and_then_the_wait_doubles_up_to_a_quarter_of_an_hour() {
    let attempts = Attempts::default();
    for _ in 0..5 {
        assert_eq!(fail(&attempts, "ann", HERE, 0), None);
    }
    let mut now_ms = 0;
    for wait_s in [10, 20, 40, 80, 160, 320, 640, 900, 900, 900] {
        let wait_ms = wait_s * 1_000;
        assert_eq!(fail(&attempts, "ann", HERE, now_ms), Some(wait_ms));
        assert_eq!(fail(&attempts, "ann", HERE, now_ms + wait_ms - 1), Some(1));
        now_ms += wait_ms;
        assert_eq!(fail(&attempts, "ann", HERE, now_ms), None, "{wait_s}");
    }
}

#[test]
fn names_and_addresses_are_counted_apart() {
    let attempts = Attempts::default();
    for n in 0..5 {
        assert_eq!(
            fail(&attempts, "ann", Some(&format!("192.0.2.{n}")), 0),
            None
        );
        assert_eq!(
            fail(&attempts, &format!("user {n}"), Some("198.51.100.1"), 0),
            None
        );
    }
    assert!(
        fail(&attempts, "ann", Some("203.0.113.1"), 0).is_some(),
        "name"
    );
    assert!(
        fail(&attempts, "new", Some("198.51.100.1"), 0).is_some(),
        "address"
    );
    assert_eq!(fail(&attempts, "new", Some("203.0.113.1"), 0), None);
}

#[test]
fn a_success_clears_the_name_and_an_undecided_attempt_does_not_count() {
    let attempts = Attempts::default();
    for _ in 0..4 {
        assert_eq!(fail(&attempts, "ann", None, 0), None);
    }
    for _ in 0..9 {
        attempts.begin("ann", None, 0).unwrap().undecided();
    }
    attempts.begin("ann", None, 0).unwrap().succeeded();
    for _ in 0..5 {
        assert_eq!(fail(&attempts, "ann", None, 0), None);
    }
    assert!(fail(&attempts, "ann", None, 0).is_some());
}

#[test]
fn who_signs_in_between_does_not_clear_the_way_for_guesses_from_the_same_address() {
    let attempts = Attempts::default();
    for guess in 0..5 {
        let name = format!("victim {guess}");
        assert_eq!(fail(&attempts, &name, HERE, 0), None);
        if guess < 4 {
            attempts.begin("mallory", HERE, 0).unwrap().succeeded();
        }
    }
    assert!(fail(&attempts, "victim 5", HERE, 0).is_some());
    for name in ["ann", "bea"] {
        let right = attempts.begin(name, HERE, 10_000);
        right.expect("nobody waits for who signed in").succeeded();
    }
}

#[test]
fn all_is_forgotten_after_an_hour_without_a_failure() {
    let attempts = Attempts::default();
    for _ in 0..5 {
        assert_eq!(fail(&attempts, "ann", HERE, 0), None);
    }
    for _ in 0..5 {
        assert_eq!(fail(&attempts, "ann", HERE, FORGOTTEN_AFTER_MS), None);
    }
    assert!(fail(&attempts, "ann", HERE, FORGOTTEN_AFTER_MS).is_some());
}

#[test]
fn memory_is_bounded_and_the_latest_failures_stay() {
    let attempts = Attempts::default();
    for n in 0..30_000 {
        let _ = attempts.begin(&format!("user {n}"), None, n);
        assert!(attempts.lock().len() <= MOST);
    }
    assert!(
        attempts
            .lock()
            .contains_key(&Key::Name("user 29999".to_owned()))
    );
    for n in 0..5 {
        let _ = attempts.begin(&"x".repeat(100_000), None, n);
    }
    assert!(attempts.lock().keys().all(|key| match key {
        Key::Name(text) | Key::Address(text) => text.len() <= LONGEST_NAME + 1,
    }));
}

#[test]
fn an_ipv6_network_counts_as_one_address() {
    assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
}
