//! Devices in the database.

use crate::db::convert::{device, device_row, field_columns, rows, store_error, time, write_error};
use crate::db::entity::device::{ActiveModel, Column, Entity};
use async_trait::async_trait;
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use vas_core::model::{Device, DeviceFields, TenantId};
use vas_core::ports::{DeviceRepo, Page, RepoError};
use vas_core::{DeviceId, WallTime};

/// [`DeviceRepo`] on the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlDevices {
    connection: DatabaseConnection,
}

impl SqlDevices {
    pub(in crate::db) const fn new(connection: DatabaseConnection) -> Self {
        Self { connection }
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
        Entity::insert(device_row(device))
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| write_error(error, taken, "tenant"))?;
        Ok(())
    }

    async fn get(&self, tenant: &TenantId, id: DeviceId) -> Result<Option<Device>, RepoError> {
        Ok(Self::one(tenant, id).one(&self.connection).await.map_err(store_error)?.map(device))
    }

    async fn list(&self, tenant: &TenantId, page: Page) -> Result<Vec<Device>, RepoError> {
        // Ids are uuids of version 7: they sort by creation.
        let found = Entity::find()
            .filter(Column::TenantId.eq(tenant.as_str()))
            .order_by_asc(Column::Id)
            .offset(rows(page.offset))
            .limit(rows(page.limit))
            .all(&self.connection)
            .await
            .map_err(store_error)?;
        Ok(found.into_iter().map(device).collect())
    }

    async fn update(
        &self,
        tenant: &TenantId,
        id: DeviceId,
        fields: &DeviceFields,
        at: WallTime,
    ) -> Result<Device, RepoError> {
        let columns = ActiveModel { updated_at: ActiveValue::Set(Some(time(at))), ..field_columns(fields) };
        let updated = Entity::update_many()
            .set(columns)
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::TenantId.eq(tenant.as_str()))
            .exec(&self.connection)
            .await
            .map_err(|error| write_error(error, taken, "tenant"))?;
        let device = if updated.rows_affected == 0 { None } else { self.get(tenant, id).await? };
        device.ok_or(RepoError::NotFound { what: "device" })
    }

    async fn delete(&self, tenant: &TenantId, id: DeviceId) -> Result<bool, RepoError> {
        let deleted = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::TenantId.eq(tenant.as_str()))
            .exec(&self.connection)
            .await
            .map_err(store_error)?;
        Ok(deleted.rows_affected > 0)
    }
}
