//! Seams: what the system needs of the world outside, as traits that a deployment chooses implementations of.

pub mod bookmark;
pub mod placement;
pub mod recording;
pub mod repo;
pub mod snapshot;
pub mod store;

pub use bookmark::{BookmarkFilter, BookmarkRepo};
pub use placement::{NodeId, Placed, Placement, SingleNode};
pub use recording::{IndexError, LayerUsage, RecordingHead, RecordingRepo};
pub use repo::{DeviceRepo, Page, RepoError, StreamFilter, StreamRecord, StreamRepo};
pub use snapshot::{SnapshotFilter, SnapshotRepo};
pub use store::{SegmentStore, Space, StoreError, StoreKey, Stored};
