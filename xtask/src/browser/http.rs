//! An HTTP server for one kind of request: JSON in, JSON out, on loopback, one after the other.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Largest body in bytes: some thousands of records.
const BODY_LIMIT: usize = 16 << 20;
/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// Without a query, such as `/clusters/east/stop`.
    pub(super) path: String,
    /// `null` without a body.
    pub(super) body: Value,
}

/// A server that answers until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port and answers with what `answer` returns; its error becomes status 500.
    ///
    /// # Errors
    /// Fails when no port is free.
    pub(super) fn start(
        mut answer: impl FnMut(&Request) -> Result<Value> + Send + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            // Ends at the first connection after it was told to stop: `drop` makes that connection.
            for stream in listener.incoming() {
                if told.load(Ordering::SeqCst) {
                    break;
                }
                // A client that goes away in the middle is its own affair.
                let _ = stream.map(|stream| serve(stream, &mut answer));
            }
        });
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Returns the address, such as `http://127.0.0.1:4321`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, answer: &mut impl FnMut(&Request) -> Result<Value>) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let answered = read(&stream).and_then(|request| answer(&request));
    let (status, body) = match answered {
        Ok(value) => ("200 OK", value),
        Err(error) => (
            "500 Internal Server Error",
            json!({ "error": format!("{error:#}") }),
        ),
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

fn read(stream: &TcpStream) -> Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line
        .split_whitespace()
        .nth(1)
        .context("a request without a path")?
        .to_owned();
    let mut length = 0;
    // Ends at the empty line behind the headers, or at the end of the stream.
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    if length > BODY_LIMIT {
        bail!("a body of {length} bytes is too large");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = match body.as_slice() {
        [] => Value::Null,
        text => serde_json::from_slice(text).context("the body is no JSON")?,
    };
    Ok(Request { path, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into()
    }

    #[test]
    fn a_body_arrives_and_the_answer_returns() {
        let server = Server::start(|request| Ok(json!([request.path, request.body]))).unwrap();
        let mut response = agent()
            .post(format!("{}/a/b", server.url()))
            .send_json(json!({ "n": 7 }))
            .unwrap();
        let answer: Value = response.body_mut().read_json().unwrap();
        assert_eq!(answer, json!(["/a/b", { "n": 7 }]));
    }

    #[test]
    fn an_error_is_told_and_the_next_request_is_served() {
        let server = Server::start(|request| match request.path.as_str() {
            "/good" => Ok(Value::Null),
            other => bail!("no {other} here"),
        })
        .unwrap();
        let url = server.url();
        let mut response = agent().post(format!("{url}/bad")).send_empty().unwrap();
        assert_eq!(response.status(), 500);
        let answer: Value = response.body_mut().read_json().unwrap();
        assert_eq!(answer["error"], "no /bad here");
        assert_eq!(
            agent().get(format!("{url}/good")).call().unwrap().status(),
            200
        );
    }
}
