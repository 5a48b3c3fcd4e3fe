//! Which token endpoints this process may talk to: the administrator's list, not whoever types an address into a form.
//!
//! An entry is a host name (`login.example.com`: HTTPS, public addresses only), `http://` and a host (plain HTTP there
//! too), or an address or network (`10.1.2.0/24`: a listed host may have such an address although it is private).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use model::token_url::TokenUrl;

use crate::error::TokenFailure;

/// The list of this process; empty until it is stated.
static PERMITTED: RwLock<Option<Arc<TokenHosts>>> = RwLock::new(None);

/// States which token endpoints this process may talk to. It is a setting of the process, as who may edit a cluster may
/// not choose where the process connects to.
pub fn permit(hosts: TokenHosts) {
    *PERMITTED.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hosts));
}

pub(super) fn permitted() -> Arc<TokenHosts> {
    let stated = PERMITTED.read().unwrap_or_else(PoisonError::into_inner);
    stated.clone().unwrap_or_default()
}

/// Hosts and networks of token endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenHosts {
    hosts: Vec<Host>,
    networks: Vec<Network>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: String,
    plain_http: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// An entry that is neither host nor network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a host such as `login.example.com` or `http://idp.internal`, nor a network such as `10.0.0.0/8`"
)]
pub struct NoHost(String);

impl FromStr for TokenHosts {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let mut all = Self::default();
        let entries = text.split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            all.add(entry).ok_or_else(|| NoHost(entry.to_owned()))?;
        }
        Ok(all)
    }
}

impl TokenHosts {
    fn add(&mut self, entry: &str) -> Option<()> {
        let (name, plain_http) = match entry.strip_prefix("http://") {
            Some(name) => (name, true),
            None => (entry.strip_prefix("https://").unwrap_or(entry), false),
        };
        if let Some(network) = Network::read(name) {
            self.networks.push(network);
        }
        if name.contains('/') {
            // A network is no host.
            return (Network::read(name).is_some() && !plain_http).then_some(());
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_address = name.parse::<IpAddr>().is_ok();
        if name.is_empty() || !(is_address || name.chars().all(legal)) {
            return None;
        }
        self.hosts.push(Host {
            name: name.to_ascii_lowercase(),
            plain_http,
        });
        Some(())
    }

    /// Refuses an endpoint whose host is not listed, and plain HTTP where it was not allowed.
    pub(super) fn check_url(&self, url: &TokenUrl) -> Result<(), TokenFailure> {
        let mut listed = self
            .hosts
            .iter()
            .filter(|host| host.name == url.host)
            .peekable();
        if listed.peek().is_none() {
            return Err(TokenFailure::NotListed);
        }
        match url.is_https || listed.any(|host| host.plain_http) {
            true => Ok(()),
            false => Err(TokenFailure::NotHttps),
        }
    }

    /// Says whether a listed host may have this address.
    pub(super) fn may_reach(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.networks.iter().any(|network| network.holds(address))
    }
}

impl Network {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let kept = u32::from(self.bits);
            kept == 0 || (a ^ b) >> (width - kept) == 0
        };
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// Says whether an address belongs to the open internet: neither this host, nor a private or special network, nor one
/// that clouds answer metadata at. Mapped addresses were unwrapped before.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Carriers' shared addresses, protocol assignments, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    // Global unicast only, without the ranges that wrap IPv4 (6to4, Teredo) and those for documentation.
    let global = first & 0xe000 == 0x2000;
    let wrapped = first == 0x2002 || (first == 0x2001 && address.segments()[1] == 0);
    let documented = first == 0x2001 && address.segments()[1] == 0x0db8 || first == 0x3fff;
    global && !wrapped && !documented
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> TokenUrl {
        text.parse().unwrap()
    }

    #[test]
    fn only_listed_hosts_are_talked_to_and_plain_http_only_where_it_is_said() {
        let hosts: TokenHosts = "login.example.com, http://idp.internal,10.0.0.0/8"
            .parse()
            .unwrap();
        assert_eq!(hosts.check_url(&url("https://LOGIN.example.com/t")), Ok(()));
        assert_eq!(hosts.check_url(&url("http://idp.internal:8080/t")), Ok(()));
        let cases = [
            ("http://login.example.com/t", TokenFailure::NotHttps),
            ("https://evil.login.example.com/t", TokenFailure::NotListed),
            ("https://login.example.com.evil/t", TokenFailure::NotListed),
            ("https://10.1.2.3/t", TokenFailure::NotListed),
            ("http://0x7f.1/t", TokenFailure::NotListed),
            ("http://169.254.169.254/latest", TokenFailure::NotListed),
        ];
        for (text, why) in cases {
            assert_eq!(hosts.check_url(&url(text)), Err(why), "{text}");
        }
        assert_eq!(
            TokenHosts::default().check_url(&url("https://login.example.com/")),
            Err(TokenFailure::NotListed)
        );
    }

    #[test]
    fn private_and_special_addresses_are_refused_unless_listed() {
        let none = TokenHosts::default();
        let refused = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.1",
            "198.18.0.1",
            "203.0.113.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "64:ff9b::7f00:1",
        ];
        for address in refused {
            assert!(!none.may_reach(address.parse().unwrap()), "{address}");
        }
        for address in ["93.184.216.34", "2606:2800:220:1::1"] {
            assert!(none.may_reach(address.parse().unwrap()), "{address}");
        }
        let some: TokenHosts = "10.1.0.0/16,http://127.0.0.1,fc00::/7".parse().unwrap();
        for (address, reach) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.1", true),
            ("::ffff:10.1.0.1", true),
            ("127.0.0.2", false),
            ("fd12::1", true),
        ] {
            assert_eq!(some.may_reach(address.parse().unwrap()), reach, "{address}");
        }
    }

    #[test]
    fn an_entry_that_is_neither_host_nor_network_is_refused() {
        for text in [
            "https://a/b",
            "10.0.0.0/33",
            "a b",
            "http://10.0.0.0/8",
            "user@host",
        ] {
            assert!(text.parse::<TokenHosts>().is_err(), "{text}");
        }
    }
}
