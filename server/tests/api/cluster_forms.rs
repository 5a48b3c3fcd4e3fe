//! The forms of clusters: service functions over a real store, and their pages as a browser without script sees them.

use app::{
    Context,
    access::Role,
    api::{
        accounts::{self, Person},
        cluster_forms::{self, Posted, Verb},
        clusters,
    },
};
use axum::{body::Body, http::Request};
use model::{Secret, draft::ClusterDraft, problem::Problem, saved_draft::DraftKind};
use store::PageQuery;

use crate::harness::{Answer, CANARY, Harness, cluster};

const NOW: i64 = 1_700_000_000_000;
const PASSWORD: &str = "correct horse";

struct Bench {
    harness: Harness,
    context: Context,
    ann: Person,
    cookie: String,
}

async fn bench() -> Bench {
    let harness = Harness::new().await;
    let now_ms = chrono_now();
    let context = Context {
        store: harness.store.clone(),
        engine: harness.engine.clone(),
        ladders: std::sync::Arc::default(),
        now_ms,
    };
    let token = accounts::new_setup_token(&context.store, now_ms).await;
    let token = token.unwrap().unwrap();
    let issued = accounts::set_up(&context, &token, "ann", PASSWORD, PASSWORD, "Browser").await;
    let issued = issued.unwrap();
    Bench {
        harness,
        context,
        cookie: format!("causeway={}", issued.secret),
        ann: issued.person,
    }
}

/// Pages ask with the clock of the process, so that sessions must be younger than it.
fn chrono_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap().max(NOW)
}

fn form(name: &str) -> ClusterDraft {
    ClusterDraft {
        name: name.to_owned(),
        bootstrap: format!("{name}-1:9092"),
        mechanism: "SCRAM-SHA-512".to_owned(),
        username: "causeway".to_owned(),
        ..ClusterDraft::default()
    }
}

/// Returns the id at the end of a form's address.
fn id_of(path: &str) -> String {
    let path = path.split('#').next().unwrap();
    path.rsplit('/').next().unwrap().to_owned()
}

impl Bench {
    async fn begin(&self) -> String {
        id_of(
            &cluster_forms::begin_new(&self.context, &self.ann, "")
                .await
                .unwrap(),
        )
    }

    async fn post(
        &self,
        draft: &str,
        verb: Verb,
        form: ClusterDraft,
        password: &str,
    ) -> Result<String, Problem> {
        let posted = Posted {
            draft: draft.to_owned(),
            subject: String::new(),
            verb,
            form,
            password: Secret::new(password),
            client_key: Secret::new(""),
            properties: Secret::new(""),
            seen: None,
        };
        cluster_forms::submit(&self.context, &self.ann, posted).await
    }

    /// Posts changes of a cluster: their page has no input for the name.
    async fn post_edit(
        &self,
        draft: &str,
        verb: Verb,
        form: ClusterDraft,
        seen: Option<i64>,
    ) -> Result<String, Problem> {
        let posted = Posted {
            draft: draft.to_owned(),
            subject: form.name,
            verb,
            form: ClusterDraft {
                name: String::new(),
                ..form
            },
            password: Secret::new(""),
            client_key: Secret::new(""),
            properties: Secret::new(""),
            seen,
        };
        cluster_forms::submit(&self.context, &self.ann, posted).await
    }

    /// Posts a form with a client certificate's key.
    async fn post_key(&self, draft: &str, form: ClusterDraft, key: &str) -> String {
        let posted = Posted {
            draft: draft.to_owned(),
            subject: String::new(),
            verb: Verb::Save,
            form,
            password: Secret::new(CANARY),
            client_key: Secret::new(key),
            properties: Secret::new(""),
            seen: None,
        };
        cluster_forms::submit(&self.context, &self.ann, posted)
            .await
            .unwrap()
    }

    /// Saves a cluster by its form.
    async fn save(&self, name: &str) {
        let draft = self.begin().await;
        let path = self.post(&draft, Verb::Save, form(name), CANARY).await;
        assert_eq!(path.unwrap(), format!("/clusters/{name}"));
    }

    async fn faults(&self, draft: &str) -> Vec<String> {
        let open = cluster_forms::open(&self.context, &self.ann, draft).await;
        let faults = open.unwrap().faults(None);
        faults.into_iter().map(|fault| fault.field).collect()
    }

