//! `cargo xtask demo`: two real Kafka clusters, traffic on one, and a running Causeway.
//!
//! Every run starts with empty clusters and an empty database: what stood in the data folder from an earlier demo is
//! removed first. Jars and builds are kept, so a second run takes seconds.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    causeway::{self, Causeway, Profile, ServeOptions},
    cluster::{ClusterFacts, ClusterOptions, KafkaCluster},
    setup::{self, seconds},
    site,
};

pub mod topics;
pub mod traffic;

use traffic::Traffic;

/// Marks a folder as ours, so that only such a one is emptied.
const MARKER: &str = ".causeway-demo";

/// Options of `cargo xtask demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoOptions {
    /// Brokers per cluster, 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3))]
    pub brokers: u16,
    /// Records per second over all topics.
    #[arg(long, default_value_t = 50)]
    pub rate: u32,
    /// Also connect both clusters and start a link east-west.
    #[arg(long)]
    pub with_link: bool,
    /// Write the first records only, no steady traffic.
    #[arg(long)]
    pub no_traffic: bool,
    /// Port of Causeway; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Where everything is kept; emptied at the start of each demo.
    #[arg(long, default_value = "demo-data")]
    pub data_dir: PathBuf,
    /// Use the development build of Causeway: quicker to build, slower to run.
    #[arg(long)]
    pub dev: bool,
}

/// Runs the demo until Ctrl-C or SIGTERM, then stops everything it started.
///
/// # Errors
/// Fails when a prerequisite is missing or something does not start; nothing is left running then either.
pub fn run(options: &DemoOptions) -> Result<()> {
    let began = Instant::now();
    setup::prerequisites()?;
    let data_dir = fresh_dir(&options.data_dir)?;
    let profile = if options.dev {
        Profile::Dev
    } else {
        Profile::Release
    };
    let site = site::build(profile)?;
    let binary = causeway::build(profile)?;
    let (east, west) = start_clusters(options, &data_dir)?;

    eprintln!("Writing the first records to east …");
    let sources = traffic::preload(&east.bootstrap())?;
    let traffic = (!options.no_traffic).then(|| Traffic::start(sources, options.rate));

    let password = new_password();
    let mut causeway = Causeway::start(&ServeOptions {
        binary,
        data_dir: data_dir.join("causeway"),
        port: (options.port != 0).then_some(options.port),
        arguments: causeway::site_arguments(&site),
        environment: vec![("CAUSEWAY_ADMIN_PASSWORD".to_owned(), password.clone())],
    })?;
    if options.with_link {
        connect(&causeway, &east.facts(), &west.facts())?;
    }
    let facts = facts(
        &causeway,
        &password,
        &east.facts(),
        &west.facts(),
        &data_dir,
    )?;
    announce(&facts, &data_dir.join("demo.json"));
    eprintln!(
        "Ready after {}. Ctrl-C stops everything.",
        seconds(began.elapsed())
    );

    let ending = wait_for_the_end(&mut causeway, traffic.as_ref());
    eprintln!("\nStopping …");
    let written = traffic.map(Traffic::stop).transpose();
    if !causeway.terminate() {
        eprintln!("causeway did not stop in time and was killed");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| east.terminate());
        scope.spawn(|| west.terminate());
    });
    eprintln!("Everything is stopped.");
    written?;
    ending
}

