//! The connection ladder: from a name to every broker, then what links need there, filled in while a test climbs it (UX 5).

use leptos::prelude::*;
use model::{
    cluster::{LadderBroker, Rung, RungKind, RungState},
    format,
};
use serde::{Deserialize, Serialize};

use super::{
    badge::Badge,
    coded::coded,
    icon::{Glyph, Icon},
};

/// A test as pages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderView {
    /// When it began, milliseconds since the epoch, UTC.
    pub at_ms: i64,
    /// How long ago that was, in words.
    pub ago: String,
    pub verdict: Verdict,
    /// The settings were changed since.
    pub outdated: bool,
    pub rungs: Vec<Rung>,
    pub cluster_id: Option<String>,
    pub brokers: Vec<LadderBroker>,
}

/// What a test came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Running,
    Passed,
    Warned,
    Failed,
    /// Whoever asked for it went away before its end.
    BrokenOff,
}

impl Verdict {
    fn badge(self) -> (&'static str, Glyph, &'static str) {
        match self {
            Self::Running => ("busy", Glyph::Dots, "testing"),
            Self::Passed => ("ok", Glyph::Tick, "passed"),
            Self::Warned => ("warn", Glyph::Warning, "passed with a warning"),
            Self::Failed => ("crit", Glyph::Cross, "failed"),
            Self::BrokenOff => ("idle", Glyph::Dashed, "broken off"),
        }
    }
}

/// All rungs, in the order in which they are climbed.
const KINDS: [(RungKind, &str); 8] = [
    (RungKind::Dns, "DNS"),
    (RungKind::Tcp, "TCP"),
    (RungKind::Tls, "TLS"),
    (RungKind::Sasl, "Sign-in"),
    (RungKind::Metadata, "Metadata"),
    (RungKind::Advertised, "Brokers"),
    (RungKind::Rights, "Rights"),
    (RungKind::RoundTrip, "Round trip"),
];

/// Returns the name of a rung.
pub fn rung_name(kind: RungKind) -> &'static str {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or("", |(_, name)| name)
}

/// The word, icon and colour of a test's result.
#[component]
pub fn VerdictBadge(verdict: Verdict) -> impl IntoView {
    let (tone, glyph, word) = verdict.badge();
    view! { <Badge tone glyph word /> }
}

/// A rung as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Waiting,
    Running,
    Reached(RungState),
}

impl Step {
    fn look(self) -> (&'static str, Glyph, &'static str) {
        match self {
            Self::Waiting => ("idle", Glyph::Dashed, "waiting"),
            Self::Running => ("busy", Glyph::Dots, "running"),
            Self::Reached(RungState::Passed) => ("ok", Glyph::Tick, "passed"),
            Self::Reached(RungState::Warning) => ("warn", Glyph::Warning, "warning"),
            Self::Reached(RungState::Failed) => ("crit", Glyph::Cross, "failed"),
            Self::Reached(RungState::NotUsed) => ("idle", Glyph::Dashed, "not used"),
            Self::Reached(RungState::NotReached) => ("idle", Glyph::Dashed, "not reached"),
        }
    }
}

/// Returns what the rung at `index` shows.
fn step(view: &LadderView, index: usize) -> Step {
    let running = view.verdict == Verdict::Running;
    match view.rungs.get(index) {
        Some(rung) => Step::Reached(rung.state),
        None if running && index == view.rungs.len() => Step::Running,
        None if running => Step::Waiting,
        None => Step::Reached(RungState::NotReached),
    }
}

/// The rungs of a test.
#[component]
pub fn Ladder(#[prop(into)] view: Signal<LadderView>) -> impl IntoView {
    let rungs = (0..KINDS.len()).map(|index| view! { <RungLine view index /> });
    view! { <ol class="ladder">{rungs.collect_view()}</ol> }
}

#[component]
fn RungLine(view: Signal<LadderView>, index: usize) -> impl IntoView {
    let name = KINDS[index].1;
    let shown = Memo::new(move |_| view.with(|view| step(view, index)));
    let rung = Memo::new(move |_| view.with(|view| view.rungs.get(index).cloned()));
    let text =
        move |of: fn(&Rung) -> String| rung.with(|rung| rung.as_ref().map(of).unwrap_or_default());
    let took = |rung: &Rung| {
        let ms = rung.took_ms.map(|ms| ms as f64);
        ms.map(|ms| format::latency(Some(ms))).unwrap_or_default()
    };
    view! {
        <li>
            <span class=move || format!("rung-mark {}", shown.get().look().0)>
                <Icon glyph=Signal::derive(move || shown.get().look().1) />
            </span>
            <span class="strong">{name}</span>
            <span class="rung-word">{move || shown.get().look().2}</span>
            <span class="num muted">{move || text(took)}</span>
            <p class="rung-detail">{move || coded(&text(|rung| rung.detail.clone()))}</p>
            <p class="rung-advice">{move || coded(&text(|rung| rung.advice.clone()))}</p>
        </li>
    }
}

