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
    #[error("this holds a private key, paste the certificates of the authority only")]
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
            check_block(&mut lines, line)?;
            certificates += 1;
        }
    }
    if certificates == 0 {
        Err(PemError::Missing)
    } else {
        Ok(())
    }
}

/// Reads to the end of the block that began in line `begin`.
fn check_block<'t>(
    lines: &mut impl Iterator<Item = (&'t str, usize)>,
    begin: usize,
) -> Result<(), PemError> {
    let mut characters = 0;
    for (content, line) in lines {
        if let Some(label) = content.strip_prefix(END) {
            let closes = label.strip_suffix(DASHES) == Some("CERTIFICATE");
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
