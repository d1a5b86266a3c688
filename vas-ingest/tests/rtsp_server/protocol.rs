//! The protocol in the order that clients use it, and in others.

use super::client::{Client, Rtp};
use super::tools::{camera, until};
use vas_core::Credentials;
use vas_ingest::camera::TestCamera;

const TCP: (&str, &str) = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");

async fn connect(camera: &TestCamera) -> Client {
    Client::connect(camera.local_addr(), camera.url("test")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn utc_comes_before_the_first_picture_and_rtp_info_is_right() {
    let camera = camera(None, false);
    let mut client = connect(&camera).await;
    let (_, reply) = client.play().await;
    let info = reply.header("RTP-Info").unwrap().to_owned();
    let (channel, report) = client.packet().await.unwrap();
    assert_eq!((channel, report[1]), (1, 200), "a sender report");
    let report_time = u32::from_be_bytes(report[16..20].try_into().unwrap());
    let first = client.rtp(0).await;
    assert_eq!(first.time, report_time);
    assert_eq!(info, format!("url={}/trackID=0;seq={};rtptime={}", client.url, first.seq, first.time));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_media_and_play_continues_without_a_gap() {
    let camera = camera(None, false);
    let mut client = connect(&camera).await;
    let (session, _) = client.play().await;
    let mut last = client.rtp(0).await;
    let (hub, stream) = camera.stream("test").unwrap();
    // Once within the group that was played, and once after it.
    for units_away in [1, 40] {
        assert_eq!(client.ask("PAUSE", "", &[("Session", &session)]).await.status, 200);
        assert_eq!(hub.stats(stream).unwrap().subscriptions, 0);
        while let Some((channel, packet)) = client.buffered() {
            if channel == 0 {
                last = continued(last, Rtp::parse(&packet));
            }
        }
        let units = hub.stats(stream).unwrap().units;
        until("more units", || hub.stats(stream).unwrap().units >= units + units_away).await;
        let reply = client.ask("PLAY", "", &[("Session", &session)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        for _ in 0..20 {
            last = continued(last, client.rtp(0).await);
        }
    }
}

/// The packet that follows `last`: numbered without a gap, in time that doesn't turn back.
fn continued(last: Rtp, next: Rtp) -> Rtp {
    assert_eq!(next.seq, last.seq.wrapping_add(1));
    assert!(next.time.wrapping_sub(last.time) < 1 << 31, "{last:?} {next:?}");
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_frees_the_session_with_a_goodbye_and_so_does_leaving() {
    let camera = camera(None, false);
    let (hub, stream) = camera.stream("test").unwrap();
    let subscriptions = || hub.stats(stream).unwrap().subscriptions;
    let mut client = connect(&camera).await;
    let (session, _) = client.play().await;
    client.rtp(0).await;
    assert_eq!((camera.stats().sessions, subscriptions()), (1, 1));
    assert_eq!(client.ask("TEARDOWN", "", &[("Session", &session)]).await.status, 200);
    assert_eq!((camera.stats().sessions, subscriptions()), (0, 0));
    let goodbye = std::iter::from_fn(|| client.buffered()).last().unwrap();
    assert_eq!(goodbye.1[goodbye.1.len() - 7], 203, "the last packet ends in a goodbye");
    assert_eq!(client.ask("PLAY", "", &[("Session", &session)]).await.status, 454);

    // The connection serves another session, and leaving ends that.
    client.play().await;
    drop(client);
    until("the session to end", || camera.stats().sessions == 0 && camera.stats().connections == 0).await;
    assert_eq!(subscriptions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_out_of_order_get_the_status_that_fits() {
    let camera = camera(None, true);
    let mut client = connect(&camera).await;
    let options = client.ask("OPTIONS", "", &[]).await;
    assert!(options.header("Public").unwrap().contains("GET_PARAMETER"));
    let multicast = ("Transport", "RTP/AVP;multicast");
    for (status, method, below, headers) in [
        (404, "DESCRIBE", "/nowhere", &[][..]),
        (454, "PLAY", "", &[]),
        (454, "PLAY", "", &[("Session", "0")]),
        (454, "TEARDOWN", "", &[("Session", "0")]),
        (454, "GET_PARAMETER", "", &[("Session", "0")]),
        (454, "SETUP", "/trackID=0", &[TCP, ("Session", "0")]),
        (459, "SETUP", "", &[TCP]),
        (404, "SETUP", "/trackID=9", &[TCP]),
        (461, "SETUP", "/trackID=0", &[]),
        (461, "SETUP", "/trackID=0", &[multicast]),
        (405, "RECORD", "", &[]),
        (501, "MAKE_COFFEE", "", &[]),
        (551, "DESCRIBE", "", &[("Require", "magic")]),
        (200, "GET_PARAMETER", "", &[]),
    ] {
        let reply = client.ask(method, below, headers).await;
        assert_eq!(reply.status, status, "{method} {below} {headers:?}: {reply:?}");
    }
    let session = client.ask("SETUP", "/trackID=0", &[TCP]).await.session().to_owned();
    let session = ("Session", session.as_str());
    // The same channels again: others are given. The same track again: its transport changes.
    let second = client.ask("SETUP", "/trackID=1", &[TCP, session]).await;
    assert!(second.header("Transport").unwrap().contains("interleaved=2-3"), "{second:?}");
    let again =
        client.ask("SETUP", "/trackID=0", &[("Transport", "RTP/AVP/TCP;interleaved=4-5"), session]).await;
    assert!(again.header("Transport").unwrap().contains("interleaved=4-5"), "{again:?}");
    for (status, method, below, headers) in [
        (455, "SETUP", "/trackID=0", &[TCP][..]),
        (460, "PLAY", "/trackID=0", &[session]),
        (200, "PLAY", "", &[session]),
        (455, "SETUP", "/trackID=0", &[TCP, session]),
        (200, "PLAY", "", &[session]),
        (200, "GET_PARAMETER", "", &[session]),
    ] {
        let reply = client.ask(method, below, headers).await;
        assert_eq!(reply.status, status, "{method} {below} {headers:?}: {reply:?}");
    }
    assert_eq!(client.ask_with("GET_PARAMETER", "", &[session], "name").await.status, 451);
    assert_eq!(camera.stats().sessions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_own_connection_alone() {
    let camera = camera(None, false);
    let mut watching = connect(&camera).await;
    watching.play().await;
    let long = vec![b'x'; 70 << 10];
    let newer = b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n".to_vec();
    let unnumbered = b"OPTIONS * RTSP/1.0\r\n\r\n".to_vec();
    let http = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    for (bytes, status) in [(long, 413), (newer, 505), (unnumbered, 400), (http, 400)] {
        let mut client = connect(&camera).await;
        client.send(&bytes).await;
        assert_eq!(client.reply().await.status, status);
    }
    // RTCP of any content is taken and dropped.
    watching.send(b"$\x01\x00\x03abc$\x09\x00\x00").await;
    for _ in 0..50 {
        watching.rtp(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_offers_both_digests_and_reveals_no_stream() {
    let camera = camera(Some(Credentials::new("operator", "s3cret")), false);
    let mut client = connect(&camera).await;
    for below in ["", "/nowhere"] {
        let reply = client.ask("DESCRIBE", below, &[]).await;
        let challenges = reply.head.lines().filter(|line| line.starts_with("WWW-Authenticate: Digest "));
        let algorithms: Vec<_> = challenges.map(|line| line.rsplit_once("algorithm=").unwrap().1).collect();
        assert_eq!((reply.status, algorithms), (401, vec!["SHA-256", "MD5"]));
    }
    assert_eq!(client.ask("SETUP", "/trackID=0", &[TCP]).await.status, 401);
    assert_eq!(camera.stats().sessions, 0);
}
