//! Findings as pages show them: what was found where, what may be chosen, or what became of it.

use model::{
    finding::{Choice, Finding, FindingState},
    format,
    problem::Problem,
};
use store::{FindingCounts, Link, PageQuery};

use crate::{
    Context,
    api::findings,
    pages::{
        ROWS,
        link::{FindingCard, Found, Way, choices},
    },
};

/// Findings on the overview, and among them those that need nobody.
const MOST: u32 = 25;
const MOST_OTHERS: usize = 5;

/// Returns how many findings a link has, and a few of them, those that are held first.
pub async fn worst(context: &Context, link: &Link) -> Result<(Found, Vec<FindingCard>), Problem> {
    let list = findings::held_first(context, link, &PageQuery::first(MOST)).await?;
    let mut others = 0;
    let shown = list.items.iter().filter(|finding| {
        others += usize::from(finding.state != FindingState::Held);
        others <= MOST_OTHERS
    });
    let cards = shown.map(card).collect();
    Ok((counted(context, link).await?, cards))
}

/// Returns how many findings a link has, one page of them, those that are held first, and the cursor of the next page.
pub async fn page(
    context: &Context,
    link: &Link,
    after: &str,
) -> Result<(Found, Vec<FindingCard>, Option<String>), Problem> {
    let query = PageQuery {
        after: (!after.is_empty()).then(|| after.to_owned()),
        ..PageQuery::first(ROWS)
    };
    let list = findings::held_first(context, link, &query).await?;
    let cards = list.items.iter().map(card).collect();
    Ok((counted(context, link).await?, cards, list.next))
}

async fn counted(context: &Context, link: &Link) -> Result<Found, Problem> {
    let FindingCounts { all, held } = findings::counts(context, link).await?;
    Ok(Found { all, held })
}

fn card(finding: &Finding) -> FindingCard {
    let held = finding.state == FindingState::Held;
    let way = |choice: &Choice| Way {
        word: choices::word(*choice).to_owned(),
        label: choices::label(*choice).to_owned(),
        explanation: choices::explanation(finding.kind, *choice).to_owned(),
    };
    let ways = finding.kind.choices().iter().filter(|_| held).map(way);
    FindingCard {
        id: finding.id.clone(),
        title: choices::title(finding.kind).to_owned(),
        topic: finding.topic.clone(),
        partition: finding.partition,
        range: range(finding),
        detail: match &finding.broker_error {
            Some(name) if !finding.detail.contains(name.as_str()) => {
                format!("{} ({name})", finding.detail)
            }
            _ => finding.detail.clone(),
        },
        at_ms: finding.found_at_ms,
        held,
        outcome: outcome(&finding.state),
        ways: ways.collect(),
    }
}

fn range(finding: &Finding) -> String {
    let offsets = |side: &str, range: Option<(i64, i64)>| match range {
        Some((from, to)) if to == from + 1 => {
            format!(", offset {} at the {side}", format::grouped(from))
        }
        Some((from, to)) if to > from => format!(
            ", offsets {} to {} at the {side}",
            format::grouped(from),
            format::grouped(to - 1)
        ),
        _ => String::new(),
    };
    let source = offsets("source", finding.source);
    source + &offsets("destination", finding.destination)
}

fn outcome(state: &FindingState) -> String {
    match state {
        FindingState::Held => String::new(),
        FindingState::Recorded => "Recorded; copying went on.".to_owned(),
        FindingState::Decided { choice, by, at_ms } => format!(
            "{by} chose \"{}\" at {}.",
            choices::label(*choice),
            format::moment(*at_ms)
        ),
    }
}
