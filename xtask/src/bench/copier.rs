//! What is measured: a program that copies from `east` to `west`.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::load;
use crate::{
    causeway::{Causeway, ServeOptions},
    cluster::ClusterFacts,
    process::Usage,
};

/// Which program copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CopierKind {
    Causeway,
}

/// A started program that has not been told to copy yet, or is copying.
#[derive(Debug)]
pub(super) enum Copier {
    Causeway(Causeway),
}

impl Copier {
    /// Starts the program and makes everything ready but the start of copying.
    pub(super) fn start(
        kind: CopierKind,
        binary: &Path,
        home: &Path,
        east: &ClusterFacts,
        west: &ClusterFacts,
    ) -> Result<Self> {
        match kind {
            CopierKind::Causeway => {
                let causeway = Causeway::start(&ServeOptions {
                    binary: binary.to_path_buf(),
                    data_dir: home.to_path_buf(),
                    port: None,
                    arguments: Vec::new(),
                    environment: Vec::new(),
                })?;
                for cluster in [east, west] {
                    let body = json!({ "name": cluster.name, "bootstrap": [cluster.bootstrap] });
                    causeway.post("clusters", &body)?;
                }
                let link = json!({
                    "name": "bench",
                    "source": "east",
                    "destination": "west",
                    "topics": { "include": [{ "kind": "exact", "pattern": load::TOPIC }] },
                });
                causeway.post("links", &link)?;
                Ok(Self::Causeway(causeway))
            }
        }
    }

    /// Begins copying.
    pub(super) fn go(&self) -> Result<()> {
        match self {
            Self::Causeway(causeway) => {
                causeway.post("links/bench/start", &Value::Null)?;
                Ok(())
            }
        }
    }

    pub(super) fn usage(&self) -> Result<Usage> {
        match self {
            Self::Causeway(causeway) => causeway.usage(),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        match self {
            Self::Causeway(causeway) => causeway.is_running(),
        }
    }

    pub(super) fn log_file(&self) -> &Path {
        match self {
            Self::Causeway(causeway) => causeway.log_file(),
        }
    }

    pub(super) fn stop(&mut self) {
        match self {
            Self::Causeway(causeway) => {
                causeway.terminate();
            }
        }
    }
}
