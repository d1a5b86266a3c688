//! Bookmarks: stretches of time that somebody wants to keep, each with a clip and a picture of it.

use super::{CaptureSource, CaptureStatus, StoredFile, TenantId, WallRange};
use crate::id::{BookmarkId, DeviceId, StreamId};
use crate::time::WallTime;

/// A bookmark. The recordings under it survive retention until it fails or is deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Bookmark {
    /// Its id.
    pub id: BookmarkId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// The stream it was made of.
    pub stream: StreamId,
    /// The moment it is about.
    pub center: WallTime,
    /// What its clip shows: the time around [`center`](Self::center).
    pub span: WallRange,
    /// Where its media comes from.
    pub source: CaptureSource,
    /// What somebody calls it.
    pub label: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// What happened.
    pub event_type: Option<String>,
    /// How sure a detector is of that, from 0 to 1.
    pub confidence: Option<f64>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What its maker adds: a JSON object as text, `{}` when there is nothing.
    pub metadata: String,
    /// How far it has come.
    pub status: CaptureStatus,
    /// Why it failed, when it did.
    pub problem: Option<String>,
    /// Its clip, when it is ready.
    pub video: Option<StoredFile>,
    /// Its picture, when it is ready and there is one.
    pub thumbnail: Option<StoredFile>,
    /// When it was asked for.
    pub created_at: WallTime,
}

/// What is changed of a bookmark; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookmarkChange {
    /// What somebody calls it; `Some(None)` takes the label away.
    pub label: Option<Option<String>>,
    /// What happened; `Some(None)` takes it away.
    pub event_type: Option<Option<String>>,
    /// The words that replace all it had.
    pub tags: Option<Vec<String>>,
    /// The JSON object, as text, that replaces the one it had.
    pub metadata: Option<String>,
}
