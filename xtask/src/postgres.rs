//! A private Postgres for tests: goes with the process that started it, however that ends.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// A running server without a network port, on a socket in a folder of its own.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    /// Holds the guard's pipe open for as long as the process lives; the guard stops the server when it closes.
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

impl Postgres {
    /// Makes and starts a server.
    ///
    /// # Errors
    /// Fails with the command to run where its programs are missing, with its log where it does not start.
    pub fn start() -> Result<Self> {
        let programs = programs().context(
            "these tests need Postgres' server programs: `apt-get install --no-install-recommends postgresql`",
        )?;
        let folder = std::env::temp_dir().join(format!("causeway-pg-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder)?;
        let mut command = as_postgres(&folder)?;
        command
            .args(["sh", "-c", GUARD, "guard"])
            .arg(&folder)
            .arg(&programs);
        // Its own process group: an interrupt at the terminal must not reach the guard before it has cleaned up.
        command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut guard = command.spawn()?;
        let mut answer = String::new();
        let output = guard.stdout.take().context("the guard has no output")?;
        BufReader::new(output).read_line(&mut answer)?;
        if answer.trim() != "ready" {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("Postgres did not start: {log}");
        }
        Ok(Self {
            folder,
            programs,
            _guard: guard,
        })
    }

    /// Returns the address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://causeway@localhost/{database}?host={}",
            self.folder.display()
        )
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// Fails with what the server says.
    pub fn create_database(&self, name: &str) -> Result<()> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-q", "-U", "causeway", "-d", "postgres", "-h"])
            .arg(&self.folder)
            .args(["-c", &format!("CREATE DATABASE {name}")])
            .output()?;
        if !output.status.success() {
            bail!(
                "no database `{name}`: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
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
fn as_postgres(folder: &Path) -> Result<Command> {
    let id = |arguments: &[&str]| -> Result<u32> {
        let output = Command::new("id").args(arguments).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    if id(&["-u"])? != 0 {
        return Ok(Command::new("env"));
    }
    let (user, group) = (id(&["-u", "postgres"])?, id(&["-g", "postgres"])?);
    std::os::unix::fs::chown(folder, Some(user), Some(group))?;
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        &user.to_string(),
        "--regid",
        &group.to_string(),
        "--clear-groups",
    ]);
    Ok(command)
}
