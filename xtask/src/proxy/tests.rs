use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::*;

/// An echo server for one connection after the other.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut bytes = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    if stream.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn ask(stream: &mut TcpStream, patience: Duration) -> io::Result<()> {
    stream.write_all(b"ping")?;
    answer(stream, patience)
}

fn answer(stream: &mut TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(patience))?;
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    assert_eq!(&bytes, b"ping");
    Ok(())
}

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(150);

#[test]
fn passes_then_holds_then_delivers_what_it_held() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    ask(&mut stream, LONG).unwrap();
    for mode in [Mode::BlackHole, Mode::HoldRequests, Mode::HoldReplies] {
        proxy.set(mode);
        assert!(ask(&mut stream, SHORT).is_err(), "{mode:?}");
        assert_eq!(proxy.open_connections(), 1);
        proxy.set(Mode::Pass);
        answer(&mut stream, LONG).unwrap();
    }
}

#[test]
fn held_replies_let_requests_reach_the_server() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    proxy.set(Mode::HoldReplies);
    assert!(ask(&mut stream, SHORT).is_err());
    assert_eq!(proxy.forwarded_bytes(), (4, 0));
}

#[test]
fn refuses_and_listens_again_on_the_same_port() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut open = TcpStream::connect(proxy.address()).unwrap();
    ask(&mut open, LONG).unwrap();
    proxy.set(Mode::Refuse);
    open.set_read_timeout(Some(LONG)).unwrap();
    let reset = open.read(&mut [0]).unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    let deadline = Instant::now() + LONG;
    while TcpStream::connect(proxy.address()).is_ok() {
        assert!(Instant::now() < deadline, "still accepts");
    }
    proxy.set(Mode::Pass);
    let mut again = loop {
        assert!(Instant::now() < deadline, "does not accept again");
        if let Ok(stream) = TcpStream::connect(proxy.address()) {
            break stream;
        }
    };
    ask(&mut again, LONG).unwrap();
}

#[test]
fn resets_open_connections_and_takes_new_ones() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    ask(&mut stream, LONG).unwrap();
    proxy.reset_all();
    stream.set_read_timeout(Some(LONG)).unwrap();
    assert!(stream.read(&mut [0]).is_err());
    ask(&mut TcpStream::connect(proxy.address()).unwrap(), LONG).unwrap();
}

#[test]
fn delays_each_way() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    let began = Instant::now();
    ask(&mut stream, LONG).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[test]
fn keeps_to_a_rate() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy.set(Mode::Rate(10_000));
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    let began = Instant::now();
    stream.write_all(&[b'x'; 3000]).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.read_exact(&mut [0; 3000]).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(250));
}

#[test]
fn flips_one_bit_of_a_long_run_and_nothing_else() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy.set(Mode::Corrupt(b'~'));
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut exchange = |sent: &[u8]| {
        stream.write_all(sent).unwrap();
        let mut came = vec![0; sent.len()];
        stream.read_exact(&mut came).unwrap();
        let pairs = sent.iter().zip(&came);
        pairs.filter(|(sent, came)| sent != came).count()
    };
    assert_eq!(exchange(&[b'x'; 500]), 0, "another byte's run");
    assert_eq!(exchange(&[b'~'; 40]), 0, "a short run");
    assert_eq!(proxy.flipped_bits(), 0);
    // On the way there, and in what is left of the run on the way back.
    let changed = exchange(&[b'~'; 500]);
    assert!(changed > 0, "nothing was changed");
    assert_eq!(proxy.flipped_bits(), changed as u64);
}
