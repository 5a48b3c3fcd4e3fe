//! The product as a process: built, started and driven from outside, over its API alone.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    cluster::free_ports,
    process::{self, Signal, Usage},
    setup::seconds,
};

/// How long the process may take until it answers, and how long until it has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the binary is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Release,
    Dev,
}

/// Builds the binary `causeway` and returns its path. Cargo's own progress is shown.
///
/// # Errors
/// Fails when it does not compile.
pub fn build(profile: Profile) -> Result<PathBuf> {
    let began = Instant::now();
    eprintln!("Building causeway (the first time this takes some minutes) …");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--message-format=json-render-diagnostics"]);
    match profile {
        Profile::Release => command.args(["--release", "--package", "server", "--bin", "causeway"]),
        // Another choice of packages would choose other features of the dependencies, and build those anew for the tests.
        Profile::Dev => command.args(["--workspace", "--all-targets"]),
    };
    let mut child = command
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut binary = None;
    for line in BufReader::new(output).lines() {
        let message: Value = serde_json::from_str(&line?).unwrap_or_default();
        if message["target"]["name"] == "causeway" && message["profile"]["test"] == false {
            binary = message["executable"].as_str().map(PathBuf::from).or(binary);
        }
    }
    if !child.wait()?.success() {
        bail!("causeway does not compile");
    }
    eprintln!("causeway is built after {}.", seconds(began.elapsed()));
    binary.context("cargo named no binary")
}

/// Returns the folder of the workspace.
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Returns the flags that name the folder of the browser's files.
pub fn site_arguments(site: &Path) -> Vec<String> {
    vec!["--site-dir".to_owned(), site.display().to_string()]
}

/// How to start the process.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    pub binary: PathBuf,
    pub data_dir: PathBuf,
    /// `None` takes a free port.
    pub port: Option<u16>,
    /// Further flags and environment.
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// A running `causeway serve` with a token of an administrator; it is killed when dropped.
#[derive(Debug)]
pub struct Causeway {
    child: Child,
    url: String,
    token: String,
    log_file: PathBuf,
}

impl Causeway {
    /// Makes a token, starts the process and waits until it answers.
    ///
    /// # Errors
    /// Fails with the end of its log when it ends or does not answer within 60 s.
    pub fn start(options: &ServeOptions) -> Result<Self> {
        std::fs::create_dir_all(&options.data_dir)?;
        let token = make_token(options)?;
        let port = match options.port {
            Some(port) => port,
            None => free_ports(1)?[0],
        };
        let log_file = options.data_dir.join("causeway.log");
        let log = File::options().create(true).append(true).open(&log_file)?;
        let binary = options
            .binary
            .to_str()
            .context("the binary's path is not text")?;
        let mut command = process::bound_command(binary);
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(&options.data_dir)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(&options.arguments)
            .envs(options.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = process::spawn_bound(command)?;
        let mut this = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            token,
            log_file,
        };
        this.wait_until_it_answers()?;
        Ok(this)
    }

    /// Returns the address, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the file with the process's log.
    pub fn log_file(&self) -> &Path {
        &self.log_file
    }

    /// Returns what the process has used so far.
    ///
    /// # Errors
    /// Fails when it is gone.
    pub fn usage(&self) -> Result<Usage> {
        process::usage(self.pid())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// Fails when the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        process::signal(self.pid(), signal)
    }

    /// Kills the process at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to end and waits for it; returns whether it ended by itself within 15 s.
    pub fn terminate(&mut self) -> bool {
        process::end(&mut self.child, Duration::from_secs(15))
    }

    /// Says whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Reads one resource, such as `links/east-west/status`.
    ///
    /// # Errors
    /// Fails with the problem that the API names.
    pub fn get(&self, path: &str) -> Result<Value> {
        let request = agent()
            .get(self.address(path))
            .header("Authorization", self.bearer());
        answer(request.call().with_context(|| format!("GET {path}"))?)
            .with_context(|| format!("GET {path}"))
    }

    /// Posts a body, or nothing for `null`.
    ///
    /// # Errors
    /// Fails with the problem that the API names.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = agent()
            .post(self.address(path))
            .header("Authorization", self.bearer());
        let sent = if body.is_null() {
            request.send_empty()
        } else {
            request.send_json(body)
        };
        answer(sent.with_context(|| format!("POST {path}"))?)
            .with_context(|| format!("POST {path}"))
    }

    /// Deletes a resource that stands at this revision.
    ///
    /// # Errors
    /// Fails with the problem that the API names.
    pub fn delete(&self, path: &str, revision: i64) -> Result<Value> {
        let request = agent()
            .delete(self.address(path))
            .header("Authorization", self.bearer())
            .header("If-Match", format!("\"{revision}\""));
        let sent = request.call();
        answer(sent.with_context(|| format!("DELETE {path}"))?)
            .with_context(|| format!("DELETE {path}"))
    }

    /// Changes a resource that stands at this revision.
    ///
    /// # Errors
    /// Fails with the problem that the API names.
    pub fn put(&self, path: &str, body: &Value, revision: i64) -> Result<Value> {
        let request = agent()
            .put(self.address(path))
            .header("Authorization", self.bearer())
            .header("If-Match", format!("\"{revision}\""));
        let sent = request.send_json(body);
        answer(sent.with_context(|| format!("PUT {path}"))?).with_context(|| format!("PUT {path}"))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.url)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let began = Instant::now();
        let probe = format!("{}/readyz", self.url);
        loop {
            if agent()
                .get(&probe)
                .call()
                .is_ok_and(|response| response.status() == 200)
            {
                return Ok(());
            }
            let ended = !self.is_running();
            if ended || began.elapsed() > PATIENCE {
                let tail = process::log_tail(&self.log_file, 20);
                let what = if ended {
                    "ended at start"
                } else {
                    "does not answer"
                };
                bail!("causeway {what}; its log ends with:\n{tail}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Causeway {
    fn drop(&mut self) {
        self.kill();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Value> {
    let status = response.status();
    let text = response.body_mut().read_to_string()?;
    if !status.is_success() {
        bail!("{status}: {text}");
    }
    Ok(if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text)?
    })
}

fn make_token(options: &ServeOptions) -> Result<String> {
    let name = format!("xtask-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let out = Command::new(&options.binary)
        .args([
            "token",
            "create",
            "--name",
            &name,
            "--role",
            "administrator",
            "--data-dir",
        ])
        .arg(&options.data_dir)
        .envs(options.environment.iter().cloned())
        .stdin(Stdio::null())
        .output()
        .context("cannot run causeway")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let token = text.lines().next().unwrap_or_default().trim();
    if !out.status.success() || token.is_empty() {
        bail!(
            "causeway token create failed: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(token.to_owned())
}
