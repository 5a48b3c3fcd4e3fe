//! How a command fails, and with which exit code.

use crate::{config::ConfigError, lock::LockError};

/// Exit code of wrong usage or settings (`EX_USAGE`).
pub const USAGE: u8 = 64;

/// Why a command ended without success.
#[derive(Debug)]
pub enum Failure {
    /// It was said already; only the exit code is left.
    Said(u8),
    /// Wrong usage or settings.
    Usage(String),
    /// It was tried and failed.
    Fault(anyhow::Error),
}

impl Failure {
    /// Returns the process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Said(code) => *code,
            Self::Usage(_) => USAGE,
            Self::Fault(_) => 1,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Said(code) => write!(f, "failed with exit code {code}"),
            Self::Usage(text) => f.write_str(text),
            Self::Fault(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Fault(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { .. } => Self::Usage(error.to_string()),
            LockError::Io { .. } => Self::Fault(error.into()),
        }
    }
}
