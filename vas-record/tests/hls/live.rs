//! Requests to a live stream that wait, and what they are told.

use crate::media::{Plain, chunks, made_up, pictures};
use crate::rules::Playlist;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use vas_core::hub::{StartAt, StreamHub};
use vas_core::testing::{self, ManualClock};
use vas_core::{StreamId, SystemClock, TaskScope, WallTime};
use vas_record::hls::TsCache;
use vas_record::hls::live::{FeedEnd, LiveConfig, LiveError, LiveStream, Reload, feed};
use vas_record::read;

const DEADLINE: Duration = Duration::from_secs(20);

fn stream(config: LiveConfig) -> LiveStream {
    LiveStream::new(config, SystemClock::shared())
}

async fn playlist(live: &LiveStream, reload: Reload) -> Result<Playlist, LiveError> {
    let text = live.playlist(reload, &Plain, &Vec::new).await?;
    Ok(Playlist::read(&text))
}

/// The answer of a future that needs not wait.
trait IntoReady: Future + Sized {
    fn into_ready<T>(self) -> Option<T>
    where
        Self: Future<Output = Result<T, LiveError>>,
    {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(self).poll(&mut context) {
            std::task::Poll::Ready(answer) => answer.ok(),
            std::task::Poll::Pending => None,
        }
    }
}

impl<F: Future> IntoReady for F {}

fn reload(segment: u64, part: Option<u32>) -> Reload {
    Reload { segment: Some(segment), part, skip: false }
}

/// Runs `request` while chunk after chunk is pushed, and tells its answer and how many it took.
async fn answered<T: Send + 'static>(
    live: &LiveStream,
    chunks: &[vas_record::segment::Chunk],
    request: impl Future<Output = T> + Send + 'static,
) -> (T, usize) {
    let scope = TaskScope::new();
    let mut request = scope.spawn("request", request);
    for (pushed, chunk) in chunks.iter().enumerate() {
        // Time enough for an answer that needs no more chunks.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        if request.is_finished() {
            return (request.await.unwrap().unwrap(), pushed);
        }
        live.push([chunk]);
    }
    let answer = tokio::time::timeout(DEADLINE, &mut request).await.unwrap();
    (answer.unwrap().unwrap(), chunks.len())
}

#[tokio::test]
async fn a_reload_waits_for_its_part() {
    let chunks = made_up(500, 50);
    let live = stream(LiveConfig::default());
    live.push(&chunks[..18]);
    let (open, last) = live.newest().unwrap();
    let list = playlist(&live, Reload::default()).await.unwrap();
    assert_eq!(list.growing_number(), open);

    // What is there is answered at once, also what is no longer listed.
    for (segment, part) in
        [(open, Some(last)), (open - 1, None), (open - 1, Some(0)), (open - 1, Some(99)), (0, None)]
    {
        playlist(&live, reload(segment, part)).await.unwrap();
    }
    let next = {
        let live = live.clone();
        async move { playlist(&live, reload(open, Some(last + 1))).await.unwrap() }
    };
    let (list, pushed) = answered(&live, &chunks[18..], next).await;
    assert_eq!((pushed, live.newest()), (1, Some((open, last + 1))));
    assert_eq!(list.growing.unwrap().parts.len(), last as usize + 2);

    // Without a part, the whole segment is waited for; a part beyond its last one is the first of the next.
    let mut at = 19;
    for part in [None, Some(6)] {
        let (open, _) = live.newest().unwrap();
        let waiting = {
            let live = live.clone();
            async move { playlist(&live, reload(open, part)).await.unwrap() }
        };
        let (list, pushed) = answered(&live, &chunks[at..], waiting).await;
        assert!(pushed > 1 && list.growing_number() > open);
        at += pushed;
    }
}

