//! What browser tests may ask of the world around the page: restarts, dead brokers, records.
//!
//! `end2end/fixtures.ts` has a function for each of these requests; all answer with the facts where nothing else is said.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    http::Request,
    stack::{FirstUser, Stack},
};
use crate::{
    admin::Admin,
    client::{NewRecord, Writer, WriterOptions},
    cluster::{Broker, KafkaCluster},
};

/// Answers one request.
///
/// # Errors
/// Fails when there is no such request, its body is not understood, or it cannot be done.
pub(super) fn answer(stack: &mut Stack, request: &Request) -> Result<Value> {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["facts"] => {}
        ["restart"] => stack.restart()?,
        ["kill"] => stack.kill(),
        ["fresh"] => stack.fresh(body::<Fresh>(request)?.first_user())?,
        ["clusters", name, order] => brokers(stack.cluster(name)?, order)?,
        ["create-topic"] => create_topic(stack, &body(request)?)?,
        ["delete-topic"] => {
            let topic: Topic = body(request)?;
            topic.admin(stack)?.delete_topic(&topic.topic)?;
        }
        ["produce"] => return produce(stack, &body(request)?),
        ["delete-records"] => return delete_records(stack, &body(request)?),
        ["watermarks"] => return watermarks(stack, &body(request)?),
        _ => bail!("no request {}", request.path),
    }
    Ok(stack.facts())
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T> {
    serde_json::from_value(request.body.clone())
        .with_context(|| format!("the body of {} is not understood", request.path))
}

#[derive(Debug, Deserialize)]
struct Fresh {
    /// Whether an administrator is there from the start.
    admin: bool,
}

impl Fresh {
    fn first_user(&self) -> FirstUser {
        if self.admin {
            FirstUser::Administrator
        } else {
            FirstUser::Nobody
        }
    }
}

/// All brokers of a cluster at once.
fn brokers(cluster: &KafkaCluster, order: &str) -> Result<()> {
    let each = |action: fn(&Broker) -> Result<()>| cluster.brokers().iter().try_for_each(action);
    match order {
        "stop" => cluster.brokers().iter().for_each(Broker::kill),
        "start" => {
            each(Broker::restart)?;
            cluster.wait_ready()?;
        }
        // Connections stay open and nothing answers.
        "freeze" => each(Broker::stop)?,
        "thaw" => each(Broker::cont)?,
        other => bail!("a cluster cannot {other}; it can stop, start, freeze and thaw"),
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Topic {
    cluster: String,
    topic: String,
}

impl Topic {
    fn admin(&self, stack: &Stack) -> Result<Admin> {
        Admin::new(&stack.cluster(&self.cluster)?.bootstrap())
    }
}

#[derive(Debug, Deserialize)]
struct NewTopic {
    #[serde(flatten)]
    topic: Topic,
    #[serde(default = "one")]
    partitions: i32,
    #[serde(default)]
    configs: std::collections::BTreeMap<String, String>,
}

fn one() -> i32 {
    1
}

fn create_topic(stack: &Stack, new: &NewTopic) -> Result<()> {
    let configs: Vec<(&str, &str)> = new
        .configs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let admin = new.topic.admin(stack)?;
    admin.create_topic(&new.topic.topic, new.partitions, &configs)
}

#[derive(Debug, Deserialize)]
struct Produce {
    #[serde(flatten)]
    topic: Topic,
    records: Records,
}

/// What is written: so many made-up records, or these.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Records {
    Count(u32),
    Each(Vec<Record>),
}

#[derive(Debug, Deserialize)]
struct Record {
    key: Option<String>,
    /// Without one it is a tombstone.
    value: Option<String>,
    partition: Option<i32>,
    /// Milliseconds since the epoch, now by default.
    timestamp: Option<i64>,
}

/// Writes records, waits until all are acknowledged, and answers how many these were.
fn produce(stack: &Stack, order: &Produce) -> Result<Value> {
    let cluster = stack.cluster(&order.topic.cluster)?;
    let writer = Writer::new(&cluster.bootstrap(), &WriterOptions::default())?;
    let records: Vec<NewRecord> = match &order.records {
        Records::Count(count) => (0..*count).map(made_up).collect(),
        Records::Each(records) => records.iter().map(given).collect(),
    };
    for record in &records {
        writer.send(&order.topic.topic, record)?;
    }
    writer.flush()?;
    Ok(json!({ "written": records.len() }))
}

fn made_up(number: u32) -> NewRecord {
    NewRecord {
        partition: -1,
        key: Some(format!("key-{number}").into_bytes()),
        value: Some(format!(r#"{{"n":{number}}}"#).into_bytes()),
        ..NewRecord::default()
    }
}

fn given(record: &Record) -> NewRecord {
    let bytes = |text: &Option<String>| text.clone().map(String::into_bytes);
    NewRecord {
        partition: record.partition.unwrap_or(-1),
        timestamp: record.timestamp,
        key: bytes(&record.key),
        value: bytes(&record.value),
        headers: Vec::new(),
    }
}

#[derive(Debug, Deserialize)]
struct DeleteRecords {
    #[serde(flatten)]
    topic: Topic,
    /// All partitions without one.
    partition: Option<i32>,
    /// The first offset that stays; the end without one.
    before: Option<i64>,
}

/// Deletes records from the start of a topic and answers what is left.
fn delete_records(stack: &Stack, order: &DeleteRecords) -> Result<Value> {
    let admin = order.topic.admin(stack)?;
    let name = &order.topic.topic;
    for (partition, (_, end)) in (0..).zip(admin.all_watermarks(name)?) {
        if order.partition.is_none_or(|wanted| wanted == partition) {
            admin.delete_records(name, partition, order.before.unwrap_or(end))?;
        }
    }
    watermarks(stack, &order.topic)
}

/// Answers `[[first offset, end offset], …]`, by partition.
fn watermarks(stack: &Stack, topic: &Topic) -> Result<Value> {
    Ok(json!(topic.admin(stack)?.all_watermarks(&topic.topic)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: DeserializeOwned>(value: Value) -> T {
        body(&Request {
            path: "/test".to_owned(),
            body: value,
        })
        .unwrap()
    }

    #[test]
    fn records_are_a_number_or_a_list() {
        let counted: Produce = parse(json!({ "cluster": "east", "topic": "orders", "records": 3 }));
        assert!(matches!(counted.records, Records::Count(3)));
        let listed: Produce = parse(json!({
            "cluster": "east", "topic": "orders", "records": [{ "key": "a", "value": null }],
        }));
        let Records::Each(records) = listed.records else {
            panic!("a list was read as a number");
        };
        assert_eq!(given(&records[0]).key, Some(b"a".to_vec()));
        assert_eq!(given(&records[0]).value, None);
    }

    #[test]
    fn a_topic_has_one_partition_unless_told_otherwise() {
        let new: NewTopic = parse(json!({ "cluster": "east", "topic": "orders" }));
        assert_eq!((new.partitions, new.configs.len()), (1, 0));
    }
}
