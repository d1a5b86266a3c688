//! Accounts, what proves them, and the audit log.

use super::super::entity::account::{
    api_key, audit, client, refresh_token, revocation, session, signing_key, user,
};
use crate::auth::model::{ApiKey, AuditEntry, Client, Owner, RefreshToken, Session, SigningKey, User};
use crate::auth::{DeviceAccess, Revocation, Role, Scopes};
use sea_orm::ActiveValue::Set;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::model::TenantId;

const fn micros(time: WallTime) -> i64 {
    time.as_unix_micros()
}

const fn wall(micros: i64) -> WallTime {
    WallTime::from_unix_micros(micros)
}

/// A list of devices as a JSON array of uuids; `None`: all of them.
fn devices_text(devices: &DeviceAccess) -> Option<String> {
    match devices {
        DeviceAccess::All => None,
        DeviceAccess::Only(devices) => Some(
            serde_json::json!(devices.iter().map(|device| device.as_uuid()).collect::<Vec<_>>()).to_string(),
        ),
    }
}

/// A list that can't be read lets nothing be seen.
fn devices(text: Option<String>) -> DeviceAccess {
    let Some(text) = text else { return DeviceAccess::All };
    let ids: Vec<Uuid> = serde_json::from_str(&text).unwrap_or_default();
    DeviceAccess::Only(Arc::new(ids.into_iter().map(Into::into).collect::<BTreeSet<_>>()))
}

pub(in crate::db) fn user_row(user: &User) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(user.id),
        tenant_id: Set(user.tenant.as_str().to_owned()),
        name: Set(user.name.clone()),
        password: Set(user.password.clone()),
        role: Set(user.role.name().to_owned()),
        devices: Set(devices_text(&user.devices)),
        disabled: Set(user.disabled),
        epoch: Set(user.epoch),
        created_us: Set(micros(user.created_at)),
        updated_us: Set(user.updated_at.map(micros)),
        last_login_us: Set(user.last_login_at.map(micros)),
    }
}

pub(in crate::db) fn user(row: user::Model) -> User {
    User {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        name: row.name,
        password: row.password,
        // A role of a newer version is the least of this one's.
        role: row.role.parse().unwrap_or(Role::Viewer),
        devices: devices(row.devices),
        disabled: row.disabled,
        epoch: row.epoch,
        created_at: wall(row.created_us),
        updated_at: row.updated_us.map(wall),
        last_login_at: row.last_login_us.map(wall),
    }
}

pub(in crate::db) fn client_row(client: &Client) -> client::ActiveModel {
    client::ActiveModel {
        id: Set(client.id),
        tenant_id: Set(client.tenant.as_str().to_owned()),
        name: Set(client.name.clone()),
        secret: Set(client.secret.clone()),
        scopes: Set(client.scopes.to_string()),
        devices: Set(devices_text(&client.devices)),
        epoch: Set(client.epoch),
        created_us: Set(micros(client.created_at)),
        expires_us: Set(client.expires_at.map(micros)),
    }
}

pub(in crate::db) fn client(row: client::Model) -> Client {
    Client {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        name: row.name,
        secret: row.secret,
        scopes: Scopes::known(&row.scopes),
        devices: devices(row.devices),
        epoch: row.epoch,
        created_at: wall(row.created_us),
        expires_at: row.expires_us.map(wall),
    }
}

const USER: &str = "user";
const CLIENT: &str = "client";

pub(in crate::db) fn key_row(key: &ApiKey) -> api_key::ActiveModel {
    let kind = match key.owner {
        Owner::User(_) => USER,
        Owner::Client(_) => CLIENT,
    };
    api_key::ActiveModel {
        id: Set(key.id),
        tenant_id: Set(key.tenant.as_str().to_owned()),
        owner_kind: Set(kind.to_owned()),
        owner_id: Set(key.owner.id()),
        name: Set(key.name.clone()),
        hash: Set(key.hash.clone()),
        scopes: Set(key.scopes.to_string()),
        created_us: Set(micros(key.created_at)),
        expires_us: Set(key.expires_at.map(micros)),
        last_used_us: Set(key.last_used_at.map(micros)),
    }
}

