//! A live window that requests share.

use super::playlist::RenditionReport;
use super::window::SegmentMedia;
use super::{LiveConfig, LiveWindow};
use crate::hls::multivariant::VariantInfo;
use crate::hls::names::Names;
use crate::hls::text::SECOND;
use crate::hls::ts_cache::{TsCache, TsCacheError, TsKey, TsSource};
use crate::segment::Chunk;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;
use vas_core::{ErrorKind, HasKind, SharedClock};

/// Why a live stream did not give what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The request is for a time that is too far ahead.
    #[error("this segment or part is too far ahead of the stream; reload the playlist without directives")]
    TooFarAhead,
    /// `_HLS_part` came without `_HLS_msn`.
    #[error("_HLS_part needs _HLS_msn; name the segment too")]
    PartWithoutSegment,
    /// It is no longer kept, or will never be.
    #[error("there is no such segment or part; reload the playlist")]
    NotFound,
    /// No media came in time.
    #[error("no media came in time; try again")]
    Timeout,
    /// The stream has ended.
    #[error("the live stream has ended; start it again")]
    Ended,
}

impl HasKind for LiveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooFarAhead | Self::PartWithoutSegment => ErrorKind::InvalidInput,
            Self::NotFound => ErrorKind::NotFound,
            // rfc8216bis, section 6.2.5.2, wants 503 and not 504.
            Self::Timeout | Self::Ended => ErrorKind::Unavailable,
        }
    }
}

/// The delivery directives of a request for a playlist (rfc8216bis, section 6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// `_HLS_msn`: the answer waits for this segment.
    pub segment: Option<u64>,
    /// `_HLS_part`: the answer waits for this part of it.
    pub part: Option<u32>,
    /// `_HLS_skip`: the player has what is older.
    pub skip: bool,
}

/// A live stream that any number of requests read while one task fills it. `Clone` hands out the same stream.
#[derive(Clone, Debug)]
pub struct LiveStream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Names the window in caches.
    id: Uuid,
    patience: Duration,
    window: Mutex<LiveWindow>,
    /// Tells of each change; `true`: there will be no more.
    ended: watch::Sender<bool>,
    clock: SharedClock,
    used: Mutex<Instant>,
}

impl LiveStream {
    /// An empty stream. It is used now, by the clock that [`Self::idle`] tells by.
    #[must_use]
    pub fn new(config: LiveConfig, clock: SharedClock) -> Self {
        let inner = Inner {
            id: Uuid::new_v4(),
            patience: config.patience(),
            window: Mutex::new(LiveWindow::new(config)),
            ended: watch::Sender::new(false),
            used: Mutex::new(clock.now()),
            clock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Adds chunks, in order.
    pub fn push<'a>(&self, chunks: impl IntoIterator<Item = &'a Chunk>) {
        let mut window = self.inner.window.lock();
        let mut any = false;
        for chunk in chunks {
            window.push(chunk);
            any = true;
        }
        drop(window);
        if any {
            self.inner.ended.send_modify(|_| {});
        }
    }

    /// There will be no more. Who waits is told so; what is there stays readable.
    pub fn end(&self) {
        self.inner.ended.send_replace(true);
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        *self.inner.ended.borrow()
    }

    /// How long ago somebody asked for anything.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.inner.clock.now().saturating_duration_since(*self.inner.used.lock())
    }