#[tokio::test]
async fn requests_that_no_player_means_are_refused() {
    let live = stream(LiveConfig::default());
    live.push(&made_up(500, 50));
    let (open, last) = live.newest().unwrap();
    let part_alone = Reload { part: Some(1), ..Reload::default() };
    assert_eq!(playlist(&live, part_alone).await.unwrap_err(), LiveError::PartWithoutSegment);
    // Two past the last whole one may be waited for, three may not; and three seconds of parts.
    for (segment, part) in
        [(open + 2, None), (u64::MAX, None), (open, Some(last + 8)), (open + 1, Some(u32::MAX))]
    {
        assert_eq!(playlist(&live, reload(segment, part)).await.unwrap_err(), LiveError::TooFarAhead);
    }
    for (segment, part) in [(open, last + 2), (open + 1, 0), (open - 1, 99), (0, 0), (u64::MAX, u32::MAX)] {
        assert_eq!(live.part(segment, part).await, Err(LiveError::NotFound));
    }
    assert_eq!(live.segment(open).map(|_| ()), Err(LiveError::NotFound));
    assert_eq!(live.init(open), Err(LiveError::NotFound));
}

#[tokio::test]
async fn a_hinted_part_is_waited_for_or_not_found() {
    let live = stream(LiveConfig::default());
    let scope = TaskScope::new();
    let mut waiting: Vec<((u64, u32), _)> = Vec::new();
    // Groups of whole parts, so that a segment ends without a last short one.
    for chunk in &made_up(500, 48) {
        live.push([chunk]);
        let Some((open, last)) = live.newest() else { continue };
        let list = live.playlist(Reload::default(), &Plain, &Vec::new).into_ready().unwrap_or_default();
        let Some(next) = Playlist::hint_of(&list) else { continue };
        assert!(next == (open, last + 1) || next == (open + 1, 0));
        if waiting.last().is_none_or(|(part, _)| *part != next) {
            let live = live.clone();
            waiting.push((next, scope.spawn("part", async move { live.part(next.0, next.1).await })));
        }
        tokio::task::yield_now().await;
    }
    live.end();
    let (mut found, mut missed) = (0, 0);
    for ((segment, part), answer) in waiting {
        match answer.await.unwrap().unwrap() {
            Ok(chunks) => {
                assert_eq!(Ok(chunks), live.part(segment, part).await);
                found += 1;
            }
            // The segment ended without it.
            Err(LiveError::NotFound) => {
                assert!(live.segment(segment).is_ok());
                missed += 1;
            }
            Err(error) => assert_eq!((error, found > 0), (LiveError::Ended, true)),
        }
    }
    assert!(found > 10 && missed > 2, "{found} {missed}");
}

#[tokio::test]
async fn nobody_waits_for_a_stream_that_is_gone() {
    let chunks = made_up(500, 50);
    let live = stream(LiveConfig::default());
    let (early, late) = (live.clone(), live.clone());
    let scope = TaskScope::new();
    let early = scope.spawn("early", async move { early.wait_ready().await });
    live.push(&chunks[..20]);
    early.await.unwrap().unwrap().unwrap();
    let (open, last) = live.newest().unwrap();
    let late = scope.spawn("late", async move { late.part(open, last + 1).await });
    live.end();
    assert_eq!(late.await.unwrap().unwrap(), Err(LiveError::Ended));
    // What is there can still be had.
    assert!(playlist(&live, Reload::default()).await.is_ok() && live.part(open, last).await.is_ok());
    assert_eq!(playlist(&live, reload(open, Some(last + 1))).await.unwrap_err(), LiveError::Ended);

    let silent = stream(LiveConfig { target: Duration::from_secs(1), ..LiveConfig::default() });
    assert_eq!(silent.wait_ready().await, Err(LiveError::Timeout));
}

