//! Against GStreamer's RTSP server.

use crate::rig::{DEADLINE, Rig, read};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use vas_core::StreamId;
use vas_core::hub::StartAt;
use vas_core::media::{AudioCodec, Codec, KeyKind, UnitKind, VideoCodec};
use vas_core::model::stream::{ReasonCode, StreamState};
use vas_ingest::{IngestConfig, Source, TransportMode, probe};

/// A camera in a process of its own, which ends with this value.
struct GstCamera {
    process: Child,
    port: u16,
}

impl GstCamera {
    fn start(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/gst/camera.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .args(["--port", "0", "--width", "320", "--height", "180"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 with GStreamer's RTSP server; `make test` installs it");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("READY ").expect("the camera is ready").parse().unwrap();
        Self { process, port }
    }

    fn url(&self, userinfo: &str) -> String {
        format!("rtsp://{userinfo}127.0.0.1:{}/cam", self.port)
    }
}

impl Drop for GstCamera {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// GStreamer takes a while to start its pipeline.
fn rig() -> Rig {
    let mut config = IngestConfig::default();
    config.connect_timeout = DEADLINE;
    config.request_timeout = DEADLINE;
    config.media_timeout = DEADLINE;
    Rig::with(config)
}

fn start(rig: &Rig, url: &str, transport: TransportMode) -> StreamId {
    let source = Source::parse(StreamId::random(), "gst", url).unwrap().with_transport(transport);
    let stream = source.stream;
    rig.supervisor.start(source);
    stream
}

#[tokio::test]
async fn h264_over_both_transports() {
    for (mode, allowed, used) in [
        (TransportMode::Tcp, "any", TransportMode::Tcp),
        (TransportMode::Udp, "any", TransportMode::Udp),
        (TransportMode::Auto, "udp", TransportMode::Udp),
    ] {
        let camera = GstCamera::start(&["--transport", allowed, "--gop", "10", "--video", "high"]);
        let rig = rig();
        let stream = start(&rig, &camera.url(""), mode);
        let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 40).await;
        let status = rig.status(stream);
        assert_eq!((status.state, status.transport), (StreamState::Live, Some(used)));
        assert_eq!((status.health.width, status.health.height), (320, 180));
        assert_eq!(units[0].kind, UnitKind::Key(KeyKind::Idr));
        for pair in units.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq + 1);
            assert!((pair[1].pts.secs_since(pair[0].pts) - 0.04).abs() < 0.002);
            assert!(pair[1].captured <= pair[1].received && pair[1].captured > pair[0].captured);
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn reordered_pictures_have_rising_decoding_times() {
    let camera = GstCamera::start(&["--bframes", "2", "--gop", "12"]);
    let rig = rig();
    let stream = start(&rig, &camera.url(""), TransportMode::Tcp);
    let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 40).await;
    assert!(units.windows(2).any(|pair| pair[1].pts.ticks() < pair[0].pts.ticks()));
    assert!(units.windows(2).all(|pair| pair[1].dts.ticks() > pair[0].dts.ticks()));
    assert!(units.iter().all(|unit| unit.dts.ticks() <= unit.pts.ticks()));
    assert!(rig.status(stream).health.b_frames);
    rig.end().await;
}

#[tokio::test]
async fn h265_with_aac_and_h264_with_g711() {
    for (video, codec, audio, sound) in [
        ("h265", VideoCodec::H265, "aac", AudioCodec::Aac),
        ("main", VideoCodec::H264, "pcmu", AudioCodec::Pcmu),
    ] {
        let camera = GstCamera::start(&["--video", video, "--audio", audio, "--gop", "10"]);
        let rig = rig();
        let stream = start(&rig, &camera.url(""), TransportMode::Tcp);
        let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 80).await;
        let desc = rig.status(stream).desc.unwrap();
        assert_eq!((desc.video().unwrap().1.codec, desc.audio().unwrap().1.codec), (codec, sound));
        let (pictures, packets): (Vec<_>, Vec<_>) = units.iter().partition(|unit| unit.is_video());
        assert!(pictures.len() > 5 && packets.len() > 5, "{} {}", pictures.len(), packets.len());
        assert!(packets.windows(2).all(|pair| pair[1].pts.ticks() > pair[0].pts.ticks()));
        // Both tracks tell the same story of when things were.
        let apart = pictures[5].captured.micros_since(packets[5].captured).abs();
        assert!(apart < DEADLINE.as_micros() as i64, "{apart}");
        rig.end().await;
    }
}

#[tokio::test]
async fn sound_of_every_codec_comes_at_its_pace() {
    for (audio, codec, rate, channels) in [
        ("aac", AudioCodec::Aac, 48_000, 2),
        ("pcmu", AudioCodec::Pcmu, 8_000, 1),
        ("pcma", AudioCodec::Pcma, 8_000, 1),
        ("g722", AudioCodec::G722, 8_000, 1),
    ] {
        let camera = GstCamera::start(&["--audio", audio, "--gop", "10"]);
        let rig = rig();
        let stream = start(&rig, &camera.url(""), TransportMode::Tcp);
        let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 120).await;
        let desc = rig.status(stream).desc.unwrap();
        let (track, format) = desc.audio().unwrap();
        assert_eq!((format.codec, format.clock_rate.get(), format.channels), (codec, rate, channels));
        let packets: Vec<_> = units.iter().filter(|unit| !unit.is_video()).collect();
        assert!(packets.len() > 20, "{audio}: {}", packets.len());
        for pair in packets.windows(2) {
            assert_eq!((pair[0].track, pair[0].kind, pair[0].lost_before), (track.id, UnitKind::Audio, 0));
            // A frame of AAC is 1,024 samples; in the others a byte is a tick, in G.722 for two samples.
            let lasts = if codec == AudioCodec::Aac { 1_024 } else { pair[0].data.len() as i64 };
            let step = pair[1].pts.ticks() - pair[0].pts.ticks();
            // GStreamer rounds from nanoseconds.
            assert!((step - lasts).abs() <= 2, "{audio}: {step} ticks after {lasts}");
            assert!(pair[1].captured <= pair[1].received && pair[1].captured >= pair[0].captured);
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn both_ways_to_authenticate() {
    for auth in ["basic", "digest"] {
        let camera = GstCamera::start(&["--auth", auth, "--user", "op", "--password", "p@ss/w:rd"]);
        let rig = rig();
        let right = start(&rig, &camera.url("op:p%40ss%2Fw%3Ard@"), TransportMode::Tcp);
        let wrong = start(&rig, &camera.url("op:planted@"), TransportMode::Tcp);
        let none = start(&rig, &camera.url(""), TransportMode::Tcp);
        rig.wait_state(right, StreamState::Live).await;
        for stream in [wrong, none] {
            let status = rig.wait_error(stream, ReasonCode::Unauthorized).await;
            assert!(!format!("{status:?}").contains("planted"));
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn a_camera_that_is_killed_and_started_again() {
    let camera = GstCamera::start(&["--gop", "10"]);
    let port = camera.port.to_string();
    let rig = rig();
    let stream = start(&rig, &camera.url(""), TransportMode::Tcp);
    let mut subscription = rig.hub.subscribe(stream, StartAt::NextKey).unwrap();
    let before = read(&mut subscription, 10).await;
    drop(camera);
    rig.wait_state(stream, StreamState::Error).await;
    let _again = GstCamera::start(&["--gop", "10", "--port", &port]);
    let after = loop {
        let unit = read(&mut subscription, 1).await.remove(0);
        if unit.epoch != before[0].epoch {
            break unit;
        }
    };
    assert!(after.is_key());
    rig.end().await;
}

#[tokio::test]
async fn a_probe_finds_the_tracks() {
    let camera = GstCamera::start(&["--audio", "aac", "--fps", "20", "--gop", "10"]);
    let source = Source::parse(StreamId::random(), "gst", &camera.url("")).unwrap();
    let found = probe(&source, DEADLINE).await.unwrap();
    let codecs: Vec<_> = found.tracks.iter().map(|track| track.codec).collect();
    assert_eq!(codecs, [Codec::Video(VideoCodec::H264), Codec::Audio(AudioCodec::Aac)]);
    assert!(found.tracks[0].fps.is_some_and(|fps| (fps - 20.0).abs() < 0.5), "{found:?}");
    assert_eq!((found.tracks[0].width, found.tracks[1].clock_rate), (320, 48_000));
    assert!(found.video_ssrc.is_some());
    let dead = Source::parse(StreamId::random(), "gst", "rtsp://127.0.0.1:1/cam").unwrap();
    let error = probe(&dead, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.reason.code, ReasonCode::ConnectionRefused);
}
