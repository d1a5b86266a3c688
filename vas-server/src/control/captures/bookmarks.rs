//! Bookmarks.

use super::files::{clip_key, thumbnail_key};
use super::{BookmarkFailure, CaptureError, Captures};
use crate::control::events::CaptureEventType;
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use vas_core::decode::jpeg::JpegOptions;
use vas_core::model::{Bookmark, BookmarkChange, CaptureSource, CaptureStatus, StoredFile, WallRange};
use vas_core::ports::store::{BadKey, StoreKey};
use vas_core::ports::{BookmarkFilter, Page, RepoError};
use vas_core::{BookmarkId, DeviceId, StreamId, WallTime, with_causes};
use vas_record::clip::{self, ClipFormat, ClipRequest};
use vas_record::library::Library;
use vas_record::snapshot::recorded;
use vas_record::store::deposit;

/// The end of a bookmark is looked for so often while it is being recorded.
const LOOK: Duration = Duration::from_millis(250);
/// So long after its end a bookmark is made of what there is, in microseconds: recording may have stopped.
const PATIENCE: i64 = 15_000_000;
/// First and longest wait before what failed for a store or a database that is away is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// So long after its end a bookmark is given up, in microseconds: a day.
const GIVE_UP: i64 = 86_400_000_000;
/// Width of thumbnails in pixels.
const THUMBNAIL: u32 = 480;
/// The longest bookmark.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);

/// A bookmark that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewBookmark {
    pub(crate) device: DeviceId,
    pub(crate) stream: StreamId,
    pub(crate) source: CaptureSource,
    /// The moment it is about; `None`: now.
    pub(crate) center: Option<WallTime>,
    pub(crate) before: Duration,
    pub(crate) after: Duration,
    pub(crate) label: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) confidence: Option<f64>,
    pub(crate) tags: Vec<String>,
    pub(crate) created_by: String,
    /// A JSON object as text.
    pub(crate) metadata: String,
}

impl Captures {
    /// Begins a bookmark; whether a live stream runs is the caller's to know.
    ///
    /// # Errors
    /// [`CaptureError::NoRecording`], [`CaptureError::NotRecorded`], [`CaptureError::Busy`],
    /// [`CaptureError::Storage`], [`CaptureError::Library`], [`CaptureError::Repo`].
    pub(crate) async fn add_bookmark(&self, new: NewBookmark) -> Result<Bookmark, CaptureError> {
        let permit = self.admit()?;
        let engine = self.settled_engine().await?;
        let now = self.inner.clock.wall();
        let center = new.center.unwrap_or(now);
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let span =
            WallRange::new(center.add_micros(-micros(new.before)), center.add_micros(micros(new.after)));
        match new.source {
            CaptureSource::Live => {
                // What is recorded on events is recorded from now on, with the time before.
                let recorded = self.inner.recordings.event(new.device);
                let running =
                    [0, 1].into_iter().any(|layer| engine.recorder.status(new.device, layer).is_some());
                if !recorded && !running {
                    return Err(CaptureError::NotRecorded);
                }
            }
            CaptureSource::Historical => {
                let heads = engine.library().heads(new.device, None, span, 1).await?;
                if heads.is_empty() {
                    return Err(CaptureError::NoRecording);
                }
            }
        }
        let bookmark = Bookmark {
            id: BookmarkId::random(),
            tenant: self.sight.tenant.clone(),
            device: new.device,
            stream: new.stream,
            center,
            span,
            source: new.source,
            label: new.label,
            created_by: new.created_by,
            event_type: new.event_type,
            confidence: new.confidence,
            tags: new.tags,
            metadata: new.metadata,
            status: CaptureStatus::Processing,
            problem: None,
            video: None,
            thumbnail: None,
            created_at: now,
        };
        self.inner.bookmarks.insert(&bookmark).await?;
        self.tell_bookmark(CaptureEventType::Created, &bookmark);
        let (this, made) = (self.clone(), bookmark.clone());
        self.inner.scope.spawn("bookmark", async move {
            let _permit = permit;
            this.make_bookmark(&made).await;
        });
        Ok(bookmark)
    }