    async fn names(&self) -> Vec<String> {
        let all = self.context.store.clusters(&PageQuery::first(10)).await;
        let all = all.unwrap().items;
        all.iter()
            .map(|cluster| cluster.spec.name.to_string())
            .collect()
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::builder()
            .uri(path)
            .header("cookie", &self.cookie)
            .header("accept", "text/html");
        let answer = self
            .harness
            .send(request.body(Body::empty()).unwrap())
            .await;
        assert!(!answer.text.contains(CANARY), "a password stands on {path}");
        answer
    }

    /// Posts a form as a browser without script does.
    async fn post_page(&self, path: &str, body: String) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("cookie", &self.cookie)
            .header("accept", "text/html")
            .header("referer", "http://causeway/clusters")
            .header("content-type", "application/x-www-form-urlencoded");
        self.harness
            .send(request.body(Body::from(body)).unwrap())
            .await
    }

    fn as_viewer(&self) -> Person {
        let mut viewer = self.ann.clone();
        viewer.actor.role = Role::Viewer;
        viewer
    }
}

#[tokio::test]
async fn a_form_that_is_begun_twice_is_two_forms() {
    let bench = bench().await;
    let first = bench.begin().await;
    let second = bench.begin().await;
    assert_ne!(second, first);
    for (draft, name) in [(first, "east"), (second, "west")] {
        bench
            .post(&draft, Verb::Save, form(name), CANARY)
            .await
            .unwrap();
    }
    assert_eq!(bench.names().await, ["east", "west"]);
}

#[tokio::test]
async fn faulty_input_is_kept_and_told_at_its_fields() {
    let bench = bench().await;
    let draft = bench.begin().await;
    assert_eq!(
        bench.faults(&draft).await,
        Vec::<String>::new(),
        "not sent yet"
    );
    let hostile = "</textarea><script>alert(1)</script>\u{202e}&lt;";
    let faulty = ClusterDraft {
        title: "x".repeat(500),
        bootstrap: hostile.to_owned(),
        security: "tls_ca".to_owned(),
        ca_pem: "none".to_owned(),
        username: String::new(),
        ..form("East!")
    };
    let path = bench
        .post(&draft, Verb::Save, faulty.clone(), CANARY)
        .await
        .unwrap();
    assert_eq!(id_of(&path), draft);
    let faults = bench.faults(&draft).await;
    for field in ["name", "title", "bootstrap", "ca_pem", "username"] {
        assert!(
            faults.iter().any(|fault| fault == field),
            "{field}: {faults:?}"
        );
    }
    let open = cluster_forms::open(&bench.context, &bench.ann, &draft)
        .await
        .unwrap();
    assert_eq!(open.body.form, faulty);
    assert!(open.has_password());
    let page = bench.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    let area = "&lt;/textarea>&lt;script>alert(1)&lt;/script>\u{202e}&amp;lt;</textarea>";
    assert!(page.text.contains(area), "{}", page.text);
    assert!(page.text.contains("Password (stored)"));
    assert!(page.text.contains("fields need a correction."));
    assert!(bench.names().await.is_empty());
}

#[tokio::test]
async fn texts_that_are_far_too_long_are_cut_and_told() {
    let bench = bench().await;
    let draft = bench.begin().await;
    let long = ClusterDraft {
        ca_pem: "é".repeat(400_000),
        username: "u".repeat(1_000_000),
        ..form("east")
    };
    let password = "p".repeat(1_000_000);
    let path = bench
        .post(&draft, Verb::Save, long, &password)
        .await
        .unwrap();
    assert_eq!(id_of(&path), draft);
    let faults = bench.faults(&draft).await;
    for field in ["ca_pem", "username", "password"] {
        assert!(
            faults.iter().any(|fault| fault == field),
            "{field}: {faults:?}"
        );
    }
    let open = cluster_forms::open(&bench.context, &bench.ann, &draft)
        .await
        .unwrap();
    assert!(!open.has_password());
}

#[tokio::test]
async fn a_sign_in_without_password_is_refused_at_the_password() {
    let bench = bench().await;
    let draft = bench.begin().await;
    for verb in [Verb::Save, Verb::Test] {
        bench.post(&draft, verb, form("east"), "").await.unwrap();
        assert_eq!(bench.faults(&draft).await, ["password"]);
    }
}