pub(in crate::db) fn key(row: api_key::Model) -> ApiKey {
    ApiKey {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        owner: if row.owner_kind == USER { Owner::User(row.owner_id) } else { Owner::Client(row.owner_id) },
        name: row.name,
        hash: row.hash,
        scopes: Scopes::known(&row.scopes),
        created_at: wall(row.created_us),
        expires_at: row.expires_us.map(wall),
        last_used_at: row.last_used_us.map(wall),
    }
}

pub(in crate::db) fn refresh_row(token: &RefreshToken) -> refresh_token::ActiveModel {
    refresh_token::ActiveModel {
        id: Set(token.id),
        family: Set(token.family),
        tenant_id: Set(token.tenant.as_str().to_owned()),
        client_id: Set(token.client),
        hash: Set(token.hash.clone()),
        scopes: Set(token.scopes.to_string()),
        epoch: Set(token.epoch),
        expires_us: Set(micros(token.expires_at)),
        used_us: Set(token.used_at.map(micros)),
    }
}

pub(in crate::db) fn refresh(row: refresh_token::Model) -> RefreshToken {
    RefreshToken {
        id: row.id,
        family: row.family,
        tenant: TenantId::new(row.tenant_id),
        client: row.client_id,
        hash: row.hash,
        scopes: Scopes::known(&row.scopes),
        epoch: row.epoch,
        expires_at: wall(row.expires_us),
        used_at: row.used_us.map(wall),
    }
}

pub(in crate::db) fn session_row(session: &Session) -> session::ActiveModel {
    session::ActiveModel {
        id: Set(session.id),
        tenant_id: Set(session.tenant.as_str().to_owned()),
        user_id: Set(session.user),
        hash: Set(session.hash.clone()),
        created_us: Set(micros(session.created_at)),
        expires_us: Set(micros(session.expires_at)),
        last_seen_us: Set(micros(session.last_seen_at)),
    }
}

pub(in crate::db) fn session(row: session::Model) -> Session {
    Session {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        user: row.user_id,
        hash: row.hash,
        created_at: wall(row.created_us),
        expires_at: wall(row.expires_us),
        last_seen_at: wall(row.last_seen_us),
    }
}

pub(in crate::db) fn revocation_row(revocation: &Revocation) -> revocation::ActiveModel {
    revocation::ActiveModel {
        id: Set(revocation.id),
        epoch: Set(revocation.epoch),
        expires_us: Set(micros(revocation.expires_at)),
    }
}

pub(in crate::db) fn revocation(row: &revocation::Model) -> Revocation {
    Revocation { id: row.id, epoch: row.epoch, expires_at: wall(row.expires_us) }
}

pub(in crate::db) fn signing_key_row(key: &SigningKey) -> signing_key::ActiveModel {
    signing_key::ActiveModel {
        id: Set(key.id.clone()),
        algorithm: Set(key.algorithm.clone()),
        sealed: Set(key.sealed.clone()),
        created_us: Set(micros(key.created_at)),
    }
}

pub(in crate::db) fn signing_key(row: signing_key::Model) -> SigningKey {
    SigningKey { id: row.id, algorithm: row.algorithm, sealed: row.sealed, created_at: wall(row.created_us) }
}

pub(in crate::db) fn audit_row(entry: &AuditEntry) -> audit::ActiveModel {
    audit::ActiveModel {
        id: Set(entry.id),
        tenant_id: Set(entry.tenant.as_str().to_owned()),
        at_us: Set(micros(entry.at)),
        actor: Set(entry.actor.clone()),
        action: Set(entry.action.clone()),
        target: Set(entry.target.clone()),
        allowed: Set(entry.allowed),
        address: Set(entry.address.clone()),
    }
}

pub(in crate::db) fn audit(row: audit::Model) -> AuditEntry {
    AuditEntry {
        id: row.id,
        tenant: TenantId::new(row.tenant_id),
        at: wall(row.at_us),
        actor: row.actor,
        action: row.action,
        target: row.target,
        allowed: row.allowed,
        address: row.address,
    }
}
