//! Live HLS windows: made when somebody asks for one, given up when nobody does any more.

use crate::control::sub_stream;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use vas_core::hub::{StartAt, StreamHub, SubscribeError};
use vas_core::{ErrorKind, HasKind, SharedClock, StreamId, TaskScope, WallTime};
use vas_record::hls::live::{LiveConfig, LiveStream, feed};

/// Segments whose first appearance is remembered: more than any window keeps.
const REMEMBERED: usize = 256;
/// Cameras whose discontinuity numbers are remembered after their windows.
const MAX_ENDED: usize = 10_000;

/// Why there is no live window of a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WindowError {
    /// As many streams as may be are offered.
    #[error("{0} streams are offered over HLS already; try again later, or raise hls.max_streams")]
    TooMany(usize),
    /// The stream does not run.
    #[error(transparent)]
    NotRunning(#[from] SubscribeError),
}

impl HasKind for WindowError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany(_) => ErrorKind::Exhausted,
            Self::NotRunning(_) => ErrorKind::NotReady,
        }
    }
}

/// One stream's window. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// The media.
    pub(crate) live: LiveStream,
    /// When each segment was first named.
    named: Arc<Mutex<BTreeMap<u64, WallTime>>>,
}

impl Window {
    /// When a segment was first named: `now`, or the time given then.
    pub(crate) fn named_at(&self, sequence: u64, now: WallTime) -> WallTime {
        let mut named = self.named.lock();
        let at = *named.entry(sequence).or_insert(now);
        while named.len() > REMEMBERED {
            named.pop_first();
        }
        at
    }
}

/// All windows. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: StreamHub,
    clock: SharedClock,
    scope: TaskScope,
    limits: WindowLimits,
    open: Mutex<HashMap<StreamId, Window>>,
    /// The discontinuity numbers that windows which were given up had come to, by main stream.
    ended: Mutex<HashMap<StreamId, u64>>,
}

impl Inner {
    /// The discontinuity number that a window of a camera begins with: that of its other rendition, whose times have the same
    /// origin, or the next after those of windows before it. Small numbers: there are players that have an array of them.
    fn discontinuity(&self, main: StreamId, other: Option<&Window>) -> u64 {
        let next = || self.ended.lock().get(&main).map_or(0, |ended| ended + 1);
        other.map_or_else(next, |other| other.live.discontinuity())
    }

    fn remember(&self, main: StreamId, discontinuity: u64) {
        let mut ended = self.ended.lock();
        if ended.len() >= MAX_ENDED {
            // Whoever holds a playlist of an hour ago begins anew.
            ended.clear();
        }
        let known = ended.entry(main).or_default();
        *known = discontinuity.max(*known);
    }
}

/// Bounds on windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowLimits {
    /// Windows at the same time.
    pub(crate) count: usize,
    /// Bytes of media in one.
    pub(crate) bytes: usize,
    /// A window that nobody asked for anything is given up after so long.
    pub(crate) idle: Duration,
}

impl Windows {
    /// None yet. What fills them runs in `scope`.
    pub(crate) fn new(hub: StreamHub, clock: SharedClock, scope: TaskScope, limits: WindowLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                hub,
                clock,
                scope,
                limits,
                open: Mutex::default(),
                ended: Mutex::default(),
            }),
        }
    }

    /// The window of a rendition of a camera whose main stream is `main`, which is made where there is none.
    ///
    /// # Errors
    /// See [`WindowError`].
    pub(crate) fn open(&self, main: StreamId, rendition: u8) -> Result<Window, WindowError> {
        let inner = &self.inner;
        let stream = hub_stream(main, rendition);
        let mut open = inner.open.lock();
        if let Some(window) = open.get(&stream).filter(|window| !window.live.has_ended()) {
            return Ok(window.clone());
        }
        let limits = inner.limits;
        if open.len() >= limits.count && !open.contains_key(&stream) {
            return Err(WindowError::TooMany(limits.count));
        }
        let subscription = inner.hub.subscribe(stream, StartAt::LastKey)?;
        let other = open.get(&hub_stream(main, 1 - rendition.min(1)));
        let discontinuity = inner.discontinuity(main, other);
        let config = LiveConfig { max_bytes: limits.bytes, discontinuity, ..LiveConfig::default() };
        let part = config.part;
        let live = LiveStream::new(config, inner.clock.clone());
        let window = Window { live: live.clone(), named: Arc::default() };
        open.insert(stream, window.clone());
        let (this, scope) = (self.clone(), inner.scope.clone());
        inner.scope.spawn("live hls", async move {
            let stop = async {
                tokio::select! {
                    () = unused(&live, limits.idle) => {}
                    () = scope.cancelled() => {}
                }
            };
            feed(subscription, &live, part, stop).await;
            this.inner.remember(main, live.discontinuity());
            // Not one that was made in its place meanwhile.
            let mut open = this.inner.open.lock();
            if open.get(&stream).is_some_and(|window| window.live.has_ended()) {
                open.remove(&stream);
            }
        });
        Ok(window)
    }

    /// The window of a rendition, where there is one.
    pub(crate) fn get(&self, main: StreamId, rendition: u8) -> Option<Window> {
        self.inner.open.lock().get(&hub_stream(main, rendition)).cloned()
    }
}

