//! Snapshots in the database.

use super::CHUNK;
use super::capture::{known_device, must_have_met};
use crate::db::convert::{image_columns, rows, snapshot, snapshot_row, store_error};
use crate::db::entity::snapshot::{ActiveModel, Column, Entity};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    UpdateMany,
};
use vas_core::model::{CaptureStatus, Snapshot, SnapshotImage, TenantId};
use vas_core::ports::{Page, RepoError, SnapshotFilter, SnapshotRepo};
use vas_core::{DeviceId, SnapshotId, WallTime};

/// [`SnapshotRepo`] on the database.
#[derive(Clone, Debug)]
pub struct SqlSnapshots {
    pools: Pools,
}

impl SqlSnapshots {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Changes what is known of a snapshot that is not deleted.
    async fn change(&self, id: SnapshotId, columns: ActiveModel) -> Result<(), RepoError> {
        let query = Entity::update_many().set(columns).filter(Column::Id.eq(id.as_uuid()));
        let query = query.filter(Column::Deleted.eq(false));
        must_have_met(self.pools.change(&query).await, "snapshot")
    }
}

fn one(tenant: &TenantId, id: SnapshotId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.as_uuid()))
        .add(Column::TenantId.eq(tenant.as_str()))
        .add(Column::Deleted.eq(false))
}

fn passing(tenant: &TenantId, filter: &SnapshotFilter) -> Condition {
    let micros = |time: WallTime| time.as_unix_micros();
    Condition::all()
        .add(Column::TenantId.eq(tenant.as_str()))
        .add(Column::Deleted.eq(false))
        .add_option(filter.device.map(|device| Column::DeviceId.eq(device.as_uuid())))
        .add_option(filter.among.as_ref().map(|among| among_devices(among)))
        .add_option(filter.stream.map(|stream| Column::StreamId.eq(stream.as_uuid())))
        .add_option(filter.created_by.as_ref().map(|maker| Column::CreatedBy.eq(maker)))
        .add_option(filter.source.map(|source| Column::Source.eq(source.as_str())))
        .add_option(filter.after.map(|time| Column::TakenUs.gte(micros(time))))
        .add_option(filter.before.map(|time| Column::TakenUs.lt(micros(time))))
        .add_option(filter.created_before.map(|time| Column::CreatedUs.lt(time.as_unix_micros())))
}

fn among_devices(among: &[DeviceId]) -> SimpleExpr {
    Column::DeviceId.is_in(among.iter().map(|device| device.as_uuid()))
}

/// Marks as deleted what a condition finds.
pub(super) fn marking(which: Condition) -> UpdateMany<Entity> {
    Entity::update_many().set(ActiveModel { deleted: Set(true), ..Default::default() }).filter(which)
}

#[async_trait]
impl SnapshotRepo for SqlSnapshots {
    async fn insert(&self, snapshot: &Snapshot) -> Result<(), RepoError> {
        let transaction = self.pools.begin().await.map_err(store_error)?;
        known_device(&transaction, snapshot.device).await?;
        Entity::insert(snapshot_row(snapshot))
            .exec_without_returning(&transaction)
            .await
            .map_err(store_error)?;
        transaction.commit().await.map_err(store_error)
    }

    async fn get(&self, tenant: &TenantId, id: SnapshotId) -> Result<Option<Snapshot>, RepoError> {
        let query = Entity::find().filter(one(tenant, id));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(snapshot))
    }

    async fn list(
        &self,
        tenant: &TenantId,
        filter: &SnapshotFilter,
        page: Page,
    ) -> Result<(Vec<Snapshot>, u64), RepoError> {
        let query = Entity::find().filter(passing(tenant, filter));
        let total = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        // Ids are uuids of version 7: they sort by creation.
        let query = query.order_by_desc(Column::Id).offset(rows(page.offset)).limit(rows(page.limit));
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok((found.into_iter().map(snapshot).collect(), total))
    }

    async fn ready(
        &self,
        id: SnapshotId,
        timestamp: WallTime,
        image: &SnapshotImage,
    ) -> Result<(), RepoError> {
        let columns = ActiveModel {
            taken_us: Set(timestamp.as_unix_micros()),
            status: Set(CaptureStatus::Ready.as_str().to_owned()),
            problem: Set(None),
            ..image_columns(Some(image))
        };
        self.change(id, columns).await
    }

    async fn fail(&self, id: SnapshotId, problem: &str) -> Result<(), RepoError> {
        let columns = ActiveModel {
            status: Set(CaptureStatus::Failed.as_str().to_owned()),
            problem: Set(Some(problem.to_owned())),
            ..Default::default()
        };
        self.change(id, columns).await
    }

    async fn unfinished(&self, after: Option<SnapshotId>, limit: u64) -> Result<Vec<Snapshot>, RepoError> {
        let query = Entity::find()
            .filter(Column::Deleted.eq(false))
            .filter(Column::Status.eq(CaptureStatus::Processing.as_str()))
            .apply_if(after, |query, after| query.filter(Column::Id.gt(after.as_uuid())))
            .order_by_asc(Column::Id)
            .limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(snapshot).collect())
    }

    async fn delete(&self, tenant: &TenantId, id: SnapshotId) -> Result<Option<Snapshot>, RepoError> {
        let Some(snapshot) = self.get(tenant, id).await? else { return Ok(None) };
        self.pools.change(&marking(one(tenant, id))).await.map_err(store_error)?;
        Ok(Some(snapshot))
    }

    async fn deleted(&self, limit: u64) -> Result<Vec<Snapshot>, RepoError> {
        let query = Entity::find().filter(Column::Deleted.eq(true)).limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(snapshot).collect())
    }

    async fn remove(&self, ids: &[SnapshotId]) -> Result<(), RepoError> {
        for chunk in ids.chunks(CHUNK) {
            let ids = Column::Id.is_in(chunk.iter().map(|id| id.as_uuid()));
            let query = Entity::delete_many().filter(ids).filter(Column::Deleted.eq(true));
            patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        }
        Ok(())
    }
}
