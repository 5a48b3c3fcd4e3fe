//! The form of a link: service functions over a real store, and the whole way of a browser without script.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicI64, Ordering},
};

use app::{
    Context,
    access::Role,
    api::{
        accounts::{self, Person},
        drafts::{self, DraftInput, DraftSave},
        link_forms::{self, Pressed, Typing},
    },
    engine::{ListedTopic, Listing},
    pages::link_form::{
        step::Step,
        view::{FormQuery, Mark, PreviewView},
    },
};
use axum::{body::Body, http::Request};
use model::{
    draft::{LinkDraft, RowDraft},
    link::Phase,
    problem::Problem,
    saved_draft::DraftKind,
};
use serde_json::{Value, json};

use crate::harness::{Answer, Harness, cluster};

const PASSWORD: &str = "correct horse";
const DAY_MS: i64 = 24 * 3_600 * 1_000;

struct Bench {
    harness: Harness,
    context: Context,
    ann: Person,
    cookie: String,
}

fn now_ms() -> i64 {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(since.unwrap().as_millis()).unwrap();
    NOW.fetch_max(now, Ordering::Relaxed).max(now)
}

fn listing(id: &str, topics: &[(&str, i32)]) -> Listing {
    let topics = topics.iter().map(|(name, partitions)| ListedTopic {
        name: (*name).to_owned(),
        internal: name.starts_with("__"),
        partitions: *partitions,
    });
    Listing {
        read_at_ms: 1,
        cluster_id: id.to_owned(),
        topics: topics.collect(),
        mirrors: Vec::new(),
    }
}

/// The clusters `west`, with five topics, and `east`, with one that holds records.
async fn bench() -> Bench {
    let harness = Harness::new().await;
    let context = Context {
        store: harness.store.clone(),
        engine: harness.engine.clone(),
        ladders: std::sync::Arc::default(),
        now_ms: now_ms(),
    };
    let token = accounts::new_setup_token(&context.store, context.now_ms).await;
    let token = token.unwrap().unwrap();
    let issued = accounts::set_up(&context, &token, "ann", PASSWORD, PASSWORD, "Browser").await;
    let issued = issued.unwrap();
    for name in ["west", "east"] {
        let made = harness
            .admin("POST", "/api/v1/clusters", &cluster(name))
            .await;
        assert_eq!(made.status, 201);
    }
    let west = [
        ("__consumer_offsets", 50),
        ("orders", 24),
        ("orders.eu", 12),
        ("orders_eu", 1),
        ("payments", 3),
        ("refunds", 6),
    ];
    let mut listings = harness.engine.listings.lock().unwrap();
    listings.insert("west".to_owned(), listing("w", &west));
    listings.insert("east".to_owned(), listing("e", &[("us.refunds", 6)]));
    drop(listings);
    let mut records = harness.engine.records.lock().unwrap();
    records.insert("us.refunds".to_owned(), 1_204);
    drop(records);
    Bench {
        harness,
        context,
        cookie: format!("causeway={}", issued.secret),
        ann: issued.person,
    }
}

fn row(action: &str, kind: &str, pattern: &str) -> RowDraft {
    RowDraft {
        action: action.to_owned(),
        kind: kind.to_owned(),
        pattern: pattern.to_owned(),
    }
}

fn topics(rows: &[(&str, &str, &str)]) -> LinkDraft {
    LinkDraft {
        rows: rows.iter().map(|(a, k, p)| row(a, k, p)).collect(),
        new_topics: true,
        rename_kind: "prefix".to_owned(),
        prefix: "us.".to_owned(),
        ..LinkDraft::default()
    }
}

impl Bench {
    async fn begin(&self) -> String {
        link_forms::begin(&self.context, &self.ann)
            .await
            .unwrap()
            .id
    }

    async fn end(&self, id: &str, step: Step, cluster: &str) -> Result<String, Problem> {
        let end = ((step, cluster), Pressed::Continue);
        link_forms::save_end(&self.context, &self.ann, id, end).await
    }