#[tokio::test]
async fn a_form_posted_twice_makes_one_cluster() {
    let bench = bench().await;
    let draft = bench.begin().await;
    for _ in 0..2 {
        let path = bench.post(&draft, Verb::Save, form("east"), CANARY).await;
        assert_eq!(path.unwrap(), "/clusters/east");
    }
    assert_eq!(bench.names().await, ["east"]);
    let kept = bench
        .context
        .store
        .drafts(&bench.ann.user_id, DraftKind::Cluster, NOW)
        .await;
    assert!(kept.unwrap().is_empty());
    let both = (bench.begin().await, form("west"));
    let (one, other) = tokio::join!(
        bench.post(&both.0, Verb::Save, both.1.clone(), CANARY),
        bench.post(&both.0, Verb::Save, both.1.clone(), CANARY),
    );
    assert_eq!(
        (one.unwrap(), other.unwrap()),
        ("/clusters/west".to_owned(), "/clusters/west".to_owned())
    );
    assert_eq!(bench.names().await, ["east", "west"]);
}

#[tokio::test]
async fn a_taken_name_is_told_and_the_rest_is_kept() {
    let bench = bench().await;
    bench.save("east").await;
    let draft = bench.begin().await;
    let other = ClusterDraft {
        bootstrap: "other:9092".to_owned(),
        ..form("east")
    };
    bench.post(&draft, Verb::Save, other, CANARY).await.unwrap();
    assert_eq!(bench.faults(&draft).await, ["name"]);
}

#[tokio::test]
async fn what_is_typed_survives_the_end_of_its_draft() {
    let bench = bench().await;
    let draft = bench.begin().await;
    bench
        .context
        .store
        .delete_draft(&bench.ann.user_id, &draft)
        .await
        .unwrap();
    let faulty = ClusterDraft {
        bootstrap: "no port".to_owned(),
        ..form("east")
    };
    let path = bench
        .post(&draft, Verb::Save, faulty.clone(), "")
        .await
        .unwrap();
    let open = cluster_forms::open(&bench.context, &bench.ann, &id_of(&path))
        .await
        .unwrap();
    assert_eq!(open.body.form, faulty);
}

#[tokio::test]
async fn saving_returns_to_where_the_form_was_called_from() {
    let bench = bench().await;
    let then = "/links/new/x/source";
    let path = cluster_forms::begin_new(&bench.context, &bench.ann, then)
        .await
        .unwrap();
    let path = bench
        .post(&id_of(&path), Verb::Save, form("east"), CANARY)
        .await
        .unwrap();
    assert_eq!(path, "/links/new/x/source?cluster=east");
}

#[tokio::test]
async fn pasted_properties_fill_the_form_and_their_password_is_sealed() {
    let bench = bench().await;
    let draft = bench.begin().await;
    let text = format!(
        "bootstrap.servers=kafka-1:9093\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" \
         password=\"{CANARY}\";\nsasl.kerberos.kinit.cmd=/bin/sh"
    );
    let posted = Posted {
        draft: draft.clone(),
        subject: String::new(),
        verb: Verb::Paste,
        form: ClusterDraft {
            name: "east".to_owned(),
            ..ClusterDraft::default()
        },
        password: Secret::new(""),
        client_key: Secret::new(""),
        properties: Secret::new(text),
        seen: None,
    };
    let path = cluster_forms::submit(&bench.context, &bench.ann, posted)
        .await
        .unwrap();
    let open = cluster_forms::open(&bench.context, &bench.ann, &draft)
        .await
        .unwrap();
    let typed = &open.body.form;
    assert_eq!(
        (typed.name.as_str(), typed.username.as_str()),
        ("east", "u")
    );
    assert_eq!(typed.security, "tls_system");
    assert!(open.has_password());
    let page = bench.get(&path).await;
    assert!(
        page.text.contains("runs a command on the server"),
        "{}",
        page.text
    );
    let saved = bench.post(&draft, Verb::Save, typed.clone(), "").await;
    assert_eq!(saved.unwrap(), "/clusters/east");
    let spec = bench.context.store.cluster("east").await.unwrap().spec;
    assert_eq!(spec.sasl.unwrap().password, Some(Secret::new(CANARY)));
}

