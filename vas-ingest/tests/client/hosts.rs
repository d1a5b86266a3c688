//! Which hosts are connected to.

use crate::fake::{FakeCamera, Script};
use crate::rig::{DEADLINE, Rig, config};
use std::sync::atomic::Ordering;
use vas_core::StreamId;
use vas_core::model::stream::{ReasonCode, StreamState};
use vas_ingest::{HostPolicy, IngestConfig, Source};

/// The limits of the tests with a list of allowed hosts.
fn allowing(rules: &[&str], own_ports: Vec<u16>) -> IngestConfig {
    let allow = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let mut config = config();
    config.hosts = HostPolicy::new(allow, Vec::new(), own_ports);
    config
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_not_connected_to() {
    let camera = FakeCamera::start(Script::default()).await;
    let rig = Rig::with(allowing(&["10.0.0.0/8", "public"], Vec::new()));
    for url in [camera.url(), format!("rtsp://localhost:{}/cam", camera.address.port())] {
        let source = Source::parse(StreamId::random(), "camera", &url).unwrap();
        let error = rig.supervisor.probe(&source, DEADLINE).await.unwrap_err();
        assert_eq!(error.reason.code, ReasonCode::NotAllowed);
        let stream = rig.start(&url);
        let status = rig.wait_error(stream, ReasonCode::NotAllowed).await;
        assert!(status.reason.text.contains("loopback"), "{}", status.reason);
    }
    assert_eq!(camera.connections.load(Ordering::Relaxed), 0);
    rig.end().await;
}

#[tokio::test]
async fn an_allowed_name_leads_to_the_address_that_was_checked() {
    let camera = FakeCamera::start(Script::default()).await;
    let rig = Rig::with(allowing(&["127.0.0.0/8", "::1"], Vec::new()));
    let stream = rig.start(&format!("rtsp://localhost:{}/cam", camera.address.port()));
    rig.wait_state(stream, StreamState::Live).await;
    rig.end().await;
}

#[tokio::test]
async fn a_port_of_the_server_itself_is_not_connected_to() {
    let camera = FakeCamera::start(Script::default()).await;
    let port = camera.address.port();
    let rig = Rig::with(allowing(&["127.0.0.0/8"], vec![port]));
    let stream = rig.start(&camera.url());
    rig.wait_error(stream, ReasonCode::NotAllowed).await;
    assert_eq!(camera.connections.load(Ordering::Relaxed), 0);
    rig.end().await;
    let rig = Rig::with(allowing(&[&format!("127.0.0.1:{port}")], vec![port]));
    let stream = rig.start(&camera.url());
    rig.wait_state(stream, StreamState::Live).await;
    rig.end().await;
}

/// A camera, or whoever answers in its place, cannot send the server elsewhere.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = FakeCamera::start(Script::default()).await;
    for status in [301, 302, 303, 305] {
        let location = format!("Location: {}\r\n", elsewhere.url());
        let script = Script { status, header: location.leak(), ..Script::default() };
        let camera = FakeCamera::start(script).await;
        let rig = Rig::with(allowing(&[&camera.address.to_string()], Vec::new()));
        let stream = rig.start(&camera.url());
        let failed = rig.wait_error(stream, ReasonCode::Refused).await;
        assert!(failed.reason.text.contains("redirects"), "{}", failed.reason);
        rig.end().await;
    }
    assert_eq!(elsewhere.connections.load(Ordering::Relaxed), 0);
}

/// The same for a description whose tracks name another host: everything goes over the connection there is.
#[tokio::test]
async fn tracks_at_another_host_are_asked_of_this_one() {
    let elsewhere = FakeCamera::start(Script::default()).await;
    let sdp = Script::default().sdp.replace("a=control:track0", &format!("a=control:{}", elsewhere.url()));
    let camera = FakeCamera::start(Script { sdp, ..Script::default() }).await;
    let rig = Rig::with(allowing(&[&camera.address.to_string()], Vec::new()));
    let stream = rig.start(&camera.url());
    rig.wait_state(stream, StreamState::Live).await;
    assert_eq!(elsewhere.connections.load(Ordering::Relaxed), 0);
    rig.end().await;
}
