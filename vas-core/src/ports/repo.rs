//! Where devices, their streams and the streams' histories are stored.
//!
//! Every implementation passes the suites of `vas_core::testing::repo`, so these comments are its specification.
//! Queries that name no tenant are for the system itself; what a customer asks for goes by tenant.

use crate::error::{ErrorKind, HasKind};
use crate::id::{DeviceId, StreamId};
use crate::model::{Device, DeviceFields, TenantId, Transition};
use crate::time::WallTime;
use async_trait::async_trait;
use std::error::Error;
use std::fmt::Debug;

/// Why a repository did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepoError {
    /// Another row has this value already.
    #[error("{field} is taken already; choose another")]
    Taken {
        /// The field: `name`, `rtsp_url` or `camera_id`.
        field: &'static str,
    },
    /// The row that is to be changed, or that it must refer to, does not exist.
    #[error("no such {what}; it may have been deleted meanwhile")]
    NotFound {
        /// `device` or `stream`.
        what: &'static str,
    },
    /// The store failed.
    #[error("the database failed; see the server's log")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl HasKind for RepoError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Taken { .. } => ErrorKind::Conflict,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

/// A stretch of a longer list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to give at most.
    pub limit: u64,
}

/// The devices of all tenants.
#[async_trait]
pub trait DeviceRepo: Debug + Send + Sync + 'static {
    /// Adds a device.
    ///
    /// # Errors
    /// [`RepoError::Taken`] for `name` or `rtsp_url` when another device of the tenant has it.
    async fn insert(&self, device: &Device) -> Result<(), RepoError>;

    /// The device, if there is one and it is the tenant's.
    async fn get(&self, tenant: &TenantId, id: DeviceId) -> Result<Option<Device>, RepoError>;

    /// The tenant's devices in the order of their creation.
    async fn list(&self, tenant: &TenantId, page: Page) -> Result<Vec<Device>, RepoError>;

    /// Replaces a device's fields and gives the device as it is then.
    ///
    /// # Errors
    /// [`RepoError::Taken`] as for `insert`; [`RepoError::NotFound`].
    async fn update(
        &self,
        tenant: &TenantId,
        id: DeviceId,
        fields: &DeviceFields,
        at: WallTime,
    ) -> Result<Device, RepoError>;

    /// Deletes a device with its streams and their histories. Whether there was one.
    async fn delete(&self, tenant: &TenantId, id: DeviceId) -> Result<bool, RepoError>;
}

/// A stream as it is stored: what is wanted of it. What it does at the moment, the running system knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// The stream's id: the same over stops and restarts, new after a deletion.
    pub id: StreamId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The device it comes from.
    pub device: DeviceId,
    /// A name of its own; the device's name otherwise.
    pub name: Option<String>,
    /// Whether it is to run.
    pub wanted: bool,
    /// When it was first started.
    pub created_at: WallTime,
    /// When it was last started, restarts of the server not counted.
    pub started_at: WallTime,
    /// When it was last stopped or, when it is closed, deleted.
    pub stopped_at: Option<WallTime>,
    /// Whether it was deleted; for good.
    pub closed: bool,
}

/// Which streams to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFilter {
    /// Only those of this device.
    pub device: Option<DeviceId>,
    /// Also those that were deleted.
    pub with_closed: bool,
}

/// The streams of all devices, with their histories.
#[async_trait]
pub trait StreamRepo: Debug + Send + Sync + 'static {
    /// Adds a stream.
    ///
    /// # Errors
    /// [`RepoError::Taken`] for `camera_id` when the device has a stream that is not closed; [`RepoError::NotFound`]
    /// when there is no such device.
    async fn insert(&self, stream: &StreamRecord) -> Result<(), RepoError>;

    /// The stream, if there is one and it is the tenant's; also a closed one.
    async fn get(&self, tenant: &TenantId, id: StreamId) -> Result<Option<StreamRecord>, RepoError>;

    /// The device's stream that is not closed.
    async fn of_device(&self, tenant: &TenantId, device: DeviceId)
    -> Result<Option<StreamRecord>, RepoError>;

    /// The tenant's streams in the order of their creation.
    async fn list(&self, tenant: &TenantId, filter: StreamFilter) -> Result<Vec<StreamRecord>, RepoError>;

    /// The streams of all tenants that are to run.
    async fn wanted(&self) -> Result<Vec<StreamRecord>, RepoError>;

    /// Stores that a stream is to run, from `at` on.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when there is none or it is closed.
    async fn start(&self, id: StreamId, at: WallTime) -> Result<(), RepoError>;

    /// Stores that a stream is not to run, from `at` on. Nothing happens to one that is stopped or closed.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when there is none.
    async fn stop(&self, id: StreamId, at: WallTime) -> Result<(), RepoError>;

    /// Stores that a stream was deleted at `at`; its history stays. Nothing happens to one that is closed.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when there is none.
    async fn close(&self, id: StreamId, at: WallTime) -> Result<(), RepoError>;

    /// Appends to histories, in this order, all or nothing. Entries of streams that are gone are passed over.
    async fn record(&self, entries: &[(StreamId, Transition)]) -> Result<(), RepoError>;

    /// The newest entries of a stream's history, the newest first.
    async fn history(&self, id: StreamId, limit: u64) -> Result<Vec<Transition>, RepoError>;

    /// Shortens every history to its newest `keep` entries. How many entries went.
    async fn prune(&self, keep: u64) -> Result<u64, RepoError>;
}
