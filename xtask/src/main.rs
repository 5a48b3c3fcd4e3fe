//! `cargo xtask <command>`: development commands; the library beside it is the bench for tests.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, browser, demo, pages, setup, site, test};

/// Development commands of Causeway.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check what this machine needs, install what is missing, fetch the Kafka jars.
    Setup,
    /// Start two Kafka clusters and Causeway until Ctrl-C.
    Demo(demo::DemoOptions),
    /// Build what browsers load: WebAssembly, JavaScript, style sheet.
    Site(site::SiteOptions),
    /// Run browser tests, all or those of the named files, against clusters and a Causeway of their own.
    Browser(browser::BrowserOptions),
    /// Save screenshots of the pages, light and dark, wide and narrow.
    Shots(browser::ShotsOptions),
    /// Run the checks that CI runs, or the named ones.
    Test(test::TestOptions),
    /// The same as `test`.
    Ci(test::TestOptions),
    /// Measure how fast and at what cost records are copied.
    Bench(bench::BenchOptions),
    /// Measure how long the server takes to make the pages of a link of 2,000 topics.
    Pages(pages::PagesOptions),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Setup => setup::run(),
        Command::Demo(options) => demo::run(options),
        Command::Site(options) => site::run(options),
        Command::Browser(options) => browser::run(options),
        Command::Shots(options) => browser::shots(options),
        Command::Test(options) | Command::Ci(options) => test::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Pages(options) => pages::run(options),
    }
}