#[tokio::test]
async fn every_request_is_a_use() {
    let clock = Arc::new(ManualClock::new(WallTime::from_unix_micros(0)));
    let live = LiveStream::new(LiveConfig::default(), clock.clone());
    live.push(&made_up(500, 50));
    let (open, last) = live.newest().unwrap();
    let pass = || {
        clock.advance(Duration::from_secs(30));
        assert_eq!(live.idle(), Duration::from_secs(30));
    };
    pass();
    playlist(&live, Reload::default()).await.unwrap();
    pass();
    live.part(open, last).await.unwrap();
    pass();
    live.segment(open - 1).unwrap();
    pass();
    live.ts_playlist(&|sequence| format!("{sequence}.ts")).await.unwrap();
    pass();
    live.push(&made_up(10, 10));
    assert_eq!(live.idle(), Duration::from_secs(30));
}

/// A hub's stream becomes playlists, and ends with it.
#[tokio::test]
async fn the_hub_feeds_it() {
    let (hub, id) = (StreamHub::default(), StreamId::random());
    let mut writer = hub.publish(id, testing::video_desc()).unwrap();
    let live = stream(LiveConfig::default());
    let scope = TaskScope::new();
    let feeding = {
        let (live, scope) = (live.clone(), scope.clone());
        let subscription = hub.subscribe(id, StartAt::LastKey).unwrap();
        scope.clone().spawn("feed", async move {
            feed(subscription, &live, LiveConfig::default().part, scope.cancelled()).await
        })
    };
    let expected = chunks(&testing::video_desc(), &pictures(0..250, 25));
    for unit in pictures(0..250, 25) {
        writer.push(unit);
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(DEADLINE, live.wait_ready()).await.unwrap().unwrap();
    let list = playlist(&live, Reload::default()).await.unwrap();
    let first = list.segments.values().next().unwrap();
    assert_eq!(first.duration, 1.0);
    let segment = live.segment(list.sequence).unwrap();
    let samples = |data: &bytes::Bytes| {
        read::fragments(data.clone()).next().expect("a fragment").expect("it is whole").samples
    };
    let (live_samples, samples) = (samples(&segment.chunks[0]), samples(&expected[0].data));
    assert!(live_samples.iter().map(|sample| &sample.data).eq(samples.iter().map(|sample| &sample.data)));
    // Renditions share a timeline: times are those of capture, counted from the Unix epoch.
    let captured = testing::key_picture(0).captured.as_unix_micros() * 9 / 100;
    assert_eq!(live_samples[0].pts, captured);

    // Subscribers of both kinds: those that are stopped, and those whose stream goes.
    scope.cancel();
    assert_eq!(feeding.await.unwrap(), Some(FeedEnd::Stopped));
    assert!(live.has_ended());
}

#[tokio::test]
async fn one_request_makes_the_segment_for_all() {
    let live = stream(LiveConfig::default());
    live.push(&made_up(500, 50));
    let cache = TsCache::new(1 << 20, NonZeroUsize::MIN);
    let (open, _) = live.newest().unwrap();
    let (first, second) = tokio::join!(live.ts(open - 1, &cache), live.ts(open - 1, &cache));
    let first = first.unwrap();
    // The very same memory.
    assert_eq!(first.as_ptr(), second.unwrap().as_ptr());
    assert_eq!(cache.bytes(), first.len());
    assert!(live.ts(open, &cache).await.is_err());

    // Room for one and a half.
    let small = TsCache::new(first.len() * 3 / 2, NonZeroUsize::MIN);
    let one = live.ts(open - 1, &small).await.unwrap();
    let two = live.ts(open - 2, &small).await.unwrap();
    assert_eq!(small.bytes(), two.len());
    assert_ne!(live.ts(open - 1, &small).await.unwrap().as_ptr(), one.as_ptr());

    // Who asks and goes away leaves nothing behind.
    {
        let mut gone = std::pin::pin!(live.ts(open - 3, &small));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(gone.as_mut().poll(&mut context).is_pending());
    }
    assert!(live.ts(open - 3, &small).await.is_ok());
}
