//! `causeway doctor`: the settings in force, what is unsafe about them, and whether database and clusters answer.

use std::os::unix::fs::PermissionsExt;

use model::cluster::{Ladder, Rung, RungState};
use store::{Cluster, DatabaseUrl, PageQuery, Store};

use crate::{
    cli::say,
    config::{Config, Origin},
    engine,
    failure::Failure,
    open,
};

/// Looks at everything and prints what it finds; a fault makes it exit 1.
///
/// # Errors
/// [`Failure::Said`] with code 1 when something is wrong.
pub async fn run(config: &Config) -> Result<(), Failure> {
    kafka::token::permit(config.token_hosts.clone());
    settings(config)?;
    let mut sound = true;
    say("\nSafety")?;
    for finding in unsafe_settings(config) {
        say(&format!("  warning  {finding}"))?;
    }
    sound &= key_file(config)?;
    say("\nDatabase")?;
    match database(config).await {
        Ok(Some(store)) => {
            say(&format!("  ok       `{}` answers", config.database))?;
            sound &= clusters(&store, config).await?;
            store.close().await;
        }
        Ok(None) => say(&format!(
            "  ok       `{}` is made at the first start",
            config.database
        ))?,
        Err(failure) => {
            sound = false;
            say(&format!("  failed   {failure}"))?;
        }
    }
    if sound { Ok(()) } else { Err(Failure::Said(1)) }
}

fn settings(config: &Config) -> Result<(), Failure> {
    say("Settings in force")?;
    for entry in &config.in_force {
        // A database address may hold a password; its own type leaves that out.
        let value = match entry.setting.key {
            "database" => config.database.to_string(),
            _ => entry.value.clone(),
        };
        say(&format!(
            "  {:17} {value}  ({})",
            entry.setting.key, entry.origin
        ))?;
    }
    for (key, value) in derived(config) {
        say(&format!("  {key:17} {value}  ({})", Origin::Default))?;
    }
    let key = if config.key.is_some() { "set" } else { "unset" };
    say(&format!("  {:17} {key}  (variable CAUSEWAY_KEY)", "key"))
}

/// Settings without a fixed default that nobody stated.
fn derived(config: &Config) -> Vec<(&'static str, String)> {
    let values = [
        ("database", config.database.to_string()),
        ("key_file", config.key_file.display().to_string()),
        ("worker", config.worker.clone()),
    ];
    let stated = |key: &str| config.in_force.iter().any(|entry| entry.setting.key == key);
    values.into_iter().filter(|(key, _)| !stated(key)).collect()
}

fn unsafe_settings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    if !config.listen.ip().is_loopback() {
        found.push(format!(
            "`{}` is reachable from other machines over plain HTTP: tokens travel in the clear unless a TLS proxy \
             stands in front",
            config.listen
        ));
        if config.metrics_open {
            found.push(
                "`metrics_open` shows topic names to everybody who reaches the address".to_owned(),
            );
        }
    }
    if config.database.to_string() != raw_database(config)
        && config.origin("database") == Origin::Flag
    {
        found.push("the database's password is on the command line, where every user of this machine can read it".to_owned());
    }
    if config.timeouts.drain >= config.timeouts.shutdown {
        found.push(
            "`drain_timeout` is not below `shutdown_timeout`: a stop cuts off open writes"
                .to_owned(),
        );
    }
    found
}

fn raw_database(config: &Config) -> String {
    let entry = config
        .in_force
        .iter()
        .find(|entry| entry.setting.key == "database");
    entry.map_or_else(|| config.database.to_string(), |entry| entry.value.clone())
}

fn key_file(config: &Config) -> Result<bool, Failure> {
    if config.key.is_some() {
        let sound = open::key(config).is_ok();
        let verdict = if sound {
            "ok       the key in CAUSEWAY_KEY can be used"
        } else {
            "failed   CAUSEWAY_KEY is not base64 of 32 bytes"
        };
        say(&format!("  {verdict}"))?;
        return Ok(sound);
    }
    let path = config.key_file.display();
    let Ok(facts) = std::fs::metadata(&config.key_file) else {
        say(&format!(
            "  ok       key file `{path}` is made at the first start"
        ))?;
        return Ok(true);
    };
    let mode = facts.permissions().mode() & 0o777;
    match open::key(config) {
        Ok(_) => say(&format!("  ok       key file `{path}` has mode {mode:03o}")).map(|()| true),
        Err(failure) => say(&format!("  failed   {failure}")).map(|()| false),
    }
}

/// Opens the database; `None` for a SQLite file that is not there yet, which a look must not make.
async fn database(config: &Config) -> Result<Option<Store>, Failure> {
    if matches!(&config.database, DatabaseUrl::Sqlite(path) if !path.exists()) {
        return Ok(None);
    }
    open::store(config).await.map(Some)
}

async fn clusters(store: &Store, config: &Config) -> Result<bool, Failure> {
    say("\nClusters")?;
    let mut sound = true;
    let mut query = PageQuery::first(1_000);
    // Ends with the last page.
    loop {
        let page = match store.clusters(&query).await {
            Ok(page) => page,
            Err(error) => {
                say(&format!("  failed   {error}"))?;
                return Ok(false);
            }
        };
        for cluster in page.items {
            sound &= cluster_ladder(cluster, config).await?;
        }
        if page.next.is_none() {
            return Ok(sound);
        }
        query.after = page.next;
    }
}

async fn cluster_ladder(cluster: Cluster, config: &Config) -> Result<bool, Failure> {
    let name = cluster.spec.name.clone();
    let ladder: Ladder = kafka::ladder::climb(&cluster.spec, &engine::client_id(config)).await;
    let passed = ladder.passed();
    let verdict = if passed { "ok     " } else { "failed " };
    say(&format!(
        "  {verdict}  `{name}`, {} brokers",
        ladder.brokers.len()
    ))?;
    for rung in ladder.rungs.iter().filter(|rung| is_told(rung)) {
        say(&format!("             {} {}", rung.detail, rung.advice))?;
    }
    Ok(passed)
}

fn is_told(rung: &Rung) -> bool {
    matches!(rung.state, RungState::Warning | RungState::Failed)
}