/// Removes what an earlier demo left and makes the folder.
fn fresh_dir(dir: &Path) -> Result<PathBuf> {
    if dir.exists() {
        let ours = dir.join(MARKER).exists();
        if !ours && fs::read_dir(dir)?.next().is_some() {
            bail!(
                "{} holds something else than a demo; choose another --data-dir",
                dir.display()
            );
        }
        refuse_a_second_demo(dir)?;
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    fs::write(dir.join(MARKER), "")?;
    Ok(dir.canonicalize()?)
}

fn refuse_a_second_demo(dir: &Path) -> Result<()> {
    let facts: Value = fs::read_to_string(dir.join("demo.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let pid = facts["pids"]["demo"].as_u64().unwrap_or(0);
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if command.contains("xtask") {
        bail!(
            "a demo is running in {} (process {pid}); stop it first",
            dir.display()
        );
    }
    Ok(())
}

fn start_clusters(options: &DemoOptions, data_dir: &Path) -> Result<(KafkaCluster, KafkaCluster)> {
    setup::kafka_jars(setup::KAFKA_NEWEST)?;
    eprintln!(
        "Starting two Kafka clusters of {} broker(s) …",
        options.brokers
    );
    let start = |name: &str| {
        let mut wanted = ClusterOptions::new(name).brokers(options.brokers);
        wanted.dir = Some(data_dir.join(name));
        KafkaCluster::start(wanted)
    };
    let (east, west) = std::thread::scope(|scope| {
        let west = scope.spawn(|| start("west"));
        let east = start("east");
        (east, west.join())
    });
    let east = east?;
    let west = west.map_err(|_| anyhow::anyhow!("starting west panicked"))??;
    eprintln!(
        "east serves after {}, west after {}.",
        seconds(east.took()),
        seconds(west.took())
    );
    Ok((east, west))
}

/// Connects both clusters and starts a link between them, over the API as anybody would.
pub(crate) fn connect(causeway: &Causeway, east: &ClusterFacts, west: &ClusterFacts) -> Result<()> {
    eprintln!("Connecting east and west and starting the link east-west …");
    for cluster in [east, west] {
        let body = json!({ "name": cluster.name, "bootstrap": cluster.bootstrap.split(',').collect::<Vec<_>>() });
        causeway.post("clusters", &body)?;
    }
    let link = json!({
        "name": "east-west",
        "source": "east",
        "destination": "west",
        "topics": { "include": [{ "kind": "regex", "pattern": ".*" }] },
    });
    causeway.post("links", &link)?;
    causeway.post("links/east-west/start", &Value::Null)?;
    Ok(())
}

fn facts(
    causeway: &Causeway,
    password: &str,
    east: &ClusterFacts,
    west: &ClusterFacts,
    data_dir: &Path,
) -> Result<Value> {
    // Each cluster has an authority of its own; clients of both trust this one file.
    let ca_file = data_dir.join("ca.pem");
    let both = fs::read_to_string(&east.ca_file)? + &fs::read_to_string(&west.ca_file)?;
    fs::write(&ca_file, both)?;
    let facts = json!({
        "url": causeway.url(),
        "admin_password": password,
        "token": causeway.token(),
        "east": east.bootstrap,
        "west": west.bootstrap,
        "east_sasl_ssl": east.sasl_ssl_bootstrap,
        "west_sasl_ssl": west.sasl_ssl_bootstrap,
        "ca_file": ca_file,
        "user": east.user,
        "password": east.password,
        "pids": {
            "demo": std::process::id(),
            "causeway": causeway.pid(),
            "east": east.pids,
            "west": west.pids,
        },
    });
    fs::write(
        data_dir.join("demo.json"),
        serde_json::to_string_pretty(&facts)?,
    )?;
    Ok(facts)
}

fn announce(facts: &Value, file: &Path) {
    let of = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
    println!();
    println!("  Causeway        {}", of("url"));
    println!("  admin password  {}", of("admin_password"));
    println!("  API token       {}", of("token"));
    println!("  east            {}", of("east"));
    println!("  west            {}", of("west"));
    println!("  east, SASL_SSL  {}", of("east_sasl_ssl"));
    println!("  west, SASL_SSL  {}", of("west_sasl_ssl"));
    println!("  user, password  {}, {}", of("user"), of("password"));
    println!("  CA file         {}", of("ca_file"));
    println!("  all of this     {}", file.display());
    println!();
}

/// Waits for Ctrl-C or SIGTERM; a part that ends by itself also ends the demo, with an error.
fn wait_for_the_end(causeway: &mut Causeway, traffic: Option<&Traffic>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut check = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = check.tick() => {}
            }
            if !causeway.is_running() {
                bail!(
                    "causeway ended by itself; see {}",
                    causeway.log_file().display()
                );
            }
            if traffic.is_some_and(Traffic::has_failed) {
                bail!("writing the demo's records failed");
            }
        }
    })
}

/// Makes a password of 144 random bits.
pub(crate) fn new_password() -> String {
    let ids = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    let bytes: Vec<u8> = ids
        .iter()
        .flat_map(|id| id.as_bytes()[..9].to_vec())
        .collect();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
