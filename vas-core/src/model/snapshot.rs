//! Snapshots: single pictures of a stream.

use super::{CaptureSource, CaptureStatus, StoredFile, TenantId};
use crate::id::{DeviceId, SnapshotId, StreamId};
use crate::time::WallTime;

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// The stream it was taken of.
    pub stream: StreamId,
    /// When the picture was taken; the time that was asked for, until it is ready.
    pub timestamp: WallTime,
    /// Where its picture comes from.
    pub source: CaptureSource,
    /// Who asked for it.
    pub created_by: String,
    /// What they add: a JSON object as text, `{}` when there is nothing.
    pub metadata: String,
    /// How far it has come.
    pub status: CaptureStatus,
    /// Why it failed, when it did.
    pub problem: Option<String>,
    /// The picture, when it is ready.
    pub image: Option<SnapshotImage>,
    /// When it was asked for.
    pub created_at: WallTime,
}

/// The picture of a snapshot, a JPEG file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotImage {
    /// Where it lies.
    pub file: StoredFile,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}
