//! TLS with rustls and ring.

use std::io;
use std::sync::Arc;

use model::cluster::{ClientCertificate, ClusterSpec, Tls};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};

use crate::error::TlsFailure;
use crate::{Address, Error};

/// Makes the TLS settings of a cluster, `None` for plaintext. Fails when a certificate or key cannot be read.
pub(crate) fn client_config(spec: &ClusterSpec) -> Result<Option<Arc<ClientConfig>>, Error> {
    let (roots, verify_hostname) = match &spec.tls {
        Tls::Off => return Ok(None),
        Tls::System { verify_hostname } => (system_roots()?, *verify_hostname),
        Tls::Ca {
            ca_pem,
            verify_hostname,
        } => (given_roots(ca_pem)?, *verify_hostname),
    };
    let names = if verify_hostname {
        HostNames::Checked
    } else {
        HostNames::Any
    };
    config(roots, names, spec.client_certificate.as_ref()).map(Some)
}

/// Makes the TLS settings for a web address: the system's authorities, and those of `authorities`.
pub(crate) fn web_config(authorities: &str) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = match authorities {
        "" => RootCertStore::empty(),
        pem => given_roots(pem)?,
    };
    match system_roots() {
        Ok(system) => roots.extend(system.roots),
        // An authority of one's own is enough.
        Err(_) if !roots.is_empty() => {}
        Err(error) => return Err(error),
    }
    config(roots, HostNames::Checked, None)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HostNames {
    Checked,
    Any,
}

fn config(
    roots: RootCertStore,
    names: HostNames,
    shown: Option<&ClientCertificate>,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let webpki =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|_| settings("no certificate authority is given"))?;
    let verifier: Arc<dyn ServerCertVerifier> = match names {
        HostNames::Checked => webpki,
        HostNames::Any => Arc::new(AnyName { webpki }),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| settings("no TLS version is available"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => {
            let (chain, key) = identity(shown)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| settings(unusable(&error)))?
        }
    };
    Ok(Arc::new(config))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads a client certificate with its key; keys that are encrypted are refused by name.
fn identity(shown: &ClientCertificate) -> Result<Identity, Error> {
    let blocks = CertificateDer::pem_slice_iter(shown.certificate_pem.as_bytes());
    let chain: Vec<_> = blocks
        .collect::<Result<_, _>>()
        .map_err(|_| settings("the client certificate is not PEM"))?;
    if chain.is_empty() {
        return Err(settings(
            "the client certificate holds no `BEGIN CERTIFICATE` block",
        ));
    }
    let key = shown
        .key_pem
        .as_ref()
        .ok_or_else(|| settings("the client certificate's key is missing"))?;
    if key.expose().contains("ENCRYPTED") {
        return Err(settings(
            "the client certificate's key is encrypted: give it decrypted",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| settings("the client certificate's key is not PEM"))?;
    Ok((chain, key))
}

fn unusable(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "the client certificate's key belongs to another certificate"
        }
        _ => "the client certificate or its key cannot be used",
    }
}

fn settings(what: &str) -> Error {
    Error::Settings {
        what: what.to_owned(),
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(settings(
            "the operating system has no certificate authorities: give a CA certificate",
        ));
    }
    Ok(roots)
}

fn given_roots(pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| settings("the CA certificate is not PEM"))?;
        roots
            .add(certificate)
            .map_err(|_| settings("the CA certificate cannot be read"))?;
    }
    if roots.is_empty() {
        return Err(settings(
            "the CA certificate holds no `BEGIN CERTIFICATE` block",
        ));
    }
    Ok(roots)
}

/// Shakes hands with a broker.
pub(crate) async fn connect(
    tcp: TcpStream,
    address: &Address,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Error> {
    shake(tcp, address.host(), config)
        .await
        .map_err(|failed| match failed {
            Handshake::NotTls => Error::TlsToPlaintext {
                address: address.clone(),
            },
            Handshake::Failed(reason) => Error::Tls {
                address: address.clone(),
                reason,
            },
        })
}

/// Shakes hands with a web server.
pub(crate) async fn connect_to(
    tcp: TcpStream,
    host: &str,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, TlsFailure> {
    let shaken = shake(tcp, host, config).await;
    shaken.map_err(|failed| match failed {
        Handshake::NotTls => TlsFailure::Other,
        Handshake::Failed(reason) => reason,
    })
}

async fn shake(
    tcp: TcpStream,
    host: &str,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Handshake> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Handshake::Failed(TlsFailure::NameMismatch))?;
    let shaken = TlsConnector::from(config).connect(name, tcp).await;
    shaken.map_err(|error| failure(&error))
}

/// Returns what the other side's TLS said when it ended a stream, if that is why it ended: brokers judge a client's
/// certificate after the handshake has ended for us (TLS 1.3).
pub(crate) fn refusal(error: &io::Error) -> Option<TlsFailure> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    match error {
        rustls::Error::AlertReceived(alert) => refused_by(*alert),
        _ => None,
    }
}

/// What an alert says of our certificate, `None` where it speaks of something else.
fn refused_by(alert: AlertDescription) -> Option<TlsFailure> {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate => Some(TlsFailure::ClientCertificate),
        AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => Some(TlsFailure::ClientRefused),
        _ => None,
    }
}

/// Says whether the other side answers a TLS greeting at all. No authority is trusted, so the handshake itself fails.
pub(crate) async fn answers(tcp: TcpStream, address: &Address) -> bool {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let Ok(builder) = builder else {
        return false;
    };
    let config = builder
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let refused = connect(tcp, address, Arc::new(config)).await;
    matches!(refused, Err(Error::Tls { reason, .. }) if reason != TlsFailure::BrokenOff)
}

enum Handshake {
    NotTls,
    Failed(TlsFailure),
}

fn failure(error: &io::Error) -> Handshake {
    let Some(error) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return Handshake::Failed(TlsFailure::BrokenOff);
    };
    Handshake::Failed(match error {
        rustls::Error::InvalidMessage(_) => return Handshake::NotTls,
        rustls::Error::InvalidCertificate(reason) => certificate_failure(reason),
        rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
        )
        | rustls::Error::PeerIncompatible(_) => TlsFailure::NothingInCommon,
        rustls::Error::AlertReceived(alert) => refused_by(*alert).unwrap_or(TlsFailure::Other),
        _ => TlsFailure::Other,
    })
}

fn certificate_failure(reason: &CertificateError) -> TlsFailure {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::NotYetValid
        }
        // An authority that was made anew under its old name signs with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsFailure::UnknownIssuer
        }
        reason if is_name_mismatch(reason) => TlsFailure::NameMismatch,
        _ => TlsFailure::BadCertificate,
    }
}

fn is_name_mismatch(reason: &CertificateError) -> bool {
    matches!(
        reason,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    )
}

/// Verifies the chain but accepts any host name, as `ssl.endpoint.identification.algorithm=` does elsewhere.
#[derive(Debug)]
struct AnyName {
    webpki: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The chain is verified before the name, so a complaint about the name means that the chain is good.
        match self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(rustls::Error::InvalidCertificate(reason)) if is_name_mismatch(&reason) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