    /// Waits for the end of the bookmark, makes its files, and says what became of it.
    pub(super) async fn make_bookmark(&self, bookmark: &Bookmark) {
        // What is not made when the server stops is made after its next start.
        let made = tokio::select! {
            () = self.inner.scope.cancelled() => return,
            made = self.clip_in_time(bookmark) => made,
        };
        let (stored, problem) = match made {
            Ok(video) => {
                let thumbnail = self.thumbnail(bookmark).await;
                (self.inner.bookmarks.ready(bookmark.id, &video, thumbnail.as_ref()).await, None)
            }
            Err(failure) => {
                tracing::info!(bookmark = %bookmark.id, %failure, "a bookmark failed");
                let problem = with_causes(&failure);
                (self.inner.bookmarks.fail(bookmark.id, &problem).await, Some(problem))
            }
        };
        match stored {
            Ok(()) => self.tell_finished_bookmark(bookmark, problem),
            // Deleted meanwhile: the files belong to nobody.
            Err(RepoError::NotFound { .. }) => {
                let _ = self.remove_files(files_of(bookmark)).await;
            }
            Err(error) => {
                tracing::warn!(bookmark = %bookmark.id, %error, "what became of a bookmark is not stored")
            }
        }
    }

    /// The clip, once the bookmark's end is recorded. A store or a database that is away is waited for.
    async fn clip_in_time(&self, bookmark: &Bookmark) -> Result<StoredFile, BookmarkFailure> {
        self.until_recorded(bookmark).await;
        let mut wait = BACKOFF.0;
        loop {
            let failure = match self.clip(bookmark).await {
                Err(failure) if failure.passes() => failure,
                made => return made,
            };
            if self.inner.clock.wall().micros_since(bookmark.span.end) >= GIVE_UP {
                return Err(failure);
            }
            tracing::info!(bookmark = %bookmark.id, %failure, "a bookmark waits");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Returns once the bookmark's end is on the disk, or will never be.
    async fn until_recorded(&self, bookmark: &Bookmark) {
        loop {
            let waited = self.inner.clock.wall().micros_since(bookmark.span.end);
            if waited >= PATIENCE {
                return;
            }
            if waited >= 0
                && let Ok(engine) = self.engine()
                && self.has_end(engine.library(), bookmark).await
            {
                return;
            }
            let rest = Duration::from_micros(waited.min(0).unsigned_abs());
            tokio::time::sleep(rest.max(LOOK)).await;
        }
    }

    /// Whether what was recorded reaches the bookmark's end.
    async fn has_end(&self, library: &Library, bookmark: &Bookmark) -> bool {
        let end = bookmark.span.end;
        let around = WallRange::new(end, WallTime::from_unix_micros(i64::MAX));
        for layer in [0, 1] {
            match library.recordings(bookmark.device, layer, around).await {
                // Something after the end is there: so is what comes before it.
                Ok(rows) if !rows.is_empty() => return true,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "the end of a bookmark can't be looked for");
                    return false;
                }
            }
        }
        false
    }

    async fn clip(&self, bookmark: &Bookmark) -> Result<StoredFile, BookmarkFailure> {
        let engine = self.inner.recordings.engine()?;
        let library = engine.library().clone();
        let layer =
            if library.heads(bookmark.device, Some(0), bookmark.span, 1).await?.is_empty() { 1 } else { 0 };
        let (device, range) = (bookmark.device, bookmark.span);
        let longest = LONGEST.saturating_mul(2);
        let request = ClipRequest { device, layer, range, format: ClipFormat::Progressive, longest };
        let clip = Arc::new(clip::plan(&library, &request).await?);
        let all = 0..clip.info().bytes;
        let store = library.store().clone();
        let content = clip.stream(Arc::new(library), all);
        let key = clip_key(device, bookmark.id)?;
        let bytes = deposit(engine.recorder.spool_place(), &*store, &key, content).await?;
        Ok(StoredFile { key: key.as_str().to_owned(), bytes })
    }

