//! What must stand on disk before the first broker starts: ports, settings, formatted logs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
};

use anyhow::{Context, Result, bail};
use base64::Engine as _;

use super::{
    ClusterOptions, Jvm, PASSWORD, ProxyUse, USER,
    broker::{self, Broker},
    free_ports, properties,
};
use crate::proxy::FaultProxy;

/// Chooses ports, starts proxies and writes every broker's settings.
pub(super) fn lay_out(
    options: &ClusterOptions,
    dir: &Path,
    jars: &Path,
) -> Result<(Vec<Broker>, Vec<Arc<FaultProxy>>)> {
    let mut free = free_ports(usize::from(options.brokers) * 8)?.into_iter();
    let mut port = || free.next().context("too few ports");
    let mut proxies = Vec::new();
    let mut brokers = Vec::new();
    for index in 0..options.brokers {
        let plaintext = port()?;
        let advertised_plaintext = match options.proxy {
            ProxyUse::Direct => plaintext,
            ProxyUse::FaultProxy => {
                let proxy = FaultProxy::start(([127, 0, 0, 1], plaintext).into())?;
                proxies.push(Arc::clone(&proxy));
                proxy.address().port()
            }
        };
        brokers.push(Broker {
            id: i32::from(index) + 1,
            ports: properties::Ports {
                plaintext,
                ssl: port()?,
                sasl_plaintext: port()?,
                sasl_ssl: port()?,
                mtls: port()?,
                sasl_mtls: port()?,
                internal: port()?,
                controller: port()?,
                advertised_plaintext,
            },
            home: dir.join(format!("broker-{}", index + 1)),
            jars: jars.to_path_buf(),
            heap_mb: options.heap_mb,
            jvm: options.jvm,
            jwks: options
                .jwks
                .as_ref()
                .map(|_| dir.join(properties::JWKS_FILE)),
            child: Mutex::new(None),
        });
    }
    let voters: Vec<String> = brokers
        .iter()
        .map(|b| format!("{}@127.0.0.1:{}", b.id, b.ports.controller))
        .collect();
    if let Some(jwks) = &options.jwks {
        fs::write(dir.join(properties::JWKS_FILE), jwks)?;
    }
    let shared = properties::Shared {
        options,
        voters: voters.join(","),
        certificates: dir,
    };
    for broker in &brokers {
        fs::create_dir_all(&broker.home)?;
        let text = properties::text(&shared, broker.id, &broker.ports, &broker.data_dir());
        fs::write(broker.home.join("server.properties"), text)?;
    }
    Ok((brokers, proxies))
}

/// Formats the nodes that are not formatted yet, all at the same time, with the SCRAM user in both strengths.
pub(super) fn format(dir: &Path, brokers: &[Broker]) -> Result<()> {
    let id_file = dir.join("cluster.id");
    if !id_file.exists() {
        let mut bytes = *uuid::Uuid::new_v4().as_bytes();
        // An id that begins with a dash looks like an option to the storage tool.
        bytes[0] &= 0x7f;
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        fs::write(&id_file, id)?;
    }
    let cluster_id = fs::read_to_string(&id_file)?;
    let mut running = Vec::new();
    for broker in brokers
        .iter()
        .filter(|b| !b.home.join("log/meta.properties").exists())
    {
        let mut command = Command::new("java");
        command
            .args(["-Xmx128m"])
            .args(Jvm::QuickStart.flags())
            .args(broker::LOGGING)
            .arg("-cp")
            .arg(broker.jars.join("*"))
            .args(["kafka.tools.StorageTool", "format", "-t", &cluster_id, "-c"])
            .arg(broker.home.join("server.properties"));
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let user = format!("{mechanism}=[name={USER},password={PASSWORD}]");
            command.args(["--add-scram", &user]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        running.push(command.spawn().context("cannot run java")?);
    }
    for child in running {
        let out = child.wait_with_output()?;
        if !out.status.success() {
            bail!(
                "Kafka's storage tool failed:\n{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
        }
    }
    Ok(())
}

/// Makes a temporary folder named after this process, and removes those of processes that are gone.
pub(super) fn temporary_dir(name: &str) -> Result<PathBuf> {
    static SWEPT: OnceLock<()> = OnceLock::new();
    let base = std::env::temp_dir().join("causeway-bench");
    SWEPT.get_or_init(|| sweep(&base));
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let dir = base.join(format!("{}-{name}-{}", std::process::id(), &unique[..8]));
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .split('-')
            .next()
            .and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
