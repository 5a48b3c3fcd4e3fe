use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf, BufMut};
use model::cluster::{ClusterSpec, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::frame::FrameReader;
use super::pending::Waiting;
use super::*;

const METADATA: i16 = 3;
const METADATA_VERSION: i16 = 4;

fn settings(tls: Tls) -> Settings {
    let spec = ClusterSpec {
        name: "east".parse().unwrap(),
        title: String::new(),
        bootstrap: Vec::new(),
        tls,
        client_certificate: None,
        sasl: None,
    };
    Settings::from_spec(&spec, "test").unwrap()
}

/// A listener that treats every connection as `serve` says.
async fn listener<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Address
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Address::new("127.0.0.1", i32::from(port)).unwrap()
}

/// Speaks just enough Kafka: offers Metadata, and lets `answer` turn each other request's frame into answers.
async fn broker(stream: TcpStream, mut answer: impl FnMut(Bytes) -> Vec<Bytes>) {
    let (reader, mut writer) = stream.into_split();
    let mut frames = FrameReader::new(reader);
    while let Ok(frame) = frames.next().await {
        let api_versions = frame[..2] == [0, 18];
        let correlation = frame.slice(4..8);
        let answers = match api_versions {
            true => vec![
                [&correlation[..], b"\0\0\x02\0\x03\0\0\0\x09\0\0\0\0\0\0"]
                    .concat()
                    .into(),
            ],
            false => answer(frame),
        };
        for answer in answers {
            let size = i32::try_from(answer.len()).unwrap().to_be_bytes();
            writer
                .write_all(&[&size, &answer[..]].concat())
                .await
                .unwrap();
        }
    }
}

/// Answers every request with its own correlation id and body.
fn echo(frame: Bytes) -> Vec<Bytes> {
    vec![[&frame[4..8], body(&frame)].concat().into()]
}

/// The body behind a non-flexible header whose client id is `test`.
fn body(frame: &Bytes) -> &[u8] {
    &frame[14..]
}

async fn open(address: &Address) -> Connection {
    Connection::open(address, &settings(Tls::Off))
        .await
        .unwrap()
}

fn send(connection: &Connection, body: &Bytes) -> Reply {
    connection
        .send(METADATA, METADATA_VERSION, vec![body.clone()])
        .unwrap()
}

#[tokio::test]
async fn many_requests_in_flight_get_their_own_answers() {
    let address = listener(|stream| broker(stream, echo)).await;
    let connection = open(&address).await;
    assert_eq!(connection.api(METADATA), Some((0, 9)));
    let bodies: Vec<Bytes> = (0..200_u32)
        .map(|i| {
            let mut body = BytesMut::zeroed(if i % 10 == 0 { 100_000 } else { 10 });
            body.put_u32(i);
            body.freeze()
        })
        .collect();
    let replies: Vec<_> = bodies.iter().map(|body| send(&connection, body)).collect();
    for (reply, body) in replies.into_iter().zip(&bodies) {
        assert_eq!(reply.await.unwrap().body, *body);
    }
}

#[tokio::test]
async fn chunks_are_written_as_one_body() {
    let address = listener(|stream| broker(stream, echo)).await;
    let connection = open(&address).await;
    let chunks: Vec<Bytes> = (0..100_u8).map(|i| Bytes::from(vec![i; 1000])).collect();
    let reply = connection
        .send(METADATA, METADATA_VERSION, chunks.clone())
        .unwrap();
    assert_eq!(reply.await.unwrap().body, chunks.concat());
}

#[tokio::test]
async fn every_waiting_request_ends_when_the_broker_hangs_up() {
    // Takes three requests and hangs up.
    let address = listener(async |stream| {
        let mut taken = 0;
        let until_third = broker(stream, |_| {
            taken += 1;
            assert!(taken < 3, "hang up");
            Vec::new()
        });
        until_third.await;
    })
    .await;
    let connection = open(&address).await;
    let replies: Vec<_> = (0..5)
        .map(|_| send(&connection, &Bytes::from_static(b"x")))
        .collect();
    for reply in replies {
        assert_eq!(
            reply.await.unwrap_err(),
            Error::Disconnected {
                address: address.clone()
            }
        );
    }
    assert_eq!(
        connection.closed().await,
        Error::Disconnected {
            address: address.clone()
        }
    );
    assert!(connection.is_closed());
    assert!(
        connection
            .send(METADATA, METADATA_VERSION, Vec::new())
            .is_err()
    );
}

#[tokio::test]
async fn an_answer_out_of_order_ends_the_connection() {
    let address =
        listener(|stream| broker(stream, |_| vec![Bytes::from_static(b"\0\0\xff\xff")])).await;
    let connection = open(&address).await;
    let error = send(&connection, &Bytes::new()).await.unwrap_err();
    assert_eq!(
        error,
        Error::Protocol {
            address,
            what: "an answer out of order"
        }
    );
}

#[tokio::test]
async fn closing_ends_what_waits() {
    let address = listener(|stream| broker(stream, |_| Vec::new())).await;
    let connection = open(&address).await;
    let reply = send(&connection, &Bytes::new());
    connection.close().await;
    assert_eq!(reply.await.unwrap_err(), Error::Closed { address });
}

#[tokio::test]
async fn a_request_whose_gate_is_shut_is_never_sent() {
    let address = listener(|stream| broker(stream, echo)).await;
    let connection = open(&address).await;
    let may_send = Arc::new(AtomicBool::new(false));
    let gate = || {
        let may_send = Arc::clone(&may_send);
        Gate(Arc::new(move || may_send.load(Ordering::Relaxed)))
    };
    let request = |gate| RawRequest {
        api_key: METADATA,
        version: METADATA_VERSION,
        body: vec![Bytes::from_static(b"hello")],
        gate: Some(gate),
    };
    let withheld = connection.send_raw(request(gate())).unwrap();
    assert_eq!(withheld.await.unwrap_err(), Error::Withheld);
    may_send.store(true, Ordering::Relaxed);
    assert!(connection.send_raw(request(gate())).unwrap().await.is_ok());
}

