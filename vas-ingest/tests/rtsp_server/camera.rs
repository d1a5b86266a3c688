//! The test camera as a whole: failing and coming back, and sources that can't be.

use super::client::Client;
use super::tools::{camera, decode};
use tokio::net::TcpStream;
use vas_core::hub::StreamHub;
use vas_core::{ErrorKind, HasKind, StreamId, SystemClock, TaskScope};
use vas_ingest::camera::{
    CameraSource, SyntheticConfig, TestCamera, TestCameraConfig, TestCameraError, synthetic,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_dies_without_a_word_and_comes_back_on_its_port() {
    let camera = camera(None, false);
    let mut client = Client::connect(camera.local_addr(), camera.url("test")).await;
    client.play().await;
    client.rtp(0).await;
    camera.stop().await;
    let mut goodbye = false;
    while let Some((channel, packet)) = client.packet().await {
        goodbye |= channel == 1 && packet.len() > 7 && packet[packet.len() - 7] == 203;
    }
    assert!(!goodbye);
    assert!(TcpStream::connect(camera.local_addr()).await.is_err(), "the port is closed");
    assert_eq!(camera.stats(), Default::default());
    camera.resume().unwrap();
    decode(&camera.url("test"), "tcp", "10").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_is_a_conflict() {
    let first = camera(None, false);
    let error = TestCamera::start(TestCameraConfig::new(first.local_addr())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains(&first.local_addr().to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_out_of_range_are_named() {
    let good = SyntheticConfig::default;
    for (part, settings) in [
        ("width of 321", SyntheticConfig { width: 321, ..good() }),
        ("width of 160", SyntheticConfig { width: 160, ..good() }),
        ("height of 0", SyntheticConfig { height: 0, ..good() }),
        ("0 frames per second", SyntheticConfig { fps: 0, ..good() }),
        ("keyframe interval of 0", SyntheticConfig { keyframe_interval: 0, ..good() }),
        ("bitrate of 5", SyntheticConfig { bitrate: 5, ..good() }),
    ] {
        let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
        config.sources.push(("gate".into(), CameraSource::Synthetic(settings)));
        let error = TestCamera::start(config).unwrap_err();
        assert!(matches!(&error, TestCameraError::Synthetic { path, .. } if path == "gate"));
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains(part), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_nobody_watches_may_make_key_pictures_alone() {
    let (hub, scope, stream) = (StreamHub::default(), TaskScope::new(), StreamId::random());
    let config = SyntheticConfig { fps: 50, keyframe_interval: 10, idle: true, ..SyntheticConfig::default() };
    let source = synthetic(&hub, stream, config, &scope, &SystemClock::shared()).unwrap();
    super::tools::until("some key pictures", || hub.stats(stream).unwrap().units >= 4).await;
    let mut subscription = hub.subscribe(stream, vas_core::hub::StartAt::LastKey).unwrap();
    let mut delta = false;
    while !delta {
        let unit = subscription.next().await.unwrap();
        delta = !unit.is_key();
        assert!(delta || unit.pts.ticks() % 18_000 == 0);
    }
    assert!(source.stop(super::tools::DEADLINE).await);
    assert!(hub.describe(stream).is_none());
}
