//! Rung 7: which rights are missing for what links do at a cluster, asked of the cluster itself (KIP-430).
//!
//! Existing topics and the group tell what we may do with them; for topics that are not made yet, making them is asked
//! for as a dry run. Nothing is changed. A broker that is too old to tell (before 2.3) passes.

use kafka_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId};
use kafka_protocol::protocol::StrBytes;
use model::acl::AclResource;
use model::cluster::ProbeFor;
use model::own::{MAKER, PREFIX, TEST_TOPICS};

use crate::admin::{NewTopic, Run};
use crate::client::{Client, Topics};
use crate::{Error, ErrorCode};

/// An operation's name in ACL commands, and its bit.
type Operation = (&'static str, u32);

const READER: &[Operation] = &[("Read", 3), ("DescribeConfigs", 10)];
const WRITER: &[Operation] = &[
    ("Read", 3),
    ("Write", 4),
    ("Alter", 7),
    ("DescribeConfigs", 10),
    ("AlterConfigs", 11),
];
const MEMBER: &[Operation] = &[("Read", 3)];

/// What a broker sends where it does not tell operations.
const UNTOLD: i32 = i32::MIN;

/// Most topics that are asked for.
const MOST: usize = 1_000;

/// Rights that are missing on one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) operations: Vec<&'static str>,
    pub(super) resource: AclResource,
}

/// Asks for everything that links of these kinds need, and returns what is missing.
pub(super) async fn missing(client: &Client, asked: &ProbeFor) -> Result<Vec<Missing>, Error> {
    let mut missing = Vec::new();
    if let Some(topics) = &asked.reads {
        let (lacking, _) = on_topics(client, topics, READER, &all(READER)).await?;
        missing.extend(lacking);
    }
    if let Some(mirrors) = &asked.writes {
        let (lacking, absent) = on_topics(client, mirrors, WRITER, MAKER).await?;
        missing.extend(lacking);
        missing.extend(on_new_topics(client, absent).await?);
        if !asked.group.is_empty() {
            missing.extend(on_group(client, &asked.group).await?);
        }
    }
    Ok(missing)
}

/// Returns what is missing on topics, and which of them are not there. Of one that is hidden nobody can tell whether it is
/// there: `hidden` is missing on it.
async fn on_topics(
    client: &Client,
    topics: &[String],
    wanted: &[Operation],
    hidden: &[&'static str],
) -> Result<(Vec<Missing>, Vec<String>), Error> {
    let topics = &topics[..topics.len().min(MOST)];
    if topics.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let request = Topics::Named(topics)
        .request()
        .with_include_topic_authorized_operations(true);
    let answer = match client.ask_any(&request, 8..=13).await {
        Err(Error::Unsupported { .. }) => return Ok((Vec::new(), Vec::new())),
        answer => answer?,
    };
    let (mut missing, mut absent) = (Vec::new(), Vec::new());
    for topic in answer.topics {
        let name = topic.name.map(|name| name.to_string()).unwrap_or_default();
        let operations = match ErrorCode(topic.error_code) {
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => hidden.to_vec(),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                absent.push(name);
                continue;
            }
            _ => lacking(topic.topic_authorized_operations, wanted),
        };
        if !operations.is_empty() {
            let resource = AclResource::Topic(name);
            missing.push(Missing {
                operations,
                resource,
            });
        }
    }
    Ok((missing, absent))
}

/// Asks for mirrors that are not there, and for a topic of a link's own, as a dry run.
async fn on_new_topics(client: &Client, mirrors: Vec<String>) -> Result<Vec<Missing>, Error> {
    let own = format!("{TEST_TOPICS}{:08x}", fastrand::u32(..));
    let names = mirrors.into_iter().chain([own.clone()]);
    let topics: Vec<NewTopic> = names
        .map(|name| NewTopic {
            name,
            partitions: 1,
            replication_factor: -1,
            configs: Vec::new(),
        })
        .collect();
    let checked = client.create_topics(&topics, Run::CheckOnly).await?;
    let refused = checked.into_iter().filter(|(_, result)| {
        let code = result.as_ref().err().and_then(Error::broker_code);
        code.is_some_and(ErrorCode::is_authorization)
    });
    let missing = refused.map(|(name, _)| Missing {
        operations: MAKER.to_vec(),
        resource: match name == own {
            true => AclResource::TopicPrefix(PREFIX.to_owned()),
            false => AclResource::Topic(name),
        },
    });
    Ok(missing.collect())
}

/// Asks the group's coordinator what we may do with the group.
async fn on_group(client: &Client, group: &str) -> Result<Option<Missing>, Error> {
    let closed = |operations: Vec<&'static str>| {
        let resource = AclResource::Group(group.to_owned());
        (!operations.is_empty()).then_some(Missing {
            operations,
            resource,
        })
    };
    let find = FindCoordinatorRequest::default()
        .with_key(StrBytes::from_string(group.to_owned()))
        .with_key_type(0);
    let found = client.ask_any(&find, 1..=3).await?;
    match ErrorCode(found.error_code) {
        ErrorCode::NONE => {}
        ErrorCode::GROUP_AUTHORIZATION_FAILED => return Ok(closed(all(MEMBER))),
        // The coordinator is not made before the first member asks.
        code if code.is_retriable() => return Ok(None),
        code => return Err(Error::broker(code, "looking for the group's coordinator")),
    }
    let describe = DescribeGroupsRequest::default()
        .with_groups(vec![GroupId(StrBytes::from_string(group.to_owned()))])
        .with_include_authorized_operations(true);
    let told = match client.ask_broker(found.node_id.0, &describe, 3..=5).await {
        Err(Error::Unsupported { .. }) => return Ok(None),
        told => told?,
    };
    let told = told.groups.first();
    Ok(told.and_then(|told| match ErrorCode(told.error_code) {
        ErrorCode::GROUP_AUTHORIZATION_FAILED => closed(all(MEMBER)),
        ErrorCode::NONE => closed(lacking(told.authorized_operations, MEMBER)),
        _ => None,
    }))
}

fn all(wanted: &[Operation]) -> Vec<&'static str> {
    wanted.iter().map(|(name, _)| *name).collect()
}

/// Returns which of the wanted operations have no bit.
fn lacking(bits: i32, wanted: &[Operation]) -> Vec<&'static str> {
    if bits == UNTOLD {
        return Vec::new();
    }
    let without = wanted.iter().filter(|(_, bit)| bits >> bit & 1 == 0);
    without.map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_bit_is_lacking_and_what_is_not_told_is_not() {
        let read_and_configs = 1 << 3 | 1 << 10 | 1 << 8;
        assert_eq!(lacking(read_and_configs, READER), Vec::<&str>::new());
        assert_eq!(lacking(1 << 8, READER), ["Read", "DescribeConfigs"]);
        assert_eq!(
            lacking(read_and_configs, WRITER),
            ["Write", "Alter", "AlterConfigs"]
        );
        assert_eq!(lacking(UNTOLD, WRITER), Vec::<&str>::new());
    }
}
