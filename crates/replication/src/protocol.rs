//! The replication protocol.
