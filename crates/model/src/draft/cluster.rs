//! The form of a cluster.

use serde::{Deserialize, Serialize};

use super::{Faults, entries, ticked, unix_lines, word};
use crate::{
    Name, Secret,
    cluster::{ClusterSpec, ClusterView, Sasl, SaslMechanism, Tls},
    problem::FieldError,
};

/// Longest bootstrap list, in bytes: 100 entries of the longest kind.
const MAX_BOOTSTRAP: usize = 32 * 1024;

const MECHANISMS: [(&str, Option<SaslMechanism>); 4] = [
    ("", None),
    ("PLAIN", Some(SaslMechanism::Plain)),
    ("SCRAM-SHA-256", Some(SaslMechanism::ScramSha256)),
    ("SCRAM-SHA-512", Some(SaslMechanism::ScramSha512)),
];

/// A cluster as a form holds it. The password is not part of it: secrets travel apart and are never drafted in the open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterDraft {
    pub name: String,
    pub title: String,
    /// `host:port` entries between commas, spaces or line ends.
    pub bootstrap: String,
    /// `none`, `tls_system` or `tls_ca`.
    pub security: String,
    pub ca_pem: String,
    /// Checkbox: the host name in the broker's certificate is not checked.
    #[serde(default, deserialize_with = "ticked")]
    pub skip_hostname: bool,
    /// Empty, `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    pub username: String,
}

impl Default for ClusterDraft {
    fn default() -> Self {
        Self {
            name: String::new(),
            title: String::new(),
            bootstrap: String::new(),
            security: "none".to_owned(),
            ca_pem: String::new(),
            skip_hostname: false,
            mechanism: String::new(),
            username: String::new(),
        }
    }
}

impl ClusterDraft {
    /// Returns the form of a stored cluster.
    pub fn of(view: &ClusterView) -> Self {
        let (security, ca_pem, verify_hostname) = match &view.tls {
            Tls::Off => ("none", "", true),
            Tls::System { verify_hostname } => ("tls_system", "", *verify_hostname),
            Tls::Ca {
                ca_pem,
                verify_hostname,
            } => ("tls_ca", ca_pem.as_str(), *verify_hostname),
        };
        let sasl = view.sasl.as_ref();
        Self {
            name: view.name.to_string(),
            title: view.title.clone(),
            bootstrap: view.bootstrap.join("\n"),
            security: security.to_owned(),
            ca_pem: ca_pem.to_owned(),
            skip_hostname: !verify_hostname,
            mechanism: word(&MECHANISMS, &sasl.map(|sasl| sasl.mechanism)),
            username: sasl.map_or_else(String::new, |sasl| sasl.username.clone()),
        }
    }

    /// Returns the cluster that the form describes. An empty password counts as none, which means "keep the stored one".
    ///
    /// # Errors
    /// Every fault, by the name of its input.
    pub fn spec(&self, password: Option<Secret>) -> Result<ClusterSpec, Vec<FieldError>> {
        self.lay_over(None, password)
    }

    /// Returns what the form makes of a stored cluster: a missing name is the stored one, and certificates that differ
    /// in their line ends alone stay as they are.
    ///
    /// # Errors
    /// Every fault, by the name of its input.
    pub fn apply(
        &self,
        base: &ClusterView,
        password: Option<Secret>,
    ) -> Result<ClusterSpec, Vec<FieldError>> {
        self.lay_over(Some(base), password)
    }

    fn lay_over(
        &self,
        base: Option<&ClusterView>,
        password: Option<Secret>,
    ) -> Result<ClusterSpec, Vec<FieldError>> {
        let mut faults = Faults::default();
        let name = match base {
            Some(base) if self.name.trim().is_empty() => Some(base.name.clone()),
            _ => faults.name("name", &self.name, "Enter a name, such as `east`."),
        };
        let mechanism = faults.choose("mechanism", self.mechanism.trim(), &MECHANISMS);
        let spec = ClusterSpec {
            // Stands in for a faulty name, so that all other faults are found as well.
            name: name.unwrap_or_else(placeholder),
            title: self.title.trim().to_owned(),
            bootstrap: self.bootstrap_entries(&mut faults),
            tls: self.tls(base, &mut faults),
            sasl: mechanism.flatten().map(|mechanism| Sasl {
                mechanism,
                username: self.username.clone(),
                password: password.filter(|password| !password.expose().is_empty()),
            }),
        };
        faults.add_all(Self::at_inputs(spec.check()));
        faults.into_result(spec)
    }

    fn bootstrap_entries(&self, faults: &mut Faults) -> Vec<String> {
        if faults.fits("bootstrap", &self.bootstrap, MAX_BOOTSTRAP) {
            entries(&self.bootstrap)
        } else {
            Vec::new()
        }
    }

    fn tls(&self, base: Option<&ClusterView>, faults: &mut Faults) -> Tls {
        let verify_hostname = !self.skip_hostname;
        match self.security.trim() {
            "none" => Tls::Off,
            "tls_system" => Tls::System { verify_hostname },
            "tls_ca" => Tls::Ca {
                ca_pem: self.certificates(base),
                verify_hostname,
            },
            _ => {
                faults.add("security", "Choose one of the values offered.");
                Tls::Off
            }
        }
    }

    fn certificates(&self, base: Option<&ClusterView>) -> String {
        let posted = unix_lines(&self.ca_pem);
        match base.map(|base| &base.tls) {
            Some(Tls::Ca { ca_pem, .. }) if unix_lines(ca_pem).trim() == posted.trim() => {
                ca_pem.clone()
            }
            _ => posted,
        }
    }

    /// Returns what is allowed and yet worth a second look, by the name of its input.
    pub fn warnings(&self) -> Vec<FieldError> {
        let mut warnings = Faults::default();
        let encrypted = self.security != "none";
        if encrypted && self.skip_hostname {
            let message = "The host name is not checked: whoever holds any certificate of this authority can pose as a \
                           broker.";
            warnings.add("skip_hostname", message);
        }
        match self.mechanism.as_str() {
            "" if !self.username.trim().is_empty() => warnings.add(
                "mechanism",
                "The user name is not used: no sign-in is chosen.",
            ),
            "PLAIN" if !encrypted => {
                warnings.add("security", "The password crosses the network readable.");
            }
            "SCRAM-SHA-256" | "SCRAM-SHA-512" if !encrypted => {
                let message = "Records cross the network readable, and who listens to a sign-in can try passwords \
                               against it.";
                warnings.add("security", message);
            }
            _ => {}
        }
        warnings.0
    }

    /// Returns the errors of a check by the names of the form's inputs.
    pub fn at_inputs(errors: Vec<FieldError>) -> Vec<FieldError> {
        let at_input = |error: FieldError| FieldError {
            field: input_of(&error.field).to_owned(),
            message: error.message,
        };
        errors.into_iter().map(at_input).collect()
    }
}

/// Returns the input that a field of the spec is typed into; the password's is called `password`.
fn input_of(field: &str) -> &str {
    match field {
        "tls.ca_pem" => "ca_pem",
        "sasl.username" => "username",
        "sasl.password" => "password",
        field if field.starts_with("bootstrap[") => "bootstrap",
        field => field,
    }
}

fn placeholder() -> Name {
    "unnamed".parse().expect("the placeholder is a legal name")
}

#[cfg(test)]
mod tests;
