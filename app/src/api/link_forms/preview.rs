//! The live match list: which topics a form would copy, under which names, and why.
//!
//! The rules are [`model::preview`]'s; here its facts are fetched from lists that are seconds old, and one page is cut out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    cycle::LinkEdge,
    draft::{LinkDraft, RowDraft},
    format::grouped,
    link::LinkSpec,
    preview::{self, DestinationFact, Preview, Taken, TopicFact, TopicPreview, Verdict},
    problem::{FieldError, Problem},
};

use super::{
    LinkForm,
    check::{spec, topics_alone},
};
use crate::{
    Context,
    access::{Action, Actor, Resource, authorize},
    api::plans,
    engine::Listing,
    pages::{
        ROWS,
        link_form::view::{FormQuery, Mark, PreviewCounts, PreviewRow, PreviewView},
    },
};

/// How old a list may be.
const LIST_AGE: Duration = Duration::from_secs(30);
/// How many names of one kind are told.
const MOST_NOTES: usize = 5;

/// Returns one page of the preview of a form, as far as it is free of faults.
pub async fn preview(
    context: &Context,
    actor: &Actor,
    form: &LinkForm,
    query: &FormQuery,
) -> Result<PreviewView, Problem> {
    authorize(actor, Action::Plan, Resource::Links)?;
    let (sound, faults) = without_faulty_rows(form);
    let mut view = PreviewView {
        faults,
        filter: query.filter.clone(),
        ..PreviewView::default()
    };
    let Some(spec) = sound else {
        return Ok(view);
    };
    let age = if query.fresh {
        Duration::ZERO
    } else {
        LIST_AGE
    };
    let (source, destination) = lists(context, &form.draft, age, &mut view.problems).await?;
    let Some(source) = source else {
        return Ok(view);
    };
    let destination = destination.unwrap_or_default();
    let oldest = match destination.read_at_ms {
        0 => source.read_at_ms,
        read_at_ms => source.read_at_ms.min(read_at_ms),
    };
    view.age_s = ((context.now_ms - oldest) / 1_000).max(0);
    let scene = Scene::new(context, spec, source, destination).await?;
    scene.fill(context, &form.draft, query, &mut view).await;
    Ok(view)
}

/// Returns the link that remains without the rows that are faulty, `None` where something else is; and all faults.
fn without_faulty_rows(form: &LinkForm) -> (Option<LinkSpec>, Vec<FieldError>) {
    let mut form = topics_alone(form);
    let mut faults = Vec::new();
    // A row may be faulty in itself and, with that out of the way, others as patterns: at most once each.
    for _ in 0..=form.draft.rows.len() {
        let errors = match spec(&form) {
            Ok(spec) => return (Some(spec), faults),
            Err(errors) => errors,
        };
        let rows: Vec<usize> = errors.iter().filter_map(|e| row_of(&e.field)).collect();
        let nothing = errors.iter().all(|error| error.field == "rows");
        for mut error in errors {
            if let Some(rest) = error.message.strip_prefix("Pattern, character ") {
                error.message = format!("Character {rest}");
            }
            if error.field != "rows" {
                faults.push(error);
            }
        }
        if nothing {
            return (without_rows(form), faults);
        }
        if rows.is_empty() {
            return (None, faults);
        }
        for row in rows {
            if let Some(row) = form.draft.rows.get_mut(row) {
                row.pattern.clear();
            }
        }
    }
    (None, faults)
}

/// A form without an include row is not complete, and yet its preview can be shown: nothing matches.
fn without_rows(mut form: LinkForm) -> Option<LinkSpec> {
    form.draft.rows.push(RowDraft {
        pattern: "any".to_owned(),
        ..RowDraft::default()
    });
    let mut spec = spec(&form).ok()?;
    spec.topics.include.pop();
    Some(spec)
}

fn row_of(field: &str) -> Option<usize> {
    let (index, _) = field.strip_prefix("rows[")?.split_once(']')?;
    index.parse().ok()
}

type Lists = (Option<Arc<Listing>>, Option<Arc<Listing>>);

async fn lists(
    context: &Context,
    draft: &LinkDraft,
    age: Duration,
    problems: &mut Vec<Problem>,
) -> Result<Lists, Problem> {
    let source = plans::end(context, "source", &draft.source).await;
    let destination = plans::end(context, "destination", &draft.destination).await;
    let (source, destination) = match (source, destination) {
        (Ok(source), Ok(destination)) => (source, destination),
        (Err(problem), _) | (_, Err(problem)) if problem.status == 422 => {
            problems.push(problem);
            return Ok((None, None));
        }
        (Err(problem), _) | (_, Err(problem)) => return Err(problem),
    };
    let (source, destination) = tokio::join!(
        context.engine.listing(source.spec, age),
        context.engine.listing(destination.spec, age)
    );
    let mut told = |list: Result<_, Problem>| list.map_err(|problem| problems.push(problem)).ok();
    Ok((told(source), told(destination)))
}

/// What the preview is made from.
struct Scene {
    spec: LinkSpec,
    link: LinkEdge,
    others: Vec<LinkEdge>,
    source: Arc<Listing>,
    destination: Arc<Listing>,
}

