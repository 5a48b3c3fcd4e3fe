//! Texts that open doors: random ones are handed out once, and only their SHA-256 is stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::problem::Problem;
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};

/// Returns 32 random bytes as 43 characters of base64url.
///
/// # Errors
/// `internal` where the operating system gives no random numbers.
pub(super) fn random_text() -> Result<String, Problem> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// Returns random bytes; errors as [`random_text`].
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        tracing::error!("the operating system gives no random numbers");
        Problem {
            code: "internal".to_owned(),
            status: 500,
            title: "No secret can be made now.".to_owned(),
            detail: "The operating system gives no random numbers.".to_owned(),
            ..Problem::default()
        }
    })?;
    Ok(bytes)
}

/// Returns the SHA-256 by which a text is looked up. Plain hashing is enough: the texts are random.
pub(super) fn hash(text: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_text_has_43_characters_and_is_never_the_same() {
        let (one, other) = (random_text().unwrap(), random_text().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
        assert_ne!(hash(&one), hash(&other));
    }
}