#[tokio::test]
async fn a_full_queue_is_an_error_not_a_wait() {
    let address = listener(|stream| broker(stream, |_| Vec::new())).await;
    let connection = open(&address).await;
    // The writer does not run between these calls: this test has one thread.
    let results: Vec<_> = (0..=QUEUE)
        .map(|_| connection.send(METADATA, METADATA_VERSION, Vec::new()))
        .collect();
    assert!(results[..QUEUE].iter().all(Result::is_ok));
    assert!(matches!(results[QUEUE], Err(Error::QueueFull { .. })));
}

#[tokio::test]
async fn what_is_not_kafka_is_told_apart() {
    let http = listener(async |mut stream: TcpStream| {
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let tls = listener(async |mut stream: TcpStream| {
        stream
            .write_all(b"\x15\x03\x03\0\x02\x02\x50")
            .await
            .unwrap();
    });
    let cases = [
        (http.await, "connect.not_kafka"),
        (tls.await, "connect.plaintext_to_tls"),
    ];
    for (address, code) in cases {
        let error = Connection::open(&address, &settings(Tls::Off))
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[tokio::test]
async fn tls_to_a_plaintext_broker_is_told_apart() {
    // As a broker does: an absurd size ends the connection without a word, a real request is answered.
    let address = listener(async |stream: TcpStream| {
        let mut first = [0; 1];
        stream.peek(&mut first).await.unwrap();
        if first == [0] {
            broker(stream, echo).await;
        }
    });
    let garbled = listener(async |mut stream: TcpStream| {
        stream
            .write_all(b"220 mail.example.net ESMTP\r\n")
            .await
            .unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
    });
    for address in [address.await, garbled.await] {
        let settings = settings(Tls::Ca {
            ca_pem: authority(),
            verify_hostname: true,
        });
        let error = Connection::open(&address, &settings).await.unwrap_err();
        assert_eq!(error, Error::TlsToPlaintext { address });
    }
}

fn authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.self_signed(&key).unwrap().pem()
}

#[tokio::test]
async fn closed_ports_and_unknown_names_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = i32::from(listener.local_addr().unwrap().port());
    drop(listener);
    let cases = [
        (Address::new("127.0.0.1", port).unwrap(), "connect.tcp"),
        (
            Address::new("no-such-host.invalid", 9092).unwrap(),
            "connect.dns",
        ),
    ];
    for (address, code) in cases {
        let error = Connection::open(&address, &settings(Tls::Off))
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_accepts_and_says_nothing_times_out() {
    let address = listener(async |stream: TcpStream| {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let error = Connection::open(&address, &settings(Tls::Off))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "connect.timeout");
}

fn waiting(correlation: i32) -> (Waiting, oneshot::Receiver<Result<ReplyFrame, Error>>) {
    let (answer, receiver) = oneshot::channel();
    (
        Waiting {
            correlation,
            header_version: 0,
            answer,
        },
        receiver,
    )
}

fn pending() -> Pending {
    Pending::new(Address::new("a", 1).unwrap(), Duration::from_secs(30))
}

fn answer(correlation: i32) -> Bytes {
    Bytes::copy_from_slice(&correlation.to_be_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_time_out_counts_from_being_the_oldest_unanswered() {
    let pending = pending();
    let began = Instant::now();
    let (first, _first) = waiting(1);
    let (second, _second) = waiting(2);
    pending.push(first);
    pending.push(second);
    let watch_and_answer = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        pending.answer(answer(1)).unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        error = pending.watch() => assert_eq!(error.code(), "connect.timeout"),
        () = watch_and_answer => {}
    }
    assert_eq!(began.elapsed().as_secs(), 50);
}

#[tokio::test(start_paused = true)]
async fn time_spent_throttled_does_not_count() {
    let pending = pending();
    let began = Instant::now();
    let (first, _first) = waiting(1);
    pending.push(first);
    pending.throttle(Duration::from_secs(100));
    pending.watch().await;
    assert_eq!(began.elapsed().as_secs(), 130);
    pending.wait_while_throttled().await;
    assert_eq!(began.elapsed().as_secs(), 130);
}

#[test]
fn requests_after_the_end_end_at_once() {
    let pending = pending();
    pending.fail(pending.protocol("broken"));
    let (late, mut receiver) = waiting(1);
    pending.push(late);
    assert_eq!(
        receiver.try_recv().unwrap().unwrap_err(),
        pending.protocol("broken")
    );
}

#[test]
fn the_highest_common_version_is_taken() {
    let cases = [
        ((0, 12), 4..=13, Some(12)),
        ((0, 17), 4..=13, Some(13)),
        ((0, 3), 4..=13, None),
        ((14, 17), 4..=13, None),
        ((4, 4), 4..=4, Some(4)),
    ];
    for (theirs, ours, version) in cases {
        assert_eq!(common_version(theirs, ours), version);
    }
}

#[test]
fn an_answer_keeps_its_body_after_the_header() {
    let pending = pending();
    let (request, mut receiver) = waiting(7);
    pending.push(request);
    pending
        .answer(Bytes::from_static(b"\0\0\0\x07body"))
        .unwrap();
    let mut reply = receiver.try_recv().unwrap().unwrap();
    assert_eq!(reply.body.copy_to_bytes(4), "body");
}
