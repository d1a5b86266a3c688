//! The models of the system: what devices, streams and recordings are, apart from where they are stored.

pub mod bookmark;
pub mod capture;
pub mod device;
pub mod recording;
pub mod snapshot;
pub mod stream;

pub use bookmark::{Bookmark, BookmarkChange};
pub use capture::{CaptureSource, CaptureStatus, StoredFile};
pub use device::{CameraUrl, CameraUrlError, Device, DeviceFields, MASK, TenantId, mask_url};
pub use recording::{
    GapReason, Group, GroupBuilder, GroupTable, MEDIA_CLOCK, Recording, RecordingState, WallRange,
};
pub use snapshot::{Snapshot, SnapshotImage};
pub use stream::{IllegalTransition, Reason, ReasonCode, StreamMachine, StreamState, Transition};
