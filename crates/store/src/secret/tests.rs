use std::fs;

use super::*;
use crate::testing::{Folder, key};

const HERE: Place<'static> = Place {
    table: "clusters",
    id: "1",
    column: "password",
};

#[test]
fn opens_what_it_sealed_and_seals_differently_each_time() {
    let key = key(1);
    for text in ["", "pa55 word", "ü\0"] {
        let (one, two) = (
            key.seal(&Secret::new(text), HERE).unwrap(),
            key.seal(&Secret::new(text), HERE).unwrap(),
        );
        assert_ne!(one, two);
        assert_eq!(key.open(&one, HERE).unwrap().expose(), text);
        assert!(one.starts_with(&format!("v1:{}:", key.id())), "{one}");
    }
}

#[test]
fn a_sealed_secret_does_not_open_in_another_place() {
    let key = key(1);
    let sealed = key.seal(&Secret::new("pa55"), HERE).unwrap();
    let elsewhere = [
        Place {
            table: "links",
            ..HERE
        },
        Place { id: "2", ..HERE },
        Place {
            column: "ca",
            ..HERE
        },
    ];
    for place in elsewhere {
        assert!(matches!(
            key.open(&sealed, place),
            Err(KeyError::Damaged { .. })
        ));
    }
}

#[test]
fn a_changed_text_does_not_open() {
    let key = key(1);
    let sealed = key.seal(&Secret::new("pa55"), HERE).unwrap();
    let cut = &sealed[..sealed.len() - 2];
    for text in [
        cut,
        "",
        "v1",
        "v1:",
        &format!("v1:{}:", key.id()),
        &format!("v1:{}:AA:AA", key.id()),
    ] {
        let error = key.open(text, HERE).unwrap_err();
        assert!(
            matches!(error, KeyError::Damaged { .. } | KeyError::Wrong { .. }),
            "{text}: {error}"
        );
    }
}

#[test]
fn another_key_is_told_by_its_id() {
    let sealed = key(1).seal(&Secret::new("pa55"), HERE).unwrap();
    let error = key(2).open(&sealed, HERE).unwrap_err();
    let (stored, given) = (key(1).id().to_owned(), key(2).id().to_owned());
    assert_eq!(error, KeyError::Wrong { stored, given });
    assert!(
        error.to_string().contains("bring back the former key"),
        "{error}"
    );
}

#[test]
fn a_key_file_is_made_once_for_its_owner_alone() {
    let folder = Folder::new();
    let path = folder.path().join("secret.key");
    let made = Key::from_file(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(Key::from_file(&path).unwrap().id(), made.id());
    assert_eq!(
        Key::from_text(&fs::read_to_string(&path).unwrap())
            .unwrap()
            .id(),
        made.id()
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft is left behind"
    );
}

#[test]
fn processes_that_make_the_file_together_get_the_same_key() {
    let folder = Folder::new();
    let path = folder.path().join("secret.key");
    let ids: Vec<String> = std::thread::scope(|scope| {
        let make = || Key::from_file(&path).unwrap().id().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_remedy() {
    let folder = Folder::new();
    let path = folder.path().join("secret.key");
    Key::from_file(&path).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Key::from_file(&path).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("chmod 600 {}", path.display())),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_key_is_refused_without_showing_it() {
    for text in ["", "hunter2", "aHVudGVyMg==", &"A".repeat(44)] {
        let error = Key::from_text(text).unwrap_err();
        assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("AAAA"));
    }
    let folder = Folder::new();
    let missing = folder.path().join("nowhere/secret.key");
    assert!(matches!(
        Key::from_file(&missing),
        Err(KeyError::File { .. })
    ));
}

#[test]
fn shows_its_id_only() {
    let key = key(1);
    assert_eq!(format!("{key:?}"), format!("Key({})", key.id()));
    assert_eq!(key.id().len(), 8);
}
