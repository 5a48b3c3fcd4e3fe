//! What a cluster's settings must hold.

use super::{Faults, pem};
use crate::{
    cluster::{ClientCertificate, ClusterSpec, OAuth, Sasl, SaslMechanism, Tls},
    endpoint::Endpoint,
    problem::FieldError,
    text::{grouped, shown},
    token_url::TokenUrl,
};

/// Most bootstrap entries.
const MAX_BOOTSTRAP: usize = 100;

/// Longest user name and password, in characters.
const MAX_CREDENTIAL: usize = 1_000;

/// Most extensions of an OAUTHBEARER sign-in.
const MAX_EXTENSIONS: usize = 20;

impl ClusterSpec {
    /// Returns everything that is wrong with the settings, empty if nothing is.
    ///
    /// An absent password is no fault here: in an update it means "keep the stored one".
    pub fn check(&self) -> Vec<FieldError> {
        let mut faults = Faults::default();
        faults.check_title(&self.title);
        check_bootstrap(&mut faults, &self.bootstrap);
        if let Tls::Ca { ca_pem, .. } = &self.tls
            && let Err(cause) = pem::check_certificates(ca_pem)
        {
            faults.add_cause("tls.ca_pem", "Certificates", &cause);
        }
        if let Some(shown) = &self.client_certificate {
            check_client_certificate(&mut faults, shown, &self.tls);
        }
        if let Some(sasl) = &self.sasl {
            check_sasl(&mut faults, sasl);
        }
        faults.0
    }
}

fn check_bootstrap(faults: &mut Faults, entries: &[String]) {
    if entries.is_empty() {
        faults.add(
            "bootstrap",
            "Enter at least one broker's address, as `kafka-1:9092`.",
        );
    }
    if entries.len() > MAX_BOOTSTRAP {
        let found = grouped(entries.len());
        faults.add(
            "bootstrap",
            format!("{found} entries, at most {MAX_BOOTSTRAP} are allowed."),
        );
        return;
    }
    for (index, entry) in entries.iter().enumerate() {
        if let Err(cause) = entry.parse::<Endpoint>() {
            // What stands before an `@` may be a password.
            let place = if entry.is_empty() || entry.contains('@') {
                format!("Entry {}", index + 1)
            } else {
                format!("Entry {}, `{}`", index + 1, shown(entry))
            };
            faults.add_cause(format!("bootstrap[{index}]"), &place, &cause);
        }
    }
}

fn check_client_certificate(faults: &mut Faults, shown: &ClientCertificate, tls: &Tls) {
    if *tls == Tls::Off {
        faults.add(
            "client_certificate.certificate_pem",
            "A client certificate is shown in TLS only: turn TLS on, or remove it.",
        );
    }
    if let Err(cause) = pem::check_certificates(&shown.certificate_pem) {
        let field = "client_certificate.certificate_pem";
        faults.add_cause(field, "Client certificate", &cause);
    }
    if let Some(key) = &shown.key_pem
        && let Err(cause) = pem::check_key(key.expose())
    {
        faults.add_cause("client_certificate.key_pem", "Key", &cause);
    }
}

fn check_sasl(faults: &mut Faults, sasl: &Sasl) {
    match (&sasl.oauth, sasl.mechanism) {
        (Some(oauth), SaslMechanism::OAuthBearer) => check_oauth(faults, oauth),
        (None, SaslMechanism::OAuthBearer) => faults.add(
            "sasl.oauth.token_url",
            "Enter the token endpoint's address, as `https://login.example.com/oauth2/token`.",
        ),
        (Some(_), _) => faults.add(
            "sasl.oauth",
            "A token endpoint belongs to the sign-in OAUTHBEARER: remove it.",
        ),
        (None, _) => {}
    }
    if sasl.username.is_empty() {
        let message = match sasl.mechanism {
            SaslMechanism::OAuthBearer => "Enter the client's id.",
            _ => "Enter the user name.",
        };
        faults.add("sasl.username", message);
    }
    faults.check_line(
        "sasl.username",
        "The user name",
        &sasl.username,
        MAX_CREDENTIAL,
    );
    if let Some(password) = &sasl.password {
        if password.expose().is_empty() {
            faults.add("sasl.password", "Enter the password.");
        }
        faults.check_line(
            "sasl.password",
            "The password",
            password.expose(),
            MAX_CREDENTIAL,
        );
    }
}

fn check_oauth(faults: &mut Faults, oauth: &OAuth) {
    if let Err(cause) = oauth.token_url.parse::<TokenUrl>() {
        faults.add_cause("sasl.oauth.token_url", "Token endpoint", &cause);
    }
    faults.check_line(
        "sasl.oauth.scope",
        "The scope",
        &oauth.scope,
        MAX_CREDENTIAL,
    );
    if oauth.extensions.len() > MAX_EXTENSIONS {
        let message = format!("At most {MAX_EXTENSIONS} extensions are allowed.");
        faults.add("sasl.oauth.extensions", message);
        return;
    }
    for (name, value) in &oauth.extensions {
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
        if !named || name == "auth" {
            let message = format!(
                "Extension `{}`: a name has letters only, and is not `auth`.",
                shown(name)
            );
            faults.add("sasl.oauth.extensions", message);
        } else if !value.chars().all(|c| c.is_ascii_graphic() || c == ' ') || value.is_empty() {
            let message =
                format!("Extension `{name}`: give it a value of letters, digits and signs.");
            faults.add("sasl.oauth.extensions", message);
        }
        faults.check_line(
            "sasl.oauth.extensions",
            "An extension",
            value,
            MAX_CREDENTIAL,
        );
    }
}
