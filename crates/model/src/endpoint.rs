//! A broker's address as operators write it: `host:port`.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use crate::text::shown;

/// Longest host name, in characters (RFC 1035).
const MAX_HOST: usize = 253;

/// A host and port of one bootstrap entry or broker. An IPv6 host stands without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// Why a text is not an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("enter a broker's address, as `kafka-1:9092`")]
    Empty,
    #[error("it holds a space or control character, remove it")]
    Space,
    #[error("it holds several addresses, make each an entry of its own")]
    Several,
    #[error("leave out `{0}://`, only host and port are wanted")]
    Scheme(String),
    #[error("leave out everything before the `@`, the user belongs to the sign-in settings")]
    User,
    #[error("add a port, as `{0}:9092`")]
    PortMissing(String),
    #[error("the port is a number from 1 to 65535")]
    Port,
    #[error("put an IPv6 address into brackets, as `[::1]:9092`")]
    Brackets,
    #[error("`{0}` is not an IPv6 address")]
    Ipv6(String),
    #[error("the host before the port is missing")]
    HostMissing,
    #[error("a host name has at most 253 characters")]
    HostTooLong,
    #[error("character {position} (`{}`) cannot stand in a host name", shown(.found.encode_utf8(&mut [0; 4])))]
    HostCharacter { position: usize, found: char },
}

impl Endpoint {
    /// Returns the host name or address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        refuse_foreign_forms(text)?;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => split_brackets(rest)?,
            None => split_host(text)?,
        };
        match port.parse::<u16>() {
            Ok(port)
                if port > 0
                    && text.ends_with(|c: char| c.is_ascii_digit())
                    && !text.contains('+') =>
            {
                Ok(Self {
                    host: host.to_owned(),
                    port,
                })
            }
            _ => Err(EndpointError::Port),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Names the mistakes that pasted addresses bring along.
fn refuse_foreign_forms(text: &str) -> Result<(), EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::Empty);
    }
    if text.contains([',', ';']) {
        return Err(EndpointError::Several);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(EndpointError::Space);
    }
    if text.contains('@') {
        return Err(EndpointError::User);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(EndpointError::Scheme(shown(scheme)));
    }
    Ok(())
}

fn split_brackets(rest: &str) -> Result<(&str, &str), EndpointError> {
    let (host, after) = rest.split_once(']').ok_or(EndpointError::Brackets)?;
    if host.parse::<Ipv6Addr>().is_err() {
        return Err(EndpointError::Ipv6(shown(host)));
    }
    match after.strip_prefix(':') {
        Some(port) if !port.is_empty() => Ok((host, port)),
        _ => Err(EndpointError::PortMissing(format!("[{host}]"))),
    }
}

fn split_host(text: &str) -> Result<(&str, &str), EndpointError> {
    if text.parse::<Ipv6Addr>().is_ok() || text.matches(':').count() > 1 {
        return Err(EndpointError::Brackets);
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    if host.is_empty() {
        return Err(EndpointError::HostMissing);
    }
    let illegal = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if let Some((index, found)) = host.chars().enumerate().find(|(_, c)| illegal(c)) {
        return Err(EndpointError::HostCharacter {
            position: index + 1,
            found,
        });
    }
    if host.len() > MAX_HOST {
        return Err(EndpointError::HostTooLong);
    }
    if port.is_empty() {
        return Err(EndpointError::PortMissing(host.to_owned()));
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_addresses() {
        let cases = [
            ("kafka-1:9092", "kafka-1", 9092),
            ("10.0.0.7:1", "10.0.0.7", 1),
            (
                "my_broker.example.com:65535",
                "my_broker.example.com",
                65535,
            ),
            ("[::1]:9092", "::1", 9092),
            ("[2001:db8::7]:9093", "2001:db8::7", 9093),
        ];
        for (text, host, port) in cases {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port));
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn says_what_to_do_about_a_wrong_entry() {
        let cases = [
            ("", "enter a broker's address, as `kafka-1:9092`"),
            ("kafka-1", "add a port, as `kafka-1:9092`"),
            ("kafka-1:", "add a port, as `kafka-1:9092`"),
            ("[::1]", "add a port, as `[::1]:9092`"),
            ("kafka-1:0", "the port is a number from 1 to 65535"),
            ("kafka-1:65536", "the port is a number from 1 to 65535"),
            ("kafka-1:+9", "the port is a number from 1 to 65535"),
            ("kafka-1:9092/", "the port is a number from 1 to 65535"),
            (
                "::1:9092",
                "put an IPv6 address into brackets, as `[::1]:9092`",
            ),
            (
                "[fe80::1:9092",
                "put an IPv6 address into brackets, as `[::1]:9092`",
            ),
            ("[kafka]:9092", "`kafka` is not an IPv6 address"),
            (":9092", "the host before the port is missing"),
            (
                "kafka 1:9092",
                "it holds a space or control character, remove it",
            ),
            (
                "kafka\0:9092",
                "it holds a space or control character, remove it",
            ),
            (
                "a:1,b:1",
                "it holds several addresses, make each an entry of its own",
            ),
            (
                "SASL_SSL://a:1",
                "leave out `SASL_SSL://`, only host and port are wanted",
            ),
            ("käfka:1", "character 2 (`ä`) cannot stand in a host name"),
        ];
        for (text, message) in cases {
            assert_eq!(
                text.parse::<Endpoint>().unwrap_err().to_string(),
                message,
                "{text:?}"
            );
        }
    }

    #[test]
    fn does_not_repeat_a_pasted_password() {
        let message = "user:hunter2@kafka:9092"
            .parse::<Endpoint>()
            .unwrap_err()
            .to_string();
        assert!(!message.contains("hunter2"), "{message}");
    }
}
