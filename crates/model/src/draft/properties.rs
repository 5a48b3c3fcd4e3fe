//! *Paste client.properties*: a cluster's form from a Java or librdkafka client's settings (UX 5.1).
//!
//! Only listed properties pass; every other one is named with the reason. Values are never repeated: they may be
//! secret, and so may a stray line, which is told by its number.

mod syntax;

use super::ClusterDraft;
use crate::{Secret, text::grouped};
use syntax::Property;

/// Longest text that is read, in bytes: settings with some hundred certificates.
const MAX_TEXT: usize = 512 * 1024;

/// Most properties that are read.
const MAX_PROPERTIES: usize = 500;

const PASTE_PEM: &str =
    "Key stores cannot be read here: paste the authority's certificates as PEM instead.";
const CLIENT_KEY: &str =
    "Client certificates are not read from here: paste certificate and key as PEM into the form.";
const LOADS_CODE: &str = "It loads code into the client.";
const OAUTH: &str =
    "Token endpoints are not taken from pasted settings: enter endpoint and client in the form.";
const KERBEROS: &str = "Kerberos sign-in is not supported.";
const ELSEWHERE: &str = "The value stands elsewhere: enter the value itself.";

/// What was made of pasted settings.
#[derive(Debug, Default)]
pub struct Pasted {
    pub draft: ClusterDraft,
    pub password: Option<Secret>,
    /// Properties that were taken as they are.
    pub recognised: Vec<String>,
    /// What became something else, one sentence each.
    pub translated: Vec<String>,
    /// What was not taken.
    pub refused: Vec<Refused>,
}

/// A property that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name, or `line 7` for a line that names none.
    pub key: String,
    /// Why, one sentence.
    pub why: String,
}

/// Reads pasted settings. A later line wins over an earlier one of the same name, as in both clients.
pub fn paste(text: &str) -> Pasted {
    if text.len() > MAX_TEXT {
        let (length, limit) = (grouped(text.len()), grouped(MAX_TEXT));
        let why = format!("{length} bytes, at most {limit} are read.");
        return refused_whole(why);
    }
    let properties = syntax::properties(text);
    if properties.len() > MAX_PROPERTIES {
        let found = grouped(properties.len());
        return refused_whole(format!(
            "{found} properties, at most {MAX_PROPERTIES} are read."
        ));
    }
    let mut reader = Reader::default();
    for (index, property) in properties.iter().enumerate() {
        let repeated = properties[index + 1..]
            .iter()
            .any(|p| p.key == property.key);
        if !repeated {
            reader.take(property);
        }
    }
    reader.finish()
}

fn refused_whole(why: String) -> Pasted {
    let key = "the text".to_owned();
    Pasted {
        refused: vec![Refused { key, why }],
        ..Pasted::default()
    }
}

/// What a property comes to.
enum Verdict {
    Recognised,
    Translated(String),
    Refused(&'static str),
}

/// Collects properties; sign-in and encryption depend on several of them.
#[derive(Default)]
struct Reader {
    pasted: Pasted,
    tls: Option<bool>,
    signs_in: Option<bool>,
    /// The mechanism that a login module implies.
    implied: Option<&'static str>,
}

impl Reader {
    fn take(&mut self, property: &Property) {
        let verdict = if property.value.contains("${") {
            Verdict::Refused(ELSEWHERE)
        } else {
            self.judge(&property.key, property.value.trim_end())
        };
        match verdict {
            Verdict::Recognised => self.pasted.recognised.push(property.key.clone()),
            Verdict::Translated(how) => self.pasted.translated.push(how),
            Verdict::Refused(why) => self.refuse(name_of(property), why),
        }
    }

    fn refuse(&mut self, key: String, why: &str) {
        let why = why.to_owned();
        self.pasted.refused.push(Refused { key, why });
    }

    fn judge(&mut self, key: &str, value: &str) -> Verdict {
        let draft = &mut self.pasted.draft;
        match key {
            "bootstrap.servers" | "metadata.broker.list" => {
                draft.bootstrap = super::entries(value).join("\n");
            }
            "security.protocol" => return self.protocol(value),
            "sasl.mechanism" | "sasl.mechanisms" => return self.mechanism(value),
            "sasl.username" => draft.username = value.to_owned(),
            "sasl.password" => self.pasted.password = Some(Secret::new(value)),
            "sasl.jaas.config" => return self.login(value),
            "ssl.endpoint.identification.algorithm" => match value.to_lowercase().as_str() {
                "" | "none" => {
                    draft.skip_hostname = true;
                    return Verdict::Translated(format!("`{key}`: the host name is not checked."));
                }
                "https" => draft.skip_hostname = false,
                _ => return Verdict::Refused("Only `https` and none are known."),
            },
            "ssl.truststore.certificates" | "ssl.ca.pem" => return self.certificates(key, value),
            "ssl.truststore.type" if value.eq_ignore_ascii_case("PEM") => {}
            "enable.ssl.certificate.verification" if value == "true" => {}
            _ => return Verdict::Refused(why_refused(key)),
        }
        Verdict::Recognised
    }