    /// The picture of the moment that the bookmark is about; of the nearest that there is in it. A bookmark without one
    /// is still a bookmark.
    async fn thumbnail(&self, bookmark: &Bookmark) -> Option<StoredFile> {
        let engine = self.engine().ok()?;
        let library = engine.library();
        let options = JpegOptions { max_width: Some(THUMBNAIL), ..JpegOptions::default() };
        let heads = library.heads(bookmark.device, None, bookmark.span, 1).await.ok()?;
        let time = bookmark.center.max(heads.first()?.span.start);
        let mut taken = None;
        for layer in [0, 1] {
            taken = match recorded(&self.inner.pool, library, bookmark.device, layer, time, options).await {
                Ok(taken) => Some(taken),
                Err(error) => {
                    tracing::debug!(bookmark = %bookmark.id, layer, %error, "no thumbnail of this layer");
                    continue;
                }
            };
            break;
        }
        let key = thumbnail_key(bookmark.device, bookmark.id).ok()?;
        let content = stream::iter([Ok::<_, Infallible>(taken?.jpeg)]);
        let bytes = deposit(engine.recorder.spool_place(), &**library.store(), &key, content).await;
        let bytes = bytes.inspect_err(|error| tracing::info!(%error, "a thumbnail can't be kept")).ok()?;
        Some(StoredFile { key: key.as_str().to_owned(), bytes })
    }

    /// One of them.
    pub(crate) async fn bookmark(&self, id: BookmarkId) -> Result<Bookmark, CaptureError> {
        let found = self.inner.bookmarks.get(&self.sight.tenant, id).await?;
        let seen = found.filter(|bookmark| self.sight.devices.contains(bookmark.device));
        seen.ok_or(CaptureError::NotFound("bookmark"))
    }

    /// Those that pass a filter, the newest first, and how many pass it in all.
    pub(crate) async fn bookmarks(
        &self,
        filter: &BookmarkFilter,
        page: Page,
    ) -> Result<(Vec<Bookmark>, u64), CaptureError> {
        let filter = BookmarkFilter { among: self.sight.only(), ..filter.clone() };
        Ok(self.inner.bookmarks.list(&self.sight.tenant, &filter, page).await?)
    }

    /// Changes what people say of one.
    pub(crate) async fn change_bookmark(
        &self,
        id: BookmarkId,
        change: &BookmarkChange,
    ) -> Result<Bookmark, CaptureError> {
        self.bookmark(id).await?;
        match self.inner.bookmarks.update(&self.sight.tenant, id, change).await {
            Err(RepoError::NotFound { .. }) => Err(CaptureError::NotFound("bookmark")),
            changed => {
                let changed = changed?;
                self.tell_bookmark(CaptureEventType::Changed, &changed);
                Ok(changed)
            }
        }
    }

    /// The clip of one, if it is ready.
    pub(crate) async fn video_of(&self, id: BookmarkId) -> Result<StoredFile, CaptureError> {
        let Bookmark { status, video, problem, .. } = self.bookmark(id).await?;
        video.ok_or(CaptureError::NotReady { what: "bookmark", status: status.as_str(), problem })
    }

    /// The picture of one, if it is ready and has one.
    pub(crate) async fn thumbnail_of(&self, id: BookmarkId) -> Result<StoredFile, CaptureError> {
        let Bookmark { status, thumbnail, problem, .. } = self.bookmark(id).await?;
        match (thumbnail, status) {
            (Some(thumbnail), _) => Ok(thumbnail),
            (None, CaptureStatus::Ready) => {
                Err(CaptureError::NotFound("thumbnail; its picture can't be decoded"))
            }
            (None, status) => {
                Err(CaptureError::NotReady { what: "bookmark", status: status.as_str(), problem })
            }
        }
    }

    /// Deletes one. Its files go at once, or as soon as the store is there.
    pub(crate) async fn delete_bookmark(&self, id: BookmarkId) -> Result<(), CaptureError> {
        self.bookmark(id).await?;
        let marked = self.inner.bookmarks.delete(&self.sight.tenant, id).await?;
        let marked = marked.ok_or(CaptureError::NotFound("bookmark"))?;
        self.tell_bookmark(CaptureEventType::Deleted, &marked);
        self.remove_bookmark(&marked).await;
        Ok(())
    }

    /// Removes what is left of one that is marked as deleted.
    pub(super) async fn remove_bookmark(&self, marked: &Bookmark) {
        match self.remove_files(files_of(marked)).await {
            Ok(()) => {
                if let Err(error) = self.inner.bookmarks.remove(&[marked.id]).await {
                    tracing::warn!(bookmark = %marked.id, %error, "a deleted bookmark's row stays for now");
                }
            }
            Err(error) => {
                tracing::info!(bookmark = %marked.id, %error, "a deleted bookmark's files stay for now")
            }
        }
    }
}

fn files_of(bookmark: &Bookmark) -> [Result<StoreKey, BadKey>; 2] {
    [clip_key(bookmark.device, bookmark.id), thumbnail_key(bookmark.device, bookmark.id)]
}
