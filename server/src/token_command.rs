//! `causeway token`: API tokens straight in the database, also while the server runs.
//!
//! Whoever may read the key file and the database may make tokens: the file system authorises here.

use app::{
    access::Role,
    api::tokens::{self, TokenInput},
    problems::from_store,
};
use clap::ArgMatches;
use model::problem::Problem;
use store::{By, PageQuery, Store};

use crate::{cli::say, clock, config::Config, failure::Failure, open};

const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// The name under which the command line's changes are recorded.
const COMMAND_LINE: &str = "command line";

/// Runs the subcommand of `token`.
///
/// # Errors
/// The database's, or a token that is not there.
pub async fn run(matches: &ArgMatches, config: &Config) -> Result<(), Failure> {
    let store = open::store(config).await?;
    let done = match matches.subcommand() {
        Some(("create", create)) => make(&store, create).await,
        Some(("list", _)) => list(&store).await,
        Some(("revoke", revoke)) => end(&store, revoke).await,
        _ => Err(Failure::Usage(
            "no such command; `causeway token --help` lists them".to_owned(),
        )),
    };
    store.close().await;
    done
}

fn by(now_ms: i64) -> By<'static> {
    By {
        actor: COMMAND_LINE,
        now_ms,
    }
}

async fn make(store: &Store, matches: &ArgMatches) -> Result<(), Failure> {
    let now_ms = clock::now_ms();
    let text = |key: &str| matches.get_one::<String>(key).cloned().unwrap_or_default();
    let days = matches.get_one::<u32>("expires_days");
    let role: Role = text("role")
        .parse()
        .map_err(|error| Failure::Usage(format!("{error}")))?;
    let input = TokenInput {
        name: text("name"),
        role,
        expires_at_ms: days.map(|days| now_ms + i64::from(*days) * DAY_MS),
    };
    let issued = tokens::issue(store, &input, by(now_ms))
        .await
        .map_err(failed)?;
    say(&issued.token)
}

async fn list(store: &Store) -> Result<(), Failure> {
    let now_ms = clock::now_ms();
    say(&format!(
        "{:36}  {:13}  {:8}  {:20}  NAME",
        "ID", "ROLE", "STATE", "CREATED"
    ))?;
    let mut query = PageQuery::first(1_000);
    // Ends with the last page.
    loop {
        let page = store
            .tokens(&query)
            .await
            .map_err(|error| failed(from_store(error)))?;
        for token in page.items {
            let state = match (token.revoked_at_ms, token.expires_at_ms) {
                (Some(_), _) => "revoked",
                (None, Some(end)) if end <= now_ms => "expired",
                _ => "good",
            };
            let created = clock::words(token.created_at_ms);
            say(&format!(
                "{:36}  {:13}  {state:8}  {created:20}  {}",
                token.id, token.role, token.name
            ))?;
        }
        if page.next.is_none() {
            return Ok(());
        }
        query.after = page.next;
    }
}

async fn end(store: &Store, matches: &ArgMatches) -> Result<(), Failure> {
    let id = matches.get_one::<String>("id").cloned().unwrap_or_default();
    let revoked = store.revoke_token(&id, by(clock::now_ms())).await;
    let token = revoked.map_err(|error| failed(from_store(error)))?;
    say(&format!("token `{}` is revoked", token.name))
}

fn failed(problem: Problem) -> Failure {
    Failure::Fault(anyhow::anyhow!("{} {}", problem.title, problem.detail))
}
