//! A browser: it keeps cookies, follows redirects, fills in forms and knows no script.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use app::{api::accounts, caller::Cookies, error::UiError};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, request::Builder},
};
use server::http::{Api, Metrics, WebSettings, router};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::harness::Harness;

/// Where the console stands.
pub const HOST: &str = "causeway.test";
/// Address of the proxy before the console.
pub const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub const NAME: &str = "ann";
pub const PASSWORD: &str = "correct horse";

/// An installation whose console browsers visit.
pub struct Site {
    pub harness: Harness,
    pub router: Router,
}

impl Site {
    /// Makes an installation without a user.
    pub async fn new() -> Self {
        Self::with(Cookies::Plain).await
    }

    pub async fn with(cookies: Cookies) -> Self {
        let harness = Harness::new().await;
        let api = api(cookies);
        api.host(harness.store.clone(), harness.engine.clone());
        let router = router(api);
        Self { harness, router }
    }

    /// Makes an installation with its first administrator; the browser is signed in.
    pub async fn set_up() -> (Self, Browser) {
        let site = Self::new().await;
        let browser = site.browser();
        let link = site.setup_link().await;
        let made = browser.set_up(&link, PASSWORD, PASSWORD).await;
        assert_eq!(made.status, 200, "{}", made.text);
        (site, browser)
    }

    /// Returns a new one-time address, as the log shows it.
    pub async fn setup_link(&self) -> String {
        let token = accounts::new_setup_token(&self.harness.store, 1).await;
        format!("/setup?token={}", token.unwrap().unwrap())
    }

    pub fn browser(&self) -> Browser {
        Browser::of(self.router.clone())
    }
}

/// Returns the HTTP side without a store.
pub fn api(cookies: Cookies) -> Api {
    let settings = WebSettings {
        metrics: Metrics::WithToken,
        cookies,
        site: "no-site".into(),
        limit: Duration::from_secs(60),
        trusted_proxies: vec![PROXY],
    };
    Api::new(settings, CancellationToken::new())
}

/// What a browser got, read whole.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Path and query at which the browser arrived.
    pub address: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the `Set-Cookie` lines.
    pub fn set_cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    }

    /// Returns the value of the first input of that name.
    pub fn value_of(&self, input: &str) -> String {
        let mark = format!("name=\"{input}\"");
        let tag = self.text.split('<').find(|tag| tag.contains(&mark));
        let tag = tag.unwrap_or_else(|| panic!("no input {input} in {}", self.text));
        let value = tag.split("value=\"").nth(1).unwrap_or("\"");
        value.split('"').next().unwrap().to_owned()
    }

    /// Returns the error as the console's script reads it.
    pub fn ui_error(&self) -> UiError {
        serde_json::from_str(&self.text).unwrap_or_else(|why| panic!("{why}: {}", self.text))
    }

    pub fn assert_has(&self, words: &str) {
        assert!(
            self.visible().contains(words),
            "no {words:?} in {}",
            self.text
        );
    }

    pub fn assert_lacks(&self, words: &str) {
        assert!(!self.text.contains(words), "{words:?} in {}", self.text);
    }

    /// Returns the page's text without tags, comments and scripts.
    pub fn visible(&self) -> String {
        let mut text = String::new();
        for piece in self.text.split('<') {
            let is_script = piece.starts_with("script");
            if let Some((_, after)) = piece.split_once('>').filter(|_| !is_script) {
                text.push_str(after);
            }
        }
        text
    }
}

/// A browser with a jar of its own.
pub struct Browser {
    router: Router,
    jar: Arc<Mutex<BTreeMap<String, String>>>,
    /// Where it is, path and query.
    here: Mutex<String>,
}

impl Browser {
    pub fn of(router: Router) -> Self {
        Self {
            router,
            jar: Arc::default(),
            here: Mutex::new("/".to_owned()),
        }
    }

    /// Goes to an address and wherever it leads.
    pub async fn open(&self, path: &str) -> Page {
        let mut path = path.to_owned();
        for _ in 0..6 {
            let page = self.get(&path).await;
            if !(300..400).contains(&page.status) {
                *self.here.lock().unwrap() = path;
                return page;
            }
            path = local(page.header("location"));
        }
        panic!("the redirects do not end: {path}");
    }

    /// Asks for an address and goes nowhere.
    pub async fn get(&self, path: &str) -> Page {
        let request = self.request("GET", path).header("accept", "text/html");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form of the page where the browser is, and goes wherever that leads.
    pub async fn submit(&self, function: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.post(function, fields).await;
        match page.header("location") {
            "" => page,
            location => self.open(&local(location)).await,
        }
    }

    /// Sends a form of the page where the browser is, and goes nowhere.
    pub async fn post(&self, function: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.form(function, fields).header("origin", origin());
        let request = request.header("sec-fetch-site", "same-origin");
        self.send(request.body(Body::from(encoded(fields))).unwrap())
            .await
    }

    /// Begins the request of a form; who sends it is left to the caller.
    pub fn form(&self, function: &str, fields: &[(&str, &str)]) -> Builder {
        let referer = format!("{}{}", origin(), self.here.lock().unwrap());
        self.request("POST", &format!("/fn/{function}"))
            .header("accept", "text/html,application/xhtml+xml")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-length", encoded(fields).len())
            .header("referer", referer)
    }

    pub fn request(&self, method: &str, path: &str) -> Builder {
        let jar = self.jar.lock().unwrap();
        let cookies: Vec<String> = jar.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .header(
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            )
            .header("cookie", cookies.join("; "))
    }

    pub async fn send(&self, request: Request<Body>) -> Page {
        let address = request.uri().to_string();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let page = Page {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
            address,
        };
        self.keep_cookies(&page);
        page
    }

    fn keep_cookies(&self, page: &Page) {
        let mut jar = self.jar.lock().unwrap();
        for line in page.set_cookies() {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match line.contains("Max-Age=0") {
                true => jar.remove(name),
                false => jar.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.lock().unwrap().get(name).cloned()
    }

    pub fn put_cookie(&self, name: &str, value: &str) {
        let mut jar = self.jar.lock().unwrap();
        jar.insert(name.to_owned(), value.to_owned());
    }

    /// Fills in the set-up behind a one-time address.
    pub async fn set_up(&self, link: &str, password: &str, again: &str) -> Page {
        let page = self.open(link).await;
        let token = page.value_of("token");
        let fields = [
            ("token", token.as_str()),
            ("name", NAME),
            ("password", password),
            ("password_again", again),
        ];
        self.submit("set-up", &fields).await
    }

    /// Fills in the sign-in where the browser is.
    pub async fn sign_in(&self, name: &str, password: &str, next: &str) -> Page {
        let fields = [("name", name), ("password", password), ("next", next)];
        self.submit("sign-in", &fields).await
    }
}

pub fn origin() -> String {
    format!("http://{HOST}")
}

/// Returns the path of an address of this console.
fn local(address: &str) -> String {
    let own = address.strip_prefix(&origin()).unwrap_or(address);
    let own = own.split('#').next().unwrap();
    assert!(own.starts_with('/'), "led to another site: {address}");
    own.to_owned()
}

pub fn encoded(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| {
        let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}