    /// Bytes of media that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.window.lock().bytes()
    }

    /// The newest segment and part, for the [`RenditionReport`] in another rendition's playlist.
    #[must_use]
    pub fn newest(&self) -> Option<(u64, u32)> {
        self.inner.window.lock().newest()
    }

    /// The discontinuity number that it has come to, with which another rendition of the camera begins.
    #[must_use]
    pub fn discontinuity(&self) -> u64 {
        self.inner.window.lock().newest_discontinuity()
    }

    /// Waits for the first whole segment, three target durations at most.
    ///
    /// # Errors
    /// [`LiveError::Timeout`] or [`LiveError::Ended`].
    pub async fn wait_ready(&self) -> Result<(), LiveError> {
        self.wait(|window| window.is_ready().then_some(Ok(()))).await
    }

    /// The low-latency playlist, as soon as it holds what `reload` asks for. `reports` is called then.
    ///
    /// # Errors
    /// [`LiveError::PartWithoutSegment`], [`LiveError::TooFarAhead`], and those of [`Self::wait_ready`].
    pub async fn playlist(
        &self,
        reload: Reload,
        names: &(dyn Names + Sync),
        reports: &(dyn Fn() -> Vec<RenditionReport> + Sync),
    ) -> Result<String, LiveError> {
        let wanted = match reload {
            Reload { segment: None, part: Some(_), .. } => return Err(LiveError::PartWithoutSegment),
            Reload { segment, part, .. } => segment.map(|segment| (segment, part)),
        };
        self.wait(|window| window.is_ready().then_some(Ok(()))).await?;
        self.wait(|window| match wanted {
            Some((segment, part)) if window.is_too_far(segment, part) => Some(Err(LiveError::TooFarAhead)),
            Some((segment, part)) => window.lists(segment, part).then_some(Ok(())),
            None => Some(Ok(())),
        })
        .await?;
        // Taken before the lock, since it looks at other windows.
        let reports = reports();
        Ok(self.inner.window.lock().playlist(names, reload.skip, &reports))
    }

    /// The playlist of MPEG-TS segments with the names that `name` gives their numbers, as soon as there is one segment.
    ///
    /// # Errors
    /// Those of [`Self::wait_ready`].
    pub async fn ts_playlist(&self, name: &(dyn Fn(u64) -> String + Sync)) -> Result<String, LiveError> {
        self.wait_ready().await?;
        Ok(self.inner.window.lock().ts_playlist(name))
    }

    /// What a multivariant playlist says of it, as soon as there is one segment.
    ///
    /// # Errors
    /// Those of [`Self::wait_ready`].
    pub async fn variant(&self) -> Result<VariantInfo, LiveError> {
        self.wait(|window| window.variant().map(Ok)).await
    }

    /// A whole segment.
    ///
    /// # Errors
    /// [`LiveError::NotFound`].
    pub fn segment(&self, sequence: u64) -> Result<SegmentMedia, LiveError> {
        self.touch();
        self.inner.window.lock().segment(sequence).ok_or(LiveError::NotFound)
    }

    /// A whole segment as MPEG-TS, out of the cache or made now.
    ///
    /// # Errors
    /// [`TsCacheError`], with [`LiveError::NotFound`] in it where there is no such segment.
    pub async fn ts(&self, sequence: u64, cache: &TsCache) -> Result<Bytes, TsCacheError<LiveError>> {
        let key = TsKey::Live { window: self.inner.id, sequence };
        cache
            .get(key, async {
                let SegmentMedia { section, chunks } = self.segment(sequence)?;
                Ok(TsSource { init: section.init.clone(), chunks })
            })
            .await
    }

    /// The chunks of a part. One that the playlist hints at is waited for.
    ///
    /// # Errors
    /// [`LiveError::NotFound`], also where the segment ended without the part that was hinted at, and those of
    /// [`Self::wait_ready`].
    pub async fn part(&self, sequence: u64, part: u32) -> Result<Vec<Bytes>, LiveError> {
        self.wait(|window| match window.part(sequence, part) {
            Some(chunks) => Some(Ok(chunks)),
            None if window.next_part() == Some((sequence, part)) => None,
            None => Some(Err(LiveError::NotFound)),
        })
        .await
    }

    /// The initialisation section that segment `section` was the first to use.
    ///
    /// # Errors
    /// [`LiveError::NotFound`].
    pub fn init(&self, section: u64) -> Result<Bytes, LiveError> {
        self.touch();
        self.inner.window.lock().init(section).ok_or(LiveError::NotFound)
    }

    fn touch(&self) {
        *self.inner.used.lock() = self.inner.clock.now();
    }

    /// Waits until `look` finds something, as long as the stream goes on.
    async fn wait<T>(
        &self,
        mut look: impl FnMut(&LiveWindow) -> Option<Result<T, LiveError>>,
    ) -> Result<T, LiveError> {
        self.touch();
        let mut ended = self.inner.ended.subscribe();
        let found = async {
            loop {
                let end = *ended.borrow_and_update();
                let found = look(&self.inner.window.lock());
                if let Some(found) = found {
                    return found;
                }
                // The sender lives in `self`.
                if end || ended.changed().await.is_err() {
                    return Err(LiveError::Ended);
                }
            }
        };
        let found = tokio::time::timeout(self.inner.patience, found).await.unwrap_or(Err(LiveError::Timeout));
        // A request that waits is a use until it is answered.
        self.touch();
        found
    }
}

impl LiveWindow {
    /// Whether the playlist holds this segment, or this part of it; a part beyond a segment's last one is the first of
    /// the next segment (rfc8216bis, section 6.2.5.2).
    fn lists(&self, segment: u64, part: Option<u32>) -> bool {
        let Some((open, shown)) = self.next_part() else { return false };
        match part {
            Some(part) if segment == open => part < shown,
            // The segment before the growing one is the only one whose next one may have no part yet.
            Some(part) if segment.checked_add(1) == Some(open) => {
                shown > 0 || self.parts_of(segment).is_none_or(|parts| part < parts)
            }
            _ => segment < open,
        }
    }

    /// Whether a request is so far ahead that no player can mean it (section 6.2.5.2).
    fn is_too_far(&self, segment: u64, part: Option<u32>) -> bool {
        let Some((open, shown)) = self.next_part() else { return false };
        let limit = if self.part_target() < SECOND { 3 * SECOND / self.part_target() } else { 3 };
        let reached = if segment == open { u64::from(shown) } else { 0 };
        // The last whole segment is the one before the growing one.
        segment > open.saturating_add(1)
            || (segment >= open && part.is_some_and(|part| u64::from(part) >= reached + limit))
    }
}
