//! What the console's pages share: search, buttons by role, all findings of a link, problems that are told once.

use std::sync::Arc;

use app::{access::Role, live::merge};
use model::{
    cluster::{Reach, Reachability},
    link::Verb,
    problem::Problem,
    status::{LinkStatus, State},
};
use serde_json::{Value, json};
use store::By;

use crate::pages::{Browser, now_ms, topic};

/// Text as a reader sees it: where it can change, a marker stands beside it.
fn plain(text: &str) -> String {
    text.replace("<!>", "")
}

/// Returns the tag of the link or button that says `word`.
fn tag_of<'p>(page: &'p str, word: &str) -> &'p str {
    let said = format!(">{word}");
    let starts = page.match_indices(&said).map(|(at, _)| at);
    let whole = |at: &usize| page[at + 1 + word.len()..].starts_with(['<', ' ']);
    let end = starts.filter(|at| whole(at)).find(|at| {
        let tag = &page[page[..*at].rfind('<').unwrap()..];
        tag.starts_with("<a ") || tag.starts_with("<button ")
    });
    let end = end.unwrap_or_else(|| panic!("nothing says {word}: {page}"));
    &page[page[..end].rfind('<').unwrap()..end]
}

/// A finding that is newer the greater its number is.
async fn record(browser: &Browser, number: i64, state: Value) {
    let finding = json!({
        "id": format!("f-{number:04}"), "kind": "refused", "topic": format!("orders-{number:04}"),
        "mirror_topic": "orders", "partition": 3, "source": [812_004, 812_005], "destination": null,
        "detail": "Too large.", "broker_error": "MESSAGE_TOO_LARGE", "found_at_ms": number, "state": state,
    });
    browser.harness.record(finding).await;
}

#[tokio::test]
async fn a_held_partition_has_its_buttons_however_many_findings_are_newer() {
    let browser = Browser::of(Role::Operator).await;
    browser.run(Verb::Start).await;
    for number in 0..3 {
        record(&browser, number, json!({ "state": "held" })).await;
    }
    for number in 3..260 {
        record(&browser, number, json!({ "state": "recorded" })).await;
    }
    let page = plain(&browser.get("/links/dr").await.text);
    for number in 0..3 {
        assert!(page.contains(&format!("orders-{number:04}")));
        assert!(page.contains(&format!("value=\"f-{number:04}\"")));
    }
    assert_eq!(page.matches(">Leave it out<").count(), 3);
    assert!(page.contains("260 in all, 3 held") && page.contains("href=\"/links/dr/findings\""));
    assert!(!page.contains("orders-0250"), "a few of the others will do");
}

#[tokio::test]
async fn all_findings_are_read_page_by_page_and_decided_there() {
    let browser = Browser::of(Role::Operator).await;
    browser.run(Verb::Start).await;
    for number in 0..70 {
        record(&browser, number, json!({ "state": "held" })).await;
    }
    for number in 70..110 {
        record(&browser, number, json!({ "state": "recorded" })).await;
    }
    let (mut path, mut pages) = ("/links/dr/findings".to_owned(), Vec::new());
    loop {
        let page = plain(&browser.get(&path).await.text);
        let next = page.split("href=\"/links/dr/findings?after=").nth(1);
        let next = next
            .and_then(|rest| rest.split('"').next())
            .map(str::to_owned);
        pages.push(page);
        let Some(next) = next else { break };
        path = format!("/links/dr/findings?after={next}");
    }
    let held = |page: &String| page.matches(">Leave it out<").count();
    assert_eq!(pages.iter().map(held).collect::<Vec<_>>(), [50, 20, 0]);
    for number in 0..110 {
        let name = format!("orders-{number:04}");
        let on = pages
            .iter()
            .filter(|page| page.contains(&format!("<bdi>{name}</bdi>")));
        assert_eq!(on.count(), 1, "{name}");
    }
    let form = "link=dr&finding=f-0001&choice=skip&among_all=true";
    let answer = browser
        .post("/links/dr/findings", "link-decide", form)
        .await;
    assert_eq!(answer.header("location"), "/links/dr/findings?done=decide");
    let wrong = browser.get("/links/dr/findings?after=%3Cscript%3E").await;
    assert_eq!(wrong.status, 400, "a cursor that nobody gave out");
}

