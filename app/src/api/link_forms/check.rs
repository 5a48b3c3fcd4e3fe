//! What is wrong with a form, step by step.

use std::time::Duration;

use model::{
    cycle::LinkEdge,
    draft::{LinkDraft, Part},
    link::LinkSpec,
    problem::{FieldError, Problem},
};
use store::{Cluster, StoreError};

use super::LinkForm;
use crate::{Context, pages::link_form::step::Step, problems::from_store};

/// How old a cluster's id may be that is compared.
const ID_AGE: Duration = Duration::from_secs(30);

/// Returns the link that the form describes.
///
/// # Errors
/// Every fault, by the name of its input; patterns are looked at once the rest is in order.
pub fn spec(form: &LinkForm) -> Result<LinkSpec, Vec<FieldError>> {
    let spec = match &form.base {
        Some(base) => form.draft.apply(base)?,
        None => form.draft.spec()?,
    };
    match LinkEdge::compile(&spec, "", "") {
        Ok(_) => Ok(spec),
        Err(errors) => Err(form.draft.at_inputs(errors)),
    }
}

/// Returns the form with what other steps may have wrong put right, so that the topics can be looked at alone.
pub(super) fn topics_alone(form: &LinkForm) -> LinkForm {
    let options = match &form.base {
        Some(base) => LinkDraft::of(base),
        None => LinkDraft::default(),
    };
    let mut draft = options.with(Part::Topics, form.draft.clone());
    let legal = |name: &str, other: &str| match name.parse::<model::Name>() {
        Ok(name) => name.to_string(),
        Err(_) => other.to_owned(),
    };
    draft.name = legal(&form.draft.name, "unnamed");
    draft.source = legal(&form.draft.source, "unnamed-source");
    draft.destination = legal(&form.draft.destination, "unnamed-destination");
    LinkForm {
        draft,
        ..form.clone()
    }
}

/// Returns what is wrong on one step.
pub async fn faults(
    context: &Context,
    form: &LinkForm,
    step: Step,
) -> Result<Vec<FieldError>, Problem> {
    let mut faults = match step {
        Step::Topics => spec(&topics_alone(form)),
        _ => spec(form),
    }
    .err()
    .unwrap_or_default();
    faults.retain(|fault| step == Step::Plan || Step::of_field(&fault.field) == step);
    for fault in &mut faults {
        // The message stands beside the pattern.
        if let Some(rest) = fault.message.strip_prefix("Pattern, character ") {
            fault.message = format!("Character {rest}");
        }
    }
    let (source, destination) = (&form.draft.source, &form.draft.destination);
    if faults.is_empty() && matches!(step, Step::Source | Step::Destination | Step::Plan) {
        let both = !source.is_empty() && !destination.is_empty();
        if let Some(message) = missing(context, form, step).await? {
            faults.push(fault(word_of(step), message));
        } else if both && let Some(message) = same_cluster(context, form).await? {
            let at = if step == Step::Source {
                "source"
            } else {
                "destination"
            };
            faults.push(fault(at, message));
        }
    }
    if faults.is_empty()
        && matches!(step, Step::Options | Step::Plan)
        && let Some(message) = name_taken(context, form).await?
    {
        faults.push(fault("name", message));
    }
    Ok(faults)
}

fn word_of(step: Step) -> &'static str {
    match step {
        Step::Source => "source",
        _ => "destination",
    }
}

fn fault(field: &str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message,
    }
}

/// Says that the cluster chosen on this step is no longer there.
async fn missing(
    context: &Context,
    form: &LinkForm,
    step: Step,
) -> Result<Option<String>, Problem> {
    let chosen = match step {
        Step::Source => [Some(&form.draft.source), None],
        Step::Destination => [Some(&form.draft.destination), None],
        _ => [Some(&form.draft.source), Some(&form.draft.destination)],
    };
    for name in chosen.into_iter().flatten() {
        if cluster(context, name).await?.is_none() {
            return Ok(Some(format!(
                "There is no cluster `{name}` any more; choose another."
            )));
        }
    }
    Ok(None)
}

/// Says that both ends are one cluster: by Kafka's id, whatever the names.
async fn same_cluster(context: &Context, form: &LinkForm) -> Result<Option<String>, Problem> {
    let (source, destination) = (&form.draft.source, &form.draft.destination);
    if source == destination {
        return Ok(Some(format!(
            "`{source}` is the source already; a link leads to another cluster."
        )));
    }
    let ids = (
        cluster_id(context, source).await?,
        cluster_id(context, destination).await?,
    );
    match ids {
        (Some(one), Some(other)) if one == other => Ok(Some(format!(
            "`{source}` and `{destination}` are one cluster: both have the id `{one}`."
        ))),
        _ => Ok(None),
    }
}

async fn cluster(context: &Context, name: &str) -> Result<Option<Cluster>, Problem> {
    match context.store.cluster(name).await {
        Ok(cluster) => Ok(Some(cluster)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(from_store(error)),
    }
}

/// Returns Kafka's own id, asked for where it was never seen; `None` where the cluster does not answer.
async fn cluster_id(context: &Context, name: &str) -> Result<Option<String>, Problem> {
    let Some(cluster) = cluster(context, name).await? else {
        return Ok(None);
    };
    if cluster.cluster_id.is_some() {
        return Ok(cluster.cluster_id);
    }
    let listing = context.engine.listing(cluster.spec, ID_AGE).await;
    let id = listing.ok().map(|listing| listing.cluster_id.clone());
    Ok(id.filter(|id| !id.is_empty()))
}

async fn name_taken(context: &Context, form: &LinkForm) -> Result<Option<String>, Problem> {
    let name = form.draft.name.trim();
    if form.base.is_some() {
        return Ok(None);
    }
    if let Some(made) = &form.made {
        return Ok((made != name).then(|| {
            format!("The link is saved as `{made}` already, and a link keeps its name.")
        }));
    }
    match context.store.link(name).await {
        // The very link of this form: somebody posted its last step twice.
        Ok(link) if spec(form).is_ok_and(|spec| spec == link.spec) => Ok(None),
        Ok(_) => Ok(Some(format!(
            "There is a link `{name}` already; take another name."
        ))),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(from_store(error)),
    }
}
