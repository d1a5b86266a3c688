//! What the bodies of accounts have in common.

use crate::auth::{DeviceAccess, Principal, Role, Scope, Scopes};
use crate::http::extract::PathId;
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::DeviceId;
use vas_core::model::TenantId;
use vas_core::ports::Page;

/// Devices in one list at most.
const MAX_DEVICES: usize = 1_000;
/// Longest text with names of scopes, in characters.
const LONGEST_SCOPES: usize = 500;
const SCOPES_EXPECTED: &str = "must be a list of streams:read, streams:write, streams:consume, snapshots:read, \
                               snapshots:write, bookmarks:read, bookmarks:write and admin";
const DEVICES_EXPECTED: &str = "must be null for all devices, or a list of up to 1,000 ids of devices";

/// The id of a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct UserId(pub(super) Uuid);

impl std::str::FromStr for UserId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl PathId for UserId {
    const WHAT: &'static str = "user";
}

/// The id of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyId(pub(super) Uuid);

impl std::str::FromStr for KeyId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl PathId for KeyId {
    const WHAT: &'static str = "key";
}

/// Permissions: a list of names, or one text with spaces between them. `None`: there is none.
pub(super) fn scopes(fields: &mut Fields, name: &str) -> Option<Scopes> {
    let scopes = match fields.raw(name) {
        None | Some(Value::Null) => return None,
        Some(Value::String(text)) if text.len() <= LONGEST_SCOPES => Scopes::parse(text).ok(),
        Some(Value::Array(names)) => {
            let scope = |name: &Value| name.as_str()?.parse::<Scope>().ok();
            names.iter().map(scope).collect()
        }
        Some(_) => None,
    };
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    if scopes.is_none() {
        fields.refuse(name, SCOPES_EXPECTED);
    }
    scopes
}

/// A role.
pub(super) fn role(fields: &mut Fields) -> Option<Role> {
    fields.parsed("role", "must be viewer, operator or admin")
}

/// A list of devices, or null for all of them. `None`: nothing is said.
pub(super) fn devices(fields: &mut Fields) -> Option<DeviceAccess> {
    let ids = match fields.raw("devices") {
        None => return None,
        Some(Value::Null) => return Some(DeviceAccess::All),
        Some(Value::Array(ids)) if ids.len() <= MAX_DEVICES => {
            let id = |id: &Value| id.as_str()?.parse::<DeviceId>().ok();
            ids.iter().map(id).collect::<Option<BTreeSet<_>>>()
        }
        Some(_) => None,
    };
    if ids.is_none() {
        fields.refuse("devices", DEVICES_EXPECTED);
    }
    ids.map(|ids| DeviceAccess::Only(Arc::new(ids)))
}

/// The devices of an account in answers; `None`: all of them.
pub(super) fn device_list(devices: &DeviceAccess) -> Option<Vec<Uuid>> {
    match devices {
        DeviceAccess::All => None,
        DeviceAccess::Only(devices) => Some(devices.iter().map(|device| device.as_uuid()).collect()),
    }
}

/// A name that an account is to have.
pub(super) fn name(fields: &mut Fields, field: &str) -> Option<String> {
    let name = fields.required_text(field, 100)?;
    match crate::auth::admin::bad_name(&name) {
        None => Some(name),
        Some(why) => {
            fields.refuse(field, why);
            None
        }
    }
}

/// Whose accounts a request is about: the caller's own tenant or, where that is the first one, whichever it names.
pub(super) fn tenant(fields: &mut Fields, caller: &Principal) -> Result<TenantId, Problem> {
    let Some(name) = fields.text("tenant", 64).filter(|name| *name != caller.tenant.as_str()) else {
        return Ok(caller.tenant.clone());
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        fields.refuse("tenant", "must be of letters, digits, - _ and .");
    }
    if caller.tenant == TenantId::default() {
        return Ok(TenantId::new(name));
    }
    // Told as if there were no other tenant.
    Err(Problem::not_found("tenant"))
}

/// `limit` and `offset` of a list.
pub(super) fn page(query: &mut Fields) -> Page {
    Page { limit: query.integer("limit", 1, 100, 50), offset: query.integer("offset", 0, u64::MAX >> 1, 0) }
}
