use model::cluster::Tls;
use tokio::net::TcpListener;

use super::*;

fn spec(bootstrap: &[&str]) -> ClusterSpec {
    ClusterSpec {
        name: "east".parse().unwrap(),
        title: String::new(),
        bootstrap: bootstrap.iter().map(|&entry| entry.to_owned()).collect(),
        tls: Tls::Off,
        client_certificate: None,
        sasl: None,
    }
}

fn states(ladder: &Ladder) -> Vec<RungState> {
    ladder.rungs.iter().map(|rung| rung.state).collect()
}

async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn an_unknown_name_stops_at_the_first_rung() {
    let ladder = climb(&spec(&["no-such-host.invalid:9092"]), "test").await;
    let mut expected = [RungState::NotReached; 8];
    expected[0] = RungState::Failed;
    assert_eq!(states(&ladder), expected);
    assert!(!ladder.passed());
    let rung = &ladder.rungs[0];
    assert_eq!(rung.code.as_deref(), Some("connect.dns"));
    assert_eq!(
        rung.detail,
        "`no-such-host.invalid:9092`: its name is unknown here."
    );
    assert!(!rung.advice.is_empty());
}

#[tokio::test]
async fn an_entry_without_a_port_is_named() {
    let ladder = climb(&spec(&["kafka-1"]), "test").await;
    assert_eq!(ladder.rungs[0].code.as_deref(), Some("cluster.settings"));
    assert_eq!(
        ladder.rungs[0].detail,
        "`kafka-1`: add a port, as `kafka-1:9092`."
    );
}

#[tokio::test]
async fn a_closed_port_stops_at_the_second_rung_and_an_unknown_name_beside_it_only_warns() {
    let closed = closed_port().await;
    let ladder = climb(&spec(&["no-such-host.invalid:9092", &closed]), "test").await;
    assert_eq!(
        states(&ladder)[..3],
        [RungState::Warning, RungState::Failed, RungState::NotReached]
    );
    assert_eq!(ladder.rungs[1].code.as_deref(), Some("connect.tcp"));
    assert!(
        ladder.rungs[1].detail.starts_with("Entry 2 of 2"),
        "{}",
        ladder.rungs[1].detail
    );
}

#[tokio::test]
async fn a_certificate_that_is_none_is_told_at_the_tls_rung() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut spec = spec(&[&listener.local_addr().unwrap().to_string()]);
    spec.tls = Tls::Ca {
        ca_pem: "hello".to_owned(),
        verify_hostname: true,
    };
    let ladder = climb(&spec, "test").await;
    assert_eq!(
        states(&ladder)[..4],
        [
            RungState::Passed,
            RungState::Passed,
            RungState::Failed,
            RungState::NotReached
        ]
    );
    assert_eq!(ladder.rungs[2].code.as_deref(), Some("cluster.settings"));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_says_nothing_is_given_up_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let began = Instant::now();
    let ladder = climb(
        &spec(&[&listener.local_addr().unwrap().to_string()]),
        "test",
    )
    .await;
    assert_eq!(states(&ladder)[2], RungState::Failed);
    assert_eq!(ladder.rungs[2].code.as_deref(), Some("connect.timeout"));
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[test]
fn the_test_can_run_on_any_thread() {
    fn send<T: Send>(_: T) {}
    send(climb(&spec(&[]), "test"));
}