    fn protocol(&mut self, value: &str) -> Verdict {
        let (tls, signs_in) = match value.to_uppercase().as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                return Verdict::Refused(
                    "Kafka knows `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` and `SASL_SSL`.",
                );
            }
        };
        (self.tls, self.signs_in) = (Some(tls), Some(signs_in));
        Verdict::Recognised
    }

    fn mechanism(&mut self, value: &str) -> Verdict {
        match value.to_uppercase().as_str() {
            name @ ("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER") => {
                self.pasted.draft.mechanism = name.to_owned();
                Verdict::Recognised
            }
            "GSSAPI" => Verdict::Refused(KERBEROS),
            _ => Verdict::Refused(
                "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` and `OAUTHBEARER` are supported.",
            ),
        }
    }

    fn login(&mut self, value: &str) -> Verdict {
        let Some(login) = syntax::login(value) else {
            return Verdict::Refused("This is not a JAAS entry, as `<class> required <options>;`.");
        };
        self.implied = match login.module.as_str() {
            "PlainLoginModule" => Some("PLAIN"),
            "ScramLoginModule" => Some("SCRAM-SHA-512"),
            "Krb5LoginModule" => return Verdict::Refused(KERBEROS),
            "OAuthBearerLoginModule" => return Verdict::Refused(OAUTH),
            _ => return Verdict::Refused("Only the login modules of PLAIN and SCRAM are known."),
        };
        let what = match (&login.username, &login.password) {
            (Some(_), Some(_)) => "user name and password were taken from it.",
            (Some(_), None) => "the user name was taken from it, a password is not in it.",
            _ => return Verdict::Refused("It names no user."),
        };
        self.pasted.draft.username = login.username.unwrap_or_default();
        self.pasted.password = login.password.map(Secret::new);
        Verdict::Translated(format!("`sasl.jaas.config`: {what}"))
    }

    fn certificates(&mut self, key: &str, value: &str) -> Verdict {
        if value.contains("PRIVATE KEY") {
            return Verdict::Refused("It holds a private key: paste certificates only.");
        }
        match reflowed(value) {
            Some(pem) => {
                self.pasted.draft.ca_pem = pem;
                Verdict::Translated(format!("`{key}`: the certificates were taken from it."))
            }
            None => Verdict::Refused("It holds no PEM certificate."),
        }
    }

    fn finish(mut self) -> Pasted {
        let draft = &mut self.pasted.draft;
        let has_ca = !draft.ca_pem.is_empty();
        draft.security = match (self.tls.unwrap_or(has_ca), has_ca) {
            (false, _) => "none",
            (true, false) => "tls_system",
            (true, true) => "tls_ca",
        }
        .to_owned();
        if draft.mechanism.is_empty()
            && let Some(implied) = self.implied
        {
            draft.mechanism = implied.to_owned();
        }
        if self.signs_in == Some(false)
            && !(draft.mechanism.is_empty() && draft.username.is_empty())
        {
            draft.mechanism.clear();
            draft.username.clear();
            self.pasted.password = None;
            let why = "The user name and password are not used: `security.protocol` is one without sign-in.";
            self.refuse("sasl".to_owned(), why);
        }
        self.pasted
    }
}

/// Returns the property's name where it is one for sure, else its line: a stray line may be half a password.
fn name_of(property: &Property) -> String {
    let legal =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let key = &property.key;
    if property.assigned && key.len() <= 80 && key.contains('.') && key.chars().all(legal) {
        key.clone()
    } else {
        format!("line {}", property.line)
    }
}

fn why_refused(key: &str) -> &'static str {
    match key {
        "sasl.kerberos.kinit.cmd" => "It runs a command on the server.",
        "ssl.truststore.type" | "ssl.truststore.location" | "ssl.truststore.password" => PASTE_PEM,
        "ssl.ca.location" | "ssl.ca.certificate.stores" => {
            "Files are not read from here: paste the authority's certificates as PEM instead."
        }
        "enable.ssl.certificate.verification" => {
            "Certificates are always checked: paste the authority's certificates as PEM instead."
        }
        _ if key.ends_with(".class") || key.ends_with(".classes") => LOADS_CODE,
        "security.providers" | "plugin.library.paths" | "interceptor.classes" => LOADS_CODE,
        _ if key.contains("callback") => LOADS_CODE,
        _ if key.starts_with("sasl.kerberos.") => KERBEROS,
        _ if key.starts_with("sasl.oauthbearer.")
            || key == "enable.sasl.oauthbearer.unsecure.jwt" =>
        {
            OAUTH
        }
        _ if key.starts_with("ssl.keystore.")
            || key.starts_with("ssl.key.")
            || key.starts_with("ssl.certificate.") =>
        {
            CLIENT_KEY
        }
        _ => "Ignored: it is not needed to connect.",
    }
}

/// Returns the certificates of `text` with the line ends that a property file takes away.
fn reflowed(text: &str) -> Option<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut pem = String::new();
    for block in text.split(BEGIN).skip(1) {
        let (body, _) = block.split_once(END)?;
        let body: Vec<char> = body.chars().filter(|c| !c.is_whitespace()).collect();
        pem.push_str(BEGIN);
        for line in body.chunks(64) {
            pem.push('\n');
            pem.extend(line);
        }
        pem.push('\n');
        pem.push_str(END);
        pem.push('\n');
    }
    (!pem.is_empty()).then_some(pem)
}

#[cfg(test)]
mod tests;
