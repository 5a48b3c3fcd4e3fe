//! Problems that last: first seen, how often, until they are gone.

use std::{borrow::Borrow, collections::BTreeMap};

use model::problem::Problem;

/// Open problems, by the place where they show.
#[derive(Debug)]
pub(super) struct Problems<Place = String> {
    open: BTreeMap<Place, Problem>,
}

impl<Place> Default for Problems<Place> {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
        }
    }
}

impl<Place: Ord> Problems<Place> {
    /// Notes a problem, or that it is still there: it keeps the time it was first seen.
    pub(super) fn note(&mut self, place: impl Into<Place>, mut problem: Problem, now_ms: i64) {
        let place = place.into();
        let before = self
            .open
            .get(&place)
            .filter(|before| before.code == problem.code);
        problem.first_seen_ms = before.and_then(|p| p.first_seen_ms).or(Some(now_ms));
        problem.count = Some(before.and_then(|p| p.count).unwrap_or(0) + 1);
        problem.cause.get_or_insert_with(|| problem.detail.clone());
        if before.is_none() {
            tracing::warn!(
                code = problem.code,
                detail = problem.detail,
                "{}",
                problem.title
            );
        }
        self.open.insert(place, problem);
    }

    pub(super) fn clear<Q: Ord + ?Sized>(&mut self, place: &Q)
    where
        Place: Borrow<Q>,
    {
        if let Some(problem) = self.open.remove(place) {
            tracing::info!(code = problem.code, "is over: {}", problem.title);
        }
    }

    pub(super) fn is_at<Q: Ord + ?Sized>(&self, place: &Q) -> bool
    where
        Place: Borrow<Q>,
    {
        self.open.contains_key(place)
    }

    /// Forgets what shows at places that do not matter any more.
    pub(super) fn retain(&mut self, matters: impl Fn(&Place) -> bool) {
        self.open.retain(|place, _| matters(place));
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.open.keys()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Problem> {
        self.open.values()
    }
}