#[tokio::test]
async fn a_test_of_a_draft_counts_for_the_cluster_saved_from_it() {
    let bench = bench().await;
    let draft = bench.begin().await;
    let path = bench
        .post(&draft, Verb::Test, form("east"), CANARY)
        .await
        .unwrap();
    assert!(path.ends_with("#ladder"), "{path}");
    assert_eq!(bench.harness.engine.probes.lock().unwrap().len(), 1);
    bench
        .post(&draft, Verb::Save, form("east"), "")
        .await
        .unwrap();
    let view = clusters::get(&bench.context, &bench.ann.actor, "east")
        .await
        .unwrap();
    assert_eq!(view.cluster_id.as_deref(), Some("kafka-id-1"));
    let seen = bench.context.ladders.last(&view.id).unwrap();
    assert_eq!(seen.climb.revision, view.revision);
    assert!(!seen.running);
}

async fn edit(bench: &Bench, name: &str) -> (String, ClusterDraft) {
    let path = cluster_forms::begin_edit(&bench.context, &bench.ann, name)
        .await
        .unwrap();
    let draft = id_of(&path);
    let open = cluster_forms::open(&bench.context, &bench.ann, &draft)
        .await
        .unwrap();
    (draft, open.body.form)
}

#[tokio::test]
async fn an_edit_keeps_the_stored_password_while_the_addresses_stay() {
    let bench = bench().await;
    bench.save("east").await;
    let (draft, mut changed) = edit(&bench, "east").await;
    changed.title = "East".to_owned();
    for _ in 0..2 {
        let path = bench
            .post_edit(&draft, Verb::Save, changed.clone(), None)
            .await;
        assert_eq!(path.unwrap(), "/clusters/east", "also when it comes twice");
    }
    let spec = bench.context.store.cluster("east").await.unwrap().spec;
    assert_eq!(spec.title, "East");
    assert_eq!(spec.sasl.unwrap().password, Some(Secret::new(CANARY)));
    let (draft, mut moved) = edit(&bench, "east").await;
    moved.bootstrap = "elsewhere:9092".to_owned();
    for verb in [Verb::Save, Verb::Test] {
        bench
            .post_edit(&draft, verb, moved.clone(), None)
            .await
            .unwrap();
        assert_eq!(
            bench.faults(&draft).await,
            ["password"],
            "it goes nowhere else"
        );
    }
    assert!(bench.harness.engine.probes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn changes_whose_draft_is_gone_stay_changes_and_are_shown_before_they_are_laid_over() {
    let bench = bench().await;
    bench.save("east").await;
    let (draft, mut changed) = edit(&bench, "east").await;
    let page = bench.get(&format!("/clusters/east/edit/{draft}")).await;
    assert!(
        page.text.contains("name=\"subject\" value=\"east\""),
        "{}",
        page.text
    );
    let drafts = &bench.context.store;
    drafts
        .delete_draft(&bench.ann.user_id, &draft)
        .await
        .unwrap();
    changed.title = "Mine".to_owned();
    let path = bench
        .post_edit(&draft, Verb::Save, changed.clone(), None)
        .await
        .unwrap();
    let begun = id_of(&path);
    assert_eq!(path, format!("/clusters/east/edit/{begun}"));
    let page = bench.get(&path).await;
    assert!(
        page.text.contains("Someone saved this cluster meanwhile"),
        "{}",
        page.text
    );
    assert!(page.text.contains("Mine"), "what was typed is kept");
    let stored = bench.context.store.cluster("east").await.unwrap();
    assert_eq!((stored.revision, stored.spec.title.as_str()), (1, ""));
    let done = bench
        .post_edit(&begun, Verb::OnTop, changed.clone(), Some(1))
        .await;
    assert_eq!(done.unwrap(), "/clusters/east");
    let stored = bench.context.store.cluster("east").await.unwrap();
    assert_eq!(stored.spec.title, "Mine");
    assert_eq!(
        stored.spec.sasl.unwrap().password,
        Some(Secret::new(CANARY))
    );
    assert_eq!(bench.names().await, ["east"]);
    let unknown = ClusterDraft {
        name: "west".to_owned(),
        ..changed
    };
    let gone = bench
        .post_edit(&begun, Verb::Save, unknown, None)
        .await
        .unwrap_err();
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn two_editors_see_each_other_and_lose_nothing() {
    let bench = bench().await;
    bench.save("east").await;
    let (mine, mut my_form) = edit(&bench, "east").await;
    my_form.title = "Mine".to_owned();
    bench
        .post_edit(&mine, Verb::Paste, my_form.clone(), None)
        .await
        .unwrap();
    let (theirs, mut their_form) = edit(&bench, "east").await;
    their_form.username = "other".to_owned();
    bench
        .post_edit(&theirs, Verb::Save, their_form, None)
        .await
        .unwrap();

    let path = bench
        .post_edit(&mine, Verb::Save, my_form.clone(), None)
        .await
        .unwrap();
    assert_eq!(id_of(&path), mine);
    let page = bench.get(&path).await;
    assert!(
        page.text.contains("Someone saved this cluster meanwhile"),
        "{}",
        page.text
    );
    assert!(page.text.contains("other") && page.text.contains("Mine"));

    let on_top = |seen| bench.post_edit(&mine, Verb::OnTop, my_form.clone(), Some(seen));
    let unseen = on_top(1).await;
    assert_eq!(
        id_of(&unseen.unwrap()),
        mine,
        "only what was shown is laid over"
    );
    let seen = bench.context.store.cluster("east").await.unwrap().revision;
    let done = on_top(seen).await;
    assert_eq!(done.unwrap(), "/clusters/east");
    let spec = bench.context.store.cluster("east").await.unwrap().spec;
    assert_eq!(
        (spec.title.as_str(), spec.sasl.unwrap().username.as_str()),
        ("Mine", "other")
    );
}

#[tokio::test]
async fn a_viewer_may_neither_begin_nor_send_nor_test() {
    let bench = bench().await;
    bench.save("east").await;
    let draft = bench.begin().await;
    let viewer = bench.as_viewer();
    let context = &bench.context;
    let posted = Posted {
        draft,
        subject: String::new(),
        verb: Verb::Save,
        form: form("west"),
        password: Secret::new(CANARY),
        client_key: Secret::new(""),
        properties: Secret::new(""),
        seen: None,
    };
    let refusals = [
        cluster_forms::begin_new(context, &viewer, "")
            .await
            .unwrap_err(),
        cluster_forms::begin_edit(context, &viewer, "east")
            .await
            .unwrap_err(),
        cluster_forms::submit(context, &viewer, posted)
            .await
            .unwrap_err(),
        clusters::test(context, &viewer.actor, "east", false)
            .await
            .unwrap_err(),
    ];
    for problem in refusals {
        assert_eq!(problem.status, 403, "{problem:?}");
        assert!(problem.detail.contains("administrator"), "{problem:?}");
    }
    assert_eq!(bench.names().await, ["east"]);
}

#[tokio::test]
async fn pages_of_clusters_work_without_script() {
    let bench = bench().await;
    let empty = bench.get("/clusters").await;
    assert!(
        empty.text.contains("None is connected yet."),
        "{}",
        empty.text
    );
    let begun = bench.get("/clusters/new").await;
    assert_eq!(begun.status, 302, "{}", begun.text);
    let path = begun.header("location").to_owned();
    let page = bench.get(&path).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("action=\"/fn/cluster-save\""),
        "{}",
        page.text
    );
    let body = format!(
        "draft={}&verb=save&name=east&title=%3Cb%3E&bootstrap=east-1%3A9092&security=none&ca_pem=&mechanism=PLAIN\
         &username=u&password={CANARY}&properties=",
        id_of(&path)
    );
    let saved = bench.post_page("/fn/cluster-save", body).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (302, "/clusters/east"),
        "{}",
        saved.text
    );
    let page = bench.get("/clusters/east").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("No TLS, PLAIN as `u`"), "{}", page.text);
    assert!(
        page.text.contains("&lt;b&gt;") && !page.text.contains("<b>"),
        "{}",
        page.text
    );
    let tested = bench
        .post_page(
            "/fn/cluster-test",
            "name=east&back=%2Fclusters%2Feast%23ladder".to_owned(),
        )
        .await;
    assert_eq!(
        (tested.status, tested.header("location")),
        (302, "/clusters/east#ladder")
    );
    assert!(bench.get("/clusters").await.text.contains("passed"));
    let unknown = bench.get("/clusters/eas").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("Closest: east."), "{}", unknown.text);
}

