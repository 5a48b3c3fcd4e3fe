//! Missing rights as the commands that grant them.

use std::fmt;

use crate::cluster::{ClusterSpec, SaslMechanism};

/// What stands where a principal's name is not known here.
const UNKNOWN: &str = "User:<principal>";

/// What a right is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AclResource {
    Topic(String),
    /// All topics whose names begin so.
    TopicPrefix(String),
    Group(String),
    TransactionalId(String),
    Cluster,
}

/// The `kafka-acls.sh` line that grants some operations on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    cluster: &'a ClusterSpec,
    operations: &'a [&'a str],
    resource: AclResource,
}

impl ClusterSpec {
    /// Returns the line that grants `operations`, in Kafka's words such as `Write`, to whoever we are at this cluster.
    pub fn grant<'a>(&'a self, operations: &'a [&'a str], resource: AclResource) -> Grant<'a> {
        Grant {
            cluster: self,
            operations,
            resource,
        }
    }

    /// Returns who we are at this cluster in the words of its ACLs, `None` where only the cluster knows.
    ///
    /// Brokers may map certificates' names and token's claims; what is told is their default.
    pub fn principal(&self) -> Option<String> {
        match &self.sasl {
            Some(sasl) if sasl.mechanism == SaslMechanism::OAuthBearer => None,
            Some(sasl) => Some(format!("User:{}", sasl.username)),
            None => match &self.client_certificate {
                Some(shown) => subject(&shown.certificate_pem),
                None => Some("User:ANONYMOUS".to_owned()),
            },
        }
    }
}

#[cfg(feature = "certificate")]
fn subject(pem: &str) -> Option<String> {
    crate::certificate::facts(pem).map(|facts| format!("User:{}", facts.subject))
}

#[cfg(not(feature = "certificate"))]
fn subject(_pem: &str) -> Option<String> {
    None
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bootstrap = self.cluster.bootstrap.first().map_or("", String::as_str);
        let principal = self.cluster.principal();
        let principal = principal.as_deref().unwrap_or(UNKNOWN);
        write!(
            f,
            "kafka-acls.sh --bootstrap-server {} --add --allow-principal {}",
            quoted(bootstrap),
            quoted(principal)
        )?;
        for operation in self.operations {
            write!(f, " --operation {operation}")?;
        }
        match &self.resource {
            AclResource::Topic(name) => write!(f, " --topic {}", quoted(name)),
            AclResource::TopicPrefix(prefix) => write!(
                f,
                " --topic {} --resource-pattern-type prefixed",
                quoted(prefix)
            ),
            AclResource::Group(name) => write!(f, " --group {}", quoted(name)),
            AclResource::TransactionalId(name) => write!(f, " --transactional-id {}", quoted(name)),
            AclResource::Cluster => f.write_str(" --cluster"),
        }
    }
}

/// Returns a word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/');
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, cluster::Sasl};

    fn cluster(username: &str) -> ClusterSpec {
        ClusterSpec {
            name: "east".parse().unwrap(),
            title: String::new(),
            bootstrap: vec!["east-1:9092".to_owned(), "east-2:9092".to_owned()],
            tls: crate::cluster::Tls::Off,
            client_certificate: None,
            sasl: Some(Sasl {
                mechanism: SaslMechanism::Plain,
                username: username.to_owned(),
                password: Some(Secret::new("hidden")),
                oauth: None,
            }),
        }
    }

    #[test]
    fn a_missing_right_is_a_line_to_copy() {
        let east = cluster("causeway");
        let topic = AclResource::Topic("orders".to_owned());
        assert_eq!(
            east.grant(&["Write"], topic).to_string(),
            "kafka-acls.sh --bootstrap-server east-1:9092 --add --allow-principal User:causeway --operation Write \
             --topic orders"
        );
        let prefix = AclResource::TopicPrefix("causeway.".to_owned());
        assert_eq!(
            east.grant(&["Create", "Write"], prefix).to_string(),
            "kafka-acls.sh --bootstrap-server east-1:9092 --add --allow-principal User:causeway --operation Create \
             --operation Write --topic causeway. --resource-pattern-type prefixed"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_word() {
        let east = cluster("o'neil; reboot");
        let line = east.grant(&["Describe"], AclResource::Cluster).to_string();
        assert!(line.contains(r"'User:o'\''neil; reboot'"), "{line}");
    }

    #[test]
    fn who_we_are_follows_from_the_sign_in() {
        let mut east = cluster("causeway");
        assert_eq!(east.principal().as_deref(), Some("User:causeway"));
        if let Some(sasl) = &mut east.sasl {
            sasl.mechanism = SaslMechanism::OAuthBearer;
        }
        assert_eq!(east.principal(), None);
        let unknown = east.grant(&["Read"], AclResource::Group("g".to_owned()));
        assert!(unknown.to_string().contains("'User:<principal>'"));
        east.sasl = None;
        assert_eq!(east.principal().as_deref(), Some("User:ANONYMOUS"));
    }
}
