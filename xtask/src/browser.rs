//! Browser tests: Playwright drives Debian's Chromium against two real clusters and a Causeway with its site.
//!
//! The tests are in `end2end/`. They learn where everything is from the environment, and change the world around the
//! page through a small HTTP server on loopback (`control.rs`). What failed leaves traces and screenshots in the target
//! folder; every process ends with this one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    causeway::Profile,
    demo::{self, traffic},
    npm, process, setup, site,
};

mod control;
mod http;
mod stack;

use http::Server;
use stack::Stack;

/// Options of `cargo xtask browser`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct BrowserOptions {
    /// Test files or parts of their names, all without any.
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// Only tests whose title contains this text.
    #[arg(long)]
    pub filter: Option<String>,
    /// Only this project: `enhanced` (with JavaScript) or `no-js`.
    #[arg(long)]
    pub project: Option<String>,
    /// Show the browser.
    #[arg(long)]
    pub headed: bool,
    /// Use the release build of Causeway instead of the development build.
    #[arg(long)]
    pub release: bool,
    /// Use the quickly built browser side instead of the small one.
    #[arg(long)]
    pub dev_site: bool,
}

/// Options of `cargo xtask shots`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ShotsOptions {
    /// Only pages whose name contains this text.
    #[arg(long)]
    pub filter: Option<String>,
    /// Use the release build of Causeway instead of the development build.
    #[arg(long)]
    pub release: bool,
    /// Use the quickly built browser side instead of the small one.
    #[arg(long)]
    pub dev_site: bool,
}

/// Runs browser tests.
///
/// # Errors
/// Fails when a prerequisite is missing, something does not start, or a test failed.
pub fn run(options: &BrowserOptions) -> Result<()> {
    setup::prerequisites()?;
    let mut arguments = options.files.clone();
    if let Some(project) = &options.project {
        arguments.push(format!("--project={project}"));
    }
    if options.headed {
        arguments.push("--headed".to_owned());
    }
    grep(&mut arguments, options.filter.as_deref());
    let bench = Bench::prepare(options.release, options.dev_site)?;
    if !bench.playwright(Purpose::Tests, &arguments)? {
        bail!("browser tests failed");
    }
    Ok(())
}

/// Saves screenshots of the pages in `end2end/shots/`, with a link at work.
///
/// # Errors
/// As [`run`].
pub fn shots(options: &ShotsOptions) -> Result<()> {
    setup::prerequisites()?;
    let mut arguments = Vec::new();
    grep(&mut arguments, options.filter.as_deref());
    let bench = Bench::prepare(options.release, options.dev_site)?;
    if !bench.playwright(Purpose::Shots, &arguments)? {
        bail!("not every page could be photographed");
    }
    println!("{}", bench.target.join("screenshots").display());
    Ok(())
}

fn grep(arguments: &mut Vec<String>, text: Option<&str>) {
    if let Some(text) = text {
        arguments.push(format!("--grep={text}"));
    }
}

/// What Playwright is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Tests,
    Shots,
}

/// All that a run needs, built and fetched.
struct Bench {
    profile: Profile,
    site: PathBuf,
    packages: PathBuf,
    target: PathBuf,
}

impl Bench {
    fn prepare(release: bool, dev_site: bool) -> Result<Self> {
        setup::browser_prerequisites()?;
        let of = |dev: bool| if dev { Profile::Dev } else { Profile::Release };
        Ok(Self {
            profile: of(!release),
            site: site::build(of(dev_site))?,
            packages: npm::packages()?,
            target: site::target_dir()?,
        })
    }

    /// Starts everything, runs Playwright, stops everything. Returns whether all went well.
    fn playwright(&self, purpose: Purpose, arguments: &[String]) -> Result<bool> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let folder = self.target.join("browser").join(&id[..8]);
        fs::create_dir_all(&folder)?;
        let passed = self.run_in(&folder, purpose, arguments)?;
        if passed {
            fs::remove_dir_all(&folder)?;
        } else {
            eprintln!("Logs are in {}", folder.display());
        }
        Ok(passed)
    }

    fn run_in(&self, folder: &Path, purpose: Purpose, arguments: &[String]) -> Result<bool> {
        let mut stack = Stack::start(self.profile, &self.site, folder)?;
        let traffic = match purpose {
            Purpose::Tests => None,
            Purpose::Shots => Some(at_work(&stack)?),
        };
        let facts = stack.facts();
        // The stack lives in the server, which is dropped at the end of this function.
        let control = Server::start(move |request| control::answer(&mut stack, request))?;
        let passed = self.call(purpose, arguments, &control.url(), &facts)?;
        traffic.map(traffic::Traffic::stop).transpose()?;
        Ok(passed)
    }

    fn call(
        &self,
        purpose: Purpose,
        arguments: &[String],
        control: &str,
        facts: &Value,
    ) -> Result<bool> {
        let text = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
        let mut command = process::bound_command("node");
        command
            .arg("node_modules/@playwright/test/cli.js")
            .arg("test")
            .args(arguments)
            .env("CAUSEWAY_URL", text("url"))
            .env("CAUSEWAY_ADMIN_PASSWORD", text("admin_password"))
            .env("CAUSEWAY_CONTROL", control)
            .env("CAUSEWAY_EAST", facts["east"].to_string())
            .env("CAUSEWAY_WEST", facts["west"].to_string())
            .env("CAUSEWAY_TARGET", &self.target)
            .env("CAUSEWAY_CHROMIUM", setup::chromium())
            .current_dir(&self.packages)
            .stdin(Stdio::null());
        if purpose == Purpose::Shots {
            command.env("CAUSEWAY_SHOTS", "1");
        }
        let mut child = process::spawn_bound(command)?;
        Ok(child
            .wait()
            .context("cannot wait for Playwright")?
            .success())
    }
}

/// Writes the demo's records, starts its link and its traffic.
fn at_work(stack: &Stack) -> Result<traffic::Traffic> {
    eprintln!("Writing the first records to east …");
    let sources = traffic::preload(&stack.east.bootstrap())?;
    demo::connect(stack.causeway()?, &stack.east.facts(), &stack.west.facts())?;
    Ok(traffic::Traffic::start(sources, 50))
}