/// The stream of the hub that a rendition is: 0 is the main stream, all else the sub stream.
fn hub_stream(main: StreamId, rendition: u8) -> StreamId {
    if rendition == 0 { main } else { sub_stream(main) }
}

/// Waits until nobody has asked a stream for anything for `idle`.
async fn unused(live: &LiveStream, idle: Duration) {
    loop {
        let left = idle.saturating_sub(live.idle());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::SystemClock;
    use vas_core::testing;

    fn windows(hub: &StreamHub, idle: Duration) -> (Windows, TaskScope) {
        let scope = TaskScope::new();
        let limits = WindowLimits { count: 1, bytes: 1 << 20, idle };
        (Windows::new(hub.clone(), SystemClock::shared(), scope.child(), limits), scope)
    }

    #[tokio::test]
    async fn a_window_is_shared_bounded_in_number_and_given_up_when_idle() {
        let hub = StreamHub::default();
        let (first, second) = (StreamId::random(), StreamId::random());
        let _writer = hub.publish(first, testing::video_desc()).unwrap();
        let _other = hub.publish(second, testing::video_desc()).unwrap();
        let (windows, scope) = windows(&hub, Duration::from_millis(50));
        let window = windows.open(first, 0).unwrap();
        assert!(!windows.open(first, 0).unwrap().live.has_ended());
        assert!(matches!(windows.open(second, 0), Err(WindowError::TooMany(1))));
        assert!(matches!(windows.open(StreamId::random(), 0), Err(WindowError::TooMany(1))));
        while windows.get(first, 0).is_some() {
            tokio::task::yield_now().await;
        }
        assert!(window.live.has_ended());
        assert_eq!(windows.open(first, 0).unwrap().live.discontinuity(), 1);
        while windows.get(first, 0).is_some() {
            tokio::task::yield_now().await;
        }
        windows.open(second, 0).unwrap();
        assert!(scope.shutdown(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn renditions_of_a_camera_have_one_discontinuity_number() {
        let hub = StreamHub::default();
        let main = StreamId::random();
        let _main = hub.publish(main, testing::video_desc()).unwrap();
        let _sub = hub.publish(sub_stream(main), testing::video_desc()).unwrap();
        let limits = WindowLimits { count: 2, bytes: 1 << 20, idle: Duration::from_secs(60) };
        let windows = Windows::new(hub, SystemClock::shared(), TaskScope::new(), limits);
        let [first, second] =
            [0, 1].map(|rendition| windows.open(main, rendition).unwrap().live.discontinuity());
        assert_eq!((first, second), (0, 0));
    }

    #[tokio::test]
    async fn a_segment_keeps_the_time_of_its_first_name() {
        let hub = StreamHub::default();
        let stream = StreamId::random();
        let _writer = hub.publish(stream, testing::video_desc()).unwrap();
        let (windows, _scope) = windows(&hub, Duration::from_secs(60));
        let window = windows.open(stream, 0).unwrap();
        let at = WallTime::from_unix_micros;
        assert_eq!(
            [window.named_at(7, at(1)), window.named_at(7, at(2)), window.named_at(8, at(3))],
            [1, 1, 3].map(at)
        );
        for sequence in 9..2_000 {
            window.named_at(sequence, at(4));
        }
        assert!(window.named.lock().len() <= REMEMBERED);
    }
}
