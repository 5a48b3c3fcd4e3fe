//! The command line: which commands there are, and settings common to all of them.

use std::{ffi::OsString, io::Write};

use clap::{Arg, ArgMatches, Command};

use crate::{
    config::{Config, Sources, settings},
    doctor,
    failure::{Failure, USAGE},
    logging, serve, token_command,
};

/// Runs the command that `arguments` name, program name first.
///
/// # Errors
/// The [`Failure`] of the command; wrong usage was printed already.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Nowhere is left to tell that standard error is closed.
            let _ = error.print();
            return if error.use_stderr() {
                Err(Failure::Said(USAGE))
            } else {
                Ok(())
            };
        }
    };
    let config = load(innermost(&matches))?;
    logging::start(&config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    let result = runtime.block_on(dispatch(&matches, config));
    // Blocking calls into librdkafka may still be open; the drain is over, so nothing waits for them.
    runtime.shutdown_background();
    result
}

async fn dispatch(matches: &ArgMatches, config: Config) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("serve", _)) => serve::run(config).await,
        Some(("token", token)) => token_command::run(token, &config).await,
        Some(("doctor", _)) => doctor::run(&config).await,
        _ => Err(Failure::Usage(
            "no such command; `causeway --help` lists them".to_owned(),
        )),
    }
}

fn command() -> Command {
    let root = Command::new("causeway")
        .about("Copies topics between Apache Kafka clusters, every record exactly once")
        .after_help("Each setting is taken from its flag, else its variable, else the settings file, else the default.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("serve").about("Runs replication and the API"))
        .subcommand(token_command())
        .subcommand(Command::new("doctor").about("Shows the settings in force and what is wrong with them"));
    settings::add_flags(root)
}

fn token_command() -> Command {
    let name = Arg::new("name")
        .long("name")
        .required(true)
        .value_name("NAME")
        .help("What the token is for");
    let role = Arg::new("role")
        .long("role")
        .default_value("viewer")
        .value_name("ROLE")
        .value_parser(["viewer", "operator", "editor", "administrator"])
        .help("What it may do; each role may do all that the ones before it may");
    let expires = Arg::new("expires_days")
        .long("expires-days")
        .value_name("DAYS")
        .value_parser(clap::value_parser!(u32).range(1..=3_650))
        .help("Days after which it ends [default: it does not]");
    let id = Arg::new("id")
        .required(true)
        .value_name("ID")
        .help("The token's id, as `token list` shows it");
    Command::new("token")
        .about("Makes, lists and revokes API tokens; works while the server runs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Makes a token and prints it, once")
                .args([name, role, expires]),
        )
        .subcommand(Command::new("list").about("Lists all tokens, without their secret part"))
        .subcommand(Command::new("revoke").about("Ends a token at once").arg(id))
}

/// Global flags stand in the matches of the innermost subcommand.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches
        .subcommand()
        .map_or(matches, |(_, inner)| innermost(inner))
}

fn load(matches: &ArgMatches) -> Result<Config, Failure> {
    let sources = Sources {
        flags: settings::given(matches),
        variable: &|name| std::env::var(name).ok(),
        file: &|path| match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
    };
    Ok(Config::load(&sources)?)
}

/// Prints one line on standard output.
///
/// # Errors
/// Standard output is closed.
pub fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failure::Fault(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn flags_may_stand_after_the_subcommand() {
        let arguments = [
            "causeway",
            "token",
            "list",
            "--data-dir",
            "/srv/c",
            "--metrics-open",
        ];
        let matches = command().try_get_matches_from(arguments).unwrap();
        let given = settings::given(innermost(&matches));
        assert_eq!(given["data_dir"], "/srv/c");
        assert_eq!(given["metrics_open"], "true");
    }
}
