//! The index of recordings in the database.

mod density;
mod read;
mod write;

pub use density::Filled;

#[cfg(test)]
pub(in crate::db) use read::plans;

use crate::db::pools::Pools;
use crate::db::retry::patiently;
use async_trait::async_trait;
use sea_orm::DbErr;
use vas_core::model::{Recording, WallRange};
use vas_core::ports::{IndexError, LayerUsage, RecordingHead, RecordingRepo};
use vas_core::{DeviceId, RecordingId, WallTime};

/// The layers that a device has.
const LAYERS: [u8; 2] = [0, 1];

/// [`RecordingRepo`] on the database. Everything in it may be done twice, and so is tried again where the database is
/// busy or away.
#[derive(Clone, Debug)]
pub struct SqlRecordings {
    pools: Pools,
}

impl SqlRecordings {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

/// A failure that is no answer to what was asked.
fn store_error(error: DbErr) -> IndexError {
    IndexError::Store(Box::new(error))
}

#[async_trait]
impl RecordingRepo for SqlRecordings {
    async fn open(&self, rows: &[Recording]) -> Result<(), IndexError> {
        patiently(|| write::open(&self.pools, rows)).await.map_err(store_error)?
    }

    async fn complete(&self, rows: &[Recording]) -> Result<Vec<Result<(), IndexError>>, IndexError> {
        patiently(|| write::complete(&self.pools, rows)).await.map_err(store_error)
    }

    async fn get(&self, id: RecordingId) -> Result<Option<Recording>, IndexError> {
        read::first(&self.pools, &read::shown_one(id)).await
    }

    async fn range(
        &self,
        device: DeviceId,
        layer: u8,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<Recording>, IndexError> {
        read::readable(&self.pools, &read::sharing(device, layer, range, limit)).await
    }

    async fn heads(
        &self,
        device: DeviceId,
        layer: Option<u8>,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, IndexError> {
        let mut heads = Vec::new();
        for layer in LAYERS.into_iter().filter(|&other| layer.is_none_or(|layer| layer == other)) {
            let left = limit.saturating_sub(heads.len() as u64);
            heads.extend(read::heads(&self.pools, read::sharing(device, layer, range, left)).await?);
        }
        Ok(heads)
    }

    async fn at_or_before(
        &self,
        device: DeviceId,
        layer: u8,
        time: WallTime,
    ) -> Result<Option<Recording>, IndexError> {
        read::first(&self.pools, &read::last_from(device, layer, time)).await
    }

    async fn newest_end(&self, device: DeviceId, layer: u8) -> Result<Option<WallTime>, IndexError> {
        read::newest_end(&self.pools, device, layer).await
    }

    async fn unfinished(&self, limit: u64) -> Result<Vec<Recording>, IndexError> {
        read::unfinished(&self.pools, limit).await
    }

    async fn usage(&self) -> Result<Vec<LayerUsage>, IndexError> {
        read::usage(&self.pools).await
    }

    async fn oldest(
        &self,
        device: Option<DeviceId>,
        after: Option<(WallTime, RecordingId)>,
        before: WallTime,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, IndexError> {
        let Some(device) = device else {
            return read::heads(&self.pools, read::oldest(None, after, before, limit)).await;
        };
        // The index orders the rows of one layer.
        let mut heads = Vec::new();
        for layer in LAYERS {
            let query = read::oldest(Some((device, layer)), after, before, limit);
            heads.extend(read::heads(&self.pools, query).await?);
        }
        heads.sort_by_key(|head| (head.span.start, head.id));
        heads.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(heads)
    }

    async fn replace(&self, row: &Recording) -> Result<(), IndexError> {
        let changed = self.pools.change(&write::replacement(row)).await.map_err(store_error)?;
        if changed > 0 { Ok(()) } else { Err(IndexError::NotFound) }
    }

    async fn mark_deleting(&self, ids: &[RecordingId]) -> Result<Vec<RecordingHead>, IndexError> {
        patiently(|| write::mark_deleting(&self.pools, ids)).await.map_err(store_error)
    }

    async fn remove(&self, ids: &[RecordingId]) -> Result<(), IndexError> {
        patiently(|| write::remove(&self.pools, ids)).await.map_err(store_error)
    }
}
