//! Where bookmarks are stored.
//!
//! Every implementation passes the suite of `vas_core::testing::bookmark`, so these comments are its specification.
//! Queries that name no tenant are for the system itself; what a customer asks for goes by tenant.

use super::{Page, RepoError};
use crate::id::{BookmarkId, DeviceId, StreamId};
use crate::model::{Bookmark, BookmarkChange, CaptureSource, StoredFile, TenantId, WallRange};
use crate::time::WallTime;
use async_trait::async_trait;
use std::fmt::Debug;

/// Which bookmarks to give; `None` asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookmarkFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of one of these devices; `None`: of any.
    pub among: Option<Vec<DeviceId>>,
    /// Of this stream.
    pub stream: Option<StreamId>,
    /// About this kind of event.
    pub event_type: Option<String>,
    /// Made by this one.
    pub created_by: Option<String>,
    /// From this source.
    pub source: Option<CaptureSource>,
    /// That begin at this time or later.
    pub start_after: Option<WallTime>,
    /// That begin before this time.
    pub start_before: Option<WallTime>,
    /// That were made before this time.
    pub created_before: Option<WallTime>,
    /// With this text in their label, their kind of event or their tags, in lower or upper case.
    pub text: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
}

/// The bookmarks of all devices.
///
/// Deleting takes three steps, so that no file is forgotten: the row is marked, its files go, the row goes. A marked
/// bookmark is known to [`deleted`](Self::deleted) and [`remove`](Self::remove) alone.
#[async_trait]
pub trait BookmarkRepo: Debug + Send + Sync + 'static {
    /// Adds a bookmark.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] for `device` when there is no such device.
    async fn insert(&self, bookmark: &Bookmark) -> Result<(), RepoError>;

    /// The bookmark, if there is one and it is the tenant's.
    async fn get(&self, tenant: &TenantId, id: BookmarkId) -> Result<Option<Bookmark>, RepoError>;

    /// The tenant's bookmarks that pass the filter, the newest first, and how many pass it in all.
    async fn list(
        &self,
        tenant: &TenantId,
        filter: &BookmarkFilter,
        page: Page,
    ) -> Result<(Vec<Bookmark>, u64), RepoError>;

    /// Changes what people say of a bookmark, and gives it as it is then.
    ///
    /// # Errors
    /// [`RepoError::NotFound`].
    async fn update(
        &self,
        tenant: &TenantId,
        id: BookmarkId,
        change: &BookmarkChange,
    ) -> Result<Bookmark, RepoError>;

    /// Stores that a bookmark is ready.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when it was deleted meanwhile: the files belong to nobody.
    async fn ready(
        &self,
        id: BookmarkId,
        video: &StoredFile,
        thumbnail: Option<&StoredFile>,
    ) -> Result<(), RepoError>;

    /// Stores that a bookmark can't be made, and why.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when it was deleted meanwhile.
    async fn fail(&self, id: BookmarkId, problem: &str) -> Result<(), RepoError>;

    /// Those that are being made, of all tenants, in the order of their ids and after `after`, so that many can be walked,
    /// `limit` at most: what a server that starts goes on with.
    async fn unfinished(&self, after: Option<BookmarkId>, limit: u64) -> Result<Vec<Bookmark>, RepoError>;

    /// The times of a device that bookmarks keep and that share time with `range`, in the order of their starts, joined
    /// where they meet. Failed bookmarks keep nothing.
    async fn pinned(&self, device: DeviceId, range: WallRange) -> Result<Vec<WallRange>, RepoError>;

    /// The same for all time and all devices, ordered by device first.
    async fn all_pinned(&self) -> Result<Vec<(DeviceId, WallRange)>, RepoError>;

    /// Marks a bookmark as deleted, and gives it with what names its files. `None` when there is none.
    async fn delete(&self, tenant: &TenantId, id: BookmarkId) -> Result<Option<Bookmark>, RepoError>;

    /// Those marked as deleted, by [`delete`](Self::delete) or because their device was deleted, `limit` at most.
    async fn deleted(&self, limit: u64) -> Result<Vec<Bookmark>, RepoError>;

    /// Drops marked rows after their files are gone. Those that are not marked, and unknown ones, are passed over.
    async fn remove(&self, ids: &[BookmarkId]) -> Result<(), RepoError>;
}
