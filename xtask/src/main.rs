//! `cargo xtask <command>`: development commands; the library beside it is the bench for tests.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{demo, setup};

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
    }
}
