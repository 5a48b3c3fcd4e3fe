//! Server functions: what the browser calls, under `/fn`. Each takes its caller, calls one service function of [`crate::api`] and
//! redirects or returns; none holds a rule of its own.

pub mod account;
pub mod call;
pub mod clusters;
pub mod first;
pub mod link_forms;
pub mod links;
pub mod links_list;
pub mod pages;
pub mod session;
