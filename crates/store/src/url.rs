//! Where the control database is.

use std::{fmt, path::PathBuf, str::FromStr};

/// Address of the control database: `sqlite:<path>` or `postgres://user:password@host:port/database`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of this process.
    Sqlite(PathBuf),
    /// A whole `postgres://` address, password included.
    Postgres(String),
}

/// The text is no database address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a database address starts with `sqlite:` and a path, or with `postgres://`")]
pub struct DatabaseUrlError;

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").ok_or(DatabaseUrlError)?;
        // `sqlite:///srv/x.db` and `sqlite:/srv/x.db` are the same file, `sqlite://x.db` and `sqlite:x.db` as well.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(DatabaseUrlError);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// Shows the address without user, password and options.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let bare = url.split(['?', '#']).next().unwrap_or_default();
                let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
                write!(
                    f,
                    "postgres://{}",
                    bare.rsplit('@').next().unwrap_or_default()
                )
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_of_address() {
        for text in ["sqlite:/srv/x.db", "sqlite:///srv/x.db"] {
            assert_eq!(text.parse(), Ok(DatabaseUrl::Sqlite("/srv/x.db".into())));
        }
        assert_eq!(
            "sqlite:data/x.db".parse(),
            Ok(DatabaseUrl::Sqlite("data/x.db".into()))
        );
        let url = "postgresql://h/d";
        assert_eq!(url.parse(), Ok(DatabaseUrl::Postgres(url.to_owned())));
        for text in ["", "x.db", "sqlite:", "sqlite::memory:", "mysql://h/d"] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(DatabaseUrlError), "{text}");
        }
    }

    #[test]
    fn shows_no_password() {
        let url: DatabaseUrl = "postgres://eve:p@ss@db:5432/causeway?password=x"
            .parse()
            .unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://db:5432/causeway postgres://db:5432/causeway"
        );
    }
}
