//! What a cluster's settings must hold.

use super::{Faults, pem};
use crate::{
    cluster::{ClusterSpec, Sasl, Tls},
    endpoint::Endpoint,
    problem::FieldError,
    text::{grouped, shown},
};

/// Most bootstrap entries.
const MAX_BOOTSTRAP: usize = 100;

/// Longest user name and password, in characters.
const MAX_CREDENTIAL: usize = 1_000;

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

fn check_sasl(faults: &mut Faults, sasl: &Sasl) {
    if sasl.username.is_empty() {
        faults.add("sasl.username", "Enter the user name.");
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
