//! Opening a connection, step by step, so that the connection ladder can show each step's verdict.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::{Connection, Purpose, Settings, api_versions};
use crate::error::{ConnectFailure, TlsFailure};
use crate::{Address, Error, sasl, tls};

/// How long a silent peer is believed in before the kernel asks it for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How long a second look at a listener of unclear kind may take.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// The bytes between us and a broker.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

impl Stream {
    pub(super) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                (Box::new(reader), Box::new(writer))
            }
            Self::Tls(stream) => {
                let (reader, writer) = tokio::io::split(*stream);
                (Box::new(reader), Box::new(writer))
            }
        }
    }
}

pub(super) async fn open(address: &Address, settings: &Settings) -> Result<Connection, Error> {
    let limit = settings.timeouts.connect;
    let overdue = |_| Error::Timeout {
        address: address.clone(),
        what: "while connecting",
        after: limit,
    };
    tokio::time::timeout(limit, open_untimed(address, settings))
        .await
        .map_err(overdue)?
}

async fn open_untimed(address: &Address, settings: &Settings) -> Result<Connection, Error> {
    let addresses = resolve(address).await?;
    let dialled = Instant::now();
    let tcp = dial(address, &addresses, settings.timeouts.connect).await?;
    let round_trip = dialled.elapsed();
    let stream = secure(tcp, address, settings).await?;
    let certificate_ends_ms = stream.certificate_ends_ms();
    let connection = Connection::start(stream, address, settings);
    let _ = connection.handle.round_trip.set(round_trip);
    if let Some(ends_ms) = certificate_ends_ms {
        let _ = connection.handle.certificate_ends_ms.set(ends_ms);
    }
    connection.greet(settings).await?;
    if let Some(lifetime) = sasl::sign_in(&connection, settings).await? {
        connection.keep_session(settings, lifetime);
    }
    Ok(connection)
}

/// Looks the host name up; all its addresses, in the resolver's order.
pub(crate) async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Error> {
    let unknown = || Error::Resolve {
        address: address.clone(),
    };
    let found = tokio::net::lookup_host((address.host(), address.port()))
        .await
        .map_err(|_| unknown())?;
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        Err(unknown())
    } else {
        Ok(found)
    }
}

/// Connects to the first address that answers. Each gets an equal share of the connect time-out, so that one that
/// swallows packets leaves time for the others.
pub(crate) async fn dial(
    address: &Address,
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<TcpStream, Error> {
    let deadline = Instant::now() + limit;
    let mut reason = ConnectFailure::Other;
    for (tried, candidate) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
        reason = match tokio::time::timeout(share, TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => ConnectFailure::from(&error),
            Err(_) => ConnectFailure::TimedOut,
        };
    }
    Err(Error::Connect {
        address: address.clone(),
        reason,
    })
}

fn prepare(stream: &TcpStream, settings: &Settings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    if settings.purpose == Purpose::Produce {
        socket.set_tcp_user_timeout(Some(settings.timeouts.request))?;
        socket.set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// Sets the socket's options, and wraps it in TLS where the settings ask for it.
pub(crate) async fn secure(
    tcp: TcpStream,
    address: &Address,
    settings: &Settings,
) -> Result<Stream, Error> {
    prepare(&tcp, settings).map_err(|error| Error::Connect {
        address: address.clone(),
        reason: ConnectFailure::from(&error),
    })?;
    let Some(config) = &settings.tls else {
        return Ok(Stream::Plain(tcp));
    };
    match tls::connect(tcp, address, Arc::clone(config)).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        // A plaintext broker takes our greeting for an absurd size and hangs up without a word.
        Err(Error::Tls {
            reason: TlsFailure::BrokenOff,
            ..
        }) if speaks_plaintext(address, settings).await => Err(Error::TlsToPlaintext {
            address: address.clone(),
        }),
        Err(error) => Err(with_certificate(error, settings)),
    }
}

/// Asks on a second connection whether the listener answers Kafka's protocol without TLS.
async fn speaks_plaintext(address: &Address, settings: &Settings) -> bool {
    let plain = Settings {
        tls: None,
        shows_certificate: false,
        sasl: None,
        ..settings.clone()
    };
    let look = async {
        let tcp = dial(address, &resolve(address).await?, SECOND_LOOK).await?;
        let connection = Connection::start(Stream::Plain(tcp), address, &plain);
        api_versions::ask(&connection).await
    };
    matches!(
        timeout_at(Instant::now() + SECOND_LOOK, look).await,
        Ok(Ok(_))
    )
}

/// Tries a TLS greeting on a second connection.
async fn speaks_tls(address: &Address) -> bool {
    let look = async {
        let tcp = dial(address, &resolve(address).await?, SECOND_LOOK).await?;
        Ok::<bool, Error>(tls::answers(tcp, address).await)
    };
    matches!(
        timeout_at(Instant::now() + SECOND_LOOK, look).await,
        Ok(Ok(true))
    )
}

impl Connection {
    /// Asks for the broker's versions; the first exchange on any connection, which needs no sign-in.
    pub(crate) async fn greet(&self, settings: &Settings) -> Result<(), Error> {
        match api_versions::ask(self).await {
            Ok(versions) => {
                let _ = self.handle.apis.set(versions);
                Ok(())
            }
            // A TLS listener may hang up on plaintext without an alert.
            Err(Error::Disconnected { .. })
                if settings.tls.is_none() && speaks_tls(self.address()).await =>
            {
                Err(Error::PlaintextToTls {
                    address: self.address().clone(),
                })
            }
            Err(error) => Err(with_certificate(error, settings)),
        }
    }
}

/// A broker says the same of a certificate that is missing and of one that it does not take.
fn with_certificate(error: Error, settings: &Settings) -> Error {
    match error {
        Error::Tls {
            address,
            reason: TlsFailure::ClientCertificate,
        } if settings.shows_certificate => Error::Tls {
            address,
            reason: TlsFailure::ClientRefused,
        },
        error => error,
    }
}
