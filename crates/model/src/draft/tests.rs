use super::*;

fn error(field: &str, message: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

#[test]
fn finds_the_first_message_of_an_input() {
    let errors = [error("slots", "a"), error("name", "b"), error("slots", "c")];
    assert_eq!(error_for(&errors, "slots"), Some("a"));
    assert_eq!(error_for(&errors, "title"), None);
}

#[test]
fn splits_lists_at_commas_spaces_and_line_ends() {
    assert_eq!(
        entries(" a:1,b:2\r\n\tc:3 ,\n"),
        ["a:1", "b:2", "c:3"].map(String::from)
    );
    assert!(entries(" ,\n").is_empty());
}
