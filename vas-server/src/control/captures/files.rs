//! The files of bookmarks and snapshots in the store.

use super::{CaptureError, Captures};
use bytes::Bytes;
use std::ops::Range;
use vas_core::model::StoredFile;
use vas_core::ports::store::{BadKey, StoreKey};
use vas_core::{BookmarkId, DeviceId, SnapshotId};
use vas_record::library::LibraryError;

/// The clip of a bookmark.
pub(super) fn clip_key(device: DeviceId, id: BookmarkId) -> Result<StoreKey, BadKey> {
    StoreKey::parse(&format!("bookmarks/{device}/{id}.mp4"))
}

/// The picture of a bookmark.
pub(super) fn thumbnail_key(device: DeviceId, id: BookmarkId) -> Result<StoreKey, BadKey> {
    StoreKey::parse(&format!("bookmarks/{device}/{id}.jpg"))
}

/// The picture of a snapshot.
pub(super) fn picture_key(device: DeviceId, id: SnapshotId) -> Result<StoreKey, BadKey> {
    StoreKey::parse(&format!("snapshots/{device}/{id}.jpg"))
}

impl Captures {
    /// Bytes of a file.
    pub(crate) async fn read(&self, file: &StoredFile, range: Range<u64>) -> Result<Bytes, CaptureError> {
        let key = StoreKey::parse(&file.key).map_err(|_| CaptureError::NotFound("file"))?;
        let engine = self.engine()?;
        Ok(engine.library().store().read(&key, range).await.map_err(LibraryError::Store)?)
    }

    /// Removes files that may be there.
    pub(super) async fn remove_files(
        &self,
        keys: impl IntoIterator<Item = Result<StoreKey, BadKey>>,
    ) -> Result<(), CaptureError> {
        let engine = self.engine()?;
        for key in keys.into_iter().flatten() {
            engine.library().store().delete(&key).await.map_err(LibraryError::Store)?;
        }
        Ok(())
    }
}
