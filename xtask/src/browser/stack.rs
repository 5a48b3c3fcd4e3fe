//! What browser tests run against: two clusters and a Causeway that can be restarted and begun anew.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::{
    causeway::{self, Causeway, Profile, ServeOptions},
    cluster::{ClusterOptions, KafkaCluster, free_ports},
    demo::new_password,
    setup::seconds,
};

/// Who is there when Causeway starts with an empty database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstUser {
    /// `admin`, with a password from the environment.
    Administrator,
    /// Nobody: the log holds a setup link.
    Nobody,
}

/// Clusters `east` and `west`, one broker each, and Causeway with its site; all end when it is dropped.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) east: KafkaCluster,
    pub(super) west: KafkaCluster,
    folder: PathBuf,
    serve: ServeOptions,
    causeway: Option<Causeway>,
    password: Option<String>,
    generation: u32,
}

impl Stack {
    /// Builds what is to be run and starts it; data and logs go into `folder`.
    ///
    /// # Errors
    /// Fails when something does not build or start; nothing is left running then.
    pub(super) fn start(profile: Profile, site: &Path, folder: &Path) -> Result<Self> {
        let binary = causeway::build(profile)?;
        eprintln!("Starting the clusters east and west and Causeway …");
        let (east, west) = clusters()?;
        eprintln!(
            "east serves after {}, west after {}.",
            seconds(east.took()),
            seconds(west.took())
        );
        let mut stack = Self {
            east,
            west,
            folder: folder.to_owned(),
            serve: ServeOptions {
                binary,
                data_dir: folder.to_owned(),
                port: Some(free_ports(1)?[0]),
                arguments: causeway::site_arguments(site),
                environment: Vec::new(),
            },
            causeway: None,
            password: None,
            generation: 0,
        };
        stack.fresh(FirstUser::Administrator)?;
        Ok(stack)
    }

    /// Returns the running Causeway.
    ///
    /// # Errors
    /// Fails while it is down.
    pub(super) fn causeway(&self) -> Result<&Causeway> {
        self.causeway.as_ref().context("causeway is down")
    }

    /// Returns one of the clusters.
    ///
    /// # Errors
    /// Fails for any other name than `east` and `west`.
    pub(super) fn cluster(&self, name: &str) -> Result<&KafkaCluster> {
        match name {
            "east" => Ok(&self.east),
            "west" => Ok(&self.west),
            other => bail!("no cluster `{other}`; there are east and west"),
        }
    }

    /// Starts Causeway with an empty database at the same address.
    ///
    /// # Errors
    /// Fails when it does not start.
    pub(super) fn fresh(&mut self, first: FirstUser) -> Result<()> {
        self.end();
        self.generation += 1;
        self.serve.data_dir = self.folder.join(format!("causeway-{}", self.generation));
        self.password = (first == FirstUser::Administrator).then(new_password);
        self.serve.environment = self
            .password
            .iter()
            .map(|password| ("CAUSEWAY_ADMIN_PASSWORD".to_owned(), password.clone()))
            .collect();
        self.restart()
    }

    /// Starts Causeway again with the data it had, ending it in an orderly way first where it runs.
    ///
    /// # Errors
    /// Fails when it does not start.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.end();
        self.causeway = Some(Causeway::start(&self.serve)?);
        Ok(())
    }

    /// Kills Causeway at once; it stays down until it is started again.
    pub(super) fn kill(&mut self) {
        // Dropping it kills it.
        self.causeway = None;
    }

    fn end(&mut self) {
        if let Some(mut causeway) = self.causeway.take() {
            causeway.terminate();
        }
    }

    /// Returns all that a test must know; `token`, `pid` and `setup_link` are `null` where there is none.
    pub(super) fn facts(&self) -> Value {
        let running = self.causeway.as_ref();
        let log_file = self.serve.data_dir.join("causeway.log");
        json!({
            "url": self.serve.port.map(|port| format!("http://127.0.0.1:{port}")),
            "admin_password": self.password,
            "setup_link": setup_link(&std::fs::read_to_string(&log_file).unwrap_or_default()),
            "token": running.map(Causeway::token),
            "pid": running.map(Causeway::pid),
            "data_dir": self.serve.data_dir,
            "log_file": log_file,
            "east": self.east.facts(),
            "west": self.west.facts(),
        })
    }
}

fn clusters() -> Result<(KafkaCluster, KafkaCluster)> {
    std::thread::scope(|scope| {
        let west = scope.spawn(|| KafkaCluster::start(ClusterOptions::new("west")));
        let east = KafkaCluster::start(ClusterOptions::new("east"))?;
        let west = west
            .join()
            .map_err(|_| anyhow!("starting west panicked"))??;
        Ok((east, west))
    })
}

/// Finds the newest setup link in a log.
fn setup_link(log: &str) -> Option<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | '\'' | '\u{1b}');
    let mut words = log.split(ends).rev();
    words
        .find(|word| word.starts_with("http") && word.contains("/setup"))
        .map(|word| word.trim_end_matches(['.', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_setup_link_is_found_in_a_log() {
        let log = "INFO listening address=127.0.0.1:1\n\
            open http://127.0.0.1:1/setup?token=old to begin\n\
            open `http://127.0.0.1:1/setup?token=new`.\n";
        assert_eq!(setup_link(log), Some("http://127.0.0.1:1/setup?token=new"));
        assert_eq!(setup_link("nothing was set up"), None);
    }
}
