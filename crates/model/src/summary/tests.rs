use super::*;

fn link(name: &str, state: State, records: Option<i64>, ms: Option<i64>) -> LinkInput {
    LinkInput {
        name: name.to_owned(),
        source: "west".to_owned(),
        destination: "east".to_owned(),
        state,
        lag_records: records,
        lag_time_ms: ms,
        unknown_partitions: 0,
        partitions: 12,
        as_of_ms: None,
        eta_ms: None,
    }
}

fn texts(links: &[LinkInput]) -> Vec<String> {
    sentences(links).iter().map(ToString::to_string).collect()
}

#[test]
fn one_sentence_tells_that_everything_flows() {
    let links = [
        link("orders-dr", State::Mirroring, Some(1_830), Some(4_200)),
        link("b", State::Mirroring, Some(0), Some(10)),
    ];
    assert_eq!(
        texts(&links),
        [
            "Everything is flowing: 2 links, worst lag 4.2 s (orders-dr).",
            "Failing over orders-dr now would leave 1,830 records (4.2 s) behind.",
        ]
    );
}

#[test]
fn states_are_counted_worst_first() {
    let links = [
        link("a", State::NeedsDecision, Some(14_902), Some(7_440_000)),
        link("b", State::CatchingUp, Some(20), Some(372_000)),
        link("c", State::Mirroring, Some(0), Some(0)),
        link("d", State::Mirroring, Some(0), Some(0)),
    ];
    assert_eq!(
        texts(&links),
        [
            "1 link needs a decision, 1 is catching up, 2 are mirroring.",
            "Furthest behind: a by 2 h 04 min, then b by 6 min 12 s.",
            "Failing over a now would leave 14.9 k records (2 h 04 min) behind.",
        ]
    );
}

#[test]
fn unknown_nothing_and_no_link_are_told_apart() {
    assert_eq!(texts(&[]), ["Nothing is mirrored yet."]);
    let unknown = texts(&[link("a", State::Unknown, None, None)]);
    assert!(unknown[1].contains("an unknown number"), "{unknown:?}");
    let level = texts(&[link("a", State::Mirroring, Some(0), Some(0))]);
    assert_eq!(level[0], "Everything is flowing: 1 link, all up to date.");
    assert!(level[1].contains("nothing behind"), "{level:?}");
    let draft = texts(&[link("a", State::Draft, None, None)]);
    assert_eq!(draft, ["1 link is a draft."]);
}

#[test]
fn a_part_that_is_unknown_makes_it_at_least() {
    let mut input = link("a", State::Mirroring, Some(1_830), Some(4_200));
    input.unknown_partitions = 3;
    assert_eq!(
        stays_behind(&input).to_string(),
        "Failing over a now would leave at least 1,830 records (4.2 s) behind (3 of 12 partitions unknown)."
    );
    let mut silent = link("a", State::Waiting, Some(0), Some(0));
    silent.as_of_ms = Some(50_531_000);
    assert_eq!(
        stays_behind(&silent).to_string(),
        "Failing over a now would leave at least 0 records behind, as of 14:02:11 UTC. What west took in after that is \
         unknown."
    );
}

#[test]
fn the_eta_is_told_for_links_that_catch_up() {
    let mut catching_up = link("a", State::CatchingUp, Some(20), Some(90_000));
    catching_up.eta_ms = Some(372_000);
    let mirroring = link("b", State::Mirroring, Some(0), Some(0));
    let first = &texts(&[catching_up, mirroring])[0];
    assert_eq!(first, "1 link is catching up (ETA 6 min), 1 is mirroring.");
}

#[test]
fn the_eta_is_positive_and_under_a_week() {
    for (lag, delivered, produced, eta) in [
        (1_000, 20.0, 10.0, Some(100_000)),
        (0, 20.0, 10.0, None),
        (1_000, 10.0, 10.0, None),
        (1_000, 5.0, 10.0, None),
        (i64::MAX, 1.0, 0.0, None),
        (1_000, f64::NAN, 0.0, None),
    ] {
        assert_eq!(eta_ms(lag, delivered, produced), eta);
    }
    let lags: Vec<Option<f64>> = (0..20)
        .rev()
        .map(|n| Some(f64::from(n) * 50.0 + 600.0))
        .collect();
    assert_eq!(eta_of_lags(&lags, 5_000), Some(60_000));
    assert_eq!(eta_of_lags(&lags[..5], 5_000), None);
}

#[test]
fn the_worst_stands_first() {
    let mut links = [
        link("d", State::Mirroring, Some(0), Some(10)),
        link("c", State::Mirroring, Some(9), Some(4_200)),
        link("b", State::Mirroring, None, None),
        link("a", State::Paused, Some(9), Some(9_000_000)),
        link("z", State::Waiting, Some(0), Some(0)),
    ];
    links.sort_by(LinkInput::worst_first);
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "b", "c", "d"]);
}