    async fn rows(&self, id: &str, draft: LinkDraft, pressed: Pressed) -> String {
        let posted = (draft, "", pressed);
        link_forms::save_topics(&self.context, &self.ann, id, posted)
            .await
            .unwrap()
    }

    async fn preview(&self, id: &str, filter: &str) -> PreviewView {
        let open = link_forms::open(&self.context, &self.ann, id)
            .await
            .unwrap();
        let query = FormQuery {
            filter: filter.to_owned(),
            ..FormQuery::default()
        };
        link_forms::preview(&self.context, &self.ann.actor, &open.form, &query)
            .await
            .unwrap()
    }

    async fn finish(&self, id: &str, go: &str, link: &str) -> Result<String, Problem> {
        link_forms::finish(&self.context, &self.ann, id, (go, link, "aa")).await
    }

    /// A form that can start, with the topics whose names begin with `orders`.
    async fn ready(&self) -> String {
        *self.harness.engine.fingerprint.lock().unwrap() = "aa".to_owned();
        let id = self.begin().await;
        self.end(&id, Step::Source, "west").await.unwrap();
        self.end(&id, Step::Destination, "east").await.unwrap();
        let rows = topics(&[("include", "prefix", "orders")]);
        let next = self.rows(&id, rows, Pressed::Continue).await;
        assert_eq!(next, format!("/links/new/{id}/options"));
        id
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("cookie", &self.cookie);
        self.harness
            .send(request.body(Body::empty()).unwrap())
            .await
    }

    /// Posts a form as a browser without script does.
    async fn post(&self, function: &str, body: String) -> Answer {
        let request = Request::post(format!("/fn/{function}"))
            .header("cookie", &self.cookie)
            .header("accept", "text/html")
            .header("host", "localhost")
            .header("referer", "http://localhost/links")
            .header("content-type", "application/x-www-form-urlencoded");
        self.harness
            .send(request.body(Body::from(body)).unwrap())
            .await
    }
}

#[tokio::test]
async fn a_link_is_made_step_by_step_and_posting_the_last_step_twice_makes_one() {
    let bench = bench().await;
    let id = bench.ready().await;
    let open = link_forms::open(&bench.context, &bench.ann, &id)
        .await
        .unwrap();
    assert_eq!(open.form.draft.name, "west-east", "a name is proposed");
    for _ in 0..2 {
        assert_eq!(
            bench.finish(&id, "start", "").await.unwrap(),
            "/links/west-east/first"
        );
    }
    let links = bench
        .harness
        .admin("GET", "/api/v1/links", &Value::Null)
        .await
        .json();
    assert_eq!(links["items"].as_array().unwrap().len(), 1);
    assert_eq!(links["items"][0]["phase"], "running");
    let unfinished = link_forms::unfinished(&bench.context, &bench.ann)
        .await
        .unwrap();
    assert!(unfinished.is_empty(), "a finished form is no draft");
}

#[tokio::test]
async fn two_posts_at_once_make_one_link() {
    let bench = bench().await;
    let id = bench.ready().await;
    let (one, other) = tokio::join!(
        bench.finish(&id, "start", ""),
        bench.finish(&id, "start", "")
    );
    assert_eq!(one.unwrap(), "/links/west-east/first");
    assert_eq!(other.unwrap(), "/links/west-east/first");
}

