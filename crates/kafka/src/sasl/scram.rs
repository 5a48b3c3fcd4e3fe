//! SCRAM (RFC 5802, RFC 7677) with SHA-256 and SHA-512, without channel binding, as Kafka speaks it (KIP-84).

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};

use crate::error::AuthFailure;

/// Fewer rounds than this would let somebody in the middle guess the password from our proof.
const FEWEST_ROUNDS: u32 = 4096;

/// More rounds than this would only keep us busy.
const MOST_ROUNDS: u32 = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn sign(self, key: &[u8], text: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(self.hmac(), key), text)
    }
}

/// One exchange from the client's side.
#[derive(Debug)]
pub(super) struct Scram {
    hash: Hash,
    client_first_bare: String,
    nonce: String,
}

/// What the server must answer to show that it knows the password too.
#[derive(Debug)]
pub(super) struct Expected {
    key: hmac::Key,
    message: String,
}

/// Makes a nonce of 24 random bytes.
pub(super) fn nonce() -> Result<String, AuthFailure> {
    let mut bytes = [0; 24];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| AuthFailure::Scram("no random numbers"))?;
    Ok(BASE64.encode(bytes))
}

impl Scram {
    pub(super) fn new(hash: Hash, username: &str, nonce: String) -> Self {
        let username = username.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            client_first_bare: format!("n={username},r={nonce}"),
            nonce,
        }
    }

    pub(super) fn client_first(&self) -> Vec<u8> {
        format!("n,,{}", self.client_first_bare).into_bytes()
    }

    /// Answers the server's first message: our proof, and what its last message must hold. Slow on purpose.
    pub(super) fn prove(
        &self,
        server_first: &[u8],
        password: &str,
    ) -> Result<(Vec<u8>, Expected), AuthFailure> {
        let server_first = text(server_first)?;
        let challenge = Challenge::read(server_first, &self.nonce)?;
        let mut salted = vec![0; self.hash.digest().output_len()];
        pbkdf2::derive(
            self.hash.pbkdf2(),
            challenge.rounds,
            &challenge.salt,
            password.as_bytes(),
            &mut salted,
        );

        // "biws" is "n,," in base64: the header that says that there is no channel binding.
        let without_proof = format!("c=biws,r={}", challenge.nonce);
        let message = format!("{},{server_first},{without_proof}", self.client_first_bare);
        let client_key = self.hash.sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let signature = self.hash.sign(stored_key.as_ref(), message.as_bytes());
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(a, b)| a ^ b)
            .collect();
        let client_final = format!("{without_proof},p={}", BASE64.encode(proof));

        let server_key = self.hash.sign(&salted, b"Server Key");
        let key = hmac::Key::new(self.hash.hmac(), server_key.as_ref());
        Ok((client_final.into_bytes(), Expected { key, message }))
    }
}

impl Expected {
    /// Checks the server's last message, in constant time.
    pub(super) fn verify(&self, server_final: &[u8]) -> Result<(), AuthFailure> {
        let server_final = text(server_final)?;
        if server_final.starts_with("e=") {
            return Err(AuthFailure::Refused);
        }
        let signature = server_final
            .split(',')
            .find_map(|part| part.strip_prefix("v="));
        let signature = signature
            .and_then(|v| BASE64.decode(v).ok())
            .ok_or(AuthFailure::ServerSignature)?;
        hmac::verify(&self.key, self.message.as_bytes(), &signature)
            .map_err(|_| AuthFailure::ServerSignature)
    }
}

/// The server's first message.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: NonZeroU32,
}

impl<'a> Challenge<'a> {
    fn read(server_first: &'a str, our_nonce: &str) -> Result<Self, AuthFailure> {
        let (mut nonce, mut salt, mut rounds) = (None, None, None);
        for part in server_first.split(',') {
            match part.split_once('=') {
                Some(("r", value)) => nonce = Some(value),
                Some(("s", value)) => salt = BASE64.decode(value).ok(),
                Some(("i", value)) => rounds = value.parse::<u32>().ok(),
                Some(("m", _)) => return Err(AuthFailure::Scram("an unknown extension")),
                _ => {}
            }
        }
        let nonce =
            nonce.filter(|nonce| nonce.starts_with(our_nonce) && nonce.len() > our_nonce.len());
        let rounds = rounds.filter(|rounds| (FEWEST_ROUNDS..=MOST_ROUNDS).contains(rounds));
        Ok(Self {
            nonce: nonce.ok_or(AuthFailure::Scram("the nonce is not ours"))?,
            salt: salt
                .filter(|salt| !salt.is_empty())
                .ok_or(AuthFailure::Scram("the salt is missing"))?,
            rounds: rounds
                .and_then(NonZeroU32::new)
                .ok_or(AuthFailure::Scram("fewer than 4096 or too many iterations"))?,
        })
    }
}

fn text(message: &[u8]) -> Result<&str, AuthFailure> {
    std::str::from_utf8(message).map_err(|_| AuthFailure::Scram("a message that is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange in RFC 7677, section 3.
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn rfc7677() -> Scram {
        Scram::new(Hash::Sha256, "user", "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    #[test]
    fn answers_the_exchange_of_rfc_7677() {
        let scram = rfc7677();
        assert_eq!(scram.client_first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (proof, expected) = scram.prove(SERVER_FIRST.as_bytes(), "pencil").unwrap();
        assert_eq!(
            String::from_utf8(proof).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(
            expected.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            Ok(())
        );
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_not_believed() {
        let (_, expected) = rfc7677().prove(SERVER_FIRST.as_bytes(), "pencil").unwrap();
        assert_eq!(
            expected.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="),
            Err(AuthFailure::ServerSignature)
        );
        assert_eq!(expected.verify(b""), Err(AuthFailure::ServerSignature));
        assert_eq!(expected.verify(b"e=other-error"), Err(AuthFailure::Refused));
    }

    #[test]
    fn weak_or_foreign_challenges_are_refused() {
        let cases = [
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
            "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "",
        ];
        for case in cases {
            assert!(
                matches!(
                    rfc7677().prove(case.as_bytes(), "pencil"),
                    Err(AuthFailure::Scram(_))
                ),
                "{case}"
            );
        }
    }

    #[test]
    fn names_are_escaped() {
        let scram = Scram::new(Hash::Sha512, "a=b,c", "n".to_owned());
        assert_eq!(scram.client_first(), b"n,,n=a=3Db=2Cc,r=n");
    }
}
