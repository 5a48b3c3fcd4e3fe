//! Log lines on standard error, as text or JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, LogFormat, Origin};

/// Starts logging as the settings say.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| ConfigError::Value {
        key: "log",
        origin: config.origin("log"),
        why: format!("`{}` is not a log filter: {error}", config.log),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start in one process keeps the first's settings: only tests do that.
    let _ = match config.log_format {
        LogFormat::Text => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colour).try_init()
        }
        LogFormat::Json => builder.json().try_init(),
    };
    // A panic is a line of the log like any other fault, without a second text on standard error.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            place,
            "panic: {}",
            info.payload_as_str().unwrap_or("without words")
        );
    }));
    Ok(())
}

impl Config {
    /// Returns where a setting's value came from.
    pub fn origin(&self, key: &str) -> Origin {
        let entry = self.in_force.iter().find(|entry| entry.setting.key == key);
        entry.map_or(Origin::Default, |entry| entry.origin.clone())
    }
}
