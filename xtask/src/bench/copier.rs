//! Who is measured: programs that copy from `east` to `west`.

use std::{fmt, path::Path};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    cells::{Cell, Line},
    load,
    mirror_maker::{MirrorMaker, Tuning},
};
use crate::{
    causeway::{Causeway, ServeOptions},
    cluster::ClusterFacts,
    process::Usage,
};

/// Which program copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CopierKind {
    Causeway,
    MirrorMakerTuned,
    MirrorMakerDefault,
}

impl fmt::Display for CopierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Causeway => "causeway",
            Self::MirrorMakerTuned => "mm2 tuned",
            Self::MirrorMakerDefault => "mm2 default",
        })
    }
}

/// What a copier is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    /// Causeway's executable.
    pub(super) binary: &'a Path,
    /// Folder for the copier's own files.
    pub(super) home: &'a Path,
    pub(super) east: &'a ClusterFacts,
    pub(super) west: &'a ClusterFacts,
    pub(super) cell: &'a Cell,
}

/// A program that is ready to copy, or copying.
#[derive(Debug)]
pub(super) enum Copier {
    Causeway {
        process: Causeway,
        options: ServeOptions,
    },
    MirrorMaker(MirrorMaker),
}

impl Copier {
    /// Makes everything ready but the start of copying.
    pub(super) fn prepare(kind: CopierKind, setting: &Setting<'_>) -> Result<Self> {
        match kind {
            CopierKind::Causeway => prepare_causeway(setting),
            CopierKind::MirrorMakerTuned => {
                MirrorMaker::prepare(setting, Tuning::Throughput).map(Self::MirrorMaker)
            }
            CopierKind::MirrorMakerDefault => {
                MirrorMaker::prepare(setting, Tuning::Default).map(Self::MirrorMaker)
            }
        }
    }

    /// Begins copying.
    pub(super) fn go(&mut self) -> Result<()> {
        match self {
            Self::Causeway { process, .. } => {
                process.post("links/bench/start", &Value::Null)?;
                Ok(())
            }
            Self::MirrorMaker(mirror_maker) => mirror_maker.go(),
        }
    }

    /// Kills the process at once and starts it again on what it left.
    pub(super) fn kill_and_start(&mut self) -> Result<()> {
        match self {
            Self::Causeway { process, options } => {
                process.kill();
                *process = Causeway::start(options)?;
                Ok(())
            }
            Self::MirrorMaker(mirror_maker) => {
                mirror_maker.kill();
                mirror_maker.go()
            }
        }
    }

    pub(super) fn usage(&self) -> Result<Usage> {
        match self {
            Self::Causeway { process, .. } => process.usage(),
            Self::MirrorMaker(mirror_maker) => mirror_maker.usage(),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        match self {
            Self::Causeway { process, .. } => process.is_running(),
            Self::MirrorMaker(mirror_maker) => mirror_maker.is_running(),
        }
    }

    pub(super) fn log_file(&self) -> &Path {
        match self {
            Self::Causeway { process, .. } => process.log_file(),
            Self::MirrorMaker(mirror_maker) => mirror_maker.log_file(),
        }
    }

    /// Ends the process in an orderly way.
    pub(super) fn stop(&mut self) -> Result<()> {
        match self {
            Self::Causeway { process, .. } => {
                process.terminate();
                Ok(())
            }
            Self::MirrorMaker(mirror_maker) => mirror_maker.stop(),
        }
    }
}

fn prepare_causeway(setting: &Setting<'_>) -> Result<Copier> {
    let options = ServeOptions {
        binary: setting.binary.to_path_buf(),
        data_dir: setting.home.to_path_buf(),
        port: None,
        arguments: Vec::new(),
        environment: Vec::new(),
    };
    let process = Causeway::start(&options)?;
    for cluster in [setting.east, setting.west] {
        process.post("clusters", &reach(cluster, setting.cell.line)?)?;
    }
    let link = json!({
        "name": "bench",
        "source": "east",
        "destination": "west",
        "topics": { "include": [{ "kind": "prefix", "pattern": load::TOPIC }] },
    });
    process.post("links", &link)?;
    Ok(Copier::Causeway { process, options })
}

fn reach(cluster: &ClusterFacts, line: Line) -> Result<Value> {
    let entries = |all: &str| all.split(',').map(str::to_owned).collect::<Vec<_>>();
    Ok(match line {
        Line::Plaintext => {
            json!({ "name": cluster.name, "bootstrap": entries(&cluster.bootstrap) })
        }
        Line::Tls => json!({
            "name": cluster.name,
            "bootstrap": entries(&cluster.ssl_bootstrap),
            "tls": { "mode": "ca", "ca_pem": std::fs::read_to_string(&cluster.ca_file)? },
        }),
    })
}
