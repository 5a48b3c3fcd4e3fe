//! `host:port` of a broker.

use std::fmt;
use std::str::FromStr;

/// Where a broker listens: a host name or IP address, and a port. IPv6 addresses are written in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is not an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("add a port, as `{host}:9092`")]
    PortMissing { host: String },
    #[error("a port is a number from 1 to 65535")]
    Port,
    #[error("a host name or address is needed before the port")]
    Host,
}

impl Address {
    /// Makes an address from its parts as a broker advertises them; fails for a port out of range or an empty host.
    pub fn new(host: impl Into<String>, port: i32) -> Result<Self, AddressError> {
        let host = host.into();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(legal) {
            return Err(AddressError::Host);
        }
        match u16::try_from(port) {
            Ok(port) if port > 0 => Ok(Self { host, port }),
            _ => Err(AddressError::Port),
        }
    }

    /// Returns the host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let missing = || AddressError::PortMissing {
            host: text.to_owned(),
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(missing)?,
            None => text.rsplit_once(':').ok_or_else(missing)?,
        };
        let bare_v6 = host.contains(':') && !text.starts_with('[');
        if bare_v6 {
            return Err(missing());
        }
        Self::new(host, port.parse().map_err(|_| AddressError::Port)?)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_addresses_and_writes_them_back() {
        for text in [
            "kafka-1:9092",
            "10.0.0.7:19092",
            "[::1]:9092",
            "a_b.example:1",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_missing() {
        let cases = [
            (
                "kafka-1",
                AddressError::PortMissing {
                    host: "kafka-1".into(),
                },
            ),
            ("::1", AddressError::PortMissing { host: "::1".into() }),
            ("kafka-1:", AddressError::Port),
            ("kafka-1:0", AddressError::Port),
            ("kafka-1:65536", AddressError::Port),
            (":9092", AddressError::Host),
            ("a b:9092", AddressError::Host),
            ("kafka\r\n:9092", AddressError::Host),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
