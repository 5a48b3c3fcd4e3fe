use super::*;

#[test]
fn a_submit_button_says_what_was_pressed() {
    for (word, pressed) in [
        ("continue", Pressed::Continue),
        ("add", Pressed::AddRow),
        ("remove-3", Pressed::RemoveRow(3)),
        (
            "page-50",
            Pressed::Preview {
                at: 50,
                fresh: false,
            },
        ),
        ("refresh", Pressed::Preview { at: 0, fresh: true }),
        ("step-source", Pressed::Step(Step::Source)),
    ] {
        assert_eq!(Pressed::of(word), pressed);
    }
    for hostile in ["", "remove", "remove--1", "step-<b>", "page-99999999999"] {
        let preview = Pressed::Preview {
            at: 0,
            fresh: false,
        };
        assert_eq!(Pressed::of(hostile), preview, "{hostile}");
    }
}
