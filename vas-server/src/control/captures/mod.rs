//! Bookmarks and snapshots: asked for now, made by and by, kept as files in the store of the recordings.
//!
//! A request stores a row that says `processing` and answers; a task makes the files and says `ready`, or `failed` and
//! why. A server that starts goes on with what was being made.

mod bookmarks;
mod error;
mod files;
mod snapshots;
mod stills;
mod sweep;
mod tell;

pub(crate) use bookmarks::{LONGEST as LONGEST_BOOKMARK, NewBookmark};
pub(crate) use error::CaptureError;
use error::{BookmarkFailure, SnapshotFailure};
pub(crate) use snapshots::NewSnapshot;

use super::events::Events;
use super::recording::{Recordings, Running};
use super::sight::Sight;
use crate::db::Database;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use vas_core::decode::{DecodePool, PoolConfig};
use vas_core::hub::StreamHub;
use vas_core::ports::{BookmarkRepo, SnapshotRepo};
use vas_core::{SharedClock, TaskScope};

/// Bookmarks and snapshots that are being made at the same time, waiting ones included.
const MAX_UNDER_WAY: usize = 256;
/// A request waits so long for recording to be ready after the server's start.
const START: Duration = Duration::from_secs(5);

/// All bookmarks and snapshots. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Captures {
    inner: Arc<Inner>,
    sight: Arc<Sight>,
}

#[derive(Debug)]
struct Inner {
    bookmarks: Arc<dyn BookmarkRepo>,
    snapshots: Arc<dyn SnapshotRepo>,
    recordings: Recordings,
    hub: StreamHub,
    pool: DecodePool,
    stills: stills::Stills,
    under_way: Arc<Semaphore>,
    events: Events,
    clock: SharedClock,
    scope: TaskScope,
}

impl Captures {
    /// Goes on with what an earlier run left, in the background. What is made is made in `scope`.
    pub(crate) fn start(
        database: &Database,
        recordings: Recordings,
        hub: StreamHub,
        events: Events,
        clock: SharedClock,
        scope: &TaskScope,
    ) -> Self {
        let inner = Inner {
            bookmarks: Arc::new(database.bookmarks()),
            snapshots: Arc::new(database.snapshots()),
            recordings,
            hub,
            pool: DecodePool::new(PoolConfig::default(), clock.clone()),
            stills: stills::Stills::default(),
            under_way: Arc::new(Semaphore::new(MAX_UNDER_WAY)),
            events,
            clock,
            scope: scope.child(),
        };
        let this = Self { inner: Arc::new(inner), sight: Arc::new(Sight::own()) };
        let sweeper = this.clone();
        scope.spawn_until_cancelled("captures", async move { sweeper.sweep().await });
        this
    }

    /// The same as somebody sees them.
    pub(super) fn seen_by(&self, sight: Arc<Sight>) -> Self {
        Self { inner: self.inner.clone(), sight }
    }

    /// What records, and what has been recorded; a start that goes on is waited for.
    ///
    /// # Errors
    /// [`CaptureError::Storage`].
    async fn settled_engine(&self) -> Result<Running, CaptureError> {
        self.inner.recordings.settled(START).await;
        self.engine()
    }

    /// What records, and what has been recorded.
    fn engine(&self) -> Result<Running, CaptureError> {
        Ok(self.inner.recordings.engine()?)
    }

    /// A place among those that are made.
    fn admit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, CaptureError> {
        self.inner.under_way.clone().try_acquire_owned().map_err(|_| CaptureError::Busy)
    }
}
