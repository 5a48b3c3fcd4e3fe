//! What happens to every selected topic (SEMANTICS 2 and 3). Pure: it is what the preview shows and what a pass does.
//!
//! Invariants: a mirror that the link has keeps its name; a topic id that changed on either side, or records that
//! somebody else wrote, are never silently gone on with; a mirror with fewer partitions than its source is not copied to.

use model::{
    link::OnDrift,
    plan::{TopicAction, TopicPlan},
};

use super::{
    configs::{judge_existing, mirror_configs},
    drift,
    durability::{self, Side},
    facts::{
        ConfigValue, DestinationTopic, Facts, FixedIndex, FixedMirror, Refusal, Selected,
        TopicConfigs,
    },
    replicas,
};

/// Returns what would be done about each selected topic, in the order of their names.
pub fn plan_topics(facts: &Facts) -> Vec<TopicPlan> {
    let index = FixedIndex::new(&facts.fixed);
    let mut plans: Vec<TopicPlan> = facts
        .selected
        .iter()
        .map(|selected| plan_topic(selected, facts, &index))
        .collect();
    plans.sort_by(|a, b| a.topic.cmp(&b.topic));
    plans
}

fn plan_topic(selected: &Selected, facts: &Facts, index: &FixedIndex<'_>) -> TopicPlan {
    let fixed = index.of(&selected.topic.name, selected.topic.id);
    let mirror_topic = fixed.map_or(&selected.mirror_topic, |mirror| &mirror.mirror_topic);
    let mut warnings = Vec::new();
    let action = decide(selected, facts, index, &mut warnings).unwrap_or_else(|refusal| {
        TopicAction::Refuse {
            code: refusal.code,
            message: refusal.message,
        }
    });
    TopicPlan {
        topic: selected.topic.name.clone(),
        mirror_topic: mirror_topic.clone(),
        partitions: selected.topic.partitions,
        reason: selected.reason.clone(),
        action,
        warnings,
        backlog_records: None,
    }
}

fn decide(
    selected: &Selected,
    facts: &Facts,
    index: &FixedIndex<'_>,
    warnings: &mut Vec<String>,
) -> Result<TopicAction, Refusal> {
    let fixed = index.of(&selected.topic.name, selected.topic.id);
    match (&selected.refusal, fixed) {
        (Some(refusal), None) => return Err(refusal.clone()),
        // What stands is not taken away by a newcomer; the newcomer is refused.
        (Some(refusal), Some(_)) => warnings.push(refusal.message.clone()),
        (None, _) => {}
    }
    match fixed {
        Some(mirror) => keep(selected, mirror, facts, warnings),
        None if index.named(&selected.topic.name).is_some() => Err(recreated(&selected.topic.name)),
        None => take_up(selected, facts, warnings),
    }
}

/// The link has this mirror already.
fn keep(
    selected: &Selected,
    fixed: &FixedMirror,
    facts: &Facts,
    warnings: &mut Vec<String>,
) -> Result<TopicAction, Refusal> {
    let name = &fixed.mirror_topic;
    if *name != selected.mirror_topic {
        warnings.push(format!(
            "Keeps its name `{name}`: the rename would now give `{}`, for new topics only.",
            selected.mirror_topic
        ));
    }
    match (facts.destination.topics.get(name), fixed.mirror_id) {
        (None, Some(_)) => Err(Refusal::new(
            "destination.topic_deleted",
            format!(
                "`{name}` was deleted at the destination: choose to mirror anew or to go on from the position."
            ),
        )),
        (None, None) => create(selected, facts, warnings),
        (Some(topic), Some(id)) if topic.id != id && !id.is_nil() && !topic.id.is_nil() => {
            Err(Refusal::new(
                "destination.topic_recreated",
                format!(
                    "`{name}` was deleted and made again at the destination: choose to mirror anew or to go on from the position."
                ),
            ))
        }
        (Some(topic), _) => fit_partitions(selected, topic, TopicAction::Keep, facts, warnings),
    }
}

fn recreated(topic: &str) -> Refusal {
    Refusal::new(
        "source.topic_recreated",
        format!(
            "`{topic}` was deleted and made again at the source: choose to append to its mirror, or stop."
        ),
    )
}

