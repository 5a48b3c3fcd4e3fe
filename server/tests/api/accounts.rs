//! Set-up, sign-in, one's own account and drafts: the service functions over a real store.

use std::collections::{BTreeMap, BTreeSet};

use app::{
    Context,
    access::Role,
    api::{
        accounts::{
            self, Attempts, Credentials, IssuedSession, NewPassword, OwnTokenInput, Person,
        },
        drafts::{self, DraftInput, DraftSave},
        tokens,
    },
};
use model::{Secret, problem::Problem, saved_draft::DraftKind};
use serde_json::json;
use store::PageQuery;

use crate::harness::{CANARY, Harness};

const NOW: i64 = 1_700_000_000_000;
const PASSWORD: &str = "correct horse";
const HERE: &str = "192.0.2.1";

fn context(harness: &Harness, now_ms: i64) -> Context {
    Context {
        store: harness.store.clone(),
        engine: harness.engine.clone(),
        ladders: std::sync::Arc::default(),
        now_ms,
    }
}

async fn set_up(context: &Context) -> IssuedSession {
    let token = accounts::new_setup_token(&context.store, NOW).await;
    let token = token.unwrap().unwrap();
    accounts::set_up(context, &token, "ann", PASSWORD, PASSWORD, "Browser")
        .await
        .unwrap()
}

async fn sign_in(
    context: &Context,
    attempts: &Attempts,
    name: &str,
    password: &str,
) -> Result<IssuedSession, Problem> {
    let credentials = Credentials { name, password };
    accounts::sign_in(context, attempts, credentials, HERE, "Browser").await
}

fn with_role(person: &Person, role: Role) -> Person {
    let mut person = person.clone();
    person.actor.role = role;
    person
}

async fn kinds(context: &Context) -> Vec<String> {
    let events = context.store.events(&PageQuery::first(1_000)).await;
    let events = events.unwrap().items;
    assert!(!format!("{events:?}").contains(PASSWORD));
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn the_first_user_is_made_once_with_a_token_of_the_log() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    assert!(accounts::setup_needed(&context).await.unwrap());
    let token = accounts::new_setup_token(&context.store, NOW).await;
    let token = token.unwrap().unwrap();
    let set_up = |token: String,
                  name: &'static str,
                  password: &'static str,
                  again: &'static str| {
        let context = context.clone();
        async move { accounts::set_up(&context, &token, name, password, again, "Browser").await }
    };
    let guessed = set_up("x".repeat(43), "ann", PASSWORD, PASSWORD).await;
    assert_eq!(guessed.unwrap_err().code, "setup.token");
    let faulty = set_up(token.clone(), "", "short", "").await.unwrap_err();
    let fields: Vec<&str> = faulty.fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["name", "password"]);
    let differing = set_up(token.clone(), "ann", PASSWORD, "other").await;
    assert_eq!(differing.unwrap_err().fields[0].field, "password_again");
    let (one, two) = tokio::join!(
        set_up(token.clone(), "ann", PASSWORD, PASSWORD),
        set_up(token.clone(), "bob", PASSWORD, PASSWORD),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(lost.unwrap_err().code, "setup.done");
    assert_eq!(won.unwrap().person.actor.role, Role::Administrator);
    assert!(!accounts::setup_needed(&context).await.unwrap());
    let late = set_up(token, "eve", PASSWORD, PASSWORD).await;
    assert_eq!(late.unwrap_err().code, "setup.done");
    assert_eq!(
        accounts::new_setup_token(&context.store, NOW).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_password_of_the_settings_makes_the_admin_only_where_nobody_is() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let make = |password: &'static str| {
        accounts::create_first_admin_with_password(&harness.store, password, NOW)
    };
    assert_eq!(make("short").await.unwrap_err().code, "input.invalid");
    assert_eq!(make(PASSWORD).await, Ok(true));
    assert_eq!(make("another password").await, Ok(false));
    let attempts = Attempts::default();
    let issued = sign_in(&context, &attempts, "admin", PASSWORD).await;
    assert_eq!(issued.unwrap().person.actor.name, "admin");
}

