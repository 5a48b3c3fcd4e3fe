//! A cluster's form as its draft keeps it.

use model::{
    Secret,
    draft::{ClusterDraft, properties},
    problem::FieldError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest line of text that a draft keeps, bytes; what a cluster may have is checked on its own.
pub(super) const LONGEST_LINE: usize = 4 * 1_000;
/// Longest private key that a draft keeps, bytes; the largest RSA keys in use have a quarter of that.
pub(super) const LONGEST_KEY: usize = 50 * 1_024;
/// Longest list or certificate that a draft keeps, bytes.
const LONGEST_AREA: usize = 200 * 1_024;

/// What is typed, and what came of it. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormBody {
    pub form: ClusterDraft,
    /// It was sent: its faults are shown from now on.
    pub checked: bool,
    /// Counts changes, so that a test tells which one it tested.
    pub edits: i64,
    /// Faults that only saving told, by input.
    pub refused: Vec<FieldError>,
    /// What the last paste came to.
    pub pasted: Option<Paste>,
    /// The edited cluster as it was when the editing began; `None` for a new one.
    pub base: Option<Base>,
    /// Path that saving leads to, empty for the cluster's page.
    pub then: String,
}

/// A version of a stored cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub form: ClusterDraft,
    pub revision: i64,
}

/// What pasted properties came to; values are never repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paste {
    pub recognised: Vec<String>,
    pub translated: Vec<String>,
    /// Name and reason of what was not taken.
    pub refused: Vec<(String, String)>,
    /// Whether a password was among them.
    pub password: bool,
}

impl FormBody {
    pub(super) fn json(&self) -> Value {
        // Texts and numbers only: this cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn refuse(&mut self, input: &str, message: &str) {
        self.refused.push(FieldError {
            field: input.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Reads pasted properties into the form, all but name and title, and returns the password among them.
    pub(super) fn paste(&mut self, text: &str) -> Option<Secret> {
        let pasted = properties::paste(text);
        let read = !(pasted.recognised.is_empty() && pasted.translated.is_empty());
        if read {
            let typed = std::mem::take(&mut self.form);
            self.form = ClusterDraft {
                name: typed.name,
                title: typed.title,
                // Never read from properties.
                client_certificate: typed.client_certificate,
                token_url: typed.token_url,
                scope: typed.scope,
                extensions: typed.extensions,
                ..pasted.draft
            };
            if self.form.bootstrap.is_empty() {
                self.form.bootstrap = typed.bootstrap;
            }
        }
        self.pasted = Some(Paste {
            recognised: pasted.recognised,
            translated: pasted.translated,
            refused: pasted.refused.into_iter().map(|r| (r.key, r.why)).collect(),
            password: pasted.password.is_some(),
        });
        pasted.password
    }

    /// Cuts texts that are too long to be kept and returns a message for each.
    pub(super) fn cut(&mut self) -> Vec<FieldError> {
        let form = &mut self.form;
        let texts = [
            ("name", &mut form.name, LONGEST_LINE),
            ("title", &mut form.title, LONGEST_LINE),
            ("bootstrap", &mut form.bootstrap, LONGEST_AREA),
            ("security", &mut form.security, LONGEST_LINE),
            ("ca_pem", &mut form.ca_pem, LONGEST_AREA),
            (
                "client_certificate",
                &mut form.client_certificate,
                LONGEST_AREA,
            ),
            ("mechanism", &mut form.mechanism, LONGEST_LINE),
            ("username", &mut form.username, LONGEST_LINE),
            ("token_url", &mut form.token_url, LONGEST_LINE),
            ("scope", &mut form.scope, LONGEST_LINE),
            ("extensions", &mut form.extensions, LONGEST_AREA),
        ];
        let mut faults = Vec::new();
        for (input, text, longest) in texts {
            if text.len() > longest {
                text.truncate(text.floor_char_boundary(longest));
                faults.push(FieldError {
                    field: input.to_owned(),
                    message: format!("This text was longer than {longest} bytes and was cut."),
                });
            }
        }
        faults
    }
}
