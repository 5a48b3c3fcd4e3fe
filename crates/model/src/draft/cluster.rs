//! The form of a cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Faults, entries, ticked, unix_lines, word};
use crate::{
    Name, Secret,
    cluster::{ClientCertificate, ClusterSpec, ClusterView, OAuth, Sasl, SaslMechanism, Tls},
    problem::FieldError,
};

/// Longest bootstrap list, in bytes: 100 entries of the longest kind.
const MAX_BOOTSTRAP: usize = 32 * 1024;

/// Longest list of extensions, in bytes.
const MAX_EXTENSIONS: usize = 32 * 1024;

const MECHANISMS: [(&str, Option<SaslMechanism>); 5] = [
    ("", None),
    ("PLAIN", Some(SaslMechanism::Plain)),
    ("SCRAM-SHA-256", Some(SaslMechanism::ScramSha256)),
    ("SCRAM-SHA-512", Some(SaslMechanism::ScramSha512)),
    ("OAUTHBEARER", Some(SaslMechanism::OAuthBearer)),
];

/// The secrets of a cluster's form as they were typed; one that is absent or empty means "keep the stored one".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    pub password: Option<Secret>,
    /// PEM: the client certificate's key.
    pub client_key: Option<Secret>,
}

/// A cluster as a form holds it. Password and key are not part of it: secrets travel apart and are never drafted in the
/// open.
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
    /// PEM: the client certificate, empty for none.
    pub client_certificate: String,
    /// Empty, or the registered name of a mechanism.
    pub mechanism: String,
    /// With OAUTHBEARER the client's id.
    pub username: String,
    /// OAUTHBEARER: the token endpoint.
    pub token_url: String,
    /// OAUTHBEARER: scopes with spaces between.
    pub scope: String,
    /// OAUTHBEARER: one `name=value` a line.
    pub extensions: String,
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
            client_certificate: String::new(),
            mechanism: String::new(),
            username: String::new(),
            token_url: String::new(),
            scope: String::new(),
            extensions: String::new(),
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
        let shown = view.client_certificate.as_ref();
        let oauth = sasl.and_then(|sasl| sasl.oauth.clone()).unwrap_or_default();
        Self {
            name: view.name.to_string(),
            title: view.title.clone(),
            bootstrap: view.bootstrap.join("\n"),
            security: security.to_owned(),
            ca_pem: ca_pem.to_owned(),
            skip_hostname: !verify_hostname,
            mechanism: word(&MECHANISMS, &sasl.map(|sasl| sasl.mechanism)),
            client_certificate: shown.map_or_else(String::new, |c| c.certificate_pem.clone()),
            username: sasl.map_or_else(String::new, |sasl| sasl.username.clone()),
            extensions: extension_lines(&oauth),
            token_url: oauth.token_url,
            scope: oauth.scope,
        }
    }

    /// Returns the cluster that the form describes. An empty secret counts as none, which means "keep the stored one".
    ///
    /// # Errors
    /// Every fault, by the name of its input.
    pub fn spec(&self, typed: Typed) -> Result<ClusterSpec, Vec<FieldError>> {
        self.lay_over(None, typed)
    }

    /// Returns what the form makes of a stored cluster: a missing name is the stored one, and certificates that differ
    /// in their line ends alone stay as they are.
    ///
    /// # Errors
    /// Every fault, by the name of its input.
    pub fn apply(&self, base: &ClusterView, typed: Typed) -> Result<ClusterSpec, Vec<FieldError>> {
        self.lay_over(Some(base), typed)
    }

    fn lay_over(
        &self,
        base: Option<&ClusterView>,
        typed: Typed,
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
            client_certificate: self.shown(base, typed.client_key),
            sasl: mechanism
                .flatten()
                .map(|mechanism| self.sasl(mechanism, typed.password, &mut faults)),
        };
        faults.add_all(Self::at_inputs(spec.check()));
        faults.into_result(spec)
    }

    fn sasl(
        &self,
        mechanism: SaslMechanism,
        password: Option<Secret>,
        faults: &mut Faults,
    ) -> Sasl {
        let oauth = (mechanism == SaslMechanism::OAuthBearer).then(|| OAuth {
            token_url: self.token_url.trim().to_owned(),
            scope: self.scope.trim().to_owned(),
            extensions: self.extensions(faults),
        });
        Sasl {
            mechanism,
            username: self.username.clone(),
            password: password.filter(|password| !password.expose().is_empty()),
            oauth,
        }
    }

    fn extensions(&self, faults: &mut Faults) -> BTreeMap<String, String> {
        let mut extensions = BTreeMap::new();
        if !faults.fits("extensions", &self.extensions, MAX_EXTENSIONS) {
            return extensions;
        }
        let lines = self.extensions.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            match line.split_once('=') {
                Some((name, value)) => {
                    extensions.insert(name.trim().to_owned(), value.trim().to_owned());
                }
                None => faults.add("extensions", "Write each extension as `name=value`."),
            }
        }
        extensions
    }

    /// Returns the client certificate; without TLS it is shown to nobody.
    fn shown(&self, base: Option<&ClusterView>, key: Option<Secret>) -> Option<ClientCertificate> {
        if self.security.trim() == "none" || self.client_certificate.trim().is_empty() {
            return None;
        }
        let stored = base
            .and_then(|base| base.client_certificate.as_ref())
            .map(|shown| shown.certificate_pem.as_str());
        let key = key.filter(|key| !key.expose().trim().is_empty());
        Some(ClientCertificate {
            certificate_pem: kept(stored, &self.client_certificate),
            key_pem: key.map(|key| Secret::new(unix_lines(key.expose()))),
        })
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
        let stored = match base.map(|base| &base.tls) {
            Some(Tls::Ca { ca_pem, .. }) => Some(ca_pem.as_str()),
            _ => None,
        };
        kept(stored, &self.ca_pem)
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
        if !encrypted && !self.client_certificate.trim().is_empty() {
            let message = "The client certificate is not used: it is shown in TLS only.";
            warnings.add("client_certificate", message);
        }
        match self.mechanism.as_str() {
            "" if !self.username.trim().is_empty() => warnings.add(
                "mechanism",
                "The user name is not used: no sign-in is chosen.",
            ),
            "OAUTHBEARER" if !encrypted => {
                let message =
                    "Tokens cross the network readable: whoever sees one can use it until it ends.";
                warnings.add("security", message);
            }
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
        "sasl.oauth" | "sasl.oauth.token_url" => "token_url",
        "sasl.oauth.scope" => "scope",
        "sasl.oauth.extensions" => "extensions",
        "client_certificate.certificate_pem" => "client_certificate",
        "client_certificate.key_pem" => "client_key",
        field if field.starts_with("bootstrap[") => "bootstrap",
        field => field,
    }
}

/// Returns a stored text where what was posted differs from it in line ends alone.
fn kept(stored: Option<&str>, posted: &str) -> String {
    let posted = unix_lines(posted);
    match stored {
        Some(stored) if unix_lines(stored).trim() == posted.trim() => stored.to_owned(),
        _ => posted,
    }
}

fn extension_lines(oauth: &OAuth) -> String {
    let lines = oauth.extensions.iter();
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.join("\n")
}

fn placeholder() -> Name {
    "unnamed".parse().expect("the placeholder is a legal name")
}

#[cfg(test)]
mod tests;
