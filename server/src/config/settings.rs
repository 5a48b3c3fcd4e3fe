//! The table of settings, from which flags, variables, file keys and `--help` are made.

use clap::{Arg, ArgAction, Command};

/// Key of the settings file's own flag; it is no setting in the file.
pub const CONFIG: &str = "config";

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Key in the settings file; the flag has `-` for `_`, the variable is `CAUSEWAY_` and upper case.
    pub key: &'static str,
    /// `None`: worked out from other settings or the machine, as `help` says.
    pub default: Option<&'static str>,
    /// Name of the value in `--help`.
    pub value: &'static str,
    pub help: &'static str,
}

const fn setting(
    key: &'static str,
    default: Option<&'static str>,
    value: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        default,
        value,
        help,
    }
}

/// All settings, in the order in which `--help` and `doctor` show them.
pub const SETTINGS: [Setting; 20] = [
    setting(
        "listen",
        Some("127.0.0.1:8080"),
        "ADDRESS",
        "Address and port of the API; port 0 takes a free one",
    ),
    setting(
        "data_dir",
        None,
        "DIR",
        "Directory of the database file, the key file and the settings file \
         [default: $XDG_DATA_HOME/causeway, else ~/.local/share/causeway]",
    ),
    setting(
        "database",
        None,
        "URL",
        "Control database, `sqlite:<path>` or `postgres://user:password@host/name` \
         [default: sqlite:<data-dir>/causeway.db]",
    ),
    setting(
        "key_file",
        None,
        "FILE",
        "File with the key that encrypts stored secrets, made when absent; the variable CAUSEWAY_KEY \
         (base64 of 32 bytes) wins over it [default: <data-dir>/secret.key]",
    ),
    setting(
        "worker",
        None,
        "NAME",
        "Name of this worker, part of Kafka's client.id [default: the host name]",
    ),
    setting(
        "memory",
        Some("64MiB"),
        "BYTES",
        "Record batches held in memory, over all links; KiB, MiB and GiB are understood",
    ),
    setting(
        "data_threads",
        None,
        "COUNT",
        "Threads that copy records, 1 to 64; each link runs on one of them [default: the number of cores, at most 4]",
    ),
    setting(
        "connect_timeout",
        Some("10s"),
        "TIME",
        "Limit for one connection to a broker, sign-in included",
    ),
    setting(
        "request_timeout",
        Some("30s"),
        "TIME",
        "Limit for one request to a broker",
    ),
    setting(
        "produce_timeout",
        Some("10s"),
        "TIME",
        "Limit for one write to a broker",
    ),
    setting(
        "drain_timeout",
        Some("7s"),
        "TIME",
        "How long stopping waits for open acknowledgements",
    ),
    setting(
        "shutdown_timeout",
        Some("10s"),
        "TIME",
        "Longest time from SIGTERM to the end of the process",
    ),
    setting(
        "http_timeout",
        Some("60s"),
        "TIME",
        "Limit for one request to the API",
    ),
    setting(
        "log",
        Some("info"),
        "FILTER",
        "Log level, or a filter such as `info,kafka=debug`",
    ),
    setting(
        "log_format",
        Some("text"),
        "FORMAT",
        "Log lines as `text` or `json`",
    ),
    setting(
        "metrics_open",
        Some("false"),
        "BOOL",
        "Serve /metrics without a token",
    ),
    setting(
        "site_dir",
        None,
        "DIR",
        "Folder with the files of the console that browsers load [default: `site` beside the program or its folder]",
    ),
    setting(
        "public_url",
        None,
        "URL",
        "Address under which browsers reach the console, such as https://causeway.example.net; with https \
         cookies are for HTTPS only [default: http:// and the listener's address]",
    ),
    setting(
        "trusted_proxies",
        None,
        "ADDRESSES",
        "IP addresses of the proxies before the console, with commas between: what they say in X-Forwarded-For is \
         taken for the address of who signs in, so that one who guesses passwords does not slow all others down \
         [default: none]",
    ),
    setting(
        "token_hosts",
        None,
        "HOSTS",
        "Hosts of the token endpoints that clusters with OAUTHBEARER may name, with commas between: \
         `login.example.com` is asked over https and at public addresses only; `http://idp.internal` permits plain http \
         there, an address or network such as `10.0.0.0/8` permits that hosts have such addresses [default: none]",
    ),
];

/// Returns the name of a key's environment variable.
pub fn variable_of(key: &str) -> String {
    format!("CAUSEWAY_{}", key.to_uppercase())
}

/// Adds a flag for every setting, and `--config`.
pub fn add_flags(command: Command) -> Command {
    let config = Arg::new(CONFIG)
        .long("config")
        .global(true)
        .value_name("FILE")
        .help("Settings file (TOML) [default: <data-dir>/causeway.toml, else /etc/causeway/causeway.toml] [variable: CAUSEWAY_CONFIG]");
    SETTINGS
        .iter()
        .fold(command.arg(config), |command, setting| {
            command.arg(flag(setting))
        })
}

fn flag(setting: &'static Setting) -> Arg {
    let default = setting
        .default
        .map(|value| format!(" [default: {value}]"))
        .unwrap_or_default();
    let arg = Arg::new(setting.key)
        .long(setting.key.replace('_', "-"))
        .global(true)
        .action(ArgAction::Set)
        .value_name(setting.value)
        .help(format!(
            "{}{default} [variable: {}]",
            setting.help,
            variable_of(setting.key)
        ));
    if setting.value == "BOOL" {
        return arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true");
    }
    arg
}

/// Returns the flags that were given, by key.
pub fn given(matches: &clap::ArgMatches) -> std::collections::BTreeMap<&'static str, String> {
    let keys = std::iter::once(CONFIG).chain(SETTINGS.iter().map(|setting| setting.key));
    keys.filter_map(|key| Some((key, matches.get_one::<String>(key)?.clone())))
        .collect()
}
