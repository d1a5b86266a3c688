//! The life of a source: its states, restarts, stops, and what they cost.

use crate::fake::{FakeCamera, Script, parameter_sets, pictures, sdp};
use crate::rig::{DEADLINE, Rig, config, read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use vas_core::hub::{RecvError, StartAt};
use vas_core::model::stream::{ReasonCode, StreamState, Transition};
use vas_core::{Clock, StreamId, SystemClock};
use vas_ingest::{Source, TransportMode, probe};

/// The states that were entered, with what led to them.
fn entered(
    transitions: &mut tokio::sync::broadcast::Receiver<(StreamId, Transition)>,
) -> Vec<(StreamState, ReasonCode)> {
    std::iter::from_fn(|| transitions.try_recv().ok())
        .map(|(_, change)| (change.to, change.reason.code))
        .collect()
}

#[tokio::test]
async fn from_start_to_removal() {
    let camera = FakeCamera::start(Script::default()).await;
    let rig = Rig::new();
    let mut transitions = rig.supervisor.transitions();
    let stream = rig.start(&camera.url());
    assert_eq!(rig.status(stream).state, StreamState::Initializing);
    let mut subscription = rig.hub.subscribe(stream, StartAt::NextKey).unwrap();

    let units = read(&mut subscription, 30).await;
    for (n, pair) in units.windows(2).enumerate() {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        assert_eq!(pair[1].pts.ticks(), pair[0].pts.ticks() + 3_600);
        assert_eq!(pair[1].is_key(), (n + 1) % 10 == 0);
    }
    let status = rig.status(stream);
    assert_eq!((status.state, status.attempt), (StreamState::Live, 1));
    assert_eq!(status.transport, Some(TransportMode::Tcp));
    assert_eq!((status.health.width, status.health.height), (640, 360));
    assert!(status.health.keyframe_interval_s.is_some_and(|interval| (interval - 0.4).abs() < 1e-6));
    assert_eq!(status.desc.unwrap().video().unwrap().1.profile_level_id(), "42c01e");

    assert!(rig.supervisor.stop(stream).await);
    assert_eq!(rig.status(stream).state, StreamState::Stopped);
    assert_eq!(camera.teardowns.load(Ordering::Relaxed), 1);
    assert!(rig.supervisor.restart(stream).await);
    rig.wait_state(stream, StreamState::Live).await;
    assert!(rig.supervisor.remove(stream).await);
    assert!(rig.supervisor.status(stream).is_none());
    assert!(!rig.supervisor.stop(stream).await);
    let closed = async { while !matches!(subscription.next().await, Err(RecvError::Closed(_))) {} };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
    assert_eq!(camera.teardowns.load(Ordering::Relaxed), 2);
    assert_eq!(
        entered(&mut transitions),
        [
            (StreamState::Initializing, ReasonCode::Started),
            (StreamState::Ready, ReasonCode::Described),
            (StreamState::Live, ReasonCode::KeyPicture),
            (StreamState::Stopped, ReasonCode::Stopped),
            (StreamState::Initializing, ReasonCode::Restarted),
            (StreamState::Ready, ReasonCode::Described),
            (StreamState::Live, ReasonCode::KeyPicture),
            (StreamState::Closed, ReasonCode::Deleted),
        ]
    );
    rig.end().await;
}

#[tokio::test]
async fn the_same_source_again_changes_nothing_and_a_changed_one_restarts() {
    let camera = FakeCamera::start(Script::default()).await;
    let rig = Rig::new();
    let source = Source::parse(StreamId::random(), "camera", &camera.url()).unwrap();
    let stream = source.stream;
    rig.supervisor.start(source.clone());
    rig.wait_state(stream, StreamState::Live).await;
    rig.supervisor.start(source.clone());
    assert_eq!(rig.status(stream).state, StreamState::Live);
    let other = Source::parse(stream, "camera", &camera.url().replace("/cam", "/other")).unwrap();
    rig.supervisor.start(other);
    let status = rig.status(stream);
    assert_eq!((status.state, status.reason.code), (StreamState::Initializing, ReasonCode::Restarted));
    rig.wait_state(stream, StreamState::Live).await;
    assert_eq!(camera.connections.load(Ordering::Relaxed), 2);
    rig.end().await;
}

#[tokio::test]
async fn a_camera_that_comes_back_plays_on_in_the_same_subscription() {
    let camera = FakeCamera::start(Script { last: 25, ..Script::default() }).await;
    let rig = Rig::new();
    let mut transitions = rig.supervisor.transitions();
    let stream = rig.start(&camera.url());
    let mut subscription = rig.hub.subscribe(stream, StartAt::NextKey).unwrap();
    let units = read(&mut subscription, 75).await;
    let epochs: Vec<_> = units.chunk_by(|a, b| a.epoch == b.epoch).map(<[_]>::len).collect();
    assert_eq!(epochs, [25, 25, 25]);
    let states = entered(&mut transitions);
    assert!(states.contains(&(StreamState::Error, ReasonCode::Disconnected)), "{states:?}");
    rig.end().await;
}

#[tokio::test]
async fn parameter_sets_among_the_pictures_make_and_change_the_format() {
    let [sps, pps] = parameter_sets().try_into().unwrap();
    let mut other = sps.clone();
    other[3] = 0x1f; // another level
    let sets = |sps: Vec<u8>| [vec![sps, pps.clone()], pictures()].concat();
    // The description names no sets; two groups of pictures do, each other ones.
    let sdp = sdp().lines().filter(|line| !line.contains("fmtp")).map(|line| format!("{line}\r\n")).collect();
    let all = [sets(sps), sets(other)].concat();
    let camera = FakeCamera::start(Script { sdp, pictures: all, ..Script::default() }).await;
    let rig = Rig::new();
    let stream = rig.start(&camera.url());
    let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 40).await;
    let format = |n: usize| units[n].format.rfc6381();
    assert_eq!(
        [format(0), format(9), format(10), format(20)],
        ["avc1.42c01e", "avc1.42c01e", "avc1.42c01f", "avc1.42c01e"]
    );
    for pair in units.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        assert_eq!(Arc::ptr_eq(&pair[0].format, &pair[1].format), !pair[1].is_key());
    }
    rig.wait(stream, |status| status.health.format_changes >= 3).await;
    rig.end().await;
}