/// A whole test: its verdict and age above its rungs.
#[component]
pub fn LadderPanel(
    /// Returns the last test, `None` where nothing was tested yet.
    #[prop(into)]
    view: Signal<Option<LadderView>>,
) -> impl IntoView {
    let known = Memo::new(move |_| view.with(Option::is_some));
    let head = Memo::new(move |_| {
        view.with(|view| {
            view.as_ref()
                .map(|v| (v.verdict, v.outdated, v.at_ms, v.ago.clone()))
        })
    });
    let ladder = Signal::derive(move || view.get().unwrap_or_else(LadderView::none));
    view! {
        <section class="card" id="ladder" aria-labelledby="ladder-title">
            <header>
                <h2 id="ladder-title">"Connection test"</h2>
                {move || head.get().map(|(verdict, _, at_ms, ago)| view! {
                    <VerdictBadge verdict />
                    <span class="aside">
                        <time datetime=format::datetime(at_ms) title=format::moment(at_ms)>{ago}</time>
                    </span>
                })}
            </header>
            <div class="body" aria-live="polite">
                <Show
                    when=move || known.get()
                    fallback=|| view! {
                        <p class="muted">
                            "Not tested since Causeway started. A test goes from the name to every broker and looks at rights; it writes nothing but a test record that is asked for."
                        </p>
                    }
                >
                    <Ladder view=ladder />
                    {move || head.get().filter(|head| head.1).map(|_| view! {
                        <p class="hint">"The settings were changed since this test."</p>
                    })}
                </Show>
            </div>
        </section>
    }
}

impl LadderView {
    /// A ladder that nobody has climbed.
    fn none() -> Self {
        Self {
            at_ms: 0,
            ago: String::new(),
            verdict: Verdict::BrokenOff,
            outdated: false,
            rungs: Vec::new(),
            cluster_id: None,
            brokers: Vec::new(),
        }
    }

    /// Says in one sentence what the test came to.
    pub fn sentence(&self) -> String {
        match self.verdict {
            Verdict::Running => "The test is running.".to_owned(),
            Verdict::BrokenOff => "The test was broken off.".to_owned(),
            Verdict::Passed => {
                let reached = self.brokers.iter().filter(|broker| broker.reachable);
                match reached.count() {
                    1 => "Its broker can be reached.".to_owned(),
                    count => format!("All {count} brokers can be reached."),
                }
            }
            Verdict::Warned => self.first(RungState::Warning),
            Verdict::Failed => self.first(RungState::Failed),
        }
    }

    fn first(&self, state: RungState) -> String {
        let first = self.rungs.iter().find(|rung| rung.state == state);
        first.map_or_else(String::new, |rung| {
            format!("{}: {}", rung_name(rung.kind), rung.detail)
        })
    }

    /// Returns how a test looks at `now_ms`; `revision` is that of the settings now.
    #[cfg(feature = "ssr")]
    pub fn of(seen: crate::ladders::SeenClimb, revision: i64, now_ms: i64) -> Self {
        let climb = seen.climb;
        let verdict = match &climb.ladder {
            None if seen.running => Verdict::Running,
            None => Verdict::BrokenOff,
            Some(ladder) if !ladder.passed() => Verdict::Failed,
            Some(ladder) => {
                let warned = |rung: &Rung| rung.state == RungState::Warning;
                match ladder.rungs.iter().any(warned) {
                    true => Verdict::Warned,
                    false => Verdict::Passed,
                }
            }
        };
        let (cluster_id, brokers) = climb
            .ladder
            .map(|ladder| (ladder.cluster_id, ladder.brokers))
            .unwrap_or_default();
        Self {
            at_ms: climb.began_at_ms,
            ago: ago(now_ms - climb.began_at_ms),
            verdict,
            outdated: climb.revision != revision,
            rungs: climb.rungs,
            cluster_id,
            brokers,
        }
    }
}

/// Returns an age in words that change at most once a minute, so that a page is not renewed for them.
#[cfg(feature = "ssr")]
fn ago(ms: i64) -> String {
    match ms / 60_000 {
        ..1 => "just now".to_owned(),
        minutes @ 1..60 => format!("{minutes} min ago"),
        minutes @ 60..1_440 => format!("{} h ago", minutes / 60),
        minutes => format!("{} d ago", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climbed(verdict: Verdict, count: usize) -> LadderView {
        let rung = |(kind, _): &(RungKind, &str)| Rung {
            kind: *kind,
            state: RungState::Passed,
            took_ms: Some(4),
            code: None,
            detail: String::new(),
            advice: String::new(),
        };
        LadderView {
            verdict,
            rungs: KINDS.iter().take(count).map(rung).collect(),
            ..LadderView::none()
        }
    }

    #[test]
    fn a_running_test_shows_what_is_reached_what_runs_and_what_waits() {
        let view = climbed(Verdict::Running, 2);
        let steps: Vec<Step> = (0..4).map(|index| step(&view, index)).collect();
        let passed = Step::Reached(RungState::Passed);
        assert_eq!(steps, [passed, passed, Step::Running, Step::Waiting]);
    }

    #[test]
    fn a_failed_test_names_what_failed_and_not_what_was_worth_a_warning() {
        let mut view = climbed(Verdict::Failed, 2);
        view.rungs[0].state = RungState::Warning;
        view.rungs[1].state = RungState::Failed;
        view.rungs[1].detail = "The port is closed.".to_owned();
        assert_eq!(view.sentence(), "TCP: The port is closed.");
    }

    #[test]
    fn a_test_that_was_broken_off_has_not_reached_the_rest() {
        let view = climbed(Verdict::BrokenOff, 5);
        assert_eq!(step(&view, 5), Step::Reached(RungState::NotReached));
    }
}
