//! A first look at PEM texts (RFC 7468): shape only; the TLS library reads the certificates themselves.

use crate::text::grouped;

/// Longest PEM text, in bytes: some hundred certificates.
const MAX_BYTES: usize = 256 * 1024;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Why a text does not hold certificates. Repeats nothing of the text, which may be a private key by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PemError {
    #[error(
        "paste at least one certificate, from `-----BEGIN CERTIFICATE-----` to `-----END CERTIFICATE-----`"
    )]
    Missing,
    #[error("{} bytes, at most {} are allowed", grouped(*.0), grouped(MAX_BYTES))]
    TooLarge(usize),
    #[error("this holds a private key, paste certificates only")]
    PrivateKey,
    #[error("line {line}: remove this control character")]
    Control { line: usize },
    #[error("line {line}: only `CERTIFICATE` blocks are expected here")]
    Label { line: usize },
    #[error("line {line}: this is not base64")]
    Base64 { line: usize },
    #[error("line {line}: this certificate has no content")]
    Empty { line: usize },
    #[error("line {line}: this certificate has no end, the text seems to be cut off")]
    Unclosed { line: usize },
}

/// Checks that `text` holds one or more certificates; text between blocks is passed over, as openssl writes it.
pub(super) fn check_certificates(text: &str) -> Result<(), PemError> {
    if text.len() > MAX_BYTES {
        return Err(PemError::TooLarge(text.len()));
    }
    if text.contains("PRIVATE KEY-----") {
        return Err(PemError::PrivateKey);
    }
    let foreign = |line: &str| line.contains(|c: char| c.is_control() && c != '\t');
    if let Some(index) = text.lines().position(foreign) {
        return Err(PemError::Control { line: index + 1 });
    }
    let mut certificates = 0;
    let mut lines = text.lines().map(str::trim).zip(1..);
    while let Some((content, line)) = lines.next() {
        if let Some(label) = content.strip_prefix(BEGIN) {
            if label != "CERTIFICATE-----" {
                return Err(PemError::Label { line });
            }
            check_labelled(&mut lines, line, "CERTIFICATE")?;
            certificates += 1;
        }
    }
    if certificates == 0 {
        Err(PemError::Missing)
    } else {
        Ok(())
    }
}

/// Reads to the end of the block called `label` that began in line `begin`.
fn check_labelled<'t>(
    lines: &mut impl Iterator<Item = (&'t str, usize)>,
    begin: usize,
    label: &str,
) -> Result<(), PemError> {
    let mut characters = 0;
    for (content, line) in lines {
        if let Some(end) = content.strip_prefix(END) {
            let closes = end.strip_suffix(DASHES) == Some(label);
            return match characters {
                _ if !closes => Err(PemError::Label { line }),
                0 => Err(PemError::Empty { line: begin }),
                n if n % 4 != 0 => Err(PemError::Base64 { line }),
                _ => Ok(()),
            };
        }
        if content.starts_with(BEGIN) {
            break;
        }
        let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        if !content.chars().all(base64) {
            return Err(PemError::Base64 { line });
        }
        characters += content.len();
    }
    Err(PemError::Unclosed { line: begin })
}

/// Why a text is not one private key that can be used. Repeats nothing of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("paste the certificate's private key, from `-----BEGIN PRIVATE KEY-----` to its end")]
    Missing,
    #[error("{} bytes, at most {} are allowed", grouped(*.0), grouped(MAX_BYTES))]
    TooLarge(usize),
    #[error(
        "this key is encrypted: paste it decrypted, as `openssl pkey -in key.pem` writes it; it is stored encrypted here"
    )]
    Encrypted,
    #[error("a `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY` block is expected here")]
    Label,
    #[error("this holds several keys, paste the one of the certificate")]
    Several,
    #[error("this key is damaged or cut off")]
    Damaged,
}

/// Checks that `text` holds one private key: PKCS#8, PKCS#1 or SEC 1, not encrypted. Other blocks are passed over, as
/// `openssl ecparam` and key stores write them.
pub(super) fn check_key(text: &str) -> Result<(), KeyError> {
    if text.len() > MAX_BYTES {
        return Err(KeyError::TooLarge(text.len()));
    }
    if text.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let mut keys = 0;
    let mut lines = text.lines().map(str::trim).zip(1..);
    while let Some((content, line)) = lines.next() {
        match content.strip_prefix(BEGIN) {
            Some("PRIVATE KEY-----" | "RSA PRIVATE KEY-----" | "EC PRIVATE KEY-----") => {
                let label = content.trim_start_matches(BEGIN).trim_end_matches(DASHES);
                check_labelled(&mut lines, line, label).map_err(|_| KeyError::Damaged)?;
                keys += 1;
            }
            Some(label) if label.contains("PRIVATE KEY") => return Err(KeyError::Label),
            _ => {}
        }
    }
    match keys {
        0 if text.contains(BEGIN) => Err(KeyError::Label),
        0 => Err(KeyError::Missing),
        1 => Ok(()),
        _ => Err(KeyError::Several),
    }
}
