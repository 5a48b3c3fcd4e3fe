//! `cargo xtask pages`: how long the server takes to make the pages of a link of many topics, in the build that people
//! run. The same with a development build and without brokers is a test of `server`; its limit says little about this one.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    admin::Admin,
    causeway::{self, Causeway, ServeOptions},
    cluster::{ClusterOptions, KafkaCluster},
    demo::new_password,
    setup::{self, seconds},
    site,
};

/// Name of the link that is looked at.
const LINK: &str = "many";
/// Pages that are made before any is measured.
const WARM_UP: usize = 5;
/// How long the link may take to make and take up all topics.
const PATIENCE: Duration = Duration::from_secs(600);

/// Options of `cargo xtask pages`.
#[derive(Clone, Debug, clap::Args)]
pub struct PagesOptions {
    /// How many topics the link has.
    #[arg(long, default_value_t = 2_000)]
    pub topics: usize,
    /// How often each page is made.
    #[arg(long, default_value_t = 100)]
    pub rounds: usize,
    /// Longest time in milliseconds for 95 of 100 pages (UX.md's budget).
    #[arg(long, default_value_t = 50)]
    pub limit_ms: u64,
    /// Measure this executable of Causeway instead of building one in release mode.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
}

/// Measures pages and prints a table.
///
/// # Errors
/// Fails when a part does not start, or a page takes longer than it may.
pub fn run(options: &PagesOptions) -> Result<()> {
    setup::prerequisites()?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => causeway::build(causeway::Profile::Release)?,
    };
    let id = uuid::Uuid::new_v4().simple().to_string();
    let folder = site::target_dir()?.join("pages").join(&id[..8]);
    let measured = measure(options, binary, folder.clone());
    if measured.is_ok() {
        fs::remove_dir_all(&folder)?;
    }
    let mut slow = Vec::new();
    println!(
        "{:<32} {:>9} {:>8} {:>8}",
        "page", "bytes", "p50 ms", "p95 ms"
    );
    for page in measured? {
        let (p50, p95) = (page.quantile(0.50), page.quantile(0.95));
        println!("{:<32} {:>9} {p50:>8.1} {p95:>8.1}", page.path, page.bytes);
        if p95 > options.limit_ms as f64 {
            slow.push(page.path);
        }
    }
    if !slow.is_empty() {
        bail!("over {} ms: {}", options.limit_ms, slow.join(", "));
    }
    Ok(())
}

/// A page and how long the server took to make it.
struct Page {
    path: String,
    bytes: usize,
    /// Milliseconds, shortest first.
    times: Vec<f64>,
}

impl Page {
    fn quantile(&self, part: f64) -> f64 {
        let index = (self.times.len() as f64 * part).ceil() as usize;
        self.times[index.clamp(1, self.times.len()) - 1]
    }
}

fn measure(options: &PagesOptions, binary: PathBuf, folder: PathBuf) -> Result<Vec<Page>> {
    let east = KafkaCluster::start(ClusterOptions::new("east"))?;
    let west = KafkaCluster::start(ClusterOptions::new("west"))?;
    let began = Instant::now();
    let names: Vec<String> = (0..options.topics)
        .map(|n| format!("orders.region-{n:04}.events.v1"))
        .collect();
    let admin = Admin::new(&east.bootstrap())?;
    if let Some((first, others)) = names.split_first() {
        admin.create_topic(first, 1, &[])?;
        admin.create_topics(others)?;
    }
    eprintln!(
        "{} topics made in {}.",
        names.len(),
        seconds(began.elapsed())
    );
    let password = new_password();
    let causeway = Causeway::start(&ServeOptions {
        binary,
        data_dir: folder,
        port: None,
        arguments: Vec::new(),
        environment: vec![("CAUSEWAY_ADMIN_PASSWORD".to_owned(), password.clone())],
    })?;
    link(&causeway, &east, &west, options.topics)?;
    let cookie = sign_in(causeway.url(), &password)?;
    let of_link = format!("/links/{LINK}");
    let filtered = format!("{of_link}/topics?q=region-1&sort=lag&page=3");
    let pages = [
        "/",
        "/links",
        &of_link,
        &format!("{of_link}/topics"),
        &filtered,
    ];
    let look = |path: &&str| look(causeway.url(), path, &cookie, options.rounds);
    pages.iter().map(look).collect()
}

/// Makes and starts the link, and waits until it copies every topic.
fn link(
    causeway: &Causeway,
    east: &KafkaCluster,
    west: &KafkaCluster,
    topics: usize,
) -> Result<()> {
    for cluster in [east.facts(), west.facts()] {
        let addresses: Vec<&str> = cluster.bootstrap.split(',').collect();
        let body = json!({ "name": cluster.name, "bootstrap": addresses });
        causeway.post("clusters", &body)?;
    }
    let spec = json!({
        "name": LINK,
        "source": "east",
        "destination": "west",
        "topics": { "include": [{ "kind": "prefix", "pattern": "orders." }] },
    });
    causeway.post("links", &spec)?;
    causeway.post(&format!("links/{LINK}/start"), &Value::Null)?;
    let began = Instant::now();
    // Ends when all topics are being copied, or after a time in which they should be.
    loop {
        let status = causeway.get(&format!("links/{LINK}/status"))?;
        let found = status["topics"].as_array().map_or(0, Vec::len);
        if found == topics && status["state"] == "mirroring" {
            eprintln!("The link copies after {}.", seconds(began.elapsed()));
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!(
                "the link has {found} topics and is {} after {PATIENCE:?}",
                status["state"]
            );
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// Signs in as the administrator and returns the session's cookie.
fn sign_in(url: &str, password: &str) -> Result<String> {
    let fields = [("name", "admin"), ("password", password), ("next", "/")];
    let response = agent()
        .post(format!("{url}/fn/sign-in"))
        .header("Accept", "text/html")
        .send_form(fields)?;
    let cookie = response.headers().get("set-cookie");
    let cookie = cookie.and_then(|cookie| cookie.to_str().ok());
    let cookie = cookie.and_then(|cookie| cookie.split(';').next());
    Ok(cookie.context("the sign-in gave no cookie")?.to_owned())
}

fn look(url: &str, path: &str, cookie: &str, rounds: usize) -> Result<Page> {
    let agent = agent();
    let mut page = Page {
        path: path.to_owned(),
        bytes: 0,
        times: Vec::new(),
    };
    for round in 0..WARM_UP + rounds {
        let began = Instant::now();
        let request = agent.get(format!("{url}{path}")).header("Cookie", cookie);
        let mut response = request.call().with_context(|| format!("GET {path}"))?;
        if response.status() != 200 {
            bail!("{path} answered {}", response.status());
        }
        page.bytes = response.body_mut().read_to_vec()?.len();
        if round >= WARM_UP {
            page.times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    page.times.sort_by(f64::total_cmp);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_time_that_was_measured() {
        let page = |times: Vec<f64>| Page {
            path: String::new(),
            bytes: 0,
            times,
        };
        let hundred = page((1..=100).map(f64::from).collect());
        assert_eq!(
            (hundred.quantile(0.5), hundred.quantile(0.95)),
            (50.0, 95.0)
        );
        assert_eq!(page(vec![7.0]).quantile(0.95), 7.0);
    }
}
