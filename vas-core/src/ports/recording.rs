//! Where it is stored what was recorded: one row for each file.
//!
//! Every implementation passes the suite of `vas_core::testing::recording`, so these comments are its specification.

use crate::error::{ErrorKind, HasKind};
use crate::id::{DeviceId, RecordingId};
use crate::model::{Recording, WallRange};
use crate::time::WallTime;
use async_trait::async_trait;
use std::error::Error;
use std::fmt::Debug;

/// Why the index did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Somebody with a newer fence records this device.
    #[error("another node records this device now (fence {newest}); stop recording it here")]
    Fenced {
        /// The newest fence that was seen.
        newest: u64,
    },
    /// The time is taken by another recording of the same layer.
    #[error("recording {other} covers a part of this time already")]
    Overlaps {
        /// The recording that is there.
        other: RecordingId,
    },
    /// There is no such recording, or it is being deleted.
    #[error("there is no such recording")]
    NotFound,
    /// What is stored can't be read.
    #[error("recording {id} is damaged in the index: {problem}; repair it to rebuild the row from its file")]
    Damaged {
        /// The recording.
        id: RecordingId,
        /// What is wrong.
        problem: String,
    },
    /// The store failed.
    #[error("the database failed; see the server's log")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl HasKind for IndexError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Fenced { .. } | Self::Overlaps { .. } => ErrorKind::Conflict,
            Self::NotFound => ErrorKind::NotFound,
            Self::Damaged { .. } => ErrorKind::Internal,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

/// A recording without its groups: what a timeline and retention need, at a fraction of the cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingHead {
    /// The recording.
    pub id: RecordingId,
    /// Its device.
    pub device: DeviceId,
    /// Its layer.
    pub layer: u8,
    /// What one initialisation section describes without a break.
    pub run: uuid::Uuid,
    /// UTC of its first picture and of the end of its last one.
    pub span: WallRange,
    /// Bytes of the file.
    pub bytes: u64,
    /// Only its key pictures were kept.
    pub thinned: bool,
}

/// What is stored of one layer of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerUsage {
    /// The device.
    pub device: DeviceId,
    /// The layer.
    pub layer: u8,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the start of the oldest to the end of the newest.
    pub span: WallRange,
}

/// The index of all recordings.
///
/// "Shown" are those in the state [`Complete`](crate::model::RecordingState::Complete); open ones are known to the
/// recorder that writes them, and those being deleted to nobody.
#[async_trait]
pub trait RecordingRepo: Debug + Send + Sync + 'static {
    /// Adds rows for files that are about to be written, all or nothing. Adding a row that is there already, as after
    /// an answer that was lost, changes nothing.
    ///
    /// # Errors
    /// [`IndexError::Fenced`] when the device has rows with a newer fence.
    async fn open(&self, rows: &[Recording]) -> Result<(), IndexError>;

    /// Stores that files are whole and durable, with all that is known of them now, each row by itself; adds those that
    /// are not there. The state becomes complete, whatever the rows say. What has happened already happens again to no
    /// effect.
    ///
    /// The answers are in the order of the rows: [`IndexError::Fenced`], [`IndexError::Overlaps`] when another complete
    /// row of the layer shares time with it, [`IndexError::NotFound`] when it is being deleted.
    ///
    /// # Errors
    /// [`IndexError::Store`], and nothing was stored.
    async fn complete(&self, rows: &[Recording]) -> Result<Vec<Result<(), IndexError>>, IndexError>;

    /// One that is shown.
    async fn get(&self, id: RecordingId) -> Result<Option<Recording>, IndexError>;

    /// Those that are shown and share time with `range`, in the order of their starts, `limit` at most. A row that
    /// can't be read is left out, logged and counted in the log.
    async fn range(
        &self,
        device: DeviceId,
        layer: u8,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<Recording>, IndexError>;

    /// The heads of those that [`Self::range`] gives. Both layers where `layer` is `None`, ordered by layer first.
    async fn heads(
        &self,
        device: DeviceId,
        layer: Option<u8>,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, IndexError>;

    /// The shown one of the layer that holds `time`, or else the last one before it.
    async fn at_or_before(
        &self,
        device: DeviceId,
        layer: u8,
        time: WallTime,
    ) -> Result<Option<Recording>, IndexError>;

    /// The end of the newest row of the layer that is not being deleted, open ones too: nothing may be recorded before
    /// it. `None`: there is none.
    async fn newest_end(&self, device: DeviceId, layer: u8) -> Result<Option<WallTime>, IndexError>;

    /// Those that are open or being deleted: what recovery looks at, `limit` at most, the oldest first.
    async fn unfinished(&self, limit: u64) -> Result<Vec<Recording>, IndexError>;

    /// What is stored, by device and layer. Only what is shown.
    async fn usage(&self) -> Result<Vec<LayerUsage>, IndexError>;

    /// Shown ones, the oldest start first, of one device or of all, `limit` at most, that start before `before` and
    /// after `after`, so that long lists can be walked.
    async fn oldest(
        &self,
        device: Option<DeviceId>,
        after: Option<(WallTime, RecordingId)>,
        before: WallTime,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, IndexError>;

    /// Stores that a file was rewritten, with fewer bytes: what it holds now, whether it is thinned.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] when it is not shown.
    async fn replace(&self, row: &Recording) -> Result<(), IndexError>;

    /// Marks rows as being deleted. From now on nobody is shown them. Unknown ones are passed over. The rows that are
    /// marked now, with what names their files.
    async fn mark_deleting(&self, ids: &[RecordingId]) -> Result<Vec<RecordingHead>, IndexError>;

    /// Drops rows, after their files are gone. Unknown ones are passed over.
    async fn remove(&self, ids: &[RecordingId]) -> Result<(), IndexError>;
}
