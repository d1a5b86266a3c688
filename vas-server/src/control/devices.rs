//! Devices: adding, changing, deleting.

use super::events::{SystemEvent, SystemEventType, Topic};
use super::layers::Layers;
use super::options::{OptionsPatch, fit};
use super::{Control, ControlError};
use crate::auth::DeviceAccess;
use crate::db::DeviceOptions;
use vas_core::model::{CameraUrl, Device, DeviceFields};
use vas_core::ports::Page;
use vas_core::{DeviceId, StreamId};
use vas_ingest::{Source, Supervisor};

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
    /// How it is run.
    pub(crate) options: DeviceOptions,
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
    /// Changes of how it is run.
    pub(crate) options: OptionsPatch,
}

impl Control {
    /// Adds a device. Its stream is started where it is to run on demand or with the server.
    pub(crate) async fn add_device(&self, new: NewDevice) -> Result<Device, ControlError> {
        let options = new.options.clone();
        let fields = self.checked(new)?;
        let device = Device {
            id: DeviceId::random(),
            tenant: self.tenant().clone(),
            fields,
            created_at: self.inner.clock.wall(),
            updated_at: None,
        };
        self.inner.options.insert(&device, &options).await?;
        self.tell_device(SystemEventType::DeviceAdded, device.id);
        tracing::info!(device = %device.id, "device added");
        if (options.on_demand || options.autostart)
            && let Err(error) = self.start(device.id).await
        {
            tracing::error!(device = %device.id, %error, "the stream can't be started");
        }
        Ok(device)
    }

    /// What a new device would be.
    ///
    /// # Errors
    /// Something is wrong with it, or the caller may add none.
    pub(super) fn checked(&self, new: NewDevice) -> Result<DeviceFields, ControlError> {
        if self.sight().devices != DeviceAccess::All {
            return Err(ControlError::NotYours);
        }
        checked(&self.inner.supervisor, new)
    }

    /// The device.
    pub(crate) async fn device(&self, id: DeviceId) -> Result<Device, ControlError> {
        self.sight().must_see(id)?;
        self.inner.devices.get(self.tenant(), id).await?.ok_or(ControlError::NoDevice)
    }

    /// Devices in the order of their creation.
    pub(crate) async fn devices(&self, page: Page) -> Result<Vec<Device>, ControlError> {
        let list = async |page| self.inner.devices.list(self.tenant(), page).await;
        if matches!(self.sight().devices, DeviceAccess::All) {
            return Ok(list(page).await?);
        }
        // Lists of devices are short: what is not on one is left out here rather than in the database.
        let mut seen = list(Page { offset: 0, limit: u64::MAX }).await?;
        seen.retain(|device| self.sight().devices.contains(device.id));
        let skipped = usize::try_from(page.offset).unwrap_or(usize::MAX);
        Ok(seen.into_iter().skip(skipped).take(usize::try_from(page.limit).unwrap_or(usize::MAX)).collect())
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
                Some(url) => changed_url(&inner.supervisor, "rtsp_url", &url, Some(&old.url))?,
                None => old.url.clone(),
            };
            let sub_url = match patch.sub_url {
                Some(Some(url)) => {
                    Some(changed_url(&inner.supervisor, "sub_rtsp_url", &url, old.sub_url.as_ref())?)
                }
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
            let old_options = this.options(id).await?;
            let options = patch.options.apply(old_options.clone());
            fit(&fields, &options)?;
            let (tenant, at) = (this.tenant(), inner.clock.wall());
            inner.options.update(tenant, id, &fields, &options, at).await?;
            let device = this.device(id).await?;
            let reads = |fields: &DeviceFields| (fields.url.clone(), fields.sub_url.clone());
            if ((old.url, old.sub_url), old_options) != (reads(&fields), options.clone())
                && let Some(stream) = inner.streams.of_device(tenant, id).await?
                && stream.wanted
            {
                this.run(Layers::of(&device, &options, stream.id)?).await;
            }
            this.tell_device(SystemEventType::DeviceChanged, id);
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
            this.sight().must_see(id)?;
            let stream = inner.streams.of_device(this.tenant(), id).await?;
            if !inner.devices.delete(this.tenant(), id).await? {
                return Err(ControlError::NoDevice);
            }
            if let Some(stream) = stream {
                inner.demand.forget(stream.id);
                inner.live.close(stream.id);
                inner.recordings.leave(id).await;
                this.remove_layers(stream.id).await;
            }
            inner.recordings.forget(id);
            this.tell_device(SystemEventType::DeviceDeleted, id);
            tracing::info!(device = %id, "device deleted");
            Ok(())
        })
        .await
    }

    /// Tells that there is something new to list.
    fn tell_device(&self, kind: SystemEventType, device: DeviceId) {
        let event = SystemEvent { kind, device_id: Some(device) };
        self.inner.events.publish(Topic::System, Some(self.tenant()), Some(device), &event);
    }
}

/// What a new device would be, where its cameras may be connected to.
///
/// # Errors
/// Something is wrong with it.
pub(crate) fn checked(supervisor: &Supervisor, new: NewDevice) -> Result<DeviceFields, ControlError> {
    let fields = DeviceFields {
        name: new.name,
        url: camera_url(supervisor, "rtsp_url", &new.url)?,
        sub_url: new.sub_url.map(|url| camera_url(supervisor, "sub_rtsp_url", &url)).transpose()?,
        description: new.description,
        location: new.location,
    };
    apart(&fields)?;
    fit(&fields, &new.options)?;
    Ok(fields)
}

/// The address of a camera in `field`, if a camera can be read from it and its host may be connected to.
fn camera_url(supervisor: &Supervisor, field: &'static str, text: &str) -> Result<CameraUrl, ControlError> {
    let url = CameraUrl::parse(text).map_err(|error| ControlError::url(field, &error))?;
    if url.has_mask() {
        return Err(ControlError::url(field, &"the password is masked; give the real one"));
    }
    let source = Source::parse(StreamId::random(), "check", url.expose())
        .map_err(|error| ControlError::url(field, &error))?;
    if source.is_publisher() && field != "rtsp_url" {
        return Err(ControlError::url(field, &"publishers have no sub stream; give an rtsp:// address"));
    }
    supervisor.check(&source).map_err(|error| ControlError::url(field, &error))?;
    Ok(url)
}

/// The address that is meant by one which may have been copied from an answer, its password masked there.
fn changed_url(
    supervisor: &Supervisor,
    field: &'static str,
    text: &str,
    old: Option<&CameraUrl>,
) -> Result<CameraUrl, ControlError> {
    match old {
        Some(old) if text == old.masked() => Ok(old.clone()),
        _ => camera_url(supervisor, field, text),
    }
}

/// Two layers of one address would be the same picture twice, read twice.
fn apart(fields: &DeviceFields) -> Result<(), ControlError> {
    if fields.sub_url.as_ref() == Some(&fields.url) {
        return Err(ControlError::url("sub_rtsp_url", &"must be another address than rtsp_url"));
    }
    Ok(())
}
