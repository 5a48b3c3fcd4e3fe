//! What the tests of this crate share: every function is asked on SQLite and on Postgres.
//!
//! One private Postgres serves the test process, each test has a database of its own. Server and folder go when the
//! process ends, however it ends: a guard process waits for the end of the pipe that the test process holds.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    Secret,
    cluster::{ClientCertificate, ClusterSpec, Sasl, SaslMechanism, Tls},
    link::LinkSpec,
};
use serde_json::json;
use xtask::postgres::Postgres;

use crate::{By, DatabaseUrl, Key, Store};

/// Makes one test for each database from an async function of `&Db`.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::testing::Db::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::testing::Db::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

pub(crate) const NOW: i64 = 1_700_000_000_123;

/// An operator at [`NOW`].
pub(crate) const ANN: By<'static> = By {
    actor: "ann",
    now_ms: NOW,
};

/// The same operator `ms` later.
pub(crate) fn later(ms: i64) -> By<'static> {
    By {
        actor: "ann",
        now_ms: NOW + ms,
    }
}

pub(crate) fn key(byte: u8) -> Key {
    Key::from_text(&STANDARD.encode([byte; 32])).unwrap()
}

/// An empty database of one test.
pub(crate) struct Db {
    pub url: DatabaseUrl,
    _folder: Option<Folder>,
}

impl Db {
    pub(crate) fn sqlite() -> Self {
        let folder = Folder::new();
        let url = DatabaseUrl::Sqlite(folder.path().join("causeway.db"));
        Self {
            url,
            _folder: Some(folder),
        }
    }

    pub(crate) async fn postgres() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        let server = SERVER.get_or_init(|| Postgres::start().unwrap());
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).unwrap();
        Self {
            url: DatabaseUrl::Postgres(server.url(&name)),
            _folder: None,
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, key(1)).await.unwrap()
    }

    /// Opens a store that holds clusters `east` and `west`.
    pub(crate) async fn with_clusters(&self) -> Store {
        let store = self.open().await;
        store
            .create_cluster(&cluster_spec("east"), ANN)
            .await
            .unwrap();
        store
            .create_cluster(&cluster_spec("west"), ANN)
            .await
            .unwrap();
        store
    }
}

/// A folder that goes with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("causeway-store-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn cluster_spec(name: &str) -> ClusterSpec {
    ClusterSpec {
        name: name.parse().unwrap(),
        title: String::new(),
        bootstrap: vec!["localhost:9092".to_owned()],
        tls: Tls::System {
            verify_hostname: true,
        },
        client_certificate: Some(ClientCertificate {
            certificate_pem: "a certificate".to_owned(),
            key_pem: Some(Secret::new("a key")),
        }),
        sasl: Some(Sasl {
            mechanism: SaslMechanism::ScramSha256,
            username: "causeway".to_owned(),
            password: Some(Secret::new("pa55 word")),
            oauth: None,
        }),
    }
}

pub(crate) fn link_spec(name: &str) -> LinkSpec {
    let topics = json!({ "include": [{ "kind": "prefix", "pattern": "orders" }] });
    let spec = json!({ "name": name, "source": "east", "destination": "west", "topics": topics });
    serde_json::from_value(spec).unwrap()
}