#[tokio::test]
async fn every_failed_sign_in_reads_the_same_and_leaves_an_event() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    set_up(&context).await;
    let mut texts = BTreeSet::new();
    let long = "x".repeat(10_000);
    for (name, password) in [
        ("ann", "wrong horse"),
        ("ann", long.as_str()),
        ("nobody", PASSWORD),
        ("", ""),
        ("a\0b", PASSWORD),
    ] {
        let attempts = Attempts::default();
        let problem = sign_in(&context, &attempts, name, password).await;
        texts.insert(format!("{:?}", problem.unwrap_err()));
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts
            .first()
            .unwrap()
            .contains("Name or password is wrong.")
    );
    let failed = |kind: &&String| *kind == "sign_in.failed";
    assert_eq!(kinds(&context).await.iter().filter(failed).count(), 5);
}

#[tokio::test]
async fn guessing_meets_a_stated_wait_even_with_the_right_password() {
    let harness = Harness::new().await;
    let mut context = context(&harness, NOW);
    set_up(&context).await;
    let attempts = Attempts::default();
    for _ in 0..5 {
        let wrong = sign_in(&context, &attempts, "ann", "wrong horse").await;
        assert_eq!(wrong.unwrap_err().code, "auth.sign_in");
    }
    let refused = sign_in(&context, &attempts, "ann", PASSWORD).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (429, "auth.wait"));
    assert_eq!(refused.detail, "Try again in 10 s.");
    context.now_ms += 10_000;
    sign_in(&context, &attempts, "ann", PASSWORD).await.unwrap();
    sign_in(&context, &attempts, "ann", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_session_speaks_for_its_person_until_it_ends() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let issued = set_up(&context).await;
    let of = |secret: String| {
        let context = context.clone();
        async move { accounts::person_of(&context, &secret).await.unwrap() }
    };
    assert_eq!(
        of(issued.secret.clone()).await.as_ref(),
        Some(&issued.person)
    );
    for secret in ["", "wrong", &"x".repeat(1_000_000)] {
        assert_eq!(of(secret.to_owned()).await, None);
    }
    assert!(
        accounts::is_current(&context, &issued.person)
            .await
            .unwrap()
    );
    accounts::sign_out(&context, &issued.person).await.unwrap();
    accounts::sign_out(&context, &issued.person).await.unwrap();
    assert_eq!(of(issued.secret).await, None);
    assert!(
        !accounts::is_current(&context, &issued.person)
            .await
            .unwrap()
    );
    assert!(kinds(&context).await.contains(&"session.ended".to_owned()));
}

#[tokio::test]
async fn sessions_are_listed_and_revoked_by_their_person() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let one = set_up(&context).await;
    let attempts = Attempts::default();
    let two = sign_in(&context, &attempts, "ann", PASSWORD).await.unwrap();
    let listed = accounts::sessions(&context, &one.person).await.unwrap();
    assert_eq!(listed.len(), 2);
    for session in &listed {
        assert_eq!(session.current, session.id == one.person.session_id);
        assert_eq!(session.user_agent, "Browser");
    }
    let id = &two.person.session_id;
    accounts::revoke_session(&context, &one.person, id)
        .await
        .unwrap();
    assert_eq!(accounts::person_of(&context, &two.secret).await, Ok(None));
    for missing in [id.as_str(), "x\0y"] {
        let again = accounts::revoke_session(&context, &one.person, missing).await;
        assert_eq!(again.unwrap_err().code, "session.not_found");
    }
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_ends_the_other_sessions() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let one = set_up(&context).await;
    let attempts = Attempts::default();
    let two = sign_in(&context, &attempts, "ann", PASSWORD).await.unwrap();
    let change = |current: &'static str, password: &'static str| {
        let new = NewPassword {
            current,
            password,
            password_again: password,
        };
        accounts::change_password(&context, &attempts, &one.person, new)
    };
    let same = change(PASSWORD, PASSWORD).await.unwrap_err();
    assert_eq!(same.fields[0].field, "password");
    let wrong = change("wrong horse", "battery staple").await.unwrap_err();
    assert_eq!(wrong.fields[0].field, "current");
    assert_eq!(change(PASSWORD, "battery staple").await, Ok(1));
    let here = accounts::person_of(&context, &one.secret).await.unwrap();
    assert_eq!(here.as_ref(), Some(&one.person));
    assert_eq!(accounts::person_of(&context, &two.secret).await, Ok(None));
    let old = sign_in(&context, &attempts, "ann", PASSWORD).await;
    assert_eq!(old.unwrap_err().code, "auth.sign_in");
    sign_in(&context, &attempts, "ann", "battery staple")
        .await
        .unwrap();
    for _ in 0..5 {
        let _ = change("wrong horse", "another staple").await;
    }
    let waits = change("battery staple", "another staple").await;
    assert_eq!(waits.unwrap_err().code, "auth.wait");
}

