//! Segments that were computed, as MPEG-TS or in their playable form, for the next one who asks.

#[cfg(feature = "transcode")]
use crate::hls::vod::playable;
use crate::mux::mpegts::{self, TsError};
use crate::read::{self, ReadError};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};
use uuid::Uuid;
use vas_core::{ErrorKind, HasKind, RecordingId};

/// What a segment is made of: the same key, the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TsKey {
    /// A segment of a live window.
    Live {
        /// The window; no two have the same.
        window: Uuid,
        /// Media Sequence Number.
        sequence: u64,
    },
    /// Groups of a recording.
    Recorded {
        /// The recording.
        recording: RecordingId,
        /// Number of the first group in the table, counted from 0.
        first: u32,
        /// Number of the last group.
        last: u32,
    },
    /// The same groups in the playable form.
    Playable {
        /// The recording.
        recording: RecordingId,
        /// Number of the first group in the table, counted from 0.
        first: u32,
        /// Number of the last group.
        last: u32,
    },
}

/// The stored form of a segment.
#[derive(Clone, Debug)]
pub struct TsSource {
    /// The initialisation section.
    pub init: Bytes,
    /// Whole chunks in order, any number of them in one piece.
    pub chunks: Vec<Bytes>,
}

/// Why there is no MPEG-TS segment. `E`: why its source could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TsCacheError<E> {
    /// The source could not be had.
    #[error(transparent)]
    Source(E),
    /// The source can't be read.
    #[error("the media can't be read as this form needs it")]
    Read(#[source] ReadError),
    /// The source has tracks that MPEG-TS does not carry.
    #[error("there is no MPEG-TS form of this stream")]
    Mux(#[source] TsError),
    /// The task that makes it failed.
    #[error("making the segment failed; see the server's log")]
    Failed,
}

impl<E: HasKind> HasKind for TsCacheError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Source(source) => source.kind(),
            Self::Mux(error) => error.kind(),
            Self::Read(_) | Self::Failed => ErrorKind::Internal,
        }
    }
}

/// Segments bounded by their bytes, the least recently used leaving first. Requests for one that is being made wait for
/// it; what fails is not kept.
///
/// `Clone` hands out the same cache.
#[derive(Clone, Debug)]
pub struct TsCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    max_bytes: usize,
    entries: Mutex<Entries>,
    /// How many are made at a time.
    makers: Semaphore,
}

#[derive(Debug, Default)]
struct Entries {
    map: HashMap<TsKey, Entry>,
    bytes: usize,
    /// Counts uses.
    now: u64,
}

#[derive(Debug)]
struct Entry {
    segment: Arc<OnceCell<Bytes>>,
    /// 0 until it is made.
    bytes: usize,
    used: u64,
}

impl TsCache {
    /// A cache of at most `max_bytes`, that makes `makers` segments at a time. One larger than that is made and not kept.
    #[must_use]
    pub fn new(max_bytes: usize, makers: NonZeroUsize) -> Self {
        let makers = Semaphore::new(makers.get().min(Semaphore::MAX_PERMITS));
        Self { inner: Arc::new(Inner { max_bytes, entries: Mutex::default(), makers }) }
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.entries.lock().bytes
    }

    /// The MPEG-TS segment of `key`, which is made of what `source` gives where it is not here. `source` is not polled
    /// otherwise.
    ///
    /// # Errors
    /// [`TsCacheError`].
    pub async fn get<E>(
        &self,
        key: TsKey,
        source: impl Future<Output = Result<TsSource, E>>,
    ) -> Result<Bytes, TsCacheError<E>> {
        self.made(key, source, |source| make(&source)).await
    }

    /// As [`Self::get`], the segment of the playable form.
    ///
    /// # Errors
    /// [`TsCacheError`].
    #[cfg(feature = "transcode")]
    pub async fn playable<E>(
        &self,
        key: TsKey,
        source: impl Future<Output = Result<playable::Source, E>>,
    ) -> Result<Bytes, TsCacheError<E>> {
        self.made(key, source, |source| playable::segment(&source).map(Ok)).await
    }

    async fn made<S: Send + 'static, E>(
        &self,
        key: TsKey,
        source: impl Future<Output = Result<S, E>>,
        make: impl FnOnce(S) -> Result<Result<Bytes, TsError>, ReadError> + Send + 'static,
    ) -> Result<Bytes, TsCacheError<E>> {
        let segment = self.inner.entries.lock().claim(key);
        // Dropped with this future too, when nobody wants the answer any more.
        let _release = Release { cache: &self.inner, key, segment: &segment };
        let mut made = false;
        let make = async {
            // The semaphore is never closed.
            let _permit = self.inner.makers.acquire().await;
            let source = source.await.map_err(TsCacheError::Source)?;
            let read = tokio::task::spawn_blocking(move || make(source)).await;
            let segment = read.map_err(|_| TsCacheError::Failed)?.map_err(TsCacheError::Read)?;
            let segment = segment.map_err(TsCacheError::Mux)?;
            made = true;
            Ok(segment)
        };
        let segment = segment.get_or_try_init(|| make).await?.clone();
        if made {
            self.inner.entries.lock().keep(key, segment.len(), self.inner.max_bytes);
        }
        Ok(segment)
    }
}

/// Gives a place back in which nothing was made.
struct Release<'a> {
    cache: &'a Inner,
    key: TsKey,
    segment: &'a Arc<OnceCell<Bytes>>,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.cache.entries.lock().forget(self.key, self.segment);
    }
}

fn make(TsSource { init, chunks }: &TsSource) -> Result<Result<Bytes, TsError>, ReadError> {
    let init = read::init(init)?;
    let fragments: Result<Vec<_>, _> =
        chunks.iter().flat_map(|chunk| read::fragments(chunk.clone())).collect();
    Ok(mpegts::segment(&init, &fragments?))
}

impl Entries {
    /// The place of a segment, made or to be made.
    fn claim(&mut self, key: TsKey) -> Arc<OnceCell<Bytes>> {
        self.now += 1;
        let new = || Entry { segment: Arc::default(), bytes: 0, used: 0 };
        let entry = self.map.entry(key).or_insert_with(new);
        entry.used = self.now;
        entry.segment.clone()
    }

    /// Counts a segment that was made, and makes room for it.
    fn keep(&mut self, key: TsKey, bytes: usize, max_bytes: usize) {
        if let Some(entry) = self.map.get_mut(&key) {
            self.bytes += bytes - entry.bytes;
            entry.bytes = bytes;
        }
        while self.bytes > max_bytes {
            // Few enough to look through: a segment has hundreds of kilobytes. Those being made count nothing yet.
            let made = self.map.iter().filter(|(_, entry)| entry.bytes > 0);
            let Some(oldest) = made.min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key) else { return };
            if let Some(entry) = self.map.remove(&oldest) {
                self.bytes -= entry.bytes;
            }
        }
    }

    /// Forgets a place where nothing was made, unless somebody else waits for it.
    fn forget(&mut self, key: TsKey, segment: &Arc<OnceCell<Bytes>>) {
        let same = self.map.get(&key).is_some_and(|entry| Arc::ptr_eq(&entry.segment, segment));
        // The map's and the caller's.
        if same && !segment.initialized() && Arc::strong_count(segment) <= 2 {
            self.map.remove(&key);
        }
    }
}
