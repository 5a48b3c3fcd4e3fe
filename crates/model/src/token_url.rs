//! Addresses of token endpoints: `https://host[:port]/path`, read as far as connecting needs it.

use std::{fmt, str::FromStr};

/// Longest address, in bytes.
const MAX_BYTES: usize = 2_000;

/// A token endpoint's address, split into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUrl {
    /// `https`; else `http`.
    pub is_https: bool,
    /// Lower case; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// Path and query, with its slash.
    pub path: String,
}

/// Why a text is no token endpoint's address. Repeats nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenUrlError {
    #[error("enter the token endpoint's address, as `https://login.example.com/oauth2/token`")]
    Missing,
    #[error("the address begins with `https://`")]
    Scheme,
    #[error("the address has at most 2,000 characters")]
    TooLong,
    #[error("leave out everything before the `@`, client and secret have fields of their own")]
    User,
    #[error("leave out the `#` and what follows it")]
    Fragment,
    #[error("only letters, digits and the usual signs stand in an address, without spaces")]
    Character,
    #[error("the address names no host")]
    Host,
    #[error("the port is a number from 1 to 65535")]
    Port,
}

impl FromStr for TokenUrl {
    type Err = TokenUrlError;

    fn from_str(text: &str) -> Result<Self, TokenUrlError> {
        check_text(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(TokenUrlError::Scheme)?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(TokenUrlError::Scheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(TokenUrlError::User);
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            None if is_https => 443,
            None => 80,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or(TokenUrlError::Port)?,
        };
        let path = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("/{path}"),
        };
        Ok(Self {
            is_https,
            host: host.to_ascii_lowercase(),
            port,
            path,
        })
    }
}

impl TokenUrl {
    /// Returns host and port as an address has them.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for TokenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

fn check_text(text: &str) -> Result<(), TokenUrlError> {
    let legal = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`');
    match text {
        "" => Err(TokenUrlError::Missing),
        _ if text.len() > MAX_BYTES => Err(TokenUrlError::TooLong),
        _ if !text.chars().all(legal) => Err(TokenUrlError::Character),
        _ if text.contains('#') => Err(TokenUrlError::Fragment),
        _ => Ok(()),
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), TokenUrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(TokenUrlError::Host)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(TokenUrlError::Host),
            }
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
    match !host.is_empty() && (host.chars().all(named) || is_address) {
        true => Ok((host, port)),
        false => Err(TokenUrlError::Host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_what_connecting_needs() {
        let cases = [
            (
                "https://login.example.com/token",
                true,
                "login.example.com",
                443,
                "/token",
            ),
            ("http://Idp:8080", false, "idp", 8080, "/"),
            ("https://[::1]:8443/a?b=c", true, "::1", 8443, "/a?b=c"),
            ("https://idp?tenant=1", true, "idp", 443, "/?tenant=1"),
        ];
        for (text, is_https, host, port, path) in cases {
            let url: TokenUrl = text.parse().unwrap();
            let expected = TokenUrl {
                is_https,
                host: host.to_owned(),
                port,
                path: path.to_owned(),
            };
            assert_eq!(url, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        let cases = [
            ("", TokenUrlError::Missing),
            ("file:///etc/passwd", TokenUrlError::Scheme),
            ("login.example.com", TokenUrlError::Scheme),
            ("https://user:secret@idp/", TokenUrlError::User),
            ("https://idp/#a", TokenUrlError::Fragment),
            ("https://idp/a b", TokenUrlError::Character),
            ("https://idp/\r\nHost: x", TokenUrlError::Character),
            ("https:///token", TokenUrlError::Host),
            ("https://[::1/", TokenUrlError::Host),
            ("https://idp:0/", TokenUrlError::Port),
            ("https://idp:99999/", TokenUrlError::Port),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<TokenUrl>(), Err(error), "{text}");
        }
        let long = format!("https://idp/{}", "a".repeat(2_000));
        assert_eq!(long.parse::<TokenUrl>(), Err(TokenUrlError::TooLong));
    }
}
