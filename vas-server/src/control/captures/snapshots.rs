//! Snapshots.

use super::files::picture_key;
use super::{CaptureError, Captures, SnapshotFailure};
use crate::control::events::CaptureEventType;
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;
use vas_core::decode::jpeg::JpegOptions;
use vas_core::model::{CaptureSource, CaptureStatus, Snapshot, SnapshotImage, StoredFile};
use vas_core::ports::{Page, RepoError, SnapshotFilter};
use vas_core::{DeviceId, SnapshotId, StreamId, WallTime, with_causes};
use vas_record::snapshot::{self, recorded, recording_for};
use vas_record::store::deposit;

/// A snapshot is ready or failed within this.
const DEADLINE: Duration = Duration::from_millis(4_800);

/// A snapshot that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewSnapshot {
    pub(crate) device: DeviceId,
    pub(crate) stream: StreamId,
    /// `None`: of the stream as it is now.
    pub(crate) time: Option<WallTime>,
    pub(crate) created_by: String,
    /// A JSON object as text.
    pub(crate) metadata: String,
}

impl Captures {
    /// Begins a snapshot; whether a live stream can be seen is the caller's to know.
    ///
    /// # Errors
    /// [`CaptureError::NoRecording`], [`CaptureError::Busy`], [`CaptureError::Storage`], [`CaptureError::Library`],
    /// [`CaptureError::Repo`].
    pub(crate) async fn take_snapshot(&self, new: NewSnapshot) -> Result<Snapshot, CaptureError> {
        let permit = self.admit()?;
        let engine = self.settled_engine().await?;
        let now = self.inner.clock.wall();
        if let Some(time) = new.time {
            self.layer_at(engine.library(), new.device, time).await?.ok_or(CaptureError::NoRecording)?;
        }
        let snapshot = Snapshot {
            id: SnapshotId::random(),
            tenant: self.sight.tenant.clone(),
            device: new.device,
            stream: new.stream,
            timestamp: new.time.unwrap_or(now),
            source: if new.time.is_some() { CaptureSource::Historical } else { CaptureSource::Live },
            created_by: new.created_by,
            metadata: new.metadata,
            status: CaptureStatus::Processing,
            problem: None,
            image: None,
            created_at: now,
        };
        self.inner.snapshots.insert(&snapshot).await?;
        self.tell_snapshot(CaptureEventType::Created, &snapshot);
        let (this, made) = (self.clone(), snapshot.clone());
        self.inner.scope.spawn("snapshot", async move {
            let _permit = permit;
            this.make_snapshot(&made).await;
        });
        Ok(snapshot)
    }

    /// The layer that shows a time: the main stream, or the sub stream where only that was recorded.
    pub(super) async fn layer_at(
        &self,
        library: &vas_record::library::Library,
        device: DeviceId,
        time: WallTime,
    ) -> Result<Option<u8>, CaptureError> {
        for layer in [0, 1] {
            if recording_for(library, device, layer, time).await?.is_some() {
                return Ok(Some(layer));
            }
        }
        Ok(None)
    }

    /// Makes the picture and says what became of it.
    pub(super) async fn make_snapshot(&self, snapshot: &Snapshot) {
        let made = tokio::time::timeout(DEADLINE, self.picture(snapshot)).await;
        let (stored, problem) = match made.unwrap_or(Err(SnapshotFailure::TimedOut)) {
            Ok((time, image)) => (self.inner.snapshots.ready(snapshot.id, time, &image).await, None),
            Err(failure) => {
                tracing::info!(snapshot = %snapshot.id, %failure, "a snapshot failed");
                let problem = with_causes(&failure);
                (self.inner.snapshots.fail(snapshot.id, &problem).await, Some(problem))
            }
        };
        match stored {
            Ok(()) => self.tell_finished_snapshot(snapshot, problem),
            // Deleted meanwhile: the file belongs to nobody.
            Err(RepoError::NotFound { .. }) => {
                let _ = self.remove_files([picture_key(snapshot.device, snapshot.id)]).await;
            }
            Err(error) => {
                tracing::warn!(snapshot = %snapshot.id, %error, "what became of a snapshot is not stored")
            }
        }
    }

    async fn picture(&self, of: &Snapshot) -> Result<(WallTime, SnapshotImage), SnapshotFailure> {
        let engine = self.inner.recordings.engine()?;
        let (pool, options) = (&self.inner.pool, JpegOptions::default());
        let taken = match of.source {
            CaptureSource::Live => snapshot::live(pool, &self.inner.hub, of.stream, options).await?,
            CaptureSource::Historical => {
                let (library, time) = (engine.library(), of.timestamp);
                match recorded(pool, library, of.device, 0, time, options).await {
                    Err(snapshot::RecordedSnapshotError::NoRecording) => {
                        recorded(pool, library, of.device, 1, time, options).await?
                    }
                    main => main?,
                }
            }
        };
        let key = picture_key(of.device, of.id)?;
        let content = stream::iter([Ok::<_, Infallible>(taken.jpeg)]);
        let place = engine.recorder.spool_place();
        let bytes = deposit(place, &**engine.library().store(), &key, content).await?;
        let file = StoredFile { key: key.as_str().to_owned(), bytes };
        Ok((taken.time, SnapshotImage { file, width: taken.width.into(), height: taken.height.into() }))
    }

    /// One of them.
    pub(crate) async fn snapshot(&self, id: SnapshotId) -> Result<Snapshot, CaptureError> {
        let found = self.inner.snapshots.get(&self.sight.tenant, id).await?;
        let seen = found.filter(|snapshot| self.sight.devices.contains(snapshot.device));
        seen.ok_or(CaptureError::NotFound("snapshot"))
    }

    /// Those that pass a filter, the newest first, and how many pass it in all.
    pub(crate) async fn snapshots(
        &self,
        filter: &SnapshotFilter,
        page: Page,
    ) -> Result<(Vec<Snapshot>, u64), CaptureError> {
        let filter = SnapshotFilter { among: self.sight.only(), ..filter.clone() };
        Ok(self.inner.snapshots.list(&self.sight.tenant, &filter, page).await?)
    }

    /// The picture of one, if it is ready.
    pub(crate) async fn picture_of(&self, id: SnapshotId) -> Result<SnapshotImage, CaptureError> {
        let Snapshot { status, image, problem, .. } = self.snapshot(id).await?;
        image.ok_or(CaptureError::NotReady { what: "snapshot", status: status.as_str(), problem })
    }

    /// Deletes one. Its file goes at once, or as soon as the store is there.
    pub(crate) async fn delete_snapshot(&self, id: SnapshotId) -> Result<(), CaptureError> {
        self.snapshot(id).await?;
        let marked = self.inner.snapshots.delete(&self.sight.tenant, id).await?;
        let marked = marked.ok_or(CaptureError::NotFound("snapshot"))?;
        self.tell_snapshot(CaptureEventType::Deleted, &marked);
        self.remove_snapshot(&marked).await;
        Ok(())
    }

    /// Removes what is left of one that is marked as deleted.
    pub(super) async fn remove_snapshot(&self, marked: &Snapshot) {
        match self.remove_files([picture_key(marked.device, marked.id)]).await {
            Ok(()) => {
                if let Err(error) = self.inner.snapshots.remove(&[marked.id]).await {
                    tracing::warn!(snapshot = %marked.id, %error, "a deleted snapshot's row stays for now");
                }
            }
            Err(error) => {
                tracing::info!(snapshot = %marked.id, %error, "a deleted snapshot's file stays for now")
            }
        }
    }
}
