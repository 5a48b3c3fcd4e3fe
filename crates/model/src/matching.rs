//! Names found by a part of them, whatever the case of its ASCII letters.

/// How well a name fits what somebody looks for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    Whole,
    Start,
    Part,
}

/// Returns how well `name` fits `part`, `None` where it does not hold it. Every name holds an empty part.
pub fn fit(name: &str, part: &str) -> Option<Fit> {
    let (name, part) = (name.as_bytes(), part.as_bytes());
    if part.is_empty() {
        return Some(Fit::Start);
    }
    let mut windows = name.windows(part.len());
    let at = windows.position(|window| window.eq_ignore_ascii_case(part))?;
    Some(match (at, name.len() == part.len()) {
        (_, true) => Fit::Whole,
        (0, false) => Fit::Start,
        _ => Fit::Part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_whole_at_its_start_or_somewhere() {
        for (name, part, expected) in [
            ("orders", "ORDERS", Some(Fit::Whole)),
            ("orders-dr", "orders", Some(Fit::Start)),
            ("us.orders", "orders", Some(Fit::Part)),
            ("orders", "orders-dr", None),
            ("orders", "ordres", None),
            ("日本", "本", Some(Fit::Part)),
            ("", "a", None),
            ("a", "", Some(Fit::Start)),
        ] {
            assert_eq!(fit(name, part), expected, "{name} {part}");
        }
        assert!(Fit::Whole < Fit::Start && Fit::Start < Fit::Part);
    }
}
