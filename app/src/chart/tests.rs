use super::*;

const FRAME: Frame = Frame {
    left: 40.0,
    top: 8.0,
    width: 600.0,
    height: 120.0,
};

fn known(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

fn whole(value: f64) -> String {
    model::format::grouped(value as i64)
}

#[test]
fn a_sparkline_runs_from_zero_to_its_largest_value() {
    assert_eq!(
        sparkline(&known(&[0.0, 5.0, 10.0]), 100.0, 20.0),
        "M0.0 20.0L50.0 10.0L100.0 0.0"
    );
    assert_eq!(sparkline(&[], 100.0, 20.0), "");
    assert_eq!(
        sparkline(&known(&[0.0, 0.0]), 10.0, 5.0),
        "M0.0 5.0L10.0 5.0"
    );
}

#[test]
fn gaps_stay_gaps_and_a_lone_value_is_a_dot() {
    let values = [Some(1.0), None, Some(1.0), Some(0.0), None, Some(f64::NAN)];
    assert_eq!(
        sparkline(&values, 50.0, 10.0),
        "M0.0 0.0h0M20.0 0.0L30.0 10.0"
    );
}

#[test]
fn coordinates_are_never_strange() {
    for (value, text) in [
        (-0.04, "0.0"),
        (f64::NAN, "0.0"),
        (f64::INFINITY, "0.0"),
        (1.25, "1.2"),
        (-3.0, "-3.0"),
    ] {
        assert_eq!(coordinate(value), text);
    }
}

#[test]
fn long_series_keep_their_extremes_within_the_limit() {
    let mut values = known(&vec![50.0; 10_000]);
    values[4_321] = Some(99.0);
    values[4_322] = Some(1.0);
    values[9_000..9_200].fill(None);
    let points = reduced(&values);
    assert!(points.len() <= MAX_POINTS, "{}", points.len());
    assert!(points.contains(&(4_321.0, Some(99.0))));
    assert!(points.contains(&(4_322.0, Some(1.0))));
    assert!(points.iter().any(|(_, value)| value.is_none()));
    assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn an_area_lies_between_the_line_and_the_ground() {
    let values = known(&[1.0, 4.0]);
    let lines = Lines {
        values: &values,
        end_ms: 60_000,
        step_ms: 60_000,
    };
    let chart = line_chart(&lines, &Frame::filling(10.0, 10.0), |value| {
        format!("{value}")
    });
    assert_eq!(chart.max, 5.0);
    assert_eq!(chart.line, "M0.0 8.0L10.0 2.0");
    assert_eq!(chart.area, "M0.0 8.0L10.0 2.0L10.0 10.0L0.0 10.0Z");
    let labels: Vec<_> = chart.y_ticks.iter().map(|t| t.label.as_str()).collect();
    assert_eq!(labels, ["0", "2.5", "5"]);
}

#[test]
fn a_band_ends_where_either_series_is_unknown() {
    let lower = known(&[1.0; 5]);
    let upper = [Some(2.0), Some(2.0), None, Some(2.0), Some(2.0)];
    assert_eq!(area(&lower, &upper, &FRAME, 5.0).matches('Z').count(), 2);
}

#[test]
fn bars_fill_three_quarters_of_their_slot() {
    let frame = Frame::filling(80.0, 10.0);
    let bars = bars(&[Some(5.0), None], &frame, 10.0);
    let bar = Bar {
        x: "5.0".to_owned(),
        y: "5.0".to_owned(),
        width: "30.0".to_owned(),
        height: "5.0".to_owned(),
    };
    assert_eq!(bars, [Some(bar), None]);
}

#[test]
fn the_vertical_axis_ends_at_a_round_number() {
    for (value, max) in [
        (0.0, 1.0),
        (f64::NAN, 1.0),
        (0.03, 0.05),
        (1.0, 1.0),
        (1.1, 2.0),
        (24.0, 25.0),
        (26.0, 50.0),
        (61_204.0, 100_000.0),
    ] {
        let found = nice_max(value);
        assert!((found - max).abs() < 1e-9, "{value}: {found}");
    }
}

#[test]
fn time_ticks_stand_at_round_minutes() {
    // 1970-01-01 14:02:11 UTC.
    let end_ms = (14 * 3_600 + 2 * 60 + 11) * 1_000;
    let labels = |minutes: i64| -> Vec<String> {
        let ticks = time_ticks(end_ms, minutes * 60_000, &FRAME);
        ticks.into_iter().map(|tick| tick.label).collect()
    };
    assert_eq!(labels(15), ["13:48", "13:51", "13:54", "13:57", "14:00"]);
    assert_eq!(labels(60), ["13:15", "13:30", "13:45", "14:00"]);
    assert!(labels(0).is_empty());
    assert!(labels(60 * 24 * 365).len() <= 60);
}

#[test]
fn a_sentence_tells_what_the_chart_shows() {
    let mut values = known(&[12.0, 61_204.0, 24_310.0]);
    let say =
        |values: &[Option<f64>], step_ms| describe("Records per second", values, step_ms, whole);
    assert_eq!(
        say(&values, 300_000),
        "Records per second over the last 15 minutes: lowest 12, highest 61,204, now 24,310."
    );
    values.push(None);
    assert_eq!(
        say(&values, 900_000),
        "Records per second over the last hour: lowest 12, highest 61,204, now not measured."
    );
    assert_eq!(
        say(&[None], 5_000),
        "Records per second over the last 5 seconds: nothing was measured."
    );
}

#[test]
fn the_table_has_a_row_per_minute_newest_first() {
    let rates = [Some(1.0), Some(2.0), None, Some(4.0), None];
    let lags = [None, None, None, Some(7.0)];
    let rows = table(&[&rates, &lags], 150_000, 30_000, whole);
    let texts: Vec<(String, Vec<String>)> = rows.into_iter().map(|r| (r.time, r.cells)).collect();
    let row = |time: &str, a: &str, b: &str| (time.to_owned(), vec![a.to_owned(), b.to_owned()]);
    let none = "not measured";
    assert_eq!(
        texts,
        [
            row("00:02", "4", "7"),
            row("00:01", "2", none),
            row("00:00", "1", none)
        ]
    );
}
