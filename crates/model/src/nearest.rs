//! "Did you mean": the names nearest to one that nothing matches.

/// Returns up to `count` candidates that resemble `wanted`, nearest first; letters' case does not count.
pub fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    count: usize,
) -> Vec<&'a str> {
    let wanted = wanted.to_ascii_lowercase();
    let limit = limit_of(&wanted);
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(wanted.len()) <= limit)
        .filter_map(|candidate| {
            let distance =
                edit_distance(wanted.as_bytes(), candidate.to_ascii_lowercase().as_bytes());
            (distance <= limit).then_some((distance, candidate))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
        .into_iter()
        .take(count)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Returns how many edits still count as "near": a third of the name, 1 at least and 8 at most.
pub(crate) fn limit_of(name: &str) -> usize {
    (name.len() / 3).clamp(1, 8)
}

/// Returns the Levenshtein distance in bytes.
pub(crate) fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_insertions_deletions_and_substitutions() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("orders", "order", 1),
        ];
        for (a, b, distance) in cases {
            assert_eq!(
                edit_distance(a.as_bytes(), b.as_bytes()),
                distance,
                "{a} {b}"
            );
            assert_eq!(
                edit_distance(b.as_bytes(), a.as_bytes()),
                distance,
                "{b} {a}"
            );
        }
    }

    #[test]
    fn names_the_nearest_first_and_leaves_strangers_out() {
        let topics = ["payments", "order", "ORDERS", "ordres", "clicks"];
        assert_eq!(nearest("orders", topics, 3), ["ORDERS", "order", "ordres"]);
        assert!(nearest("orders", ["payments"], 3).is_empty());
    }
}
