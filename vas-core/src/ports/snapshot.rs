//! Where snapshots are stored.
//!
//! Every implementation passes the suite of `vas_core::testing::snapshot`, so these comments are its specification.
//! Queries that name no tenant are for the system itself; what a customer asks for goes by tenant.

use super::{Page, RepoError};
use crate::id::{DeviceId, SnapshotId, StreamId};
use crate::model::{CaptureSource, Snapshot, SnapshotImage, TenantId};
use crate::time::WallTime;
use async_trait::async_trait;
use std::fmt::Debug;

/// Which snapshots to give; `None` asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of one of these devices; `None`: of any.
    pub among: Option<Vec<DeviceId>>,
    /// Of this stream.
    pub stream: Option<StreamId>,
    /// Asked for by this one.
    pub created_by: Option<String>,
    /// From this source.
    pub source: Option<CaptureSource>,
    /// Taken at this time or later.
    pub after: Option<WallTime>,
    /// Taken before this time.
    pub before: Option<WallTime>,
    /// That were asked for before this time.
    pub created_before: Option<WallTime>,
}

/// The snapshots of all devices.
///
/// Deleting takes three steps, so that no file is forgotten: the row is marked, its file goes, the row goes. A marked
/// snapshot is known to [`deleted`](Self::deleted) and [`remove`](Self::remove) alone.
#[async_trait]
pub trait SnapshotRepo: Debug + Send + Sync + 'static {
    /// Adds a snapshot.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] for `device` when there is no such device.
    async fn insert(&self, snapshot: &Snapshot) -> Result<(), RepoError>;

    /// The snapshot, if there is one and it is the tenant's.
    async fn get(&self, tenant: &TenantId, id: SnapshotId) -> Result<Option<Snapshot>, RepoError>;

    /// The tenant's snapshots that pass the filter, the newest first, and how many pass it in all.
    async fn list(
        &self,
        tenant: &TenantId,
        filter: &SnapshotFilter,
        page: Page,
    ) -> Result<(Vec<Snapshot>, u64), RepoError>;

    /// Stores that a snapshot is ready: its picture, and when that was taken.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when it was deleted meanwhile: the file belongs to nobody.
    async fn ready(
        &self,
        id: SnapshotId,
        timestamp: WallTime,
        image: &SnapshotImage,
    ) -> Result<(), RepoError>;

    /// Stores that a snapshot can't be made, and why.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when it was deleted meanwhile.
    async fn fail(&self, id: SnapshotId, problem: &str) -> Result<(), RepoError>;

    /// Those that are being made, of all tenants, in the order of their ids and after `after`, so that many can be walked,
    /// `limit` at most: what a server that starts goes on with.
    async fn unfinished(&self, after: Option<SnapshotId>, limit: u64) -> Result<Vec<Snapshot>, RepoError>;

    /// Marks a snapshot as deleted, and gives it with what names its file. `None` when there is none.
    async fn delete(&self, tenant: &TenantId, id: SnapshotId) -> Result<Option<Snapshot>, RepoError>;

    /// Those marked as deleted, by [`delete`](Self::delete) or because their device was deleted, `limit` at most.
    async fn deleted(&self, limit: u64) -> Result<Vec<Snapshot>, RepoError>;

    /// Drops marked rows after their files are gone. Those that are not marked, and unknown ones, are passed over.
    async fn remove(&self, ids: &[SnapshotId]) -> Result<(), RepoError>;
}
