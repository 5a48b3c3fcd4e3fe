use std::collections::BTreeMap;

use super::*;

/// A machine of maps: flags, variables and files.
#[derive(Default)]
struct Machine {
    flags: BTreeMap<&'static str, String>,
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl Machine {
    fn new() -> Self {
        Self::default()
            .variable("HOME", "/home/ops")
            .flag("worker", "w1")
    }

    fn flag(mut self, key: &'static str, value: &str) -> Self {
        self.flags.insert(key, value.to_owned());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&Sources {
            flags: self.flags.clone(),
            variable: &|name| self.variables.get(name).cloned(),
            file: &|path| Ok(self.files.get(path).cloned()),
        })
    }
}

const DEFAULT_FILE: &str = "/home/ops/.local/share/causeway/causeway.toml";

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let machine = Machine::new();
    assert_eq!(machine.load().unwrap().listen.port(), 8080);
    let machine = machine.file(DEFAULT_FILE, "listen = \"127.0.0.1:1\"");
    assert_eq!(machine.load().unwrap().listen.port(), 1);
    let machine = machine.variable("CAUSEWAY_LISTEN", "127.0.0.1:2");
    assert_eq!(machine.load().unwrap().listen.port(), 2);
    let machine = machine.flag("listen", "127.0.0.1:3");
    assert_eq!(machine.load().unwrap().listen.port(), 3);
}

#[test]
fn every_value_knows_its_origin() {
    let machine = Machine::new().file(DEFAULT_FILE, "memory = \"32MiB\"\nmetrics_open = true");
    let config = machine.load().unwrap();
    let origin = |key: &str| {
        config
            .in_force
            .iter()
            .find(|e| e.setting.key == key)
            .unwrap()
            .origin
            .clone()
    };
    assert_eq!(origin("worker"), Origin::Flag);
    assert_eq!(origin("memory"), Origin::File(DEFAULT_FILE.to_owned()));
    assert_eq!(origin("listen"), Origin::Default);
    assert!(config.metrics_open);
    assert_eq!(config.memory_bytes, 32 << 20);
}

#[test]
fn an_unknown_key_in_the_file_is_named_with_its_file() {
    let machine = Machine::new().file(DEFAULT_FILE, "lissten = \"127.0.0.1:1\"");
    let error = machine.load().unwrap_err();
    assert_eq!(
        error,
        ConfigError::UnknownKey {
            path: DEFAULT_FILE.to_owned(),
            key: "lissten".to_owned()
        }
    );
}

#[test]
fn the_named_file_wins_over_the_data_directorys_over_the_systems() {
    let machine = Machine::new().file("/etc/causeway/causeway.toml", "log = \"system\"");
    assert_eq!(machine.load().unwrap().log, "system");
    let machine = machine
        .file("/srv/c/causeway.toml", "log = \"data\"")
        .flag("data_dir", "/srv/c");
    assert_eq!(machine.load().unwrap().log, "data");
    let machine = machine
        .file("/tmp/own.toml", "log = \"own\"")
        .flag("config", "/tmp/own.toml");
    assert_eq!(machine.load().unwrap().log, "own");
    let machine = machine.flag("config", "/tmp/absent.toml");
    assert!(
        machine
            .load()
            .unwrap_err()
            .to_string()
            .contains("there is no such file")
    );
}

#[test]
fn records_are_copied_by_one_thread_a_core_up_to_four() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let by_default = Machine::new().load().unwrap().data_threads;
    assert_eq!(by_default, cores.min(4));
    let set = Machine::new().flag("data_threads", "12").load().unwrap();
    assert_eq!(set.data_threads, 12);
}

#[test]
fn a_bad_value_names_setting_origin_and_remedy() {
    let cases = [
        ("listen", "localhost", "127.0.0.1:8080"),
        ("memory", "lots", "64MiB"),
        ("memory", "1MiB", "8MiB"),
        ("connect_timeout", "10", "10s"),
        ("connect_timeout", "0s", "1ms"),
        ("log_format", "xml", "json"),
        ("metrics_open", "yes", "true"),
        ("database", "mysql://x", "postgres://"),
        ("worker", "a b", "letters"),
        ("trusted_proxies", "10.0.0.1 proxy", "127.0.0.1, ::1"),
        ("trusted_proxies", "10.0.0.0/8", "127.0.0.1, ::1"),
        ("token_hosts", "https://a/b", "login.example.com"),
        ("data_threads", "0", "1 to 64"),
        ("data_threads", "65", "1 to 64"),
    ];
    for (key, value, hint) in cases {
        let error = Machine::new()
            .flag(key, value)
            .load()
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("`{key}` (flag)")), "{error}");
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn trusted_proxies_are_addresses_with_commas_between() {
    assert!(Machine::new().load().unwrap().trusted_proxies.is_empty());
    let file = "trusted_proxies = \"127.0.0.1, ::1,::ffff:10.0.0.1\"";
    let config = Machine::new().file(DEFAULT_FILE, file).load().unwrap();
    let told: Vec<String> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["127.0.0.1", "::1", "10.0.0.1"]);
}

#[test]
fn a_refused_database_address_is_not_repeated() {
    let machine = Machine::new().variable("CAUSEWAY_DATABASE", "mysql://u:canary@h/d");
    assert!(!machine.load().unwrap_err().to_string().contains("canary"));
}

#[test]
fn a_file_that_is_no_toml_or_holds_lists_is_refused() {
    for text in ["listen = ", "listen = [1]", "[listen]"] {
        assert!(matches!(
            Machine::new().file(DEFAULT_FILE, text).load().unwrap_err(),
            ConfigError::File { .. }
        ));
    }
}

#[test]
fn without_a_home_directory_the_data_directory_must_be_stated() {
    let mut machine = Machine::new();
    machine.variables.clear();
    assert_eq!(machine.load().unwrap_err(), ConfigError::NoHome);
    assert!(machine.flag("data_dir", "/srv/c").load().is_ok());
}

#[test]
fn help_names_every_flag_with_its_default_and_variable() {
    let help = settings::add_flags(clap::Command::new("causeway"))
        .render_long_help()
        .to_string();
    // Lines are wrapped wherever they happen to be full.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in &SETTINGS {
        assert!(
            help.contains(&format!("--{}", setting.key.replace('_', "-"))),
            "{}",
            setting.key
        );
        assert!(
            help.contains(&settings::variable_of(setting.key)),
            "{}",
            setting.key
        );
    }
    assert_eq!(help.matches("[default: ").count(), SETTINGS.len() + 1);
}
