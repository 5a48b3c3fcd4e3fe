//! Every number that people read, one function each, the same for pages, mail and command line (UX 4b).
//!
//! *Unknown*, *0* and *none* are three texts.

use crate::utc::Utc;

/// What stands where nothing was measured.
pub const UNKNOWN: &str = "unknown";

/// Returns a whole number with a comma at every third digit: `1,830`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number of records, exact below 10,000: `1,830`, `18.4 k`, `18.4 M`.
pub fn records(number: i64) -> String {
    let tenths = |unit: i64| {
        let tenths = number / (unit / 10);
        format!("{}.{}", grouped(tenths / 10), tenths % 10)
    };
    match number {
        ..10_000 => grouped(number),
        10_000..1_000_000 => format!("{} k", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} M", tenths(1_000_000)),
        _ => format!("{} G", tenths(1_000_000_000)),
    }
}

/// Returns `812 records`, `1 record`, or that the number is unknown.
pub fn records_or_unknown(number: Option<i64>) -> String {
    match number {
        None => UNKNOWN.to_owned(),
        Some(1) => "1 record".to_owned(),
        Some(number) => format!("{} records", records(number)),
    }
}

/// Returns a rate per second as a whole number, with one decimal below 10.
pub fn rate(per_s: f64) -> String {
    if per_s > 0.0 && per_s < 9.95 {
        return format!("{per_s:.1}");
    }
    grouped(per_s.round() as i64)
}

/// Returns bytes (per second) in units of 1,000,000 bytes with one decimal.
pub fn megabytes(bytes: f64) -> String {
    let tenths = (bytes / 100_000.0).round() as i64;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// Returns a span of time: `0.4 s`, `42 s`, `6 min 12 s`, `2 h 04 min`, `3 d 4 h`.
pub fn span(ms: i64) -> String {
    let ms = ms.max(0);
    let s = ms / 1_000;
    match s {
        0..10 => format!("{}.{} s", s, ms % 1_000 / 100),
        10..60 => format!("{s} s"),
        60..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {:02} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Returns a span in its largest unit alone, as an estimate is told: `42 s`, `6 min`, `2 h`, `3 d`.
pub fn span_short(ms: i64) -> String {
    match ms.max(0) / 1_000 {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// Returns an age: `9 s ago`; `just now` below a second, and for what a faster clock dates into the future.
pub fn ago(age_ms: i64) -> String {
    if age_ms < 1_000 {
        return "just now".to_owned();
    }
    format!("{} ago", span_short(age_ms))
}

/// Returns a share in per cent with two decimals, rounded down, so that only all is `100.00 %`; `None` of nothing.
pub fn percent(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    Some(format!("{}.{:02} %", hundredths / 100, hundredths % 100))
}

/// Returns a link's lag in time: `4.2 s`, `up to date`, or that it is unknown.
pub fn lag(time_ms: Option<i64>, records: Option<i64>) -> String {
    match (time_ms, records) {
        (_, Some(0)) => "up to date".to_owned(),
        (Some(ms), _) => span(ms),
        (None, _) => UNKNOWN.to_owned(),
    }
}

/// Returns a latency: `11 ms`, `1.2 s`, `over 1 h`, which is as far as latencies are told apart; a dash where no record was
/// delivered lately.
pub fn latency(ms: Option<f64>) -> String {
    match ms {
        None => "—".to_owned(),
        Some(ms) if ms < 999.5 => format!("{ms:.0} ms"),
        Some(ms) if ms < 3_600_000.0 => span(ms.round() as i64),
        Some(_) => "over 1 h".to_owned(),
    }
}

/// Returns `14:02:11`.
pub fn time(ms: i64) -> String {
    let utc = Utc::from_ms(ms);
    format!("{:02}:{:02}:{:02}", utc.hour, utc.minute, utc.second)
}

/// Returns `2026-11-21 14:02:11 UTC`.
pub fn moment(ms: i64) -> String {
    let utc = Utc::from_ms(ms);
    let (year, month, day) = (utc.year, utc.month, utc.day);
    format!("{year:04}-{month:02}-{day:02} {} UTC", time(ms))
}

/// Returns the moment for a `datetime` attribute (RFC 3339).
pub fn datetime(ms: i64) -> String {
    let utc = Utc::from_ms(ms);
    let (year, month, day) = (utc.year, utc.month, utc.day);
    format!("{year:04}-{month:02}-{day:02}T{}Z", time(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_exact_below_ten_thousand() {
        let table = [
            (0, "0"),
            (1_830, "1,830"),
            (9_999, "9,999"),
            (18_449, "18.4 k"),
            (18_499_999, "18.4 M"),
            (2_000_000_000, "2.0 G"),
        ];
        for (number, text) in table {
            assert_eq!(records(number), text);
        }
        assert_eq!(grouped(-1_234_567), "-1,234,567");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let table = [
            (-5, "0.0 s"),
            (4_230, "4.2 s"),
            (42_000, "42 s"),
            (372_000, "6 min 12 s"),
            (7_440_000, "2 h 04 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (ms, text) in table {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn unknown_zero_and_a_lag_are_three_texts() {
        assert_eq!(lag(None, None), "unknown");
        assert_eq!(lag(Some(40), Some(0)), "up to date");
        assert_eq!(lag(Some(4_200), Some(3)), "4.2 s");
        assert_eq!(latency(None), "—");
        assert_eq!(latency(Some(1_240.0)), "1.2 s");
        assert_eq!(latency(Some(3_600_000.0)), "over 1 h");
    }

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(datetime(1_795_000_931_000), "2026-11-18T11:22:11Z");
        assert_eq!(megabytes(21_650_000.0), "21.7");
        assert_eq!(rate(0.31), "0.3");
        assert_eq!(rate(24_309.6), "24,310");
    }

    #[test]
    fn ages_and_estimates_have_one_unit() {
        let table = [
            (-50, "just now"),
            (999, "just now"),
            (9_900, "9 s ago"),
            (372_000, "6 min ago"),
            (7_440_000, "2 h ago"),
            (273_600_000, "3 d ago"),
        ];
        for (ms, text) in table {
            assert_eq!(ago(ms), text);
        }
    }

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(percent(99_999, 100_000).as_deref(), Some("99.99 %"));
        assert_eq!(percent(u64::MAX, u64::MAX).as_deref(), Some("100.00 %"));
        assert_eq!(percent(0, 3).as_deref(), Some("0.00 %"));
        assert_eq!(percent(0, 0), None);
    }

    #[test]
    fn a_latency_near_a_second_reads_as_one() {
        assert_eq!(latency(Some(999.4)), "999 ms");
        assert_eq!(latency(Some(999.5)), "1.0 s");
    }
}
