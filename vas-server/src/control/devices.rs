//! Devices: adding, changing, deleting.

use super::{Control, ControlError};
use vas_core::model::{CameraUrl, Device, DeviceFields};
use vas_core::ports::Page;
use vas_core::{DeviceId, StreamId};
use vas_ingest::Source;

/// Changes of a device: what is `None` stays. The inner `None` empties a field.
#[derive(Clone, Debug, Default)]
pub(crate) struct DevicePatch {
    /// A new name.
    pub(crate) name: Option<String>,
    /// A new address; one whose password is the mask of the stored address keeps that.
    pub(crate) url: Option<String>,
    /// A new description, or none.
    pub(crate) description: Option<Option<String>>,
    /// A new location, or none.
    pub(crate) location: Option<Option<String>>,
}

impl Control {
    /// Adds a device.
    pub(crate) async fn add_device(
        &self,
        name: String,
        url: &str,
        description: Option<String>,
        location: Option<String>,
    ) -> Result<Device, ControlError> {
        let device = Device {
            id: DeviceId::random(),
            tenant: self.inner.tenant.clone(),
            fields: DeviceFields { name, url: camera_url(url)?, description, location },
            created_at: self.inner.clock.wall(),
            updated_at: None,
        };
        self.inner.devices.insert(&device).await?;
        tracing::info!(device = %device.id, "device added");
        Ok(device)
    }

    /// The device.
    pub(crate) async fn device(&self, id: DeviceId) -> Result<Device, ControlError> {
        self.inner.devices.get(&self.inner.tenant, id).await?.ok_or(ControlError::NoDevice)
    }

    /// Devices in the order of their creation.
    pub(crate) async fn devices(&self, page: Page) -> Result<Vec<Device>, ControlError> {
        Ok(self.inner.devices.list(&self.inner.tenant, page).await?)
    }

    /// Changes a device. Its stream goes on from a new address where that changed.
    pub(crate) async fn change_device(
        &self,
        id: DeviceId,
        patch: DevicePatch,
    ) -> Result<Device, ControlError> {
        let this = self.clone();
        self.carry_through("change device", async move {
            let inner = &this.inner;
            let _guard = inner.locks.lock(id).await;
            let Device { fields: old, .. } = this.device(id).await?;
            let url = match patch.url {
                Some(url) if url == old.url.masked() => old.url.clone(),
                Some(url) => camera_url(&url)?,
                None => old.url.clone(),
            };
            let fields = DeviceFields {
                name: patch.name.unwrap_or(old.name),
                url,
                description: patch.description.unwrap_or(old.description),
                location: patch.location.unwrap_or(old.location),
            };
            let device = inner.devices.update(&inner.tenant, id, &fields, inner.clock.wall()).await?;
            if fields.url != old.url
                && let Some(stream) = inner.streams.of_device(&inner.tenant, id).await?
                && stream.wanted
            {
                inner.supervisor.start(source(&device, stream.id)?);
            }
            Ok(device)
        })
        .await
    }

    /// Deletes a device with its stream.
    pub(crate) async fn delete_device(&self, id: DeviceId) -> Result<(), ControlError> {
        let this = self.clone();
        self.carry_through("delete device", async move {
            let inner = &this.inner;
            let _guard = inner.locks.lock(id).await;
            let stream = inner.streams.of_device(&inner.tenant, id).await?;
            if !inner.devices.delete(&inner.tenant, id).await? {
                return Err(ControlError::NoDevice);
            }
            if let Some(stream) = stream {
                inner.live.close(stream.id);
                inner.supervisor.remove(stream.id).await;
            }
            tracing::info!(device = %id, "device deleted");
            Ok(())
        })
        .await
    }
}

/// Where a device's stream comes from.
pub(super) fn source(device: &Device, stream: StreamId) -> Result<Source, ControlError> {
    Ok(Source::parse(stream, device.fields.name.as_str(), device.fields.url.expose())?)
}

/// The address of a camera, if a camera can be read from it.
fn camera_url(text: &str) -> Result<CameraUrl, ControlError> {
    let url = CameraUrl::parse(text).map_err(|error| ControlError::Url(error.to_string()))?;
    if url.has_mask() {
        return Err(ControlError::Url("the password is masked; give the real one".to_owned()));
    }
    Source::parse(StreamId::random(), "check", url.expose())?;
    Ok(url)
}
