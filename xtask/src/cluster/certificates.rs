//! A certificate authority of our own, the brokers' certificate, and those of clients.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

/// A client's certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    pub certificate_pem: String,
    pub key_pem: String,
}

/// Writes `ca.pem`, `ca.key` and `broker.pem` (key first, then certificate: what Kafka's PEM key store wants) into `dir`.
/// `names` are the host names and addresses the broker's certificate is valid for.
pub(super) fn write(dir: &Path, names: &[String]) -> Result<()> {
    let authority = authority()?;
    let authority_key = KeyPair::generate()?;
    fs::write(
        dir.join("ca.pem"),
        authority.self_signed(&authority_key)?.pem(),
    )?;
    fs::write(dir.join("ca.key"), authority_key.serialize_pem())?;

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

/// Makes a client's certificate, signed by the authority in `dir`; brokers see its user as `User:CN=<name>`.
pub(super) fn client(dir: &Path, name: &str) -> Result<ClientIdentity> {
    let key = fs::read_to_string(dir.join("ca.key")).context("the cluster has no CA key")?;
    let issuer = Issuer::new(authority()?, KeyPair::from_pem(&key)?);
    let mut client = CertificateParams::new(Vec::new())?;
    client.distinguished_name = DistinguishedName::new();
    client.distinguished_name.push(DnType::CommonName, name);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    Ok(ClientIdentity {
        certificate_pem: client.signed_by(&key, &issuer)?.pem(),
        key_pem: key.serialize_pem(),
    })
}

fn authority() -> Result<CertificateParams> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "Causeway bench CA");
    Ok(authority)
}
