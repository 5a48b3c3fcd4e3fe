//! crates/kafka