#[tokio::test]
async fn the_search_finds_links_clusters_and_topics_best_first() {
    let browser = Browser::of(Role::Viewer).await;
    browser.run(Verb::Start).await;
    browser.report(vec![
        topic("orders.dr", 1),
        topic("audit", 2),
        topic("dr", 3),
    ]);
    let page = plain(&browser.get("/search?q=DR").await.text);
    let at = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("no {text}: {page}"))
    };
    assert!(at(">Links<") < at("href=\"/links/dr\""));
    assert!(
        at(">Topics<") < at("open=dr\""),
        "the whole name comes first"
    );
    assert!(at("open=dr\"") < at("open=orders.dr\""));
    assert!(!page.contains("audit"));
    // A mirror topic is found by its own name, too.
    let page = plain(&browser.get("/search?q=us.audit").await.text);
    assert!(
        page.contains("href=\"/links/dr/topics?q=audit&amp;open=audit\""),
        "{page}"
    );
    let page = browser.get("/search?q=east").await;
    assert!(page.text.contains("href=\"/clusters/east\""));
    let page = plain(&browser.get("/search?q=audits").await.text);
    assert!(
        page.contains("The closest names") && page.contains(">audit<"),
        "{page}"
    );
    let strange = browser
        .get("/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await;
    assert_eq!(strange.status, 200);
    assert!(!strange.text.contains("<script>alert"));
    let endless = format!("/search?q={}", "x".repeat(5_000));
    assert_eq!(browser.get(&endless).await.status, 200);
}

