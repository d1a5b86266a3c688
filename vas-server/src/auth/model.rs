//! Accounts and what proves them, as they are stored. Passwords and secrets are here as hashes alone.

use super::principal::DeviceAccess;
use super::scope::{Role, Scopes};
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::model::TenantId;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The name to sign in with; of one user in all tenants.
    pub(crate) name: String,
    /// The password's hash (argon2id, as a PHC string).
    pub(crate) password: String,
    /// What it may do.
    pub(crate) role: Role,
    /// What it may do it with.
    pub(crate) devices: DeviceAccess,
    /// Whether it is kept out.
    pub(crate) disabled: bool,
    /// Rises with each change that ends what was opened before.
    pub(crate) epoch: i64,
    /// When it was made.
    pub(crate) created_at: WallTime,
    /// When it was last changed.
    pub(crate) updated_at: Option<WallTime>,
    /// When it last signed in.
    pub(crate) last_login_at: Option<WallTime>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The `client_id`; of one client in all tenants.
    pub(crate) name: String,
    /// The secret's hash (argon2id, as a PHC string).
    pub(crate) secret: String,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// What it may do it with.
    pub(crate) devices: DeviceAccess,
    /// Rises with each change that ends what was issued before.
    pub(crate) epoch: i64,
    /// When it was made.
    pub(crate) created_at: WallTime,
    /// When it ends.
    pub(crate) expires_at: Option<WallTime>,
}

/// An account that keys and sessions are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A user.
    User(Uuid),
    /// A client.
    Client(Uuid),
}

impl Owner {
    /// The account's id.
    pub(crate) const fn id(self) -> Uuid {
        match self {
            Self::User(id) | Self::Client(id) => id,
        }
    }
}

/// A key for programs that can't renew tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// Its id, which the key itself holds, too.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The account that it stands for.
    pub(crate) owner: Owner,
    /// What its owner calls it.
    pub(crate) name: String,
    /// The SHA-256 of the key: of 256 random bits, which nobody guesses, so that no slow hash is needed.
    pub(crate) hash: String,
    /// What it may do, as far as its owner may.
    pub(crate) scopes: Scopes,
    /// When it was made.
    pub(crate) created_at: WallTime,
    /// When it ends.
    pub(crate) expires_at: Option<WallTime>,
    /// When it was last used, to about a minute.
    pub(crate) last_used_at: Option<WallTime>,
}

/// A refresh token. Those that came of one another are a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its family.
    pub(crate) family: Uuid,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The client that it was issued to.
    pub(crate) client: Uuid,
    /// The SHA-256 of the token.
    pub(crate) hash: String,
    /// What the family may do.
    pub(crate) scopes: Scopes,
    /// The client's epoch at the time.
    pub(crate) epoch: i64,
    /// When it ends.
    pub(crate) expires_at: WallTime,
    /// When another one was issued in its place: once is enough.
    pub(crate) used_at: Option<WallTime>,
}

/// A browser that somebody signed in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Who signed in.
    pub(crate) user: Uuid,
    /// The SHA-256 of the cookie.
    pub(crate) hash: String,
    /// When that was.
    pub(crate) created_at: WallTime,
    /// When it ends at the latest.
    pub(crate) expires_at: WallTime,
    /// When it was last used, to about a minute.
    pub(crate) last_seen_at: WallTime,
}

/// A key that tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SigningKey {
    /// The `kid`.
    pub(crate) id: String,
    /// `EdDSA` or `ES256`.
    pub(crate) algorithm: String,
    /// The key pair as PKCS#8 (RFC 5958) in base64, sealed.
    pub(crate) sealed: String,
    /// When it was made.
    pub(crate) created_at: WallTime,
}

/// Something that somebody did, or was not let do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// Its id: of version 7, so that entries sort by it.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// When it was.
    pub(crate) at: WallTime,
    /// Who did it, by name.
    pub(crate) actor: String,
    /// What it was, such as `session.create`.
    pub(crate) action: String,
    /// What it was done to.
    pub(crate) target: Option<String>,
    /// Whether it was done.
    pub(crate) allowed: bool,
    /// Where it was asked from.
    pub(crate) address: Option<String>,
}

/// Which audit entries to give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    /// Of this actor.
    pub(crate) actor: Option<String>,
    /// Of this action.
    pub(crate) action: Option<String>,
    /// Those that were done, or those that were not.
    pub(crate) allowed: Option<bool>,
    /// From this time on.
    pub(crate) after: Option<WallTime>,
    /// Before this time.
    pub(crate) before: Option<WallTime>,
}
