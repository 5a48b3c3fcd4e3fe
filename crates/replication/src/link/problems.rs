//! Problems that last: first seen, how often, until they are gone.

use std::collections::BTreeMap;

use model::problem::Problem;

/// Open problems of a link, by the place where they show.
#[derive(Debug, Default)]
pub(super) struct Problems {
    open: BTreeMap<String, Problem>,
}

impl Problems {
    /// Notes a problem, or that it is still there: it keeps the time it was first seen.
    pub(super) fn note(&mut self, place: &str, mut problem: Problem, now_ms: i64) {
        let before = self.open.get(place).filter(|before| before.code == problem.code);
        problem.first_seen_ms = before.and_then(|p| p.first_seen_ms).or(Some(now_ms));
        problem.count = Some(before.and_then(|p| p.count).unwrap_or(0) + 1);
        problem.cause.get_or_insert_with(|| problem.detail.clone());
        if before.is_none() {
            tracing::warn!(code = problem.code, detail = problem.detail, "{}", problem.title);
        }
        self.open.insert(place.to_owned(), problem);
    }

    pub(super) fn clear(&mut self, place: &str) {
        if let Some(problem) = self.open.remove(place) {
            tracing::info!(code = problem.code, "is over: {}", problem.title);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Problem> {
        self.open.values()
    }
}
