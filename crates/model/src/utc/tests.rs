use proptest::prelude::*;

use super::*;

#[test]
fn knows_moments_by_the_calendar() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00"),
        (951_782_400_000, "2000-02-29T00:00:00"),
        (1_795_269_731_000, "2026-11-21T14:02:11"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999"),
        (253_402_300_799_000, "9999-12-31T23:59:59"),
        (-1, "1969-12-31T23:59:59.999"),
    ] {
        assert_eq!(Utc::from_ms(ms).to_string(), text);
        assert_eq!(Utc::from_ms(ms).ms(), Some(ms));
    }
}

#[test]
fn reads_what_browsers_and_people_write() {
    let expected = Ok(1_795_269_900_000);
    for text in [
        "2026-11-21T14:05",
        " 2026-11-21T14:05Z",
        "2026-11-21T14:05:00",
        "2026-11-21T14:05:00.0Z",
        "2026-11-21 14:05 UTC",
        "2026-11-21t14:05:00.000z",
    ] {
        assert_eq!(parse_ms(text), expected, "{text}");
    }
    assert_eq!(parse_ms("2026-11-21T14:05:00.5"), Ok(1_795_269_900_500));
}

#[test]
fn refuses_what_is_no_moment() {
    for text in [
        "",
        "now",
        "2026-11-21",
        "14:05",
        "26-11-21T14:05",
        "2026-11-21T14",
        "2026-11-21T14:05+01:00",
        "2026-11-21T14:05:00.1234",
        "+026-11-21T14:05",
        "2026-11-21T14:05:00:00",
        "2026-1١-21T14:05",
    ] {
        assert_eq!(parse_ms(text), Err(UtcError::Shape), "{text}");
    }
    for text in [
        "2026-02-29T00:00",
        "2026-13-01T00:00",
        "2026-00-01T00:00",
        "2026-01-00T00:00",
        "2026-01-01T24:00",
    ] {
        assert_eq!(parse_ms(text), Err(UtcError::Calendar), "{text}");
    }
    assert_eq!(parse_ms("1969-12-31T23:59"), Err(UtcError::Range));
}

proptest! {
    #[test]
    fn reads_what_it_writes(ms in 0..253_402_300_800_000_i64) {
        prop_assert_eq!(parse_ms(&Utc::from_ms(ms).to_string()), Ok(ms));
    }

    #[test]
    fn answers_whatever_is_typed(text in ".{0,50}") {
        let _ = parse_ms(&text);
    }
}