#[tokio::test]
async fn every_page_has_the_search_as_a_plain_form() {
    let browser = Browser::of(Role::Viewer).await;
    for path in ["/", "/links/dr", "/clusters", "/search"] {
        let page = browser.get(path).await;
        let form = page
            .text
            .split("<form ")
            .find(|form| form.contains("role=\"search\""));
        let form = form.unwrap_or_else(|| panic!("{path}: {}", page.text));
        let form = form.split("</form>").next().unwrap();
        assert!(
            form.contains("action=\"/search\"") && form.contains("name=\"q\""),
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_viewer_sees_everywhere_what_may_not_be_done_and_which_role_it_needs() {
    let browser = Browser::of(Role::Viewer).await;
    browser.run(Verb::Start).await;
    for (path, word, role) in [
        ("/", "New link", "editor"),
        ("/links", "New link", "editor"),
        ("/links/dr/first", "Change the filter", "editor"),
        ("/links/dr", "Edit", "editor"),
        ("/clusters", "Connect a cluster", "administrator"),
    ] {
        let page = plain(&browser.get(path).await.text);
        let tag = tag_of(&page, word);
        assert!(
            tag.contains("aria-disabled=\"true\"") && !tag.contains("href"),
            "{path}: {tag}"
        );
        let needs = format!("Needs the role {role}.");
        assert!(
            tag.contains(&needs) && page.matches(&needs).count() > 1,
            "{path}: {page}"
        );
    }
}

#[tokio::test]
async fn an_editor_may_make_links_between_clusters_that_an_administrator_connects() {
    let browser = Browser::of(Role::Editor).await;
    let page = plain(&browser.get("/").await.text);
    assert!(tag_of(&page, "New link").contains("href=\"/links/new\""));
    let begun = browser.get("/links/new").await;
    let step = begun.header("location").to_owned();
    let page = plain(&browser.get(&step).await.text);
    let tag = tag_of(&page, "Connect another cluster");
    assert!(
        tag.contains("aria-disabled") && tag.contains("Needs the role administrator."),
        "{tag}"
    );
}

#[tokio::test]
async fn a_viewer_is_told_of_the_role_where_there_is_no_link_yet() {
    let browser = Browser::of(Role::Viewer).await;
    let by = By {
        actor: "test",
        now_ms: now_ms(),
    };
    let link = browser.harness.store.link("dr").await.unwrap();
    let gone = browser
        .harness
        .store
        .delete_link("dr", store::Expect::Revision(link.revision), by);
    gone.await.unwrap();
    let page = plain(&browser.get("/").await.text);
    let tag = tag_of(&page, "Make the first link");
    assert!(
        tag.contains("aria-disabled") && !tag.contains("href"),
        "{tag}"
    );
}

/// Lets the engine report a problem of the link `dr` that it met `count` times, at `more` other partitions.
async fn report_trouble(browser: &Browser, count: u64, more: u32) {
    browser.report(vec![topic("orders", 1)]);
    let mut statuses = browser.harness.engine.statuses.lock().unwrap();
    let problem = Problem {
        code: "partition.waits".to_owned(),
        status: 503,
        title: "The partition waits.".to_owned(),
        detail: "`orders`, partition 3: its replicas have not caught up.".to_owned(),
        first_seen_ms: Some(5),
        count: Some(count),
        next_try_ms: Some(count as i64 * 1_000),
        more_partitions: Some(more),
        ..Problem::default()
    };
    let status = LinkStatus {
        state: State::Waiting,
        problems: vec![problem],
        ..statuses[0].clone()
    };
    *statuses = Arc::new(vec![status]);
}

#[tokio::test]
async fn a_problem_that_lasts_is_told_once_while_its_counters_go_on() {
    let browser = Browser::of(Role::Viewer).await;
    browser.run(Verb::Start).await;
    for page in ["/links/dr", "/links/dr/first"] {
        report_trouble(&browser, 1, 41).await;
        let before = browser.view(page).await;
        report_trouble(&browser, 2, 40).await;
        let after = browser.view(page).await;
        let problem = |view: &Value| view["troubles"][0]["problem"].clone();
        assert_eq!(problem(&before), problem(&after), "{page}");
        assert!(merge::diff(&before, &after).is_some());
        let tries = after["troubles"][0]["tries"].as_str().unwrap();
        assert!(
            tries.starts_with("and 40 more partitions") && tries.contains("2 tries so far"),
            "{tries}"
        );
        let html = plain(&browser.get(page).await.text);
        assert!(
            html.contains("<code><bdi>orders</bdi></code>, partition 3"),
            "{html}"
        );
    }
    let overview = plain(&browser.get("/").await.text);
    assert!(overview.contains("(and 40 more partitions)"), "{overview}");
}

#[tokio::test]
async fn a_clusters_card_tells_brokers_release_and_the_end_of_its_certificate() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let browser = Browser::of(Role::Viewer).await;
    let seen = |registered, ends_in_days: Option<i64>| Reachability {
        answer: Reach::Reachable {
            brokers: 2,
            controller: Some(1),
            took_ms: 4,
            registered,
            release: ends_in_days.map(|_| "4.1".to_owned()),
            certificate_ends_ms: ends_in_days.map(|days| now_ms() + days * DAY_MS + 60_000),
        },
        since_ms: 5,
        measured_at_ms: now_ms(),
    };
    let answers = [("east", seen(Some(3), Some(5))), ("west", seen(None, None))];
    for (name, seen) in answers {
        let mut known = browser.harness.engine.reachabilities.lock().unwrap();
        known.insert(name.to_owned(), seen);
    }
    for path in ["/clusters", "/clusters/east"] {
        let page = plain(&browser.get(path).await.text);
        for text in ["2 of 3 brokers up", "Kafka 4.1", "5 more days: renew it."] {
            assert!(page.contains(text), "{path}, {text}: {page}");
        }
    }
    // What a cluster does not tell is not made up.
    let page = plain(&browser.get("/clusters/west").await.text);
    assert!(
        page.contains("2 brokers, controller 1") && page.contains("not told yet"),
        "{page}"
    );
    assert!(!page.contains(">Certificate<"));
}
