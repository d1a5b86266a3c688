//! How single devices are run: on demand or always, with the server or by hand, over which transport.

use super::{Control, ControlError};
use crate::db::{DeviceOptions, DeviceTransport};
use std::collections::HashMap;
use vas_core::DeviceId;
use vas_core::model::DeviceFields;

/// Seconds without viewers after which a stream on demand may be told to sleep: a player that reloads a playlist must not
/// find it asleep.
pub(crate) const IDLE_RANGE: std::ops::RangeInclusive<u32> = 10..=86_400;

/// Changes of a device's options: what is `None` stays. The inner `None` empties an option.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionsPatch {
    pub(crate) on_demand: Option<bool>,
    pub(crate) idle_seconds: Option<Option<u32>>,
    pub(crate) autostart: Option<bool>,
    pub(crate) group: Option<Option<String>>,
    pub(crate) transport: Option<DeviceTransport>,
}

impl OptionsPatch {
    /// The options after the change.
    pub(crate) fn apply(self, old: DeviceOptions) -> DeviceOptions {
        DeviceOptions {
            on_demand: self.on_demand.unwrap_or(old.on_demand),
            idle_seconds: self.idle_seconds.unwrap_or(old.idle_seconds),
            autostart: self.autostart.unwrap_or(old.autostart),
            group: self.group.unwrap_or(old.group),
            transport: self.transport.unwrap_or(old.transport),
        }
    }
}

/// Whether options fit a device.
///
/// # Errors
/// A publisher can't be made to publish.
pub(super) fn fit(fields: &DeviceFields, options: &DeviceOptions) -> Result<(), ControlError> {
    if fields.url.is_publisher() && options.on_demand {
        return Err(ControlError::url(
            "on_demand",
            &"a camera that publishes by itself can't be started on demand",
        ));
    }
    Ok(())
}

impl Control {
    /// How a device is run.
    pub(crate) async fn options(&self, id: DeviceId) -> Result<DeviceOptions, ControlError> {
        Ok(self.inner.options.get(self.tenant(), id).await?)
    }

    /// How those of the tenant's devices are run that are not run in the usual way.
    pub(crate) async fn all_options(&self) -> Result<HashMap<DeviceId, DeviceOptions>, ControlError> {
        Ok(self.inner.options.list(self.tenant()).await?)
    }
}