impl Scene {
    async fn new(
        context: &Context,
        spec: LinkSpec,
        source: Arc<Listing>,
        destination: Arc<Listing>,
    ) -> Result<Self, Problem> {
        let ids = (
            known_id(&source, spec.source.as_str()),
            known_id(&destination, spec.destination.as_str()),
        );
        let mut link =
            LinkEdge::compile(&spec, &ids.0, &ids.1).map_err(crate::problems::invalid)?;
        let own = destination.mirrors.iter().filter(|m| m.link == spec.name);
        link.fixed = own
            .map(|mirror| (mirror.topic.clone(), mirror.mirror.clone()))
            .collect();
        let others = plans::others(context, &spec).await?;
        let others = others.into_iter().filter_map(|other| {
            let id = |seen: Option<String>, name: &model::Name| match seen {
                _ if *name == spec.source => ids.0.clone(),
                _ if *name == spec.destination => ids.1.clone(),
                Some(id) => id,
                None => format!("unseen {name}"),
            };
            let source = id(other.source_cluster_id, &other.spec.source);
            let destination = id(other.destination_cluster_id, &other.spec.destination);
            LinkEdge::compile(&other.spec, &source, &destination).ok()
        });
        Ok(Self {
            others: others.collect(),
            link,
            spec,
            source,
            destination,
        })
    }

    fn preview(&self, records: &BTreeMap<String, i64>) -> Preview {
        let source: Vec<TopicFact> = self
            .source
            .topics
            .iter()
            .map(|topic| TopicFact {
                name: topic.name.clone(),
                internal: topic.internal,
            })
            .collect();
        let destination = self.destination.topics.iter().map(|topic| DestinationFact {
            name: topic.name.clone(),
            has_records: records.get(&topic.name).map(|records| *records > 0),
        });
        let destination: Vec<DestinationFact> = destination.collect();
        let taken: &[Taken] = &self.destination.mirrors;
        preview::preview(&preview::Facts {
            link: &self.link,
            others: &self.others,
            source_topics: &source,
            destination_topics: &destination,
            taken,
            append_to: &self.spec.append_to,
        })
    }

    async fn fill(
        &self,
        context: &Context,
        draft: &LinkDraft,
        query: &FormQuery,
        view: &mut PreviewView,
    ) {
        // Records are counted only where a mirror would meet an existing topic.
        let mut seen = self.preview(&BTreeMap::new());
        let records = self.records(context, &seen).await;
        if !records.is_empty() {
            seen = self.preview(&records);
        }
        view.counts = counts(&seen);
        view.notes = notes(&seen);
        view.problems.extend(seen.refusals.iter().map(refused));
        let mut rows: Vec<&TopicPreview> = seen
            .topics
            .iter()
            .filter(|row| is_shown(row, &query.filter))
            .collect();
        rows.sort_by_key(|row| (rank(row), &row.topic));
        view.found = rows.len() as u32;
        view.at = query.at.min(view.found.saturating_sub(1)) / ROWS * ROWS;
        let numbers = RowNumbers::of(draft, &view.faults);
        let page = rows.iter().skip(view.at as usize).take(ROWS as usize);
        view.rows = page.map(|row| self.row(row, &records, &numbers)).collect();
        let here: Vec<&String> = view
            .rows
            .iter()
            .filter_map(|row| row.mirror.as_ref())
            .collect();
        let ticked = draft.append_to.iter().filter(|name| !here.contains(name));
        view.append_elsewhere = ticked.cloned().collect();
    }

    async fn records(&self, context: &Context, seen: &Preview) -> BTreeMap<String, i64> {
        let meets =
            |row: &&TopicPreview| matches!(row.verdict, Verdict::NeedsAppend | Verdict::Append);
        let mirrors = seen.topics.iter().filter(meets);
        let mirrors: Vec<String> = mirrors.filter_map(|row| row.mirror_topic.clone()).collect();
        if mirrors.is_empty() {
            return BTreeMap::new();
        }
        match context.store.cluster(self.spec.destination.as_str()).await {
            Ok(cluster) => context.engine.count_records(cluster.spec, mirrors).await,
            Err(_) => BTreeMap::new(),
        }
    }

    fn row(
        &self,
        row: &TopicPreview,
        records: &BTreeMap<String, i64>,
        numbers: &RowNumbers,
    ) -> PreviewRow {
        let (mark, because) = self.verdict(row, records, numbers);
        PreviewRow {
            topic: row.topic.clone(),
            mirror: row.mirror_topic.clone(),
            mark,
            because,
        }
    }

