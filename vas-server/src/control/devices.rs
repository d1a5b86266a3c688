//! Devices: adding, changing, deleting.

use super::layers::Layers;
use super::{Control, ControlError};
use vas_core::model::{CameraUrl, Device, DeviceFields};
use vas_core::ports::Page;
use vas_core::{DeviceId, StreamId};
use vas_ingest::Source;

/// A device to be added.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewDevice {
    /// Its name.
    pub(crate) name: String,
    /// The address of its main stream.
    pub(crate) url: String,
    /// The address of its sub stream.
    pub(crate) sub_url: Option<String>,
    /// Free text.
    pub(crate) description: Option<String>,
    /// Free text.
    pub(crate) location: Option<String>,
}

/// Changes of a device: what is `None` stays. The inner `None` empties a field.
#[derive(Clone, Debug, Default)]
pub(crate) struct DevicePatch {
    /// A new name.
    pub(crate) name: Option<String>,
    /// A new address; one whose password is the mask of the stored address keeps that.
    pub(crate) url: Option<String>,
    /// A new address of the sub stream, or none; masked as above.
    pub(crate) sub_url: Option<Option<String>>,
    /// A new description, or none.
    pub(crate) description: Option<Option<String>>,
    /// A new location, or none.
    pub(crate) location: Option<Option<String>>,
}

impl Control {
    /// Adds a device.
    pub(crate) async fn add_device(&self, new: NewDevice) -> Result<Device, ControlError> {
        let fields = DeviceFields {
            name: new.name,
            url: camera_url("rtsp_url", &new.url)?,
            sub_url: new.sub_url.map(|url| camera_url("sub_rtsp_url", &url)).transpose()?,
            description: new.description,
            location: new.location,
        };
        apart(&fields)?;
        let device = Device {
            id: DeviceId::random(),
            tenant: self.inner.tenant.clone(),
            fields,
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

    /// Changes a device. Its stream goes on from a new address where that changed. Viewers live through that, but not
    /// through the sub stream's coming or going, with which other layers are offered to them.
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
                Some(url) => changed_url("rtsp_url", &url, Some(&old.url))?,
                None => old.url.clone(),
            };
            let sub_url = match patch.sub_url {
                Some(Some(url)) => Some(changed_url("sub_rtsp_url", &url, old.sub_url.as_ref())?),
                Some(None) => None,
                None => old.sub_url.clone(),
            };
            let fields = DeviceFields {
                name: patch.name.unwrap_or(old.name),
                url,
                sub_url,
                description: patch.description.unwrap_or(old.description),
                location: patch.location.unwrap_or(old.location),
            };
            apart(&fields)?;
            let device = inner.devices.update(&inner.tenant, id, &fields, inner.clock.wall()).await?;
            if (&fields.url, &fields.sub_url) != (&old.url, &old.sub_url)
                && let Some(stream) = inner.streams.of_device(&inner.tenant, id).await?
                && stream.wanted
            {
                this.run(Layers::of(&device, stream.id)?).await;
            }
            Ok(device)
        })
        .await
    }

    /// Deletes a device with its stream and, in the background, its recordings.
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
                inner.recordings.leave(id).await;
                this.remove_layers(stream.id).await;
            }
            inner.recordings.forget(id);
            tracing::info!(device = %id, "device deleted");
            Ok(())
        })
        .await
    }
}

/// The address of a camera in `field`, if a camera can be read from it.
fn camera_url(field: &'static str, text: &str) -> Result<CameraUrl, ControlError> {
    let url = CameraUrl::parse(text).map_err(|error| ControlError::url(field, &error))?;
    if url.has_mask() {
        return Err(ControlError::url(field, &"the password is masked; give the real one"));
    }
    let source = Source::parse(StreamId::random(), "check", url.expose())
        .map_err(|error| ControlError::url(field, &error))?;
    if source.is_publisher() && field != "rtsp_url" {
        return Err(ControlError::url(field, &"publishers have no sub stream; give an rtsp:// address"));
    }
    Ok(url)
}

/// The address that is meant by one which may have been copied from an answer, its password masked there.
fn changed_url(field: &'static str, text: &str, old: Option<&CameraUrl>) -> Result<CameraUrl, ControlError> {
    match old {
        Some(old) if text == old.masked() => Ok(old.clone()),
        _ => camera_url(field, text),
    }
}

/// Two layers of one address would be the same picture twice, read twice.
fn apart(fields: &DeviceFields) -> Result<(), ControlError> {
    if fields.sub_url.as_ref() == Some(&fields.url) {
        return Err(ControlError::url("sub_rtsp_url", &"must be another address than rtsp_url"));
    }
    Ok(())
}