/// The link meets this topic for the first time.
fn take_up(
    selected: &Selected,
    facts: &Facts,
    warnings: &mut Vec<String>,
) -> Result<TopicAction, Refusal> {
    let mirror = &selected.mirror_topic;
    let Some(existing) = facts.destination.topics.get(mirror) else {
        if facts.spec.create {
            return create(selected, facts, warnings);
        }
        return Err(Refusal::new(
            "topic.missing",
            format!(
                "`{mirror}` does not exist at the destination and `create` is off: make it there, or set `create`."
            ),
        ));
    };
    if existing.has_records {
        if !facts.spec.append_to.contains(mirror) {
            return Err(Refusal::new(
                "topic.has_records",
                format!(
                    "`{mirror}` exists at the destination and holds records: add it to `append_to`, rename, or delete it there."
                ),
            ));
        }
        warnings.push(format!(
            "`{mirror}` holds records already: copies are appended behind them."
        ));
    }
    fit_partitions(selected, existing, TopicAction::Adopt, facts, warnings)
}

/// A record keeps its partition number, so the mirror needs as many partitions as the source.
fn fit_partitions(
    selected: &Selected,
    existing: &DestinationTopic,
    action: TopicAction,
    facts: &Facts,
    warnings: &mut Vec<String>,
) -> Result<TopicAction, Refusal> {
    let (ours, theirs) = (existing.partitions, selected.topic.partitions);
    let (configs, changes) = kept_configs(selected, existing, facts);
    if action == TopicAction::Adopt {
        warnings.extend(changes);
    }
    warnings.extend(judge_existing(&configs, &selected.topic.configs));
    warnings.extend(judge_source(selected));
    warnings.extend(durability::judge(
        Side::Mirror,
        Some(existing.replication_factor),
        |property| {
            existing
                .configs
                .get(property)
                .map(|value| value.value.as_str())
        },
    ));
    if ours > theirs {
        warnings.push(format!(
            "The mirror has {ours} partitions, the source {theirs}: the others stay empty, and after a switch producers place keys differently."
        ));
        return Ok(action);
    }
    if ours == theirs {
        return Ok(action);
    }
    if facts.spec.grow {
        return Ok(TopicAction::Grow {
            from: ours,
            to: theirs,
        });
    }
    Err(Refusal::new(
        "topic.fewer_partitions",
        format!(
            "The mirror has {ours} partitions, the source {theirs}, and `grow` is off: add partitions, or set `grow`."
        ),
    ))
}

/// Returns an existing topic's settings as they will be once the link looks after them, and what it changes.
fn kept_configs(
    selected: &Selected,
    existing: &DestinationTopic,
    facts: &Facts,
) -> (TopicConfigs, Vec<String>) {
    let (mut configs, mut changes) = (existing.configs.clone(), Vec::new());
    if facts.spec.configs.on_drift == OnDrift::Ignore || configs.is_empty() {
        return (configs, changes);
    }
    let pair = drift::Pair {
        source: &selected.topic.configs,
        mirror: &existing.configs,
        replicas: (
            selected.topic.replication_factor,
            existing.replication_factor,
        ),
        before: None,
    };
    let (_, differences) = drift::compare(&pair, &facts.spec, &facts.destination);
    for difference in differences {
        let property = difference.property;
        let default = facts.destination.default_of(&property);
        let Some(value) = difference.wanted.or(default.map(str::to_owned)) else {
            continue;
        };
        let now = configs.get(&property).map_or("unset", |now| &now.value);
        if now != value {
            changes.push(format!(
                "`{property}` of the existing topic becomes `{value}`, as at the source; it is `{now}`."
            ));
        }
        let overridden = true;
        configs.insert(property, ConfigValue { value, overridden });
    }
    (configs, changes)
}

fn create(
    selected: &Selected,
    facts: &Facts,
    warnings: &mut Vec<String>,
) -> Result<TopicAction, Refusal> {
    let topic = &selected.topic;
    let mut configs = mirror_configs(&topic.configs, &facts.spec.configs, &facts.destination);
    let replicas = replicas::decide(topic, &facts.spec, &facts.destination, &mut configs.set)?;
    warnings.extend(judge_source(selected));
    warnings.extend(durability::judge(
        Side::Mirror,
        replicas.effective,
        |property| {
            configs
                .set
                .get(property)
                .map(String::as_str)
                .or(facts.destination.default_of(property))
        },
    ));
    warnings.extend(replicas.warnings);
    warnings.extend(configs.warnings);
    Ok(TopicAction::Create {
        partitions: topic.partitions,
        replication_factor: replicas.requested,
        configs: configs.set.into_iter().collect(),
    })
}

fn judge_source(selected: &Selected) -> Vec<String> {
    let topic = &selected.topic;
    durability::judge(Side::Source, Some(topic.replication_factor), |property| {
        topic
            .configs
            .get(property)
            .map(|value| value.value.as_str())
    })
}

#[cfg(test)]
mod tests;
