//! The dead never hold up the living.

use crate::fake::{FakeCamera, Script};
use crate::rig::{DEADLINE, Rig, config, read};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vas_core::hub::{StartAt, Subscription};
use vas_core::model::stream::StreamState;
use vas_ingest::BackoffConfig;

/// Reads until told to stop, and for a second of pictures after that; panics where anything is missing.
async fn watch(mut subscription: Subscription, stop: CancellationToken) {
    let mut last = read(&mut subscription, 1).await.remove(0);
    let mut after = 0;
    while after < 50 {
        let unit = read(&mut subscription, 1).await.remove(0);
        assert_eq!((unit.seq, unit.epoch), (last.seq + 1, last.epoch));
        assert_eq!(unit.pts.ticks(), last.pts.ticks() + 3_600);
        assert_eq!(unit.lost_before, 0);
        last = unit;
        after += usize::from(stop.is_cancelled());
    }
}

#[tokio::test]
async fn of_twenty_cameras_ten_die_and_the_others_lose_nothing() {
    let rig = Rig::new();
    let stop = CancellationToken::new();
    let (mut living, mut mortal) = (Vec::new(), Vec::new());
    for n in 0..20 {
        let camera =
            FakeCamera::start(Script { interval: Duration::from_millis(20), ..Script::default() }).await;
        let stream = rig.start(&camera.url());
        if n % 2 == 0 {
            let subscription = rig.hub.subscribe(stream, StartAt::NextKey).unwrap();
            let watcher = rig.scope.spawn("watcher", watch(subscription, stop.clone()));
            living.push((camera, stream, watcher));
        } else {
            mortal.push((camera, stream));
        }
    }
    for stream in living.iter().map(|(_, stream, _)| *stream).chain(mortal.iter().map(|(_, stream)| *stream))
    {
        rig.wait_state(stream, StreamState::Live).await;
    }
    for (camera, stream) in mortal {
        camera.stop().await;
        rig.wait(stream, |status| status.state == StreamState::Error && status.attempt >= 3).await;
    }
    stop.cancel();
    for (_camera, stream, watcher) in living {
        watcher.await.unwrap().expect("the watcher found nothing missing");
        assert_eq!(rig.status(stream).state, StreamState::Live);
    }
    rig.end().await;
}

#[tokio::test]
async fn cameras_that_hang_leave_slots_to_a_fresh_one() {
    let mut few = config();
    few.max_connects = 4;
    few.max_connects_per_host = 4;
    few.connect_timeout = Duration::from_millis(200);
    let rig = Rig::with(few);
    let silent = FakeCamera::start(Script { silent: true, ..Script::default() }).await;
    let hanging: Vec<_> = (0..40).map(|_| rig.start(&silent.url())).collect();
    for stream in &hanging {
        rig.wait_state(*stream, StreamState::Error).await;
    }
    // All of them are known as failing now and queue for two of the four slots.
    let camera = FakeCamera::start(Script::default()).await;
    let stream = rig.start(&camera.url());
    let status = rig.wait_state(stream, StreamState::Live).await;
    assert_eq!(status.attempt, 1);
    rig.end().await;
}

/// Channels of one recorder that are dead for good wait long between attempts, and hold no slot meanwhile.
#[tokio::test]
async fn cameras_that_wait_leave_slots_to_one_that_returns() {
    let mut few = config();
    few.max_connects_per_host = 2;
    few.backoff = BackoffConfig::between(Duration::from_secs(600), Duration::from_secs(600));
    let rig = Rig::with(few);
    let dead = FakeCamera::start(Script { status: 404, ..Script::default() }).await;
    for _ in 0..6 {
        let stream = rig.start(&dead.url());
        rig.wait_state(stream, StreamState::Error).await;
    }
    let late = FakeCamera::start(Script::default()).await;
    let stream = rig.start(&late.url());
    rig.wait_state(stream, StreamState::Live).await;
    rig.end().await;
}

#[tokio::test]
async fn starting_and_stopping_leaves_no_tasks_behind() {
    let camera = FakeCamera::start(Script::default()).await;
    let rig = Rig::new();
    let stream = rig.start(&camera.url());
    for _ in 0..20 {
        rig.wait_state(stream, StreamState::Live).await;
        tokio::time::timeout(DEADLINE, rig.supervisor.restart(stream)).await.unwrap();
    }
    tokio::time::timeout(DEADLINE, rig.supervisor.stop(stream)).await.unwrap();
    assert!(rig.scope.is_empty(), "{} tasks", rig.scope.len());
    rig.end().await;
}
