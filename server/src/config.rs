//! Settings: a flag wins over a `CAUSEWAY_*` variable, that over the settings file, that over the default.
//!
//! Everything is read through a [`Sources`] value, so that tests pass maps. Which settings exist, and their texts, is
//! the table in [`settings`]. A bad setting is a [`ConfigError`]; the process then exits 64.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use kafka::token::TokenHosts;
use store::DatabaseUrl;

mod parse;
pub mod settings;

use settings::{SETTINGS, Setting};

/// Why the settings cannot be used; one sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("setting `{key}` ({origin}): {why}")]
    Value {
        key: &'static str,
        origin: Origin,
        why: String,
    },
    #[error("settings file `{path}`: {why}")]
    File { path: String, why: String },
    #[error("settings file `{path}`: unknown key `{key}`; `causeway serve --help` lists all keys")]
    UnknownKey { path: String, key: String },
    #[error("there is no home directory for the default data directory; set `--data-dir`")]
    NoHome,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Variable,
    File(String),
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable => f.write_str("variable"),
            Self::File(path) => write!(f, "file `{path}`"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where settings are looked up.
pub struct Sources<'a> {
    /// Flags of the command line, by key.
    pub flags: BTreeMap<&'static str, String>,
    /// Environment variables, by full name.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Settings files: the text, `None` where no such file is.
    pub file: &'a dyn Fn(&str) -> std::io::Result<Option<String>>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// One setting in force, as text.
#[derive(Clone, Debug)]
pub struct InForce {
    pub setting: &'static Setting,
    pub value: String,
    pub origin: Origin,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Time limits of everything that waits for something outside.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    pub request: Duration,
    pub produce: Duration,
    pub drain: Duration,
    pub shutdown: Duration,
    pub http: Duration,
}

/// All settings of the process, checked.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub database: DatabaseUrl,
    pub key_file: PathBuf,
    /// The variable `CAUSEWAY_KEY`, which wins over the key file.
    pub key: Option<model::Secret>,
    pub worker: String,
    pub memory_bytes: usize,
    /// Threads for the data of all links.
    pub data_threads: usize,
    pub timeouts: Timeouts,
    pub log: String,
    pub log_format: LogFormat,
    pub metrics_open: bool,
    /// Folder with the files that browsers load.
    pub site_dir: PathBuf,
    /// Address under which browsers reach the console, where it is another than the listener's.
    pub public_url: Option<String>,
    /// Proxies before the console, which tell the address that a request came from.
    pub trusted_proxies: Vec<IpAddr>,
    /// Token endpoints that clusters may name.
    pub token_hosts: TokenHosts,
    /// The variable `CAUSEWAY_ADMIN_PASSWORD`: makes the first administrator, `admin`.
    pub admin_password: Option<model::Secret>,
    /// Every setting with its value and origin, in the table's order.
    pub in_force: Vec<InForce>,
}

impl Config {
    /// Looks every setting up and checks it.
    ///
    /// # Errors
    /// The first setting that cannot be used, or a settings file that cannot be read or holds an unknown key.
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let file = File::find(sources)?;
        let mut in_force = Vec::with_capacity(SETTINGS.len());
        for setting in &SETTINGS {
            if let Some((value, origin)) = look_up(setting, sources, &file)? {
                in_force.push(InForce {
                    setting,
                    value,
                    origin,
                });
            }
        }
        let values = parse::Values {
            in_force: &in_force,
        };
        let data_dir = PathBuf::from(values.text("data_dir"));
        Ok(Self {
            listen: values.address("listen")?,
            database: values.database(&data_dir)?,
            key_file: values
                .optional("key_file")
                .map_or_else(|| data_dir.join("secret.key"), PathBuf::from),
            key: (sources.variable)("CAUSEWAY_KEY").map(model::Secret::new),
            worker: values.worker()?,
            memory_bytes: values.bytes("memory")?,
            data_threads: values.data_threads()?,
            timeouts: Timeouts {
                connect: values.duration("connect_timeout")?,
                request: values.duration("request_timeout")?,
                produce: values.duration("produce_timeout")?,
                drain: values.duration("drain_timeout")?,
                shutdown: values.duration("shutdown_timeout")?,
                http: values.duration("http_timeout")?,
            },
            log: values.text("log").to_owned(),
            log_format: values.log_format()?,
            metrics_open: values.switch("metrics_open")?,
            site_dir: values.site_dir(),
            public_url: values.public_url()?,
            trusted_proxies: values.ip_addresses("trusted_proxies")?,
            token_hosts: values.token_hosts("token_hosts")?,
            admin_password: (sources.variable)("CAUSEWAY_ADMIN_PASSWORD").map(model::Secret::new),
            data_dir,
            in_force,
        })
    }
}

