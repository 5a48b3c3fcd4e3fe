//! What an X.509 certificate says of itself: its subject and when it is valid.

use x509_parser::{
    certificate::X509Certificate,
    pem::Pem,
    x509::{AttributeTypeAndValue, X509Name},
};

/// What is told of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject as brokers name it in ACLs: most specific part first, commas between (RFC 2253).
    pub subject: String,
    /// Milliseconds since the epoch, UTC.
    pub begins_at_ms: i64,
    /// Milliseconds since the epoch, UTC.
    pub ends_at_ms: i64,
}

/// Reads the first certificate of a PEM text, `None` where there is none that can be read.
pub fn facts(pem: &str) -> Option<CertificateFacts> {
    let mut blocks = Pem::iter_from_buffer(pem.as_bytes()).filter_map(Result::ok);
    let block = blocks.find(|block| block.label == "CERTIFICATE")?;
    Some(of(&block.parse_x509().ok()?))
}

/// Reads a certificate in DER, as a TLS handshake shows it.
pub fn facts_of_der(der: &[u8]) -> Option<CertificateFacts> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(of(&certificate))
}

fn of(certificate: &X509Certificate<'_>) -> CertificateFacts {
    let validity = certificate.validity();
    CertificateFacts {
        subject: name(certificate.subject()),
        begins_at_ms: validity.not_before.timestamp().saturating_mul(1_000),
        ends_at_ms: validity.not_after.timestamp().saturating_mul(1_000),
    }
}

/// Writes a name as Java's `X500Principal.getName()` does, which is Kafka's principal where no mapping rule is set.
fn name(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let key = match oid.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        other => other,
    };
    format!("{key}={}", escaped(attribute.as_str().unwrap_or_default()))
}

/// Escapes what RFC 2253 gives a meaning.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        let at_edge = c == ' ' && (index == 0 || index == last) || c == '#' && index == 0;
        if at_edge || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_subject_and_end() {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(rcgen::DnType::OrganizationName, "Example, Inc.");
        name.push(rcgen::DnType::CommonName, "causeway");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let told = facts(&format!("some words\n{}", made.pem())).unwrap();
        assert_eq!(told.subject, "CN=causeway,O=Example\\, Inc.");
        assert_eq!(told.ends_at_ms, 1_798_761_600_000);
        assert_eq!(facts_of_der(made.der()), Some(told));
    }

    #[test]
    fn what_is_no_certificate_tells_nothing() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "hello", broken] {
            assert_eq!(facts(text), None);
        }
    }
}
