//! Who asks.

use super::lease::Lease;
use super::scope::{Scope, Scopes};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::DeviceId;
use vas_core::model::TenantId;

/// Who asks, as far as it was proven, and what it may do.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// Whose devices it sees.
    pub(crate) tenant: TenantId,
    /// The account behind it.
    pub(crate) subject: Subject,
    /// What it is called: the name that bookmarks, snapshots and the audit log give.
    pub(crate) name: Arc<str>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// The devices that it may do it with.
    pub(crate) devices: DeviceAccess,
    /// How long that holds.
    pub(crate) lease: Lease,
}

impl Principal {
    /// Whoever reaches a server that is open: the admin of the only tenant.
    pub(crate) fn anyone() -> Self {
        Self {
            tenant: TenantId::default(),
            subject: Subject::Anyone,
            name: "anonymous".into(),
            scopes: Scopes::ALL,
            devices: DeviceAccess::All,
            lease: Lease::unlimited(),
        }
    }

    /// Whether it may do what `scope` is for.
    pub(crate) const fn may(&self, scope: Scope) -> bool {
        self.scopes.permits(scope)
    }
}

/// The account behind a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// None: the server is open.
    Anyone,
    /// A person.
    User(Uuid),
    /// A program.
    Client(Uuid),
    /// Somebody whom an OpenID provider vouches for: the `sub` of the token.
    External(Arc<str>),
}

impl Subject {
    /// The id of an account of this server.
    pub(crate) const fn account(&self) -> Option<Uuid> {
        match self {
            Self::User(id) | Self::Client(id) => Some(*id),
            Self::Anyone | Self::External(_) => None,
        }
    }
}

/// The devices that somebody may see. The others are as unknown to it as those that do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceAccess {
    /// All of the tenant.
    All,
    /// These.
    Only(Arc<BTreeSet<DeviceId>>),
}

impl DeviceAccess {
    /// Whether it may see a device.
    pub(crate) fn contains(&self, device: DeviceId) -> bool {
        match self {
            Self::All => true,
            Self::Only(devices) => devices.contains(&device),
        }
    }

    /// The devices of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, devices) | (devices, Self::All) => devices.clone(),
            (Self::Only(these), Self::Only(those)) => Self::Only(Arc::new(&**these & &**those)),
        }
    }

    /// None at all.
    pub(crate) fn none() -> Self {
        Self::Only(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_lists_have_in_common_is_seen() {
        let [gate, yard] = [DeviceId::random(), DeviceId::random()];
        let only = |devices: &[DeviceId]| DeviceAccess::Only(Arc::new(devices.iter().copied().collect()));
        let both = only(&[gate, yard]).and(&only(&[yard]));
        assert!(both.contains(yard) && !both.contains(gate));
        assert_eq!(DeviceAccess::All.and(&both), both);
        assert!(!DeviceAccess::none().contains(gate));
    }
}
