//! An incremental fetch session (KIP-227), seen from the client: what the next request has to say.
//!
//! The broker remembers the session's partitions, so a request names only those that changed, and a reply only those
//! with news. A request costs what changed, not what there is. Pure: no clock, no IO.
//!
//! **Invariants:** what the broker remembers is `wanted` minus `changed` plus `forgotten` between two requests; after
//! an error, a lost reply or a new identity scheme nothing is assumed to be remembered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{FetchFrom, FetchKey};

/// How a session's requests name topics; one session cannot mix both (error 106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    Ids,
    Names,
}

/// A topic as the wire names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum TopicKey {
    Id(Uuid),
    Name(Arc<str>),
}

type PartitionKey = (TopicKey, i32);

/// What one request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    /// Partitions to read, those of one topic side by side.
    pub(super) send: Vec<(TopicKey, Vec<(i32, FetchFrom)>)>,
    /// Partitions to forget, likewise.
    pub(super) forget: Vec<(TopicKey, Vec<i32>)>,
}

#[derive(Debug)]
pub(super) struct Session {
    naming: Naming,
    id: i32,
    /// 0 opens a session; -1 would close one for good.
    epoch: i32,
    wanted: HashMap<PartitionKey, (FetchKey, FetchFrom)>,
    changed: HashSet<PartitionKey>,
    forgotten: HashSet<PartitionKey>,
}

impl Session {
    pub(super) fn new(naming: Naming) -> Self {
        Self {
            naming,
            id: 0,
            epoch: 0,
            wanted: HashMap::new(),
            changed: HashSet::new(),
            forgotten: HashSet::new(),
        }
    }

    pub(super) fn naming(&self) -> Naming {
        self.naming
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Names topics another way from now on; the broker's session is given up.
    pub(super) fn rename(&mut self, naming: Naming) {
        self.naming = naming;
        let wanted = std::mem::take(&mut self.wanted);
        self.wanted = wanted
            .into_values()
            .map(|(key, from)| (topic_key(naming, &key), (key, from)))
            .map(|(topic, entry)| ((topic, entry.0.partition), entry))
            .collect();
        self.restart();
    }

    /// Adds a partition or moves where it is read from.
    pub(super) fn set(&mut self, key: FetchKey, from: FetchFrom) {
        let wire = self.wire(&key);
        let entry = self.wanted.insert(wire.clone(), (key, from));
        if entry.is_none_or(|(_, before)| before != from) || self.forgotten.contains(&wire) {
            // The broker takes a listed partition as its newest wish, and must not be told to forget it as well.
            self.forgotten.remove(&wire);
            self.changed.insert(wire);
        }
    }

    pub(super) fn remove(&mut self, key: &FetchKey) {
        let wire = self.wire(key);
        // A topic re-created under its name may already stand here under its new id.
        if self.wanted.get(&wire).is_some_and(|(held, _)| held == key) {
            self.wanted.remove(&wire);
            self.changed.remove(&wire);
            self.forgotten.insert(wire);
        }
    }

    pub(super) fn key(&self, topic: &TopicKey, partition: i32) -> Option<&FetchKey> {
        // Looked up once per partition with news; cloning an id or a shared name is cheap.
        let entry = self.wanted.get(&(topic.clone(), partition));
        entry.map(|(key, _)| key)
    }

    /// Returns what the next request says. Until [`Session::accepted`] the broker's view is unknown.
    pub(super) fn next(&mut self) -> Next {
        let whole = self.epoch == 0;
        let mut send: Vec<PartitionKey> = match whole {
            true => self.wanted.keys().cloned().collect(),
            false => self.changed.iter().cloned().collect(),
        };
        // A broker fills a reply in the request's order: without a session to rotate them the last would starve.
        fastrand::shuffle(&mut send);
        let send = send.into_iter().filter_map(|wire| {
            let from = self.wanted.get(&wire)?.1;
            Some((wire.0, (wire.1, from)))
        });
        let send = by_topic(send);
        let forget = match whole {
            true => Vec::new(),
            false => by_topic(self.forgotten.iter().cloned()),
        };
        Next {
            session_id: self.id,
            session_epoch: self.epoch,
            send,
            forget,
        }
    }

    /// Notes that the broker took the last request; `session_id` 0 says that it keeps no session.
    pub(super) fn accepted(&mut self, session_id: i32) {
        self.changed.clear();
        self.forgotten.clear();
        if session_id == 0 {
            self.id = 0;
            self.epoch = 0;
            return;
        }
        self.id = session_id;
        self.epoch = if self.epoch == i32::MAX {
            1
        } else {
            self.epoch + 1
        };
    }

    /// Notes that the broker does not know the session any more.
    pub(super) fn lost(&mut self) {
        self.id = 0;
        self.restart();
    }

    /// Opens a new session with the next request, which closes the old one.
    pub(super) fn restart(&mut self) {
        self.epoch = 0;
        self.changed.clear();
        self.forgotten.clear();
    }

    fn wire(&self, key: &FetchKey) -> PartitionKey {
        (topic_key(self.naming, key), key.partition)
    }
}

fn topic_key(naming: Naming, key: &FetchKey) -> TopicKey {
    match naming {
        Naming::Ids => TopicKey::Id(key.topic_id),
        Naming::Names => TopicKey::Name(key.topic.clone()),
    }
}

/// Puts the partitions of one topic together, topics in the order of their first partition.
fn by_topic<T>(partitions: impl Iterator<Item = (TopicKey, T)>) -> Vec<(TopicKey, Vec<T>)> {
    let mut places: HashMap<TopicKey, usize> = HashMap::new();
    let mut topics: Vec<(TopicKey, Vec<T>)> = Vec::new();
    for (topic, partition) in partitions {
        let place = *places.entry(topic.clone()).or_insert(topics.len());
        match topics.get_mut(place) {
            Some((_, of_topic)) => of_topic.push(partition),
            None => topics.push((topic, vec![partition])),
        }
    }
    topics
}

#[cfg(test)]
mod tests;