/// The settings file, flattened to texts.
#[derive(Debug, Default)]
struct File {
    path: String,
    values: BTreeMap<String, String>,
}

impl File {
    /// Takes the named file, else the data directory's, else the system's; none of the latter two need exist.
    fn find(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        if let Some((path, _)) = flag_or_variable(settings::CONFIG, sources) {
            let text = read(sources, &path)?.ok_or_else(|| ConfigError::File {
                path: path.clone(),
                why: "there is no such file".to_owned(),
            })?;
            return Self::parse(path, &text);
        }
        let data_dir = match flag_or_variable("data_dir", sources) {
            Some((path, _)) => path,
            None => default_data_dir(sources)?,
        };
        for path in [
            format!("{data_dir}/causeway.toml"),
            "/etc/causeway/causeway.toml".to_owned(),
        ] {
            if let Some(text) = read(sources, &path)? {
                return Self::parse(path, &text);
            }
        }
        Ok(Self::default())
    }

    fn parse(path: String, text: &str) -> Result<Self, ConfigError> {
        let table: toml::Table =
            text.parse()
                .map_err(|error: toml::de::Error| ConfigError::File {
                    path: path.clone(),
                    why: error.message().to_owned(),
                })?;
        let mut values = BTreeMap::new();
        for (key, value) in table {
            if !SETTINGS.iter().any(|setting| setting.key == key) {
                return Err(ConfigError::UnknownKey { path, key });
            }
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(switch) => switch.to_string(),
                _ => {
                    let why =
                        format!("`{key}` is neither a text, a whole number nor true or false");
                    return Err(ConfigError::File { path, why });
                }
            };
            values.insert(key, text);
        }
        Ok(Self { path, values })
    }
}

fn read(sources: &Sources<'_>, path: &str) -> Result<Option<String>, ConfigError> {
    (sources.file)(path).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn look_up(
    setting: &'static Setting,
    sources: &Sources<'_>,
    file: &File,
) -> Result<Option<(String, Origin)>, ConfigError> {
    if let Some(found) = flag_or_variable(setting.key, sources) {
        return Ok(Some(found));
    }
    if let Some(value) = file.values.get(setting.key) {
        return Ok(Some((value.clone(), Origin::File(file.path.clone()))));
    }
    if setting.key == "data_dir" {
        return Ok(Some((default_data_dir(sources)?, Origin::Default)));
    }
    Ok(setting
        .default
        .map(|value| (value.to_owned(), Origin::Default)))
}

fn flag_or_variable(key: &'static str, sources: &Sources<'_>) -> Option<(String, Origin)> {
    if let Some(value) = sources.flags.get(key) {
        return Some((value.clone(), Origin::Flag));
    }
    (sources.variable)(&settings::variable_of(key)).map(|value| (value, Origin::Variable))
}

/// `$XDG_DATA_HOME/causeway`, else `$HOME/.local/share/causeway`: the same wherever the command is called.
fn default_data_dir(sources: &Sources<'_>) -> Result<String, ConfigError> {
    let variable = |name: &str| (sources.variable)(name).filter(|value| value.starts_with('/'));
    match (variable("XDG_DATA_HOME"), variable("HOME")) {
        (Some(data), _) => Ok(format!("{data}/causeway")),
        (None, Some(home)) => Ok(format!("{home}/.local/share/causeway")),
        (None, None) => Err(ConfigError::NoHome),
    }
}

#[cfg(test)]
mod tests;