#[tokio::test]
async fn a_plan_that_changed_is_shown_and_nothing_is_made() {
    let bench = bench().await;
    let id = bench.ready().await;
    *bench.harness.engine.fingerprint.lock().unwrap() = "bb".to_owned();
    let next = bench.finish(&id, "start", "").await.unwrap();
    assert_eq!(next, format!("/links/new/{id}/plan?agreed=aa"));
    let links = bench
        .harness
        .admin("GET", "/api/v1/links", &Value::Null)
        .await
        .json();
    assert!(links["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_saved_draft_does_not_start() {
    let bench = bench().await;
    let id = bench.ready().await;
    assert_eq!(
        bench.finish(&id, "save", "").await.unwrap(),
        "/links/west-east"
    );
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(link.phase, Phase::Draft);
}

/// Changes the form on another step, as somebody does who goes back.
async fn retitled(bench: &Bench, id: &str, title: &str) {
    let open = link_forms::open(&bench.context, &bench.ann, id)
        .await
        .unwrap();
    let options = LinkDraft {
        title: title.to_owned(),
        ..open.form.draft
    };
    let posted = (options, Pressed::Continue);
    let next = link_forms::save_options(&bench.context, &bench.ann, id, posted).await;
    assert_eq!(next.unwrap(), format!("/links/new/{id}/plan"));
}

#[tokio::test]
async fn a_saved_draft_starts_as_the_form_says_now_and_only_by_its_plan() {
    let bench = bench().await;
    let id = bench.ready().await;
    bench.finish(&id, "save", "").await.unwrap();
    retitled(&bench, &id, "Changed").await;
    *bench.harness.engine.fingerprint.lock().unwrap() = "bb".to_owned();
    let next = bench.finish(&id, "start", "").await.unwrap();
    assert_eq!(next, format!("/links/new/{id}/plan?agreed=aa"));
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(
        link.phase,
        Phase::Draft,
        "this is not the plan that was read"
    );

    *bench.harness.engine.fingerprint.lock().unwrap() = "aa".to_owned();
    let (one, other) = tokio::join!(
        bench.finish(&id, "start", ""),
        bench.finish(&id, "start", "")
    );
    assert_eq!(one.unwrap(), "/links/west-east/first");
    assert_eq!(other.unwrap(), "/links/west-east/first");
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(
        (link.phase, link.spec.title.as_str()),
        (Phase::Running, "Changed")
    );

    // Its plan is another one by now, and that is no reason to tell somebody who pressed twice.
    *bench.harness.engine.fingerprint.lock().unwrap() = "cc".to_owned();
    assert_eq!(
        bench.finish(&id, "start", "").await.unwrap(),
        "/links/west-east/first"
    );
    retitled(&bench, &id, "Changed again").await;
    let refused = bench.finish(&id, "start", "").await.unwrap_err();
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (409, "link.started")
    );
}

#[tokio::test]
async fn a_saved_draft_that_somebody_changed_is_not_overwritten() {
    let bench = bench().await;
    let id = bench.ready().await;
    bench.finish(&id, "save", "").await.unwrap();
    let link = bench
        .harness
        .admin("GET", "/api/v1/links/west-east", &Value::Null)
        .await;
    let mut theirs = link.json()["spec"].clone();
    theirs["title"] = "Theirs".into();
    let saved = bench
        .harness
        .matching("PUT", "/api/v1/links/west-east", &link.etag(), &theirs)
        .await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    retitled(&bench, &id, "Mine").await;
    for go in ["start", "save"] {
        let refused = bench.finish(&id, go, "").await.unwrap_err();
        assert_eq!(refused.code, "save.conflict", "{go}");
    }
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(
        (link.phase, link.spec.title.as_str()),
        (Phase::Draft, "Theirs")
    );
}

#[tokio::test]
async fn a_saved_link_keeps_its_name() {
    let bench = bench().await;
    let id = bench.ready().await;
    bench.finish(&id, "save", "").await.unwrap();
    let open = link_forms::open(&bench.context, &bench.ann, &id).await;
    let options = LinkDraft {
        name: "another".to_owned(),
        ..open.unwrap().form.draft
    };
    let posted = (options, Pressed::Continue);
    let next = link_forms::save_options(&bench.context, &bench.ann, &id, posted).await;
    assert_eq!(next.unwrap(), format!("/links/new/{id}/options?check=1"));
    for go in ["start", "save"] {
        let refused = bench.finish(&id, go, "").await.unwrap_err();
        assert_eq!(refused.fields[0].field, "name", "{go}");
    }
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(link.phase, Phase::Draft);
}

#[tokio::test]
async fn an_edit_that_is_applied_twice_at_once_is_no_conflict() {
    let bench = bench().await;
    let id = bench.ready().await;
    bench.finish(&id, "save", "").await.unwrap();
    let edit = || link_forms::begin_edit(&bench.context, &bench.ann, "west-east");
    let (mine, again) = (edit().await.unwrap(), edit().await.unwrap());
    let rows = topics(&[("include", "prefix", "payments")]);
    for form in [&mine, &again] {
        bench.rows(&form.id, rows.clone(), Pressed::Continue).await;
    }
    let (one, other) = tokio::join!(
        bench.finish(&mine.id, "apply", "west-east"),
        bench.finish(&again.id, "apply", "west-east")
    );
    assert_eq!(one.unwrap(), "/links/west-east");
    assert_eq!(other.unwrap(), "/links/west-east");
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(link.revision, 2, "changed once");
    let late = edit().await.unwrap();
    bench.rows(&late.id, rows, Pressed::Continue).await;
    *bench.harness.engine.fingerprint.lock().unwrap() = "bb".to_owned();
    let done = bench.finish(&late.id, "apply", "west-east").await.unwrap();
    assert_eq!(done, "/links/west-east", "the link is as the form says");
}

#[tokio::test]
async fn a_draft_of_another_version_takes_neither_the_list_nor_new_links_away() {
    let bench = bench().await;
    let id = bench.ready().await;
    let input = DraftInput {
        kind: DraftKind::Link,
        subject: String::new(),
        body: json!({}),
        secrets: BTreeMap::new(),
    };
    let other = drafts::create(&bench.context, &bench.ann, input)
        .await
        .unwrap();
    let save = DraftSave {
        body: json!({ "draft": "of another shape" }),
        secrets: BTreeMap::new(),
        forget: BTreeSet::new(),
        revision: None,
    };
    drafts::save(&bench.context, &bench.ann, &other.id, save)
        .await
        .unwrap();
    let list = bench.get("/links").await;
    assert_eq!(list.status, 200, "{}", list.text);
    assert!(list.text.contains(&id) && !list.text.contains(&other.id));
    let begun = bench.get("/links/new").await;
    assert!(
        begun.header("location").starts_with("/links/new/"),
        "{}",
        begun.text
    );
    let page = bench.get(&format!("/links/new/{}/source", other.id)).await;
    assert!(
        page.text.contains("This draft cannot be read."),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn one_cluster_on_both_sides_is_refused_whatever_the_names() {
    let bench = bench().await;
    let id = bench.begin().await;
    bench.end(&id, Step::Source, "west").await.unwrap();
    let here = format!("/links/new/{id}/destination?check=1");
    assert_eq!(
        bench.end(&id, Step::Destination, "west").await.unwrap(),
        here
    );
    bench
        .harness
        .engine
        .listings
        .lock()
        .unwrap()
        .get_mut("east")
        .unwrap()
        .cluster_id = "w".to_owned();
    assert_eq!(
        bench.end(&id, Step::Destination, "east").await.unwrap(),
        here
    );
    let page = bench.get(&here).await;
    assert!(
        page.text.contains("are one cluster: both have the id `w`"),
        "{}",
        page.text
    );
    assert!(page.text.contains("1 field") || page.text.contains("One field"));
}

#[tokio::test]
async fn the_preview_tells_verdicts_reasons_and_faulty_rows() {
    let bench = bench().await;
    let id = bench.ready().await;
    let rows = topics(&[
        ("include", "prefix", "orders"),
        ("include", "regex", "inv(?=entory)"),
        ("exclude", "exact", "payments"),
        ("include", "exact", "refunds"),
    ]);
    let here = bench.rows(&id, rows, Pressed::Continue).await;
    assert_eq!(here, format!("/links/new/{id}/topics?check=1"));
    let view = bench.preview(&id, "").await;
    assert_eq!(view.faults[0].field, "rows[1].pattern");
    assert_eq!(
        view.faults[0].message,
        "Character 4: look-ahead is not supported."
    );
    assert_eq!(
        (view.counts.matched, view.counts.topics, view.counts.hidden),
        (4, 6, 1)
    );
    let told = |topic: &str| {
        let row = view.rows.iter().find(|row| row.topic == topic).unwrap();
        (row.mark, row.because.clone())
    };
    assert_eq!(
        told("orders"),
        (Mark::Create, "row 1 · 24 partitions".to_owned())
    );
    assert_eq!(told("orders.eu").0, Mark::Refused);
    assert_eq!(
        told("refunds"),
        (
            Mark::NeedsAppend,
            "exists at east with 1,204 records: tick to append".to_owned()
        )
    );
    assert_eq!(
        told("payments"),
        (Mark::LeftOut, "excluded by row 3".to_owned())
    );
    let hidden = bench.preview(&id, "__consumer").await;
    assert_eq!(hidden.rows[0].because, "internal to Kafka or Causeway");
}

#[tokio::test]
async fn a_ticked_topic_is_appended_to() {
    let bench = bench().await;
    let id = bench.ready().await;
    let mut rows = topics(&[("include", "exact", "refunds")]);
    rows.append_to = vec!["us.refunds".to_owned()];
    bench.rows(&id, rows, Pressed::Continue).await;
    let view = bench.preview(&id, "").await;
    assert_eq!(view.rows[0].mark, Mark::Append);
}

#[tokio::test]
async fn rows_are_added_and_removed_by_buttons_and_nothing_typed_is_lost() {
    let bench = bench().await;
    let id = bench.ready().await;
    let rows = topics(&[("include", "prefix", "a"), ("exclude", "exact", "<b>")]);
    bench.rows(&id, rows.clone(), Pressed::AddRow).await;
    let open = || link_forms::open(&bench.context, &bench.ann, &id);
    assert_eq!(open().await.unwrap().form.draft.rows.len(), 3);
    bench.rows(&id, rows, Pressed::RemoveRow(0)).await;
    let kept = open().await.unwrap().form.draft;
    assert_eq!(kept.rows, [row("exclude", "exact", "<b>")]);
    assert_eq!(kept.source, "west", "other steps' inputs stay");
}

/// Asks for the preview as a page does that was made when the form had been sent `sent` times.
async fn type_rows(bench: &Bench, id: &str, draft: LinkDraft, sent: u32) -> PreviewView {
    let typing = Typing {
        draft,
        sent,
        ..Typing::default()
    };
    link_forms::typed(&bench.context, &bench.ann, id, typing)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_typed_before_the_form_was_sent_does_not_undo_it_when_it_arrives_late() {
    let bench = bench().await;
    let id = bench.begin().await;
    let drafted = async || {
        let open = link_forms::open(&bench.context, &bench.ann, &id).await;
        open.unwrap().form
    };
    bench.end(&id, Step::Source, "west").await.unwrap();
    bench.end(&id, Step::Destination, "east").await.unwrap();
    let sent = drafted().await.sent;
    let page = bench.get(&format!("/links/new/{id}/topics")).await;
    let hidden = format!("name=\"sent\" value=\"{sent}\"");
    assert!(page.text.contains(&hidden), "{}", page.text);
    let typed = topics(&[("include", "prefix", "ord")]);
    let view = type_rows(&bench, &id, typed.clone(), sent).await;
    assert_eq!(drafted().await.draft.rows, typed.rows, "typing is kept");
    assert_eq!(view.counts.matched, 3);

    let whole = topics(&[("include", "prefix", "orders")]);
    bench.rows(&id, whole.clone(), Pressed::AddRow).await;
    let rows = drafted().await.draft.rows;
    assert_eq!(rows.len(), 2);
    let late = type_rows(&bench, &id, typed, sent).await;
    assert_eq!(late.counts.matched, 3, "it is answered all the same");
    assert_eq!(drafted().await.draft.rows, rows);
    // The page that was made since types on.
    type_rows(&bench, &id, whole.clone(), sent + 1).await;
    assert_eq!(drafted().await.draft.rows, whole.rows);
}

#[tokio::test]
async fn hostile_and_long_values_are_kept_told_and_shown_as_text() {
    let bench = bench().await;
    let id = bench.ready().await;
    let hostile = "<script>alert(1)</script>\u{202e}😀";
    let long = "x".repeat(100_000);
    bench
        .rows(
            &id,
            topics(&[
                ("include", "exact", hostile),
                ("<i>", "?", "y"),
                ("include", "regex", &long),
            ]),
            Pressed::Continue,
        )
        .await;
    let page = bench.get(&format!("/links/new/{id}/topics?check=1")).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script>alert"), "escaped");
    assert!(page.text.contains("&lt;script&gt;alert(1)"), "and kept");
    let options = LinkDraft {
        name: hostile.to_owned(),
        slots: "many".to_owned(),
        ..LinkDraft::default()
    };
    let posted = (options, Pressed::Continue);
    let next = link_forms::save_options(&bench.context, &bench.ann, &id, posted)
        .await
        .unwrap();
    assert_eq!(next, format!("/links/new/{id}/options?check=1"));
    let page = bench.get(&next).await;
    assert!(!page.text.contains("<script>alert"));
    assert!(page.text.contains("Take 1 to 256 slots."));
    assert!(
        bench
            .finish(&id, "start", "")
            .await
            .unwrap_err()
            .fields
            .len()
            >= 2
    );
}

#[tokio::test]
async fn a_form_is_its_owners_alone_needs_the_role_and_is_gone_after_two_weeks() {
    let bench = bench().await;
    let id = bench.ready().await;
    let mut viewer = bench.ann.clone();
    viewer.actor.role = Role::Viewer;
    let refused = link_forms::begin(&bench.context, &viewer)
        .await
        .unwrap_err();
    assert_eq!(refused.status, 403);
    assert!(refused.detail.contains("`editor`"));
    assert_eq!(
        link_forms::open(&bench.context, &viewer, &id)
            .await
            .unwrap_err()
            .status,
        403
    );
    let mut other = bench.ann.clone();
    other.user_id = "0".repeat(36);
    assert_eq!(
        link_forms::open(&bench.context, &other, &id)
            .await
            .unwrap_err()
            .status,
        404
    );
    let later = Context {
        now_ms: bench.context.now_ms + 15 * DAY_MS,
        ..bench.context.clone()
    };
    let gone = link_forms::open(&later, &bench.ann, &id).await.unwrap_err();
    assert_eq!((gone.status, gone.code.as_str()), (404, "draft.not_found"));
    link_forms::discard(&bench.context, &bench.ann, &id)
        .await
        .unwrap();
    link_forms::discard(&bench.context, &bench.ann, &id)
        .await
        .unwrap();
}

#[tokio::test]
async fn somebody_elses_save_is_shown_and_both_changes_come_together() {
    let bench = bench().await;
    let id = bench.ready().await;
    bench.finish(&id, "save", "").await.unwrap();
    let edit = link_forms::begin_edit(&bench.context, &bench.ann, "west-east")
        .await
        .unwrap();
    let again = link_forms::begin_edit(&bench.context, &bench.ann, "west-east")
        .await
        .unwrap();
    assert_ne!(edit, again, "another browser of the same person");
    let rows = topics(&[
        ("include", "prefix", "orders"),
        ("exclude", "exact", "orders.eu"),
    ]);
    bench.rows(&edit.id, rows, Pressed::Continue).await;

    let link = bench
        .harness
        .admin("GET", "/api/v1/links/west-east", &Value::Null)
        .await;
    let mut theirs = link.json()["spec"].clone();
    theirs["title"] = "Theirs".into();
    let saved = bench
        .harness
        .matching("PUT", "/api/v1/links/west-east", &link.etag(), &theirs)
        .await;
    assert_eq!(saved.status, 200, "{}", saved.text);

    let plan = format!("/links/west-east/edit/{}/plan", edit.id);
    let next = bench.finish(&edit.id, "apply", "west-east").await.unwrap();
    assert_eq!(next, plan);
    let page = bench.get(&next).await;
    assert!(page.text.contains("Someone saved this link meanwhile"));
    assert!(page.text.contains("Theirs") && page.text.contains("Apply mine on top"));
    assert_eq!(
        bench.finish(&edit.id, "rebase", "west-east").await.unwrap(),
        plan
    );
    for _ in 0..2 {
        let done = bench.finish(&edit.id, "apply", "west-east").await.unwrap();
        assert_eq!(done, "/links/west-east");
    }
    let link = bench.context.store.link("west-east").await.unwrap();
    assert_eq!(link.spec.title, "Theirs");
    assert_eq!(link.spec.topics.exclude.len(), 1);
}

#[tokio::test]
async fn a_browser_without_script_goes_the_whole_way() {
    let bench = bench().await;
    *bench.harness.engine.fingerprint.lock().unwrap() = "aa".to_owned();
    let begun = bench.get("/links/new").await;
    let first = begun.header("location").to_owned();
    let id = first.split('/').nth(3).unwrap().to_owned();
    assert_eq!(
        first,
        format!("/links/new/{id}/source"),
        "{} {}",
        begun.status,
        begun.text
    );
    let page = bench.get(&first).await;
    assert!(page.text.contains("west-1:9092"), "{}", page.text);
    let end =
        |step: &str, cluster: &str| format!("id={id}&step={step}&cluster={cluster}&go=continue");
    let to = bench.post("save-link-end", end("source", "west")).await;
    assert_eq!(
        to.header("location"),
        format!("/links/new/{id}/destination")
    );
    let to = bench
        .post("save-link-end", end("destination", "east"))
        .await;
    assert_eq!(to.header("location"), format!("/links/new/{id}/topics"));
    let rows = "draft%5Brows%5D%5B0%5D%5Baction%5D=include&draft%5Brows%5D%5B0%5D%5Bkind%5D=prefix\
                &draft%5Brows%5D%5B0%5D%5Bpattern%5D=orders&draft%5Bnew_topics%5D=true&draft%5Brename_kind%5D=prefix\
                &draft%5Bprefix%5D=us.&draft%5Bappend_to%5D%5B%5D=us.a&draft%5Bappend_to%5D%5B%5D=us.b&filter=";
    let shown = bench
        .post("save-link-topics", format!("id={id}&{rows}&go=preview"))
        .await;
    assert!(
        shown
            .header("location")
            .starts_with(&format!("/links/new/{id}/topics?"))
    );
    let page = bench.get(&format!("/links/new/{id}/topics")).await;
    assert!(
        page.text.contains("us.orders") && page.text.contains("3 of 6 match"),
        "{}",
        page.text
    );
    let to = bench
        .post("save-link-topics", format!("id={id}&{rows}&go=continue"))
        .await;
    assert_eq!(to.header("location"), format!("/links/new/{id}/options"));
    let page = bench.get(&format!("/links/new/{id}/options")).await;
    assert!(page.text.contains("value=\"west-east\""), "{}", page.text);
    let options = "draft[name]=dr&draft[title]=&draft[start]=earliest&draft[isolation]=read_committed&draft[create]=true\
                   &draft[grow]=true&draft[replication_factor]=source&draft[on_fewer_brokers]=refuse\
                   &draft[configs_from]=destination&draft[on_loss]=continue&draft[on_divergence]=ask\
                   &draft[on_duplicate]=continue&draft[on_foreign_write]=continue&draft[on_refused]=hold\
                   &draft[slots]=24&draft[detect_interval_s]=30";
    let to = bench
        .post(
            "save-link-options",
            format!("id={id}&{options}&go=continue"),
        )
        .await;
    assert_eq!(to.header("location"), format!("/links/new/{id}/plan"));
    let page = bench.get(&format!("/links/new/{id}/plan")).await;
    assert!(
        page.text.contains("value=\"aa\"") && page.text.contains("Start link"),
        "{}",
        page.text
    );
    let to = bench
        .post(
            "finish-link-form",
            format!("id={id}&link=&fingerprint=aa&go=start"),
        )
        .await;
    assert_eq!(to.header("location"), "/links/dr/first");
    let page = bench.get("/links/dr/first").await;
    assert!(
        page.text.contains("Waiting for the first record"),
        "{}",
        page.text
    );
    let link = bench.context.store.link("dr").await.unwrap();
    assert_eq!(link.phase, Phase::Running);
    assert_eq!(link.spec.append_to, ["us.a", "us.b"]);
    let list = bench.get("/links").await;
    assert!(list.text.contains("/links/dr") && !list.text.contains("Your drafts"));
}
