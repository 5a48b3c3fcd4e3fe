//! A ledger for tests that never says what is wanted, and takes everything.

use std::future::{pending, ready};

use model::finding::Finding;

use super::{BoxFuture, Desired, Ledger, LedgerError};

pub(crate) struct Silent;

type Noted<'a> = BoxFuture<'a, Result<(), LedgerError>>;

impl Ledger for Silent {
    fn revision(&self) -> BoxFuture<'_, Result<i64, LedgerError>> {
        Box::pin(pending())
    }

    fn desired(&self) -> BoxFuture<'_, Result<Desired, LedgerError>> {
        Box::pin(pending())
    }

    fn cluster_seen<'a>(&'a self, _: &'a str, _: &'a str) -> Noted<'a> {
        Box::pin(ready(Ok(())))
    }

    fn control_topic_made<'a>(&'a self, _: &'a str, _: &'a str) -> Noted<'a> {
        Box::pin(ready(Ok(())))
    }

    fn finding<'a>(&'a self, _: &'a str, _: &'a Finding) -> Noted<'a> {
        Box::pin(ready(Ok(())))
    }

    fn event<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> Noted<'a> {
        Box::pin(ready(Ok(())))
    }
}