#[tokio::test]
async fn a_cluster_in_use_is_not_removed_and_its_links_are_named() {
    let bench = bench().await;
    bench.harness.with_link().await;
    let page = bench.get("/clusters/east/remove").await;
    assert!(page.text.contains("Links use this cluster") && page.text.contains("/links/dr"));
    let refused = bench
        .post_page("/fn/cluster-remove", "name=east&revision=1".to_owned())
        .await;
    assert_eq!(refused.status, 302);
    assert!(
        refused.header("location").contains("__err="),
        "{}",
        refused.header("location")
    );
    bench
        .harness
        .admin("POST", "/api/v1/clusters", &cluster("spare"))
        .await;
    for _ in 0..2 {
        let removed = bench
            .post_page("/fn/cluster-remove", "name=spare&revision=1".to_owned())
            .await;
        assert_eq!(
            (removed.status, removed.header("location")),
            (302, "/clusters")
        );
    }
    assert_eq!(bench.names().await, ["east", "west"]);
}

fn pem(label: &str) -> String {
    format!("-----BEGIN {label}-----\nQ0FOQVJZ\n-----END {label}-----\n")
}

#[tokio::test]
async fn a_client_certificates_key_is_stored_kept_and_never_shown() {
    let desk = bench().await;
    let typed = ClusterDraft {
        security: "tls_system".to_owned(),
        client_certificate: pem("CERTIFICATE"),
        ..form("east")
    };
    let draft = desk.begin().await;
    // Without a key it is refused, at the input where the key goes.
    let path = desk.post_key(&draft, typed.clone(), "").await;
    assert_eq!(path, format!("/clusters/new/{draft}"));
    assert_eq!(desk.faults(&draft).await, ["client_key"]);
    let path = desk
        .post_key(&draft, typed.clone(), &pem("PRIVATE KEY"))
        .await;
    assert_eq!(path, "/clusters/east");

    let stored = desk.context.store.cluster("east").await.unwrap();
    let key = |cluster: &store::Cluster| {
        let shown = cluster.spec.client_certificate.clone().unwrap();
        shown.key_pem.unwrap().expose().to_owned()
    };
    assert_eq!(key(&stored), pem("PRIVATE KEY"));
    let shown = serde_json::to_string(&stored.view()).unwrap();
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    assert!(shown.contains("\"has_key\":true"), "{shown}");

    // Whatever else changes, the key stays; it goes to nobody.
    let edit = cluster_forms::begin_edit(&desk.context, &desk.ann, "east")
        .await
        .unwrap();
    let edit = id_of(&edit);
    let renewed = ClusterDraft {
        title: "East".to_owned(),
        ..typed
    };
    desk.post_edit(&edit, Verb::Save, renewed, None)
        .await
        .unwrap();
    let after = desk.context.store.cluster("east").await.unwrap();
    assert_eq!(
        (after.spec.title.as_str(), key(&after)),
        ("East", key(&stored))
    );
}

#[tokio::test]
async fn a_secret_goes_to_no_token_endpoint_that_it_was_not_meant_for() {
    let desk = bench().await;
    let typed = |url: &str| ClusterDraft {
        mechanism: "OAUTHBEARER".to_owned(),
        username: "client".to_owned(),
        token_url: url.to_owned(),
        ..form("east")
    };
    let draft = desk.begin().await;
    let meant = typed("https://login.example.com/token");
    let path = desk.post(&draft, Verb::Save, meant, CANARY).await.unwrap();
    assert_eq!(path, "/clusters/east");
    let edit = cluster_forms::begin_edit(&desk.context, &desk.ann, "east")
        .await
        .unwrap();
    let edit = id_of(&edit);
    let other = typed("https://evil.example.com/token");
    desk.post_edit(&edit, Verb::Save, other, None)
        .await
        .unwrap();
    assert_eq!(desk.faults(&edit).await, ["password"]);
    let stored = desk.context.store.cluster("east").await.unwrap();
    let oauth = stored.spec.sasl.unwrap().oauth.unwrap();
    assert_eq!(oauth.token_url, "https://login.example.com/token");
}
