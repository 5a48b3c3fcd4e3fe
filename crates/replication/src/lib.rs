//! crates/replication
