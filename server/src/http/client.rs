//! Who is behind a connection: the address that the limit on attempts counts by.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// Header in which a proxy tells whom it speaks for; each proxy adds the address that it was asked from on the right.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Returns the address that a request came from. What `X-Forwarded-For` says is believed from the right, entry by entry,
/// as long as who told it is a trusted proxy: whatever stands further left anybody could have written.
pub fn address_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut told = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut client = peer.to_canonical();
    // Ends at the first who is not trusted, or with the last entry that is an address.
    while trusted.contains(&client) {
        match told.next().and_then(address) {
            Some(next) => client = next,
            None => break,
        }
    }
    client
}

/// Reads an entry, with or without a port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let plain = entry.parse().ok();
    let address = plain.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted: Vec<IpAddr> = trusted.iter().map(|ip| ip.parse().unwrap()).collect();
        address_of(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
        let proxies = ["127.0.0.1", "10.0.0.1"];
        for (peer, lines, address) in [
            ("127.0.0.1", &[][..], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("::ffff:127.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("127.0.0.1", &["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
            ("127.0.0.1", &["6.6.6.6", "192.0.2.7"], "192.0.2.7"),
            ("127.0.0.1", &["192.0.2.7,10.0.0.1"], "192.0.2.7"),
            ("127.0.0.1", &["192.0.2.7:4711"], "192.0.2.7"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["192.0.2.7, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["10.0.0.1"], "10.0.0.1"),
            ("192.0.2.9", &["192.0.2.7"], "192.0.2.9"),
        ] {
            assert_eq!(client(peer, lines, &proxies), address, "{peer} {lines:?}");
        }
        assert_eq!(client("127.0.0.1", &["192.0.2.7"], &[]), "127.0.0.1");
    }
}
