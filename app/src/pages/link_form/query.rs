//! What the pages of a link's form show.

use model::{
    link::Phase,
    problem::{FieldError, Problem},
};
use store::PageQuery;

use super::{
    step::Step,
    view::{ClusterChoice, FormQuery, FormView, PlanView, StepView},
};
use crate::{
    Context,
    api::{
        accounts::Person,
        clusters,
        link_forms::{self, LinkForm, OpenForm},
        links,
    },
    problems::invalid_field,
};

/// Returns the view of one step.
pub async fn view(
    context: &Context,
    person: &Person,
    id: &str,
    (step, query): (&str, FormQuery),
) -> Result<FormView, Problem> {
    let open = link_forms::open(context, person, id).await?;
    let step = Step::of(step).filter(|step| open.place.steps().contains(step));
    let step = step.ok_or_else(|| not_a_step(&open))?;
    let mut draft = open.form.draft.clone();
    if !query.cluster.is_empty() {
        match step {
            Step::Source => draft.source.clone_from(&query.cluster),
            Step::Destination => draft.destination.clone_from(&query.cluster),
            _ => {}
        }
    }
    let faults = match step {
        // The plan tells them itself.
        Step::Plan => Vec::new(),
        step => link_forms::faults(context, &open.form, step).await?,
    };
    let body = body(context, person, &open, (step, &query)).await?;
    Ok(FormView {
        reached: reached(context, &open).await?,
        place: open.place.clone(),
        step,
        draft,
        sent: open.form.sent,
        saved_at_ms: open.saved_at_ms,
        now_ms: context.now_ms,
        faults,
        checked: query.check,
        body,
    })
}

fn not_a_step(open: &OpenForm) -> Problem {
    Problem {
        code: "draft.no_step".to_owned(),
        status: 404,
        title: "This form has no such step.".to_owned(),
        next_step: Some(format!("Go to {}.", open.place.path(open.place.steps()[0]))),
        ..Problem::default()
    }
}

/// The first step that is not complete; what lies before it can be gone back to.
async fn reached(context: &Context, open: &OpenForm) -> Result<Step, Problem> {
    for step in open.place.steps() {
        if *step == Step::Plan
            || !link_forms::faults(context, &open.form, *step)
                .await?
                .is_empty()
        {
            return Ok(*step);
        }
    }
    Ok(Step::Plan)
}

async fn body(
    context: &Context,
    person: &Person,
    open: &OpenForm,
    (step, query): (Step, &FormQuery),
) -> Result<StepView, Problem> {
    Ok(match step {
        Step::Source | Step::Destination => {
            StepView::Ends(choices(context, person, &open.form, step).await?)
        }
        Step::Topics => {
            let preview = link_forms::preview(context, &person.actor, &open.form, query).await?;
            StepView::Topics(Box::new(preview))
        }
        Step::Options => StepView::Options,
        Step::Plan => StepView::Plan(Box::new(plan(context, person, open, query).await?)),
    })
}

/// All clusters; the one at the other end cannot be chosen.
async fn choices(
    context: &Context,
    person: &Person,
    form: &LinkForm,
    step: Step,
) -> Result<Vec<ClusterChoice>, Problem> {
    let all = clusters::list(context, &person.actor, &PageQuery::first(1_000))
        .await?
        .items;
    let other = match step {
        Step::Destination => form.draft.source.as_str(),
        _ => "",
    };
    let other_id = all
        .iter()
        .find(|cluster| cluster.name.as_str() == other)
        .and_then(|cluster| cluster.cluster_id.clone());
    let choice = |cluster: &model::cluster::ClusterView| {
        let same_id = other_id.is_some() && cluster.cluster_id == other_id;
        let refused = match (cluster.name.as_str() == other, same_id) {
            (true, _) => Some("The source; a link leads to another cluster.".to_owned()),
            (false, true) => Some(format!("The same cluster as {other}, under another name.")),
            (false, false) => None,
        };
        ClusterChoice {
            name: cluster.name.to_string(),
            title: cluster.title.clone(),
            addresses: cluster.bootstrap.join(", "),
            cluster_id: cluster.cluster_id.clone(),
            refused,
        }
    };
    Ok(all.iter().map(choice).collect())
}

async fn plan(
    context: &Context,
    person: &Person,
    open: &OpenForm,
    query: &FormQuery,
) -> Result<PlanView, Problem> {
    let json = link_forms::make_json(open).unwrap_or_default();
    let mut view = PlanView {
        conflict: link_forms::differences(context, &open.form).await?,
        curl: curl(open, &json),
        json,
        ..PlanView::default()
    };
    if !open.place.link.is_empty() {
        let link = links::get(context, &person.actor, &open.place.link).await?;
        view.runs = link.phase == Phase::Running;
    }
    match link_forms::plan(context, person, open).await {
        Ok(plan) => {
            view.changed = !query.agreed.is_empty() && plan.fingerprint != query.agreed;
            view.plan = Some(plan);
        }
        Err(problem) => view.problem = Some(with_steps(problem)),
    }
    Ok(view)
}

/// Faults of other steps are told with the step on which they stand.
fn with_steps(mut problem: Problem) -> Problem {
    if !problem.fields.is_empty() {
        let told = |fault: &FieldError| {
            let step = Step::of_field(&fault.field).word();
            format!("{step}: {}", fault.message)
        };
        let told: Vec<String> = problem.fields.iter().take(5).map(told).collect();
        problem.title = "The form is not complete, so there is no plan yet.".to_owned();
        problem.detail = told.join(" ");
    }
    problem
}

/// The call that makes the link without the console.
fn curl(open: &OpenForm, json: &str) -> String {
    if json.is_empty() {
        return String::new();
    }
    let (method, path, also) = match open.place.link.as_str() {
        "" => ("POST", "/api/v1/links".to_owned(), String::new()),
        link => (
            "PUT",
            format!("/api/v1/links/{link}"),
            format!(" -H 'If-Match: \"{}\"'", open.form.base_revision),
        ),
    };
    let quoted = json.replace('\'', "'\\''");
    format!(
        "curl -X {method} \"$CAUSEWAY{path}\" -H \"Authorization: Bearer $CAUSEWAY_TOKEN\"{also} \
         -H 'Content-Type: application/json' -d '{quoted}'"
    )
}

/// The step of an address, as a post names it.
pub fn end_of(step: &str) -> Result<Step, Problem> {
    match Step::of(step) {
        Some(step @ (Step::Source | Step::Destination)) => Ok(step),
        _ => Err(invalid_field(
            "step",
            "Choose the source or the destination.",
        )),
    }
}
