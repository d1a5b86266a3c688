//! Devices with how they are run, in the database.

use super::SqlDevices;
use crate::db::convert::{store_error, write_error};
use crate::db::entity::device_option::{ActiveModel, Column, Entity, Model};
use sea_orm::{ActiveValue, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::str::FromStr;
use utoipa::ToSchema;
use vas_core::model::{Device, DeviceFields, TenantId};
use vas_core::ports::RepoError;
use vas_core::{DeviceId, WallTime};

/// How media travels from a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceTransport {
    /// TCP, and UDP where the camera refuses TCP.
    #[default]
    Auto,
    /// Within the RTSP connection.
    Tcp,
    /// Over UDP; what arrives late is lost.
    Udp,
}

impl DeviceTransport {
    /// Its name in requests, answers and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl FromStr for DeviceTransport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Auto, Self::Tcp, Self::Udp];
        let known = all.into_iter().find(|transport| transport.name().eq_ignore_ascii_case(text));
        known.ok_or_else(|| "expected auto, tcp or udp".to_owned())
    }
}

/// How a device is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// Its stream, once started, runs only while somebody watches it.
    pub on_demand: bool,
    /// Seconds without anybody watching after which a stream that runs on demand sleeps again; `None`: the usual.
    pub idle_seconds: Option<u32>,
    /// Its stream is started when the device is added and whenever the server starts, also where it was stopped.
    pub autostart: bool,
    /// A name under which several devices are shown together.
    pub group: Option<String>,
    /// How media travels from the camera.
    pub transport: DeviceTransport,
}

/// The options of all devices.
#[derive(Clone, Debug)]
pub struct SqlDeviceOptions {
    devices: SqlDevices,
}

impl SqlDeviceOptions {
    pub(in crate::db) const fn new(devices: SqlDevices) -> Self {
        Self { devices }
    }

    /// Adds a device with its options, both or neither.
    ///
    /// # Errors
    /// [`RepoError::Taken`] as for the device alone.
    pub async fn insert(&self, device: &Device, options: &DeviceOptions) -> Result<(), RepoError> {
        let transaction = self.devices.pools().begin().await.map_err(store_error)?;
        self.devices.insert_within(device, &transaction).await?;
        set(&device.tenant, device.id, options, &transaction).await?;
        transaction.commit().await.map_err(store_error)
    }

    /// Replaces a device's fields and options, both or neither.
    ///
    /// # Errors
    /// [`RepoError::Taken`] as for the fields alone; [`RepoError::NotFound`].
    pub async fn update(
        &self,
        tenant: &TenantId,
        id: DeviceId,
        fields: &DeviceFields,
        options: &DeviceOptions,
        at: WallTime,
    ) -> Result<(), RepoError> {
        let transaction = self.devices.pools().begin().await.map_err(store_error)?;
        if !self.devices.update_within(tenant, id, fields, at, &transaction).await? {
            return Err(RepoError::NotFound { what: "device" });
        }
        set(tenant, id, options, &transaction).await?;
        transaction.commit().await.map_err(store_error)
    }

    /// The options of a device; the usual ones where it has none of its own.
    ///
    /// # Errors
    /// [`RepoError::Store`].
    pub async fn get(&self, tenant: &TenantId, id: DeviceId) -> Result<DeviceOptions, RepoError> {
        let query = Entity::find_by_id(id.as_uuid()).filter(Column::TenantId.eq(tenant.as_str()));
        let row = self.devices.pools().one(&query).await.map_err(store_error)?;
        Ok(row.map(options).unwrap_or_default())
    }

    /// Those of the tenant's devices that have some.
    ///
    /// # Errors
    /// [`RepoError::Store`].
    pub async fn list(&self, tenant: &TenantId) -> Result<HashMap<DeviceId, DeviceOptions>, RepoError> {
        let query = Entity::find().filter(Column::TenantId.eq(tenant.as_str()));
        let rows = self.devices.pools().all(&query).await.map_err(store_error)?;
        Ok(rows.into_iter().map(|row| (row.device_id.into(), options(row))).collect())
    }

    /// The devices of all tenants whose stream is to be started with the server.
    ///
    /// # Errors
    /// [`RepoError::Store`].
    pub async fn autostarting(&self) -> Result<Vec<(TenantId, DeviceId)>, RepoError> {
        let query = Entity::find().filter(Column::Autostart.eq(true));
        let rows = self.devices.pools().all(&query).await.map_err(store_error)?;
        Ok(rows.into_iter().map(|row| (TenantId::new(row.tenant_id), row.device_id.into())).collect())
    }
}

/// Stores the options of a device; the usual ones take no row.
async fn set(
    tenant: &TenantId,
    id: DeviceId,
    options: &DeviceOptions,
    transaction: &DatabaseTransaction,
) -> Result<(), RepoError> {
    Entity::delete_by_id(id.as_uuid()).exec(transaction).await.map_err(store_error)?;
    if *options == DeviceOptions::default() {
        return Ok(());
    }
    let row = ActiveModel {
        device_id: ActiveValue::Set(id.as_uuid()),
        tenant_id: ActiveValue::Set(tenant.as_str().to_owned()),
        on_demand: ActiveValue::Set(options.on_demand),
        idle_seconds: ActiveValue::Set(options.idle_seconds.and_then(|seconds| seconds.try_into().ok())),
        autostart: ActiveValue::Set(options.autostart),
        group_name: ActiveValue::Set(options.group.clone()),
        transport: ActiveValue::Set(match options.transport {
            DeviceTransport::Auto => None,
            other => Some(other.name().to_owned()),
        }),
    };
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| write_error(error, |_| "device_id", "device"))?;
    Ok(())
}

fn options(row: Model) -> DeviceOptions {
    DeviceOptions {
        on_demand: row.on_demand,
        idle_seconds: row.idle_seconds.and_then(|seconds| seconds.try_into().ok()),
        autostart: row.autostart,
        group: row.group_name,
        // One of a newer version is as good as none.
        transport: row.transport.and_then(|name| name.parse().ok()).unwrap_or_default(),
    }
}
