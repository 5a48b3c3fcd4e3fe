//! Sealing of secrets before they reach SQL: AES-256-GCM, `v1:<key id>:<nonce>:<ciphertext>`.
//!
//! Table, row and column are authenticated with the text, so that a sealed secret copied to another place does not
//! open there. The key comes from a file beside the database or from a variable and is never stored or shown.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use model::Secret;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
    rand::{SecureRandom, SystemRandom},
};

use crate::json::Place;

const KEY_BYTES: usize = 32;

/// The installation's key for secrets at rest.
pub struct Key {
    cipher: LessSafeKey,
    id: String,
}

/// Why a key cannot be used, or a secret not be opened with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "a key is 32 bytes in base64, such as `openssl rand -base64 32` prints; {0} is something else"
    )]
    Malformed(String),
    #[error("others can read the key file `{0}`: run `chmod 600 {0}`")]
    Exposed(PathBuf),
    #[error("the key file `{path}` cannot be read or made: {reason}")]
    File { path: PathBuf, reason: String },
    #[error(
        "secrets in the database were sealed with key `{stored}`, but the key given is `{given}`: bring back the \
         former key file or variable"
    )]
    Wrong { stored: String, given: String },
    #[error("the sealed `{column}` in {table} `{id}` is damaged: enter the secret again")]
    Damaged {
        table: &'static str,
        id: String,
        column: &'static str,
    },
    #[error("the operating system gives no random numbers")]
    Random,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// Reads the key from base64 text of 32 bytes, such as a variable holds.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        Self::decode(text).ok_or_else(|| KeyError::Malformed("the text given".to_owned()))
    }

    /// Reads the key from a file, and makes the file (mode 0600, random key) where there is none. Refuses a file that
    /// group or others may access.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let failed = |error: io::Error| KeyError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        if !path.try_exists().map_err(failed)? {
            make_file(path)?;
        }
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed(path.to_owned()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Self::decode(&text).ok_or_else(|| KeyError::Malformed(format!("`{}`", path.display())))
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = STANDARD
            .decode(text.trim())
            .ok()
            .filter(|bytes| bytes.len() == KEY_BYTES)?;
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        let mut hashed = digest::Context::new(&digest::SHA256);
        hashed.update(b"causeway key id");
        hashed.update(&bytes);
        let id = hashed.finish().as_ref()[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(Self { cipher, id })
    }

    /// Returns a short hash that tells keys apart and reveals nothing of them.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a secret for one place.
    pub(crate) fn seal(&self, secret: &Secret, place: Place<'_>) -> Result<String, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| KeyError::Random)?;
        let mut text = secret.expose().as_bytes().to_vec();
        self.cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                associated(place),
                &mut text,
            )
            .map_err(|_| KeyError::Random)?;
        let (nonce, text) = (URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(text));
        Ok(format!("v1:{}:{nonce}:{text}", self.id))
    }

    /// Opens what [`Self::seal`] made for the same place.
    pub(crate) fn open(&self, sealed: &str, place: Place<'_>) -> Result<Secret, KeyError> {
        let damaged = || KeyError::Damaged {
            table: place.table,
            id: place.id.to_owned(),
            column: place.column,
        };
        self.check(sealed, place)?;
        let mut parts = sealed
            .split(':')
            .skip(2)
            .map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let mut next = || parts.next().flatten().ok_or_else(damaged);
        let (nonce, mut text) = (next()?, next()?);
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| damaged())?;
        let plain = self
            .cipher
            .open_in_place(nonce, associated(place), &mut text)
            .map_err(|_| damaged())?;
        let plain = std::str::from_utf8(plain).map_err(|_| damaged())?;
        Ok(Secret::new(plain))
    }

    /// Checks that this key sealed the text, without opening it.
    pub(crate) fn check(&self, sealed: &str, place: Place<'_>) -> Result<(), KeyError> {
        let stored = sealed
            .strip_prefix("v1:")
            .and_then(|rest| rest.split_once(':'));
        match stored {
            Some((stored, _)) if stored == self.id => Ok(()),
            Some((stored, _)) => Err(KeyError::Wrong {
                stored: stored.to_owned(),
                given: self.id.clone(),
            }),
            None => Err(KeyError::Damaged {
                table: place.table,
                id: place.id.to_owned(),
                column: place.column,
            }),
        }
    }
}

fn associated(place: Place<'_>) -> Aad<String> {
    Aad::from(format!("{}|{}|{}", place.table, place.id, place.column))
}

/// Makes a key file whole or not at all: two processes that start together end up with the same key.
fn make_file(path: &Path) -> Result<(), KeyError> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| KeyError::Random)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", uuid::Uuid::new_v4()));
    let draft = PathBuf::from(draft);
    let linked = write_private(&draft, &STANDARD.encode(bytes))
        .and_then(|()| fs::hard_link(&draft, path))
        .or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        });
    // The draft is a second name of the finished key, or useless; it may also not exist.
    let _ = fs::remove_file(&draft);
    linked.map_err(|error| KeyError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
