//! Devices in the database.

use super::{bookmark, snapshot};
use crate::db::convert::{device, device_row, field_columns, rows, store_error, time, write_error};
use crate::db::entity::device::{ActiveModel, Column, Entity};
use crate::db::entity::{bookmark as bookmarks, fence, recording as recordings, snapshot as snapshots};
use crate::db::pools::Pools;
use crate::keyring::Keyring;
use async_trait::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany,
};
use vas_core::model::{Device, DeviceFields, RecordingState, TenantId};
use vas_core::ports::{DeviceRepo, Page, RepoError};
use vas_core::{DeviceId, WallTime};

/// [`DeviceRepo`] on the database.
#[derive(Clone, Debug)]
pub struct SqlDevices {
    pools: Pools,
    keys: Keyring,
}

impl SqlDevices {
    pub(in crate::db) const fn new(pools: Pools, keys: Keyring) -> Self {
        Self { pools, keys }
    }

    pub(super) const fn pools(&self) -> &Pools {
        &self.pools
    }

    /// Adds a device, as a part of something larger.
    pub(super) async fn insert_within(
        &self,
        device: &Device,
        connection: &impl ConnectionTrait,
    ) -> Result<(), RepoError> {
        Entity::insert(device_row(device, &self.keys))
            .exec_without_returning(connection)
            .await
            .map_err(|error| write_error(error, taken, "tenant"))?;
        Ok(())
    }

    /// Replaces a device's fields, as a part of something larger. Whether there is such a device.
    pub(super) async fn update_within(
        &self,
        tenant: &TenantId,
        id: DeviceId,
        fields: &DeviceFields,
        at: WallTime,
        connection: &impl ConnectionTrait,
    ) -> Result<bool, RepoError> {
        let query = self.updating(tenant, id, fields, at);
        let updated = query.exec(connection).await.map_err(|error| write_error(error, taken, "tenant"))?;
        Ok(updated.rows_affected > 0)
    }

    fn updating(
        &self,
        tenant: &TenantId,
        id: DeviceId,
        fields: &DeviceFields,
        at: WallTime,
    ) -> UpdateMany<Entity> {
        let columns = ActiveModel {
            updated_at: ActiveValue::Set(Some(time(at))),
            ..field_columns(tenant, id, fields, &self.keys)
        };
        Entity::update_many()
            .set(columns)
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::TenantId.eq(tenant.as_str()))
    }

    fn one(tenant: &TenantId, id: DeviceId) -> Select<Entity> {
        Entity::find_by_id(id.as_uuid()).filter(Column::TenantId.eq(tenant.as_str()))
    }
}

/// The field whose unique index was violated: SQLite names the columns, PostgreSQL the index, which is named so.
fn taken(message: &str) -> &'static str {
    if message.contains("rtsp_url") { "rtsp_url" } else { "name" }
}

#[async_trait]
impl DeviceRepo for SqlDevices {
    async fn insert(&self, device: &Device) -> Result<(), RepoError> {
        self.insert_within(device, &self.pools.write).await
    }

    async fn get(&self, tenant: &TenantId, id: DeviceId) -> Result<Option<Device>, RepoError> {
        let row = self.pools.one(&Self::one(tenant, id)).await.map_err(store_error)?;
        Ok(row.map(|row| device(row, &self.keys)))
    }

    async fn list(&self, tenant: &TenantId, page: Page) -> Result<Vec<Device>, RepoError> {
        // Ids are uuids of version 7: they sort by creation.
        let query = Entity::find()
            .filter(Column::TenantId.eq(tenant.as_str()))
            .order_by_asc(Column::Id)
            .offset(rows(page.offset))
            .limit(rows(page.limit));
        let rows = self.pools.all(&query).await.map_err(store_error)?;
        Ok(rows.into_iter().map(|row| device(row, &self.keys)).collect())
    }

    async fn update(
        &self,
        tenant: &TenantId,
        id: DeviceId,
        fields: &DeviceFields,
        at: WallTime,
    ) -> Result<Device, RepoError> {
        let updated = self.pools.change(&self.updating(tenant, id, fields, at)).await;
        let updated = updated.map_err(|error| write_error(error, taken, "tenant"))?;
        let device = if updated == 0 { None } else { self.get(tenant, id).await? };
        device.ok_or(RepoError::NotFound { what: "device" })
    }

    async fn delete(&self, tenant: &TenantId, id: DeviceId) -> Result<bool, RepoError> {
        let transaction = self.pools.begin().await.map_err(store_error)?;
        let deleted = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::TenantId.eq(tenant.as_str()))
            .exec(&transaction)
            .await
            .map_err(store_error)?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        abandon(&transaction, id).await.map_err(store_error)?;
        transaction.commit().await.map_err(store_error)?;
        Ok(true)
    }
}

/// Marks as deleted all that was made of a device: its files go by and by, and each row after its files.
async fn abandon(transaction: &DatabaseTransaction, id: DeviceId) -> Result<(), DbErr> {
    let id = id.as_uuid();
    let deleting = RecordingState::Deleting.as_str();
    recordings::Entity::update_many()
        .col_expr(recordings::Column::State, Expr::value(deleting))
        .filter(recordings::Column::DeviceId.eq(id))
        .filter(recordings::Column::State.ne(deleting))
        .exec(transaction)
        .await?;
    fence::Entity::delete_by_id(id).exec(transaction).await?;
    bookmark::marking(Condition::all().add(bookmarks::Column::DeviceId.eq(id))).exec(transaction).await?;
    snapshot::marking(Condition::all().add(snapshots::Column::DeviceId.eq(id))).exec(transaction).await?;
    Ok(())
}
