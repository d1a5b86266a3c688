//! Against the built-in test camera: this crate's own RTSP server.

use crate::rig::{DEADLINE, Rig, read};
use vas_core::hub::StartAt;
use vas_core::media::{AccessUnit, h264, nal};
use vas_core::model::stream::{ReasonCode, StreamState};
use vas_core::{Credentials, StreamId};
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};
use vas_ingest::{Source, TransportMode, probe};

fn camera() -> TestCamera {
    let mut synthetic = SyntheticConfig::default();
    (synthetic.keyframe_interval, synthetic.audio) = (10, true);
    let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
    config.sources.push(("gate".to_owned(), CameraSource::Synthetic(synthetic)));
    config.auth = Some(Credentials::new("operator", "p@ss word"));
    TestCamera::start(config).unwrap()
}

fn source(camera: &TestCamera, transport: TransportMode) -> Source {
    let url = camera.url("gate").replace("rtsp://", "rtsp://operator:p%40ss%20word@");
    Source::parse(StreamId::random(), "gate", &url).unwrap().with_transport(transport)
}

/// The slices of a picture, which is what must arrive as it was sent.
fn slices(unit: &AccessUnit) -> Vec<Vec<u8>> {
    let is_slice =
        |nal: &&[u8]| matches!(h264::nal_unit_type(nal), h264::nal_type::IDR | h264::nal_type::SLICE);
    nal::units(&unit.data).filter(is_slice).map(<[u8]>::to_vec).collect()
}

#[tokio::test]
async fn what_was_sent_arrives_over_both_transports() {
    let camera = camera();
    for transport in [TransportMode::Tcp, TransportMode::Udp] {
        let rig = Rig::new();
        let source = source(&camera, transport);
        let stream = source.stream;
        let (hub, original) = camera.stream("gate").unwrap();
        let mut sent = hub.subscribe(original, StartAt::LastKey).unwrap();
        rig.supervisor.start(source);
        let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 60).await;
        let sent: Vec<_> = read(&mut sent, 80).await.iter().map(slices).collect();

        let pictures: Vec<_> = units.iter().filter(|unit| unit.is_video()).collect();
        let first = sent.iter().position(|one| *one == slices(pictures[0])).expect("sent before it arrived");
        let later = sent[first..].iter().filter(|slices| !slices.is_empty());
        for (picture, sent) in pictures.iter().zip(later) {
            assert_eq!(&slices(picture), sent);
        }
        assert!(pictures.windows(2).all(|pair| (pair[1].pts.secs_since(pair[0].pts) - 0.04).abs() < 0.001));
        assert!(units.iter().any(|unit| !unit.is_video()));
        let status = rig.status(stream);
        assert_eq!((status.transport, status.health.lost), (Some(transport), 0));
        assert!(units.iter().all(|unit| unit.captured <= unit.received));
        rig.end().await;
    }
}

#[tokio::test]
async fn a_power_cut_is_survived() {
    let camera = camera();
    let rig = Rig::new();
    let source = source(&camera, TransportMode::Tcp);
    let stream = source.stream;
    rig.supervisor.start(source);
    let mut subscription = rig.hub.subscribe(stream, StartAt::NextKey).unwrap();
    read(&mut subscription, 10).await;
    camera.stop().await;
    rig.wait_error(stream, ReasonCode::ConnectionRefused).await;
    camera.resume().unwrap();
    rig.wait_state(stream, StreamState::Live).await;
    assert!(rig.supervisor.stop(stream).await);
    rig.end().await;
}

#[tokio::test]
async fn a_probe_and_a_wrong_password() {
    let camera = camera();
    let found = probe(&source(&camera, TransportMode::Auto), DEADLINE).await.unwrap();
    assert_eq!((found.tracks[0].width, found.tracks[0].height, found.tracks.len()), (640, 360, 2));
    assert!(found.tracks[0].fps.is_some_and(|fps| (fps - 25.0).abs() < 0.1));
    let wrong = Source {
        credentials: Some(Credentials::new("operator", "x")),
        ..source(&camera, TransportMode::Auto)
    };
    assert_eq!(probe(&wrong, DEADLINE).await.unwrap_err().reason.code, ReasonCode::Unauthorized);
    let url = camera.url("nowhere").replace("rtsp://", "rtsp://operator:p%40ss%20word@");
    let nowhere = Source::parse(StreamId::random(), "nowhere", &url).unwrap();
    assert_eq!(probe(&nowhere, DEADLINE).await.unwrap_err().reason.code, ReasonCode::NotFound);
}
