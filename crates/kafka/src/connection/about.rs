//! What a broker tells of itself while a connection is opened: its release and its certificate's end.

use super::{Connection, Stream, certificate};

/// The highest `metadata.version` (KIP-778) of each release, by the table `MetadataVersion` of Kafka's sources.
const RELEASES: [(i16, &str); 14] = [
    (1, "3.0"),
    (2, "3.1"),
    (3, "3.2"),
    (7, "3.3"),
    (8, "3.4"),
    (11, "3.5"),
    (14, "3.6"),
    (19, "3.7"),
    (20, "3.8"),
    (21, "3.9"),
    (25, "4.0"),
    (27, "4.1"),
    (29, "4.2"),
    (30, "4.3"),
];

/// Returns the release whose brokers support this `metadata.version` at most.
fn release(metadata_version: i16) -> String {
    let found = RELEASES
        .iter()
        .find(|(highest, _)| metadata_version <= *highest);
    match found {
        Some((_, release)) => (*release).to_owned(),
        None => format!("{} or later", RELEASES[RELEASES.len() - 1].1),
    }
}

impl Stream {
    /// Returns when the broker's certificate ends, milliseconds since the epoch, UTC; `None` without TLS.
    pub(super) fn certificate_ends_ms(&self) -> Option<i64> {
        let Self::Tls(stream) = self else {
            return None;
        };
        let certificates = stream.get_ref().1.peer_certificates()?;
        certificate::ends_ms(certificates.first()?)
    }
}

impl Connection {
    /// Returns the release of the broker's software, such as `4.1`; `None` where it does not tell.
    pub fn release(&self) -> Option<String> {
        let highest = self.handle.apis.get()?.metadata_version()?;
        Some(release(highest))
    }

    /// Returns when the broker's certificate ends, milliseconds since the epoch, UTC; `None` without TLS.
    pub fn certificate_ends_ms(&self) -> Option<i64> {
        self.handle.certificate_ends_ms.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_told_by_the_highest_version_that_it_supports() {
        for (version, expected) in [
            (7, "3.3"),
            (20, "3.8"),
            (21, "3.9"),
            (22, "4.0"),
            (30, "4.3"),
            (31, "4.3 or later"),
        ] {
            assert_eq!(release(version), expected);
        }
    }
}
