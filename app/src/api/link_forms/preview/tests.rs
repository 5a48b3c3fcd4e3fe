use super::*;

fn form(rows: &[(&str, &str, &str)]) -> LinkForm {
    let rows = rows.iter().map(|(action, kind, pattern)| RowDraft {
        action: (*action).to_owned(),
        kind: (*kind).to_owned(),
        pattern: (*pattern).to_owned(),
    });
    LinkForm {
        draft: LinkDraft {
            source: "west".to_owned(),
            destination: "east".to_owned(),
            rows: rows.collect(),
            ..LinkDraft::default()
        },
        ..LinkForm::default()
    }
}

#[test]
fn a_faulty_pattern_is_told_at_its_row_and_the_others_still_count() {
    let form = form(&[
        ("include", "exact", "orders"),
        ("include", "regex", "inv(?=entory)"),
        ("exclude", "prefix", "or ders"),
    ]);
    let (spec, faults) = without_faulty_rows(&form);
    let told: Vec<(&str, &str)> = faults
        .iter()
        .map(|fault| (fault.field.as_str(), fault.message.as_str()))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&(
        "rows[1].pattern",
        "Character 4: look-ahead is not supported."
    )));
    assert_eq!(spec.unwrap().topics.include.len(), 1);
}

#[test]
fn a_form_without_rows_matches_nothing_and_is_previewed_all_the_same() {
    let (spec, faults) = without_faulty_rows(&form(&[("include", "exact", "")]));
    assert!(spec.unwrap().topics.include.is_empty());
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn reasons_count_the_rows_of_the_form() {
    let form = form(&[
        ("exclude", "exact", "a"),
        ("include", "exact", ""),
        ("include", "exact", "b"),
        ("exclude", "exact", "c"),
    ]);
    let numbers = RowNumbers::of(&form.draft, &[]);
    assert_eq!(numbers.told("include row 1"), "row 3");
    assert_eq!(numbers.told("excluded by row 2"), "excluded by row 4");
    assert_eq!(numbers.told("internal"), "internal");
    assert_eq!(numbers.told("include row 9"), "include row 9");
}
