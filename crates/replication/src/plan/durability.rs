//! Warnings about settings that lose, change or refuse records on either side (SEMANTICS 3, plan warnings). Pure.

/// Which of the two topics is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Mirror,
}

/// Returns what is to be said about a topic. `of` gives a property's effective value where it is known.
pub fn judge<'a>(
    side: Side,
    replication_factor: Option<i16>,
    of: impl Fn(&str) -> Option<&'a str>,
) -> Vec<String> {
    let name = match side {
        Side::Source => "Source",
        Side::Mirror => "Mirror",
    };
    let mut warnings = Vec::new();
    if let Some(factor) = replication_factor.filter(|factor| *factor < 3) {
        warnings.push(format!("{name}: replication factor {factor} is below 3."));
    }
    let in_sync = of("min.insync.replicas").and_then(|value| value.parse::<i16>().ok());
    if let Some(in_sync) = in_sync.filter(|in_sync| *in_sync < 2) {
        warnings.push(format!(
            "{name}: `min.insync.replicas` is {in_sync}, an acknowledged record may stand on one broker only."
        ));
    }
    if of("unclean.leader.election.enable") == Some("true") {
        warnings.push(format!(
            "{name}: unclean leader election is on, acknowledged records may be lost."
        ));
    }
    if let Some(codec) = of("compression.type").filter(|codec| *codec != "producer") {
        warnings.push(format!(
            "{name}: `compression.type` is `{codec}`, the brokers compress every batch again."
        ));
    }
    if side == Side::Mirror && of("cleanup.policy").is_some_and(|policy| policy.contains("compact"))
    {
        warnings.push(format!(
            "{name}: compacted, records without a key are refused there; the source may hold some from before it was compacted."
        ));
    }
    warnings
}
