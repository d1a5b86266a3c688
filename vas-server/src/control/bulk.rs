//! Many devices at once, each by itself: what is wrong with one keeps no other from being added.

use super::{Control, ControlError, NewDevice};
use std::collections::HashSet;
use vas_core::DeviceId;
use vas_core::ports::{Page, RepoError};

/// What becomes of a device among many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was added.
    Device(DeviceId),
    /// It could be added.
    Possible,
}

/// Adds devices one after another, or only tells what would come of it.
#[derive(Debug)]
pub(crate) struct BulkAdd {
    control: Control,
    /// In a trial: names and addresses that are taken, those of the devices before included.
    taken: Option<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    names: HashSet<String>,
    urls: HashSet<String>,
}

impl Control {
    /// Begins to add many devices; `trial`: only to tell what would come of it.
    pub(crate) async fn add_many(&self, trial: bool) -> Result<BulkAdd, ControlError> {
        let taken = if trial { Some(self.taken().await?) } else { None };
        Ok(BulkAdd { control: self.clone(), taken })
    }

    async fn taken(&self) -> Result<Taken, ControlError> {
        let devices = self.inner.devices.list(self.tenant(), Page { offset: 0, limit: u64::MAX }).await?;
        let mut taken = Taken::default();
        for device in devices {
            taken.names.insert(device.fields.name);
            if device.fields.url.as_sealed().is_none() {
                taken.urls.insert(device.fields.url.expose().to_owned());
            }
        }
        Ok(taken)
    }
}

impl BulkAdd {
    /// Adds a device, or tells whether that could be done.
    ///
    /// # Errors
    /// As when the device is added alone.
    pub(crate) async fn add(&mut self, new: NewDevice) -> Result<Added, ControlError> {
        let Some(taken) = &mut self.taken else {
            return Ok(Added::Device(self.control.add_device(new).await?.id));
        };
        let fields = self.control.checked(new)?;
        let (name, url) = (fields.name, fields.url.expose().to_owned());
        if taken.names.contains(&name) {
            return Err(RepoError::Taken { field: "name" }.into());
        }
        if taken.urls.contains(&url) {
            return Err(RepoError::Taken { field: "rtsp_url" }.into());
        }
        taken.names.insert(name);
        taken.urls.insert(url);
        Ok(Added::Possible)
    }
}
