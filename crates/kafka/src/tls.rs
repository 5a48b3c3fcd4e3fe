//! TLS with rustls and ring.

use std::io;
use std::sync::Arc;

use model::cluster::Tls;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};

use crate::error::TlsFailure;
use crate::{Address, Error};

/// Makes the TLS settings of a cluster, `None` for plaintext. Fails when a certificate cannot be read.
pub(crate) fn client_config(tls: &Tls) -> Result<Option<Arc<ClientConfig>>, Error> {
    let (roots, verify_hostname) = match tls {
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
    config(roots, names).map(Some)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HostNames {
    Checked,
    Any,
}

fn config(roots: RootCertStore, names: HostNames) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let webpki =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|_| settings("no certificate authority is given"))?;
    let verifier: Arc<dyn ServerCertVerifier> = match names {
        HostNames::Checked => webpki,
        HostNames::Any => Arc::new(AnyName { webpki }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| settings("no TLS version is available"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
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
    let name = ServerName::try_from(address.host().to_owned()).map_err(|_| Error::Tls {
        address: address.clone(),
        reason: TlsFailure::NameMismatch,
    })?;
    TlsConnector::from(config)
        .connect(name, tcp)
        .await
        .map_err(|error| match failure(&error) {
            Handshake::NotTls => Error::TlsToPlaintext {
                address: address.clone(),
            },
            Handshake::Failed(reason) => Error::Tls {
                address: address.clone(),
                reason,
            },
        })
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
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
        ) => TlsFailure::ClientCertificate,
        rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
        )
        | rustls::Error::PeerIncompatible(_) => TlsFailure::NothingInCommon,
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
