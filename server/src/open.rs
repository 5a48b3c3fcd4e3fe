//! Opening the control database with its key, the same way for every command.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::Context;
use store::{DatabaseUrl, Key, Store, StoreError};

use crate::{config::Config, failure::Failure};

/// Makes the data directory where it is missing, for this user alone.
///
/// # Errors
/// It cannot be made.
pub fn make_data_dir(config: &Config) -> Result<(), Failure> {
    let made = |path: &Path| {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("data directory `{}` cannot be made", path.display()))
    };
    made(&config.data_dir)?;
    if let Some(folder) = sqlite_folder(config) {
        made(folder)?;
    }
    Ok(())
}

/// Returns the folder of the SQLite file, `None` with Postgres.
pub fn sqlite_folder(config: &Config) -> Option<&Path> {
    match &config.database {
        DatabaseUrl::Sqlite(path) => match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Some(Path::new(".")),
            folder => folder,
        },
        DatabaseUrl::Postgres(_) => None,
    }
}

/// Reads the key that seals stored secrets: the variable's, else the file's, which is made where it is missing.
///
/// # Errors
/// The key is no key, or others can read its file.
pub fn key(config: &Config) -> Result<Key, Failure> {
    let key = match &config.key {
        Some(text) => Key::from_text(text.expose()).context("variable `CAUSEWAY_KEY`"),
        None => Key::from_file(&config.key_file).context("setting `key_file`"),
    };
    key.map_err(|error| Failure::Usage(format!("{error:#}")))
}

/// Opens the control database once.
///
/// # Errors
/// The store's.
pub async fn store(config: &Config) -> Result<Store, Failure> {
    make_data_dir(config)?;
    let key = key(config)?;
    Ok(Store::open(&config.database, key)
        .await
        .context("while opening the control database")?)
}

/// Opens the control database, again and again while it does not answer.
///
/// # Errors
/// What trying again does not cure.
pub async fn store_when_there(config: &Config) -> Result<Store, Failure> {
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(2);
    // Ends with the first answer or the first error that stays.
    loop {
        match Store::open(&config.database, key(config)?).await {
            Ok(store) => return Ok(store),
            Err(error) if is_away(config, &error) => {
                tracing::warn!(%error, "no link runs until the control database answers");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                let error =
                    anyhow::Error::from(error).context("while opening the control database");
                return Err(error.into());
            }
        }
    }
}

/// A file does not come back by waiting, a server does.
fn is_away(config: &Config, error: &StoreError) -> bool {
    error.is_transient() && matches!(config.database, DatabaseUrl::Postgres(_))
}
