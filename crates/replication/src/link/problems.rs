//! Problems that last: first seen, how often, until they are gone; and those of partitions, each told once.

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

/// Returns the first `most` different problems of partitions, in their order. Equal ones are merged into the first, which
/// tells how many partitions have it besides the one that it names.
pub(super) fn merged(of_partitions: impl Iterator<Item = Problem>, most: usize) -> Vec<Problem> {
    let mut merged: Vec<Problem> = Vec::new();
    for problem in of_partitions {
        match merged.iter().position(|known| are_same(known, &problem)) {
            Some(index) => {
                let known = &mut merged[index];
                known.more_partitions = Some(known.more_partitions.unwrap_or(0) + 1);
                known.first_seen_ms = known.first_seen_ms.min(problem.first_seen_ms);
                known.count = known.count.max(problem.count);
            }
            None if merged.len() < most => merged.push(problem),
            None => {}
        }
    }
    merged
}

/// Says whether two partitions have the same problem. What is held is told one by one among the findings.
fn are_same(one: &Problem, other: &Problem) -> bool {
    let held = one.code == HELD;
    (&one.code, &one.title) == (&other.code, &other.title)
        && (held || (&one.cause, &one.broker_error) == (&other.cause, &other.broker_error))
}

/// Code of the problem of a partition that is held until somebody chooses.
pub(super) const HELD: &str = "partition.held";

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(partition: u32, cause: &str) -> Problem {
        Problem {
            code: "partition.waits".to_owned(),
            detail: format!("`orders`, partition {partition}: {cause}"),
            cause: Some(cause.to_owned()),
            first_seen_ms: Some(100 - i64::from(partition)),
            count: Some(u64::from(partition)),
            next_step: Some(format!("Look at partition {partition}.")),
            ..Problem::default()
        }
    }

    #[test]
    fn equal_problems_of_partitions_are_told_once_with_the_number_of_the_others() {
        let all = (0..42).map(|n| problem(n, if n == 7 { "moved" } else { "slow" }));
        let merged = merged(all, 20);
        let told: Vec<(&str, Option<String>)> = merged
            .iter()
            .map(|problem| (problem.detail.as_str(), problem.and_more()))
            .collect();
        let more = Some("and 40 more partitions".to_owned());
        assert_eq!(
            told,
            [
                ("`orders`, partition 0: slow", more),
                ("`orders`, partition 7: moved", None)
            ]
        );
        assert_eq!(merged[0].first_seen_ms, Some(59), "the first of all");
        assert_eq!(merged[0].count, Some(41));
    }

    #[test]
    fn held_partitions_are_one_problem_whatever_each_of_them_lacks() {
        let held = |partition: u32| Problem {
            code: HELD.to_owned(),
            ..problem(partition, &format!("{partition} records are gone"))
        };
        let told = merged([held(1), held(2), problem(3, "slow")].into_iter(), 20);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].and_more().unwrap(), "and 1 more partition");
    }

    #[test]
    fn at_most_so_many_different_problems_are_told() {
        let all = (0..50).map(|n| problem(n, &format!("cause {}", n % 25)));
        let told = merged(all, 20);
        assert_eq!(told.len(), 20);
        assert!(
            told.iter()
                .all(|problem| problem.more_partitions == Some(1))
        );
    }
}
