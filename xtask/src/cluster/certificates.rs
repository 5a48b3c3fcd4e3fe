//! A certificate authority of our own and the brokers' certificate.

use std::{fs, path::Path};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Writes `ca.pem` and `broker.pem` (key first, then certificate: what Kafka's PEM key store wants) into `dir`.
/// `names` are the host names and addresses the broker's certificate is valid for.
pub(super) fn write(dir: &Path, names: &[String]) -> Result<()> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "Causeway bench CA");
    let authority_key = KeyPair::generate()?;
    fs::write(
        dir.join("ca.pem"),
        authority.self_signed(&authority_key)?.pem(),
    )?;

    let mut broker = CertificateParams::new(names.to_vec())?;
    broker
        .distinguished_name
        .push(DnType::CommonName, "kafka broker");
    let broker_key = KeyPair::generate()?;
    let certificate = broker.signed_by(&broker_key, &Issuer::new(authority, authority_key))?;
    let store = format!("{}{}", broker_key.serialize_pem(), certificate.pem());
    fs::write(dir.join("broker.pem"), store)?;
    Ok(())
}
