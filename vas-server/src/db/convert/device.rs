//! Devices as rows. The addresses of cameras, which hold passwords, are sealed for their device and column.

use super::{time, wall};
use crate::db::entity::device;
use crate::keyring::Keyring;
use sea_orm::ActiveValue;
use uuid::Uuid;
use vas_core::DeviceId;
use vas_core::model::{CameraUrl, Device, DeviceFields, TenantId};

/// A column with the address of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum UrlColumn {
    Main,
    Sub,
}

impl UrlColumn {
    /// What an address is sealed for: nobody who can write to the database moves it to another device or column.
    pub(in crate::db) fn place(self, device: Uuid) -> Vec<u8> {
        let column: &[u8] = match self {
            Self::Main => b"devices.rtsp_url ",
            Self::Sub => b"devices.sub_rtsp_url ",
        };
        [column, device.as_bytes()].concat()
    }

    fn seal(self, keys: &Keyring, device: DeviceId, url: &CameraUrl) -> String {
        let sealed = || keys.seal(&self.place(device.as_uuid()), url.expose());
        // What can't be decrypted stays as it is until its key is back.
        url.as_sealed().map_or_else(sealed, str::to_owned)
    }

    fn unseal(self, keys: &Keyring, device: Uuid, text: String) -> CameraUrl {
        match keys.unseal(&self.place(device), &text) {
            Ok(url) => CameraUrl::restore(url),
            // The start has told of it, with what to do.
            Err(_) => CameraUrl::sealed(text),
        }
    }
}

/// What is the same for equal addresses of one tenant.
pub(in crate::db) fn url_digest(keys: &Keyring, tenant: &str, url: &str) -> String {
    keys.digest(tenant.as_bytes(), url)
}

pub(in crate::db) fn device_row(device: &Device, keys: &Keyring) -> device::ActiveModel {
    device::ActiveModel {
        id: ActiveValue::Set(device.id.as_uuid()),
        tenant_id: ActiveValue::Set(device.tenant.as_str().to_owned()),
        created_at: ActiveValue::Set(time(device.created_at)),
        updated_at: ActiveValue::Set(device.updated_at.map(time)),
        ..field_columns(&device.tenant, device.id, &device.fields, keys)
    }
}

pub(in crate::db) fn field_columns(
    tenant: &TenantId,
    id: DeviceId,
    fields: &DeviceFields,
    keys: &Keyring,
) -> device::ActiveModel {
    let sub_url = fields.sub_url.as_ref().map(|url| UrlColumn::Sub.seal(keys, id, url));
    device::ActiveModel {
        name: ActiveValue::Set(fields.name.clone()),
        rtsp_url: ActiveValue::Set(UrlColumn::Main.seal(keys, id, &fields.url)),
        rtsp_url_digest: match fields.url.as_sealed() {
            Some(_) => ActiveValue::NotSet,
            None => ActiveValue::Set(Some(url_digest(keys, tenant.as_str(), fields.url.expose()))),
        },
        sub_rtsp_url: ActiveValue::Set(sub_url),
        description: ActiveValue::Set(fields.description.clone()),
        location: ActiveValue::Set(fields.location.clone()),
        ..Default::default()
    }
}

pub(in crate::db) fn device(row: device::Model, keys: &Keyring) -> Device {
    let unseal = |column: UrlColumn, text| column.unseal(keys, row.id, text);
    Device {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        fields: DeviceFields {
            name: row.name,
            url: unseal(UrlColumn::Main, row.rtsp_url),
            sub_url: row.sub_rtsp_url.map(|text| unseal(UrlColumn::Sub, text)),
            description: row.description,
            location: row.location,
        },
        created_at: wall(row.created_at),
        updated_at: row.updated_at.map(wall),
    }
}
