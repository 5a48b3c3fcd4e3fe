//! From texts to values: durations, sizes, addresses.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use kafka::token::TokenHosts;
use store::DatabaseUrl;

use super::{ConfigError, InForce, LogFormat, Origin};

/// More threads than this copy more than a machine's network carries.
const DATA_THREADS: usize = 4;

/// The texts in force, read by key.
pub struct Values<'a> {
    pub in_force: &'a [InForce],
}

impl Values<'_> {
    fn find(&self, key: &str) -> Option<&InForce> {
        self.in_force.iter().find(|entry| entry.setting.key == key)
    }

    /// Returns the text of a setting, empty where it has neither value nor default.
    pub fn text(&self, key: &str) -> &str {
        self.find(key).map_or("", |entry| entry.value.as_str())
    }

    pub fn optional(&self, key: &str) -> Option<&str> {
        self.find(key).map(|entry| entry.value.as_str())
    }

    fn refuse<T>(&self, key: &'static str, why: String) -> Result<T, ConfigError> {
        let origin = self
            .find(key)
            .map_or(Origin::Default, |entry| entry.origin.clone());
        Err(ConfigError::Value { key, origin, why })
    }

    pub fn address(&self, key: &'static str) -> Result<SocketAddr, ConfigError> {
        let text = self.text(key);
        text.parse().or_else(|_| {
            self.refuse(key, format!("`{text}` is not an IP address with a port, such as `127.0.0.1:8080` or `[::1]:8080`"))
        })
    }

    /// Returns a list of IP addresses, none where the setting is left out.
    pub fn ip_addresses(&self, key: &'static str) -> Result<Vec<IpAddr>, ConfigError> {
        let words = self.text(key).split(',').map(str::trim);
        let mut addresses = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            match word.parse::<IpAddr>() {
                Ok(address) => addresses.push(address.to_canonical()),
                Err(_) => {
                    let why = format!(
                        "`{word}` is not an IP address; give some, with commas between, such as `127.0.0.1, ::1`"
                    );
                    return self.refuse(key, why);
                }
            }
        }
        Ok(addresses)
    }

    /// Returns the hosts of token endpoints, none where the setting is left out.
    pub fn token_hosts(&self, key: &'static str) -> Result<TokenHosts, ConfigError> {
        let hosts = self.text(key).parse();
        hosts.or_else(|error: kafka::token::NoHost| self.refuse(key, error.to_string()))
    }

    pub fn duration(&self, key: &'static str) -> Result<Duration, ConfigError> {
        let text = self.text(key);
        match duration(text) {
            Some(value)
                if (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&value) =>
            {
                Ok(value)
            }
            Some(_) => self.refuse(key, format!("`{text}` is not between 1ms and 1h")),
            None => self.refuse(
                key,
                format!("`{text}` is not a time such as `10s` or `500ms`"),
            ),
        }
    }

    /// Returns a size in bytes, at least 8 MiB: less than that holds no two batches of a usual size.
    pub fn bytes(&self, key: &'static str) -> Result<usize, ConfigError> {
        const LEAST: usize = 8 << 20;
        let text = self.text(key);
        match bytes(text) {
            Some(value) if value >= LEAST => Ok(value),
            Some(_) => self.refuse(key, format!("`{text}` is less than 8MiB")),
            None => self.refuse(key, format!("`{text}` is not a size such as `64MiB`")),
        }
    }

    /// Returns how many threads copy records: the setting's, else one a core up to four.
    pub fn data_threads(&self) -> Result<usize, ConfigError> {
        let Some(text) = self.optional("data_threads") else {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            return Ok(cores.min(DATA_THREADS));
        };
        match text.parse() {
            Ok(count @ 1..=64) => Ok(count),
            _ => self.refuse(
                "data_threads",
                format!("`{text}` is not a number from 1 to 64"),
            ),
        }
    }

    pub fn switch(&self, key: &'static str) -> Result<bool, ConfigError> {
        match self.text(key) {
            "true" => Ok(true),
            "false" => Ok(false),
            other => self.refuse(key, format!("`{other}` is neither `true` nor `false`")),
        }
    }

    /// Returns the folder of the console's files: the setting's, else `site` beside the program or beside its folder.
    pub fn site_dir(&self) -> PathBuf {
        if let Some(path) = self.optional("site_dir") {
            return path.into();
        }
        let program = std::env::current_exe().unwrap_or_default();
        let folders = program.ancestors().skip(1).take(2);
        let found = folders
            .map(|folder| folder.join("site"))
            .find(|site| site.is_dir());
        found.unwrap_or_else(|| "site".into())
    }

    /// Returns the address of the console without a slash at its end.
    pub fn public_url(&self) -> Result<Option<String>, ConfigError> {
        let Some(url) = self.optional("public_url") else {
            return Ok(None);
        };
        let url = url.trim_end_matches('/');
        let host = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        match host {
            Some(host) if !host.is_empty() && !host.contains('/') => Ok(Some(url.to_owned())),
            _ => self.refuse(
                "public_url",
                "give scheme and host alone, as `https://causeway.example.net`".to_owned(),
            ),
        }
    }

    pub fn log_format(&self) -> Result<LogFormat, ConfigError> {
        match self.text("log_format") {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => self.refuse(
                "log_format",
                format!("`{other}` is neither `text` nor `json`"),
            ),
        }
    }

    pub fn database(&self, data_dir: &Path) -> Result<DatabaseUrl, ConfigError> {
        let url = match self.optional("database") {
            Some(url) => url.to_owned(),
            None => format!("sqlite:{}", data_dir.join("causeway.db").display()),
        };
        // The text may hold a password, so the refusal must not repeat it.
        url.parse().or_else(|_| {
            self.refuse(
                "database",
                "it is neither `sqlite:<path>` nor `postgres://…`".to_owned(),
            )
        })
    }

    pub fn worker(&self) -> Result<String, ConfigError> {
        let name = self
            .optional("worker")
            .map_or_else(host_name, str::to_owned);
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 200 || !name.chars().all(legal) {
            return self.refuse(
                "worker",
                format!("`{name}` is not 1 to 200 of letters, digits, `.`, `_` and `-`"),
            );
        }
        Ok(name)
    }
}

/// Returns the kernel's host name, with what cannot stand in a `client.id` replaced.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.trim().chars().map(legal).collect();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" | "min" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_mul(factor)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_with_their_units() {
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("500 ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2min"), Some(Duration::from_secs(120)));
        assert_eq!(duration("10"), None);
        assert_eq!(duration("s"), None);
        assert_eq!(bytes("64MiB"), Some(64 << 20));
        assert_eq!(bytes("1048576"), Some(1 << 20));
        assert_eq!(bytes("99999999999GiB"), None);
        assert_eq!(bytes("-1"), None);
    }
}
