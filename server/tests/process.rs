//! The real binary: start, stop, exit codes, locks, command line.

#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A data directory of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("causeway-process-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn causeway(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command
        .args(arguments)
        .env_clear()
        .env("CAUSEWAY_DATA_DIR", folder)
        .env("CAUSEWAY_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    causeway(folder, arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A running server, killed at the end if it still runs.
struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Server {
    /// Starts a server and waits until it says that it is ready.
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let arguments: Vec<&str> = std::iter::once("serve")
            .chain(arguments.iter().copied())
            .collect();
        let mut child = causeway(folder, &arguments).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self {
            child,
            log,
            address: String::new(),
        };
        let line = server.read_until("listens on http://");
        let address = line.split("http://").nth(1).unwrap();
        server.address = address.split_whitespace().next().unwrap().to_owned();
        server.read_until("ready");
        server
    }

    fn read_until(&mut self, words: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "no `{words}` in: {all}"
            );
            if line.contains(words) {
                return line;
            }
            all.push_str(&line);
        }
    }

    fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: causeway\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Sends a signal and returns the exit code and how long the end took.
    fn stop(mut self, signal: &str) -> (Option<i32>, Duration) {
        let began = Instant::now();
        self.signal(signal);
        let status = self.child.wait().unwrap();
        (status.code(), began.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only where the process ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serves_and_stops_cleanly_on_both_signals() {
    let folder = Folder::new();
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(&folder.0, &[]);
        assert!(server.get("/healthz", "").starts_with("HTTP/1.1 200"));
        assert!(server.get("/readyz", "").starts_with("HTTP/1.1 200"));
        let (code, took) = server.stop(signal);
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn an_open_connection_does_not_delay_the_stop_beyond_its_limit() {
    let folder = Folder::new();
    let server = Server::start(
        &folder.0,
        &["--shutdown-timeout", "2s", "--drain-timeout", "1s"],
    );
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream
        .write_all(b"POST /api/v1/links HTTP/1.1\r\nhost: causeway\r\ncontent-length: 9\r\n\r\n{")
        .unwrap();
    let (code, took) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_second_process_on_one_data_directory_exits_64_and_names_the_first() {
    let folder = Folder::new();
    let server = Server::start(&folder.0, &[]);
    let second = run(&folder.0, &["serve"]);
    assert_eq!(second.status.code(), Some(64));
    let said = stderr(&second);
    assert!(
        said.contains(&format!("process {}", server.child.id())),
        "{said}"
    );
    assert!(said.contains("since 20"), "{said}");
}

#[test]
fn a_killed_process_leaves_nothing_that_keeps_the_next_from_starting() {
    let folder = Folder::new();
    let server = Server::start(&folder.0, &[]);
    let (code, _) = server.stop("-KILL");
    assert_eq!(code, None);
    Server::start(&folder.0, &[]);
}

#[test]
fn a_token_is_made_while_the_server_runs_and_its_text_is_all_that_is_printed() {
    let folder = Folder::new();
    let server = Server::start(&folder.0, &[]);
    let made = run(
        &folder.0,
        &["token", "create", "--name", "ci", "--role", "administrator"],
    );
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let text = stdout(&made).trim().to_owned();
    assert!(text.starts_with("cw_") && text.len() == 46, "{text}");
    assert!(
        server
            .get("/api/v1/clusters", &text)
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        server
            .get("/metrics", &text)
            .contains("process_resident_memory_bytes")
    );
    assert!(server.get("/metrics", "").starts_with("HTTP/1.1 401"));
    let list = stdout(&run(&folder.0, &["token", "list"]));
    assert!(
        list.contains(" administrator ") && !list.contains(&text),
        "{list}"
    );
    let id = list
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert_eq!(
        run(&folder.0, &["token", "revoke", id]).status.code(),
        Some(0)
    );
    assert!(
        server
            .get("/api/v1/clusters", &text)
            .starts_with("HTTP/1.1 401")
    );
    assert_eq!(
        run(&folder.0, &["token", "revoke", "nobody"]).status.code(),
        Some(1)
    );
}

#[test]
fn a_database_file_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let file = folder.0.join("no.db");
    std::fs::create_dir(&file).unwrap();
    let output = run(
        &folder.0,
        &["serve", "--database", &format!("sqlite:{}", file.display())],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(file.to_str().unwrap()),
        "{}",
        stderr(&output)
    );
}

#[test]
fn bad_settings_exit_64_with_a_sentence() {
    let folder = Folder::new();
    let cases: [(&[&str], &str); 6] = [
        (&["serve", "--listen", "nowhere"], "`listen` (flag)"),
        (&["serve", "--log", "info,kafka=loud"], "`log` (flag)"),
        (&["serve", "--config", "/nonexistent.toml"], "no such file"),
        (&["serve", "--unknown"], "--unknown"),
        (&["dance"], "dance"),
        (
            &["token", "create", "--name", "x", "--role", "king"],
            "administrator",
        ),
    ];
    for (arguments, words) in cases {
        let output = run(&folder.0, arguments);
        assert_eq!(
            output.status.code(),
            Some(64),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(words),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    std::fs::write(
        folder.0.join("causeway.toml"),
        "lissten = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let output = run(&folder.0, &["serve"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        stderr(&output).contains("unknown key `lissten`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_remedy() {
    let folder = Folder::new();
    let key = folder.0.join("secret.key");
    std::fs::write(&key, "x").unwrap();
    let output = run(&folder.0, &["serve"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("chmod 600"), "{}", stderr(&output));
}

#[test]
fn files_of_the_data_directory_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let inner = folder.0.join("data");
    drop(Server::start(&inner, &[]));
    for (name, mode) in [("", 0o700), ("secret.key", 0o600), ("causeway.db", 0o600)] {
        let facts = std::fs::metadata(inner.join(name)).unwrap();
        assert_eq!(facts.permissions().mode() & 0o777, mode, "`{name}`");
    }
}

#[test]
fn an_occupied_port_is_a_clear_failure() {
    let (one, other) = (Folder::new(), Folder::new());
    let server = Server::start(&one.0, &[]);
    let output = run(&other.0, &["serve", "--listen", &server.address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&server.address),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_postgres_that_is_away_keeps_the_process_alive_but_not_ready() {
    let folder = Folder::new();
    // Port 1 on loopback: nothing listens there.
    let arguments = [
        "serve",
        "--database",
        "postgres://u:canary-pw@127.0.0.1:1/causeway",
    ];
    let mut child = causeway(&folder.0, &arguments).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut server = Server {
        child,
        log,
        address: String::new(),
    };
    let line = server.read_until("listens on http://");
    let address = line.split("http://").nth(1).unwrap();
    server.address = address.split_whitespace().next().unwrap().to_owned();
    let warned = server.read_until("no link runs until");
    assert!(!warned.contains("canary-pw"), "{warned}");
    assert!(server.get("/healthz", "").starts_with("HTTP/1.1 200"));
    assert!(server.get("/readyz", "").starts_with("HTTP/1.1 503"));
    assert!(
        server
            .get("/api/v1/links", "")
            .contains("store.unavailable")
    );
    assert_eq!(server.stop("-TERM").0, Some(0));
}

#[test]
fn doctor_shows_origins_and_no_secrets() {
    let folder = Folder::new();
    let output = run(
        &folder.0,
        &["doctor", "--listen", "0.0.0.0:0", "--metrics-open"],
    );
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in [
        "0.0.0.0:0  (flag)",
        "(variable)",
        "(default)",
        "plain HTTP",
        "CAUSEWAY_KEY",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    assert!(
        !folder.0.join("causeway.db").exists(),
        "a look makes no database"
    );
    drop(Server::start(&folder.0, &[]));
    let said = stdout(&run(&folder.0, &["doctor"]));
    assert!(
        said.contains("has mode 600") && said.contains("causeway.db` answers"),
        "{said}"
    );
    let mut command = causeway(&folder.0, &["doctor"]);
    let output = command.env("CAUSEWAY_KEY", "canary-key").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!format!("{}{}", stdout(&output), stderr(&output)).contains("canary-key"));
}

#[test]
fn json_log_lines_are_json() {
    let folder = Folder::new();
    let mut child = causeway(&folder.0, &["serve", "--log-format", "json"])
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // Others may come before it, as the warning that the console is not built.
    let listens = lines.map(Result::unwrap).find(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let message = value["fields"]["message"].as_str().unwrap();
        message.contains("listens on")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(listens.is_some(), "the log ended without it");
}
