//! Passwords as argon2id hashes (RFC 9106) with the parameters that OWASP recommends: 19 MiB, 2 passes, 1 lane.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::SaltString,
};
use model::{Secret, problem::Problem};
use tokio::sync::Semaphore;

use crate::api::secrets::random_bytes;

/// Hashes at once, each with 19 MiB; further ones wait.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// Stands in for the hash of a user that does not exist, so that the answer takes as long. No password fits it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y2F1c2V3YXljYXVzZXdheQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Returns the hash of a password in PHC form.
pub(super) async fn hashed(password: &str) -> Result<Secret, Problem> {
    let salt = SaltString::encode_b64(&random_bytes::<16>()?).map_err(|_| failed())?;
    let password = password.to_owned();
    let text = apart(move || {
        let hash = argon2id()?.hash_password(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|_| failed())
    });
    text.await.map(Secret::new)
}

/// Says whether the password fits the stored hash. Without a hash it takes as long and fits nothing.
pub(super) async fn fits(password: &str, stored: Option<&Secret>) -> Result<bool, Problem> {
    let known = stored.is_some();
    let stored = stored.map_or(NOBODY, Secret::expose).to_owned();
    let password = password.to_owned();
    let fits = apart(move || {
        let stored = PasswordHash::new(&stored).map_err(|_| failed())?;
        Ok(argon2id()?
            .verify_password(password.as_bytes(), &stored)
            .is_ok())
    });
    Ok(fits.await? && known)
}

fn argon2id() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| failed())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Runs `work` on a thread that may be busy. The permit goes with it: work whose caller went away counts to its end.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let permit = AT_ONCE.acquire().await.map_err(|_| failed())?;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    done.await.map_err(|_| failed())?
}

fn failed() -> Problem {
    tracing::error!("a password could not be hashed or compared");
    Problem {
        code: "internal".to_owned(),
        status: 500,
        title: "The password cannot be checked now.".to_owned(),
        detail: "The reason is in the log.".to_owned(),
        ..Problem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let one = hashed("correct horse").await.unwrap();
        let other = hashed("correct horse").await.unwrap();
        assert_ne!(one, other, "each has its own salt");
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(fits("correct horse", Some(&one)).await.unwrap());
        assert!(!fits("correct hose", Some(&one)).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_fits_where_there_is_no_user() {
        let stand_in = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(stand_in.hash.unwrap().len(), 32);
        assert!(!fits("", None).await.unwrap());
        assert!(!fits("correct horse", None).await.unwrap());
    }
}
