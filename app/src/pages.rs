//! The pages, one file per address.

pub mod account;
pub mod address;
pub mod cluster;
pub mod cluster_form;
pub mod clusters;
pub mod events;
pub mod first;
pub mod lag;
pub mod link;
pub mod link_form;
pub mod links;
pub mod load;
pub mod not_found;
pub mod overview;
pub mod search;
pub mod setup;
pub mod sign_in;
#[cfg(feature = "ssr")]
pub mod views;

/// Rows on one page of a list (UX 3).
pub const ROWS: u32 = 50;
