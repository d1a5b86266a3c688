//! How single devices are recorded, in the database.

use crate::config::RecordingMode;
use crate::db::convert::{store_error, write_error};
use crate::db::entity::recording_option::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, DatabaseConnection, EntityTrait};
use vas_core::DeviceId;
use vas_core::ports::RepoError;

/// How a device is recorded, where that differs from the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordingOptions {
    /// When.
    pub(crate) mode: Option<RecordingMode>,
    /// Days for which its recordings are kept; 0: without limit.
    pub(crate) retention_days: Option<u32>,
    /// Switched on or off by hand, whatever the mode is.
    pub(crate) by_hand: Option<bool>,
}

/// The options of all devices.
#[derive(Clone, Debug)]
pub(crate) struct SqlRecordingOptions {
    connection: DatabaseConnection,
}

impl SqlRecordingOptions {
    pub(in crate::db) const fn new(connection: DatabaseConnection) -> Self {
        Self { connection }
    }

    /// The options of a device; the empty ones where none were stored.
    pub(crate) async fn get(&self, device: DeviceId) -> Result<RecordingOptions, RepoError> {
        let row = Entity::find_by_id(device.as_uuid()).one(&self.connection).await.map_err(store_error)?;
        Ok(row.as_ref().map(options).unwrap_or_default())
    }

    /// Those of all devices that have some.
    pub(crate) async fn all(&self) -> Result<Vec<(DeviceId, RecordingOptions)>, RepoError> {
        let rows = Entity::find().all(&self.connection).await.map_err(store_error)?;
        Ok(rows.iter().map(|row| (row.device_id.into(), options(row))).collect())
    }

    /// Stores the options of a device, in the place of those it had.
    ///
    /// # Errors
    /// [`RepoError::NotFound`] when there is no such device.
    pub(crate) async fn set(&self, device: DeviceId, options: RecordingOptions) -> Result<(), RepoError> {
        let row = ActiveModel {
            device_id: ActiveValue::Set(device.as_uuid()),
            mode: ActiveValue::Set(options.mode.map(|mode| mode.name().to_owned())),
            retention_days: ActiveValue::Set(options.retention_days.and_then(|days| days.try_into().ok())),
            wanted: ActiveValue::Set(options.by_hand),
        };
        let replace = OnConflict::column(Column::DeviceId)
            .update_columns([Column::Mode, Column::RetentionDays, Column::Wanted])
            .to_owned();
        Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| write_error(error, |_| "device_id", "device"))?;
        Ok(())
    }
}

fn options(row: &Model) -> RecordingOptions {
    RecordingOptions {
        // A mode of a newer version is as good as none.
        mode: row.mode.as_deref().and_then(|mode| mode.parse().ok()),
        retention_days: row.retention_days.and_then(|days| days.try_into().ok()),
        by_hand: row.wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use vas_core::WallTime;
    use vas_core::model::{CameraUrl, Device, DeviceFields, TenantId};
    use vas_core::ports::DeviceRepo;

    #[tokio::test]
    async fn options_are_replaced_and_go_with_their_device() {
        let database = Database::connect("sqlite::memory:", crate::keyring::Keyring::random()).await.unwrap();
        let (devices, all) = (database.devices(), database.recording_options());
        let device = Device {
            id: DeviceId::random(),
            tenant: TenantId::default(),
            fields: DeviceFields {
                name: "Gate".to_owned(),
                url: CameraUrl::parse("rtsp://camera/1").unwrap(),
                sub_url: None,
                description: None,
                location: None,
            },
            created_at: WallTime::from_unix_micros(1),
            updated_at: None,
        };
        let event = RecordingOptions { mode: Some(RecordingMode::Event), ..RecordingOptions::default() };
        assert!(matches!(all.set(device.id, event).await, Err(RepoError::NotFound { what: "device" })));
        devices.insert(&device).await.unwrap();
        assert_eq!(all.get(device.id).await.unwrap(), RecordingOptions::default());
        all.set(device.id, event).await.unwrap();
        let stopped = RecordingOptions { by_hand: Some(false), retention_days: Some(30), ..event };
        all.set(device.id, stopped).await.unwrap();
        assert_eq!(all.get(device.id).await.unwrap(), stopped);
        assert_eq!(all.all().await.unwrap(), [(device.id, stopped)]);
        devices.delete(&device.tenant, device.id).await.unwrap();
        assert_eq!(all.all().await.unwrap(), []);
    }
}