    fn verdict(
        &self,
        row: &TopicPreview,
        records: &BTreeMap<String, i64>,
        numbers: &RowNumbers,
    ) -> (Mark, String) {
        let place = &self.spec.destination;
        let reason = numbers.told(&row.reason);
        let held = row
            .mirror_topic
            .as_ref()
            .and_then(|mirror| records.get(mirror));
        let held = match held {
            Some(records) => format!("{} records", grouped(*records)),
            None => "records".to_owned(),
        };
        match &row.verdict {
            Verdict::NotSelected => (Mark::LeftOut, self.why_not(row, numbers)),
            Verdict::Keep => match &row.renamed {
                Some(renamed) => (
                    Mark::Keep,
                    format!("keeps its name; the rule now says {renamed}"),
                ),
                None => (Mark::Keep, format!("{reason} · this link's mirror")),
            },
            Verdict::Create => (
                Mark::Create,
                format!("{reason} · {}", self.partitions(&row.topic)),
            ),
            Verdict::Adopt => (Mark::Adopt, format!("{reason} · exists at {place}, empty")),
            Verdict::Append => (Mark::Append, format!("after {held} at {place}")),
            Verdict::NeedsAppend => (
                Mark::NeedsAppend,
                format!("exists at {place} with {held}: tick to append"),
            ),
            Verdict::Refused(refusal) => (Mark::Refused, refusal.message.clone()),
        }
    }

    fn why_not(&self, row: &TopicPreview, numbers: &RowNumbers) -> String {
        let internal = self
            .source
            .topics
            .iter()
            .any(|t| t.internal && t.name == row.topic);
        numbers.told(&self.link.selector.explain(&row.topic, internal))
    }

    fn partitions(&self, topic: &str) -> String {
        let found = self.source.topics.iter().find(|known| known.name == topic);
        match found.map_or(0, |topic| topic.partitions) {
            1 => "1 partition".to_owned(),
            partitions => format!("{partitions} partitions"),
        }
    }
}

fn known_id(listing: &Listing, name: &str) -> String {
    if listing.cluster_id.is_empty() {
        format!("unseen {name}")
    } else {
        listing.cluster_id.clone()
    }
}

/// The rows of the form behind the numbers of a selection, which counts included and excluded rows apart.
struct RowNumbers {
    include: Vec<usize>,
    exclude: Vec<usize>,
}

impl RowNumbers {
    fn of(draft: &LinkDraft, faults: &[FieldError]) -> Self {
        let faulty: Vec<usize> = faults
            .iter()
            .filter_map(|fault| row_of(&fault.field))
            .collect();
        let of_action = |action: &str| {
            let rows = draft.rows.iter().enumerate();
            let counts = |(index, row): &(usize, &RowDraft)| {
                row.action == action && !row.pattern.trim().is_empty() && !faulty.contains(index)
            };
            rows.filter(counts).map(|(index, _)| index + 1).collect()
        };
        Self {
            include: of_action("include"),
            exclude: of_action("exclude"),
        }
    }

    /// Returns a reason with the form's numbers: "include row 2" is "row 3" where an exclusion stands before it.
    fn told(&self, reason: &str) -> String {
        let number = |prefix: &str, rows: &[usize]| {
            let number: usize = reason.strip_prefix(prefix)?.parse().ok()?;
            rows.get(number.checked_sub(1)?).copied()
        };
        if let Some(row) = number("include row ", &self.include) {
            return format!("row {row}");
        }
        if let Some(row) = number("excluded by row ", &self.exclude) {
            return format!("excluded by row {row}");
        }
        reason.to_owned()
    }
}

fn is_internal(row: &TopicPreview) -> bool {
    row.verdict == Verdict::NotSelected && row.reason.starts_with("internal")
}

/// Hidden topics are counted, and listed where somebody looks for them.
fn is_shown(row: &TopicPreview, filter: &str) -> bool {
    if filter.is_empty() {
        return !is_internal(row);
    }
    let holds = |text: &str| text.contains(filter);
    holds(&row.topic) || row.mirror_topic.as_deref().is_some_and(holds)
}

/// What would be copied first, what a row takes out next, the rest last.
fn rank(row: &TopicPreview) -> u8 {
    match &row.verdict {
        Verdict::NotSelected if row.reason.starts_with("excluded") => 1,
        Verdict::NotSelected => 2,
        _ => 0,
    }
}

fn counts(seen: &Preview) -> PreviewCounts {
    PreviewCounts {
        topics: seen.counts.topics,
        matched: seen.counts.selected,
        hidden: seen.topics.iter().filter(|row| is_internal(row)).count() as u32,
        refused: seen.counts.refused,
        to_decide: seen.counts.needs_append,
    }
}

fn notes(seen: &Preview) -> Vec<String> {
    let waiting = seen.waiting.iter().take(MOST_NOTES).map(|waiting| {
        let closest = match waiting.similar.as_slice() {
            [] => String::new(),
            similar => format!(" Closest: {}.", similar.join(", ")),
        };
        format!(
            "{} does not exist at the source yet; the link waits for it.{closest}",
            waiting.topic
        )
    });
    let unused = seen.unused_pairs.iter().take(MOST_NOTES);
    let unused =
        unused.map(|topic| format!("The list has a name for {topic}, which is not selected."));
    waiting.chain(unused).collect()
}

fn refused(refusal: &preview::Refusal) -> Problem {
    Problem {
        code: refusal.code.clone(),
        status: 422,
        title: refusal.message.clone(),
        ..Problem::default()
    }
}

#[cfg(test)]
mod tests;
