//! What bookmarks and snapshots have in common.

use crate::db::convert::store_error;
use crate::db::entity::device;
use sea_orm::{DatabaseTransaction, DbErr, EntityTrait, QuerySelect};
use vas_core::DeviceId;
use vas_core::model::WallRange;
use vas_core::ports::RepoError;

/// Checks that a device is there, and keeps it there until the end of the transaction: deleting it marks all that was
/// made of it, and must not miss what is just being added.
pub(super) async fn known_device(
    transaction: &DatabaseTransaction,
    device: DeviceId,
) -> Result<(), RepoError> {
    let query = device::Entity::find_by_id(device.as_uuid()).lock_shared();
    match query.one(transaction).await.map_err(store_error)? {
        Some(_) => Ok(()),
        None => Err(RepoError::NotFound { what: "device" }),
    }
}

/// An error when a change met no row.
pub(super) fn must_have_met(changed: Result<u64, DbErr>, what: &'static str) -> Result<(), RepoError> {
    if changed.map_err(store_error)? > 0 { Ok(()) } else { Err(RepoError::NotFound { what }) }
}

/// Stretches of time of devices, joined where they meet.
#[derive(Debug, Default)]
pub(super) struct Joined(Vec<(DeviceId, WallRange)>);

impl Joined {
    /// Adds a stretch. They come ordered by device and start.
    pub(super) fn push(&mut self, device: DeviceId, span: WallRange) {
        match self.0.last_mut() {
            Some((other, last)) if *other == device && span.start <= last.end => {
                last.end = last.end.max(span.end);
            }
            _ => self.0.push((device, span)),
        }
    }

    pub(super) fn into_inner(self) -> Vec<(DeviceId, WallRange)> {
        self.0
    }
}
