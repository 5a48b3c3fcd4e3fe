//! Names of what Causeway makes for itself at clusters, and what it needs to make topics.
//!
//! All of them begin with [`PREFIX`], so that one right on that prefix is enough.

/// What all of them begin with.
pub const PREFIX: &str = "causeway.";
/// What precedes a link's name in the name of its control topic.
pub const CONTROL_TOPICS: &str = "causeway.link.";
/// What precedes a link's name in the name of the topic for what it put aside.
pub const DEAD_LETTER_TOPICS: &str = "causeway.dlq.";
/// What the topics of connection tests begin with.
pub const TEST_TOPICS: &str = "causeway.test.";

/// The operations, in Kafka's words, that a link needs on topics which it makes and writes.
pub const MAKER: &[&str] = &[
    "Create",
    "Read",
    "Write",
    "Describe",
    "DescribeConfigs",
    "Alter",
    "AlterConfigs",
];

/// Returns the name of a link's control topic.
pub fn control_topic(link: &str) -> String {
    format!("{CONTROL_TOPICS}{link}")
}

/// Returns the name of the topic for what a link put aside.
pub fn dead_letter_topic(link: &str) -> String {
    format!("{DEAD_LETTER_TOPICS}{link}")
}

/// Returns the id of the group in which the workers of an installation share slots.
pub fn workers_group(installation: &str) -> String {
    format!("{PREFIX}workers.{installation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_right_on_the_prefix_covers_every_name() {
        let names = [
            control_topic("dr"),
            dead_letter_topic("dr"),
            workers_group("i"),
        ];
        let beginnings = [CONTROL_TOPICS, DEAD_LETTER_TOPICS, TEST_TOPICS];
        let names = names.iter().map(String::as_str).chain(beginnings);
        for name in names {
            assert!(name.starts_with(PREFIX), "{name}");
        }
        assert_eq!(workers_group("i"), "causeway.workers.i");
        assert_eq!(control_topic("dr"), "causeway.link.dr");
    }
}