#[tokio::test]
async fn a_camera_that_freezes_is_noticed() {
    // The first round only: then nothing, with the connection open.
    let script = Script { interval: Duration::from_millis(1), ..Script::default() };
    let frozen = Script { interval: Duration::from_secs(3_600), ..script };
    let camera = FakeCamera::start(frozen).await;
    let rig = Rig::new();
    let stream = rig.start(&camera.url());
    rig.wait_state(stream, StreamState::Live).await;
    let status = rig.wait_error(stream, ReasonCode::NoMedia).await;
    assert!(status.reason.text.contains("stopped sending"), "{}", status.reason);
    rig.end().await;
}

#[tokio::test]
async fn stopping_is_immediate_at_any_point() {
    let mut slow = config();
    slow.connect_timeout = Duration::from_secs(600);
    let rig = Rig::with(slow);
    let silent = FakeCamera::start(Script { silent: true, ..Script::default() }).await;
    let waiting = rig.start(&silent.url());
    rig.wait(waiting, |status| status.attempt == 1).await;
    tokio::time::timeout(DEADLINE, rig.supervisor.stop(waiting)).await.unwrap();
    assert_eq!(rig.status(waiting).state, StreamState::Stopped);
    rig.end().await;
}

#[tokio::test]
async fn a_leap_of_the_cameras_clock_leaves_no_leap_in_media_time() {
    for leap in [3_600_u32 * 90_000, 0_u32.wrapping_sub(900_000)] {
        let camera = FakeCamera::start(Script { leap: Some((14, leap)), ..Script::default() }).await;
        let rig = Rig::new();
        let stream = rig.start(&camera.url());
        let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 40).await;
        for pair in units.windows(2) {
            let step = pair[1].pts.secs_since(pair[0].pts);
            assert!(step > 0.0 && step < DEADLINE.as_secs_f64(), "{step}");
            assert!(pair[1].captured >= pair[0].captured && pair[1].captured <= pair[1].received);
        }
        assert_eq!(rig.status(stream).health.clock_jumps, 1);
        rig.end().await;
    }
}

#[tokio::test]
async fn capture_follows_believable_reports_alone() {
    let true_clock: fn() -> u64 = || SystemClock.wall().add_micros(-500_000).to_ntp();
    let wrong_clock: fn() -> u64 = || SystemClock.wall().add_micros(-86_400_000_000).to_ntp();
    for (wall, delayed) in [(true_clock, true), (wrong_clock, false)] {
        let interval = Duration::from_millis(40);
        let camera = FakeCamera::start(Script { wall: Some(wall), interval, ..Script::default() }).await;
        let rig = Rig::new();
        let stream = rig.start(&camera.url());
        let units = read(&mut rig.hub.subscribe(stream, StartAt::NextKey).unwrap(), 40).await;
        let last = units.last().unwrap();
        let lag = last.received.micros_since(last.captured);
        assert_eq!(lag > 300_000, delayed, "{lag}");
        rig.end().await;
    }
}

#[tokio::test]
async fn a_probe_tells_what_there_is_and_keeps_its_time() {
    let camera = FakeCamera::start(Script::default()).await;
    let source = |url: &str| Source::parse(StreamId::random(), "camera", url).unwrap();
    let found = probe(&source(&camera.url()), DEADLINE).await.unwrap();
    let video = &found.tracks[0];
    assert_eq!((video.width, video.height, video.profile_level_id.as_str()), (640, 360, "42c01e"));
    assert!(video.fps.is_some_and(|fps| (fps - 25.0).abs() < 0.01), "{:?}", video.fps);
    assert_eq!(found.video_ssrc, Some(0x1234_5678));
    assert_eq!(camera.teardowns.load(Ordering::Relaxed), 1);

    let mute = FakeCamera::start(Script { pictures: Vec::new(), ..Script::default() }).await;
    let found = probe(&source(&mute.url()), Duration::from_millis(500)).await.unwrap();
    assert_eq!((found.tracks[0].width, found.video_ssrc), (640, None));

    let silent = FakeCamera::start(Script { silent: true, ..Script::default() }).await;
    let error = probe(&source(&silent.url()), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error.reason.code, ReasonCode::Timeout);
}