#[tokio::test]
async fn an_own_token_does_no_more_than_its_owner_and_is_its_owners_to_revoke() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let ann = set_up(&context).await.person;
    let viewer = with_role(&ann, Role::Viewer);
    let input = |role, expires_in_days| OwnTokenInput {
        name: "ci".to_owned(),
        role,
        expires_in_days,
    };
    for (person, input, field) in [
        (&viewer, input(Role::Operator, None), "role"),
        (&ann, input(Role::Viewer, Some(0)), "expires_in_days"),
        (&ann, input(Role::Viewer, Some(u32::MAX)), "expires_in_days"),
    ] {
        let refused = accounts::create_own_token(&context, person, &input).await;
        assert_eq!(refused.unwrap_err().fields[0].field, field);
    }
    let issued = accounts::create_own_token(&context, &ann, &input(Role::Editor, Some(1))).await;
    let issued = issued.unwrap();
    assert_eq!(issued.view.expires_at_ms, Some(NOW + 86_400_000));
    let actor = tokens::authenticate(&context, &issued.token).await.unwrap();
    assert_eq!(actor.role, Role::Editor);
    let own = accounts::own_tokens(&context, &ann, &PageQuery::first(9)).await;
    assert_eq!(own.unwrap().items, std::slice::from_ref(&issued.view));
    let other = Person {
        user_id: "somebody else".to_owned(),
        ..ann.clone()
    };
    let foreign = accounts::revoke_own_token(&context, &other, &issued.view.id).await;
    assert_eq!(foreign.unwrap_err().code, "token.not_found");
    accounts::revoke_own_token(&context, &ann, &issued.view.id)
        .await
        .unwrap();
    assert!(tokens::authenticate(&context, &issued.token).await.is_err());
}

#[tokio::test]
async fn drafts_are_kept_for_their_owner_with_the_role_of_their_kind() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let ann = set_up(&context).await.person;
    let editor = with_role(&ann, Role::Editor);
    let input = |kind| DraftInput {
        kind,
        subject: String::new(),
        body: json!({ "name": "west" }),
        secrets: BTreeMap::from([("password".to_owned(), Secret::new(CANARY))]),
    };
    let refused = drafts::create(&context, &editor, input(DraftKind::Cluster)).await;
    assert_eq!(refused.unwrap_err().code, "access.denied");
    let made = drafts::create(&context, &ann, input(DraftKind::Cluster)).await;
    let made = made.unwrap();
    assert!(!format!("{made:?}").contains(CANARY));
    assert!(made.secret_names.contains("password"));
    let hidden = drafts::get(&context, &editor, &made.id).await;
    assert_eq!(hidden.unwrap_err().code, "access.denied");
    let save = |revision| DraftSave {
        body: json!({ "name": "east" }),
        secrets: BTreeMap::new(),
        forget: BTreeSet::new(),
        revision: Some(revision),
    };
    let saved = drafts::save(&context, &ann, &made.id, save(1)).await;
    assert_eq!(saved.unwrap().revision, 2);
    let stale = drafts::save(&context, &ann, &made.id, save(1)).await;
    assert_eq!(stale.unwrap_err().code, "save.conflict");
    let secrets = drafts::secrets(&context, &ann, &made.id).await.unwrap();
    assert_eq!(secrets["password"].expose(), CANARY);
    let other = Person {
        user_id: "somebody else".to_owned(),
        ..ann.clone()
    };
    let foreign = drafts::get(&context, &other, &made.id).await;
    assert_eq!(foreign.unwrap_err().code, "draft.not_found");
    let listed = drafts::list(&context, &ann, DraftKind::Cluster).await;
    assert_eq!(listed.unwrap().len(), 1);
    drafts::delete(&context, &ann, &made.id).await.unwrap();
    let gone = drafts::get(&context, &ann, &made.id).await;
    assert_eq!(gone.unwrap_err().code, "draft.not_found");
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let harness = Harness::new().await;
    let context = context(&harness, NOW);
    let ann = set_up(&context).await.person;
    let input = DraftInput {
        kind: DraftKind::Link,
        subject: String::new(),
        body: json!("x".repeat(600_000)),
        secrets: BTreeMap::new(),
    };
    let refused = drafts::create(&context, &ann, input).await.unwrap_err();
    assert_eq!(refused.fields[0].field, "body");
}
