//! What the tests of this crate share: every function is asked on SQLite and on Postgres.
//!
//! One private Postgres serves the test process, each test has a database of its own. Server and folder go when the
//! process ends, however it ends: a guard process waits for the end of the pipe that the test process holds.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    Secret,
    cluster::{ClusterSpec, Sasl, SaslMechanism, Tls},
    link::LinkSpec,
};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

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
        let server = Server::shared();
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&server.url("postgres"))
            .await
            .unwrap();
        connection
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .unwrap();
        connection.close().await.unwrap();
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
        sasl: Some(Sasl {
            mechanism: SaslMechanism::ScramSha256,
            username: "causeway".to_owned(),
            password: Some(Secret::new("pa55 word")),
        }),
    }
}

pub(crate) fn link_spec(name: &str) -> LinkSpec {
    let topics = json!({ "include": [{ "kind": "prefix", "pattern": "orders" }] });
    let spec = json!({ "name": name, "source": "east", "destination": "west", "topics": topics });
    serde_json::from_value(spec).unwrap()
}

/// The private Postgres.
struct Server {
    folder: PathBuf,
    /// Holds the guard's pipe open for as long as the process lives.
    _guard: Child,
}

/// `$1` folder, `$2` folder of the server's programs. Stops its own child by its id once the pipe is closed.
const GUARD: &str = r#"
"$2/initdb" -D "$1/data" -U causeway -A trust -E UTF8 --no-sync >"$1/log" 2>&1 || { echo failed; exit 1; }
"$2/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=off -c max_connections=200 >>"$1/log" 2>&1 &
server=$!
until [ "$(sed -n 8p "$1/data/postmaster.pid" 2>/dev/null | tr -d ' ')" = ready ]; do
  kill -0 $server 2>/dev/null || { echo failed; exit 1; }
  sleep 0.05
done
echo ready
cat >/dev/null
kill -INT $server; wait $server
rm -rf "$1"
"#;

impl Server {
    fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://causeway@localhost/{database}?host={}",
            self.folder.display()
        )
    }

    fn start() -> Self {
        let programs = programs().expect(
            "these tests need Postgres' server programs: `apt-get install --no-install-recommends postgresql`",
        );
        let folder = std::env::temp_dir().join(format!("causeway-pg-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let mut command = as_postgres(&folder);
        command
            .args(["sh", "-c", GUARD, "guard"])
            .arg(&folder)
            .arg(programs);
        // Its own process group: an interrupt at the terminal must not reach the guard before it has cleaned up.
        command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut guard = command.spawn().unwrap();
        let mut answer = String::new();
        BufReader::new(guard.stdout.take().unwrap())
            .read_line(&mut answer)
            .unwrap();
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert_eq!(answer.trim(), "ready", "Postgres did not start: {}", log());
        Self {
            folder,
            _guard: guard,
        }
    }
}

/// Returns the folder of the newest installed server's programs.
fn programs() -> Option<PathBuf> {
    let version = |path: &PathBuf| {
        let name = path
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        name.and_then(|name| name.parse::<u32>().ok())
    };
    let installed = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = installed
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin"));
    folders
        .filter(|path| path.join("initdb").exists())
        .max_by_key(version)
}

/// Returns a command that runs its arguments as a user that Postgres accepts: it refuses root.
fn as_postgres(folder: &Path) -> Command {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    if id(&["-u"]) != "0" {
        return Command::new("env");
    }
    let (user, group) = (id(&["-u", "postgres"]), id(&["-g", "postgres"]));
    let numbers = (user.parse().unwrap(), group.parse().unwrap());
    std::os::unix::fs::chown(folder, Some(numbers.0), Some(numbers.1)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user, "--regid", &group, "--clear-groups"]);
    command
}
