//! Bad input: each sort has its own reason, nothing secret in it, and retries go on.

use crate::fake::{FakeCamera, Script, pictures, sdp};
use crate::rig::{Rig, read};
use vas_core::hub::StartAt;
use vas_core::model::stream::{ReasonCode, StreamState};
use vas_ingest::IngestStatus;

/// Starts a source at a camera with this script and returns the status that it fails with.
async fn failure(script: Script, code: ReasonCode) -> IngestStatus {
    let camera = FakeCamera::start(script).await;
    let rig = Rig::new();
    let stream = rig.start(&camera.url());
    let status = rig.wait_error(stream, code).await;
    assert!(status.reason.text.contains(&camera.address.to_string()), "{}", status.reason);
    // It is tried again, and stays one entry in the history.
    let later = rig.wait(stream, |later| later.attempt > status.attempt).await;
    assert_eq!((later.state, later.since), (StreamState::Error, status.since));
    rig.end().await;
    status
}

#[tokio::test]
async fn connection_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::new();
    let stream = rig.start(&format!("rtsp://admin:planted%40secret@{address}/cam"));
    let status = rig.wait_error(stream, ReasonCode::ConnectionRefused).await;
    assert_eq!(
        status.reason.text,
        format!("connection refused by {address}; check that the camera is on and the port is right")
    );
    assert!(!format!("{status:?}").contains("planted"));
    rig.end().await;
}

#[tokio::test]
async fn a_name_without_address() {
    let rig = Rig::new();
    let stream = rig.start("rtsp://no-such-camera.invalid/cam");
    rig.wait_error(stream, ReasonCode::HostUnreachable).await;
    rig.end().await;
}

#[tokio::test]
async fn accepts_and_never_answers() {
    failure(Script { silent: true, ..Script::default() }, ReasonCode::Timeout).await;
}

#[tokio::test]
async fn is_a_web_server() {
    let raw = Some(&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..]);
    failure(Script { raw, ..Script::default() }, ReasonCode::NotRtsp).await;
}

#[tokio::test]
async fn is_a_secure_shell() {
    let raw = Some(&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..]);
    failure(Script { raw, ..Script::default() }, ReasonCode::NotRtsp).await;
}

#[tokio::test]
async fn unauthorized() {
    let header = "WWW-Authenticate: Digest realm=\"camera\", nonce=\"abc\"\r\n";
    let camera = FakeCamera::start(Script { status: 401, header, ..Script::default() }).await;
    let rig = Rig::new();
    for userinfo in ["", "admin:planted-secret@"] {
        let stream = rig.start(&format!("rtsp://{userinfo}{}/cam?key=planted-query", camera.address));
        let status = rig.wait_error(stream, ReasonCode::Unauthorized).await;
        assert!(!format!("{status:?}").contains("planted"), "{status:?}");
    }
    rig.end().await;
}

#[tokio::test]
async fn no_such_path() {
    failure(Script { status: 404, ..Script::default() }, ReasonCode::NotFound).await;
}

#[tokio::test]
async fn another_status() {
    let status = failure(Script { status: 503, ..Script::default() }, ReasonCode::Refused).await;
    assert!(status.reason.text.contains("503"));
}

#[tokio::test]
async fn refuses_tcp_when_tcp_is_asked_for() {
    let camera = FakeCamera::start(Script { no_tcp: true, ..Script::default() }).await;
    let rig = Rig::new();
    let source = vas_ingest::Source::parse(vas_core::StreamId::random(), "camera", &camera.url())
        .unwrap()
        .with_transport(vas_ingest::TransportMode::Tcp);
    let stream = source.stream;
    rig.supervisor.start(source);
    let status = rig.wait_error(stream, ReasonCode::Refused).await;
    assert!(status.reason.text.contains("461"), "{}", status.reason);
    rig.end().await;
}

#[tokio::test]
async fn a_description_that_is_cut_short() {
    let whole = sdp();
    let half = whole[..whole.find("a=rtpmap").unwrap() + 9].to_owned();
    let empty = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\n".to_owned();
    for sdp in [half, empty, "v=0\r\no=".to_owned(), String::new()] {
        failure(Script { sdp, ..Script::default() }, ReasonCode::BadDescription).await;
    }
    failure(Script { cut: true, ..Script::default() }, ReasonCode::BadDescription).await;
}

#[tokio::test]
async fn no_video_track() {
    let head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\n";
    let sound = format!("{head}m=audio 0 RTP/AVP 0\r\na=control:track0\r\n");
    failure(Script { sdp: sound, ..Script::default() }, ReasonCode::NoVideo).await;
    let old = format!("{head}m=video 0 RTP/AVP 26\r\na=control:track0\r\n");
    let status = failure(Script { sdp: old, ..Script::default() }, ReasonCode::NoVideo).await;
    assert!(status.reason.text.contains("jpeg"), "{}", status.reason);
}

#[tokio::test]
async fn accepts_the_session_and_sends_nothing() {
    let script = Script { pictures: Vec::new(), ..Script::default() };
    failure(script, ReasonCode::NoMedia).await;
}

#[tokio::test]
async fn sends_pictures_and_never_a_key_picture() {
    let deltas: Vec<_> = pictures().split_off(1);
    let status = failure(Script { pictures: deltas, ..Script::default() }, ReasonCode::BadMedia).await;
    assert!(status.reason.text.contains("no key picture"), "{}", status.reason);
}

#[tokio::test]
async fn sends_garbage_nal_units() {
    // A forbidden bit, a reserved type, a fragment without start, and slices without any content.
    let garbage = vec![vec![0xff, 1, 2, 3], vec![0x1e, 9, 9], vec![0x7c, 0x05, 7, 7], vec![0x0c, 0xff]];
    let status = failure(Script { pictures: garbage, ..Script::default() }, ReasonCode::BadMedia).await;
    assert!(status.health.garbage > 0);
}

#[tokio::test]
async fn garbage_amid_pictures_costs_pictures_up_to_the_next_key() {
    let mut script = Script::default();
    script.pictures.insert(5, vec![0xff, 1, 2, 3]);
    let camera = FakeCamera::start(script).await;
    let rig = Rig::new();
    let stream = rig.start(&camera.url());
    rig.wait_state(stream, StreamState::Live).await;
    let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 30).await;
    // Of each round of ten, a key picture and four others come through.
    for (n, unit) in units.iter().enumerate() {
        assert_eq!(unit.is_key(), n % 5 == 0);
    }
    let status = rig.status(stream);
    assert_eq!(status.state, StreamState::Live);
    assert!(status.health.garbage >= 5, "{}", status.health.garbage);
    rig.end().await;
}

#[tokio::test]
async fn a_key_picture_of_two_megabytes_passes_and_a_larger_one_is_garbage() {
    let large = |size: usize| {
        let mut nal = vec![0x5a; size];
        nal[0] = 0x65;
        nal
    };
    let mut all = pictures();
    all.insert(0, large(2 << 20));
    all.insert(5, large(9 << 20));
    let camera = FakeCamera::start(Script { pictures: all, ..Script::default() }).await;
    let rig = Rig::new();
    let stream = rig.start(&camera.url());
    let mut subscription = rig.hub.subscribe(stream, StartAt::NextKey).unwrap();
    let units = read(&mut subscription, 10).await;
    assert_eq!(units[0].data.len(), (2 << 20) + 4);
    assert!(units.iter().all(|unit| unit.data.len() <= 8 << 20));
    rig.wait(stream, |status| status.health.garbage > 0).await;
    rig.end().await;
}
