//! What a caller sees: its tenant and its devices. Everything else is as unknown to it as what does not exist.

use super::{Control, ControlError};
use crate::auth::{DeviceAccess, Lease, Principal};
use std::sync::Arc;
use vas_core::DeviceId;
use vas_core::model::TenantId;

/// Whose control it is.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// Its devices.
    pub(crate) devices: DeviceAccess,
    /// What the caller is called.
    pub(crate) name: Arc<str>,
    /// For how long it may see anything: what it watches ends then.
    pub(crate) lease: Lease,
}

impl Sight {
    /// The server's own, for what it does by itself: everything of the only tenant that it does things for.
    pub(super) fn own() -> Self {
        let (tenant, devices) = (TenantId::default(), DeviceAccess::All);
        Self { tenant, devices, name: "server".into(), lease: Lease::unlimited() }
    }

    /// Of a device that is not seen.
    pub(crate) fn must_see(&self, device: DeviceId) -> Result<(), ControlError> {
        if self.devices.contains(device) { Ok(()) } else { Err(ControlError::NoDevice) }
    }

    /// The devices that lists are limited to; `None`: no limit.
    pub(crate) fn only(&self) -> Option<Vec<DeviceId>> {
        match &self.devices {
            DeviceAccess::All => None,
            DeviceAccess::Only(devices) => Some(devices.iter().copied().collect()),
        }
    }
}

impl Control {
    /// The same control as a caller sees it.
    pub(crate) fn seen_by(&self, principal: &Principal) -> Self {
        let Principal { tenant, devices, name, lease, .. } = principal.clone();
        Self { inner: self.inner.clone(), sight: Arc::new(Sight { tenant, devices, name, lease }) }
    }

    /// The same control, and nothing is seen: what handlers have that nobody was let in to.
    pub(crate) fn seen_by_nobody(&self) -> Self {
        let sight = Sight { devices: DeviceAccess::none(), name: "nobody".into(), ..Sight::own() };
        Self { inner: self.inner.clone(), sight: Arc::new(sight) }
    }

    /// The server's own control of a tenant, for what it does by itself.
    pub(super) fn of_tenant(&self, tenant: TenantId) -> Self {
        Self { inner: self.inner.clone(), sight: Arc::new(Sight { tenant, ..Sight::own() }) }
    }

    /// Whose it is.
    pub(crate) fn sight(&self) -> &Sight {
        &self.sight
    }

    pub(super) fn tenant(&self) -> &TenantId {
        &self.sight.tenant
    }
}
