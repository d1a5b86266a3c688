//! Accounts: who asks, what it may do, and how it proves that.
//!
//! ```text
//! request --> http::guard --> Auth::authenticate --> Principal --> policy: may it? --> Control::seen_by --> handler
//! ```
//!
//! `policy` says what each route needs; a `Principal` has it or is refused. Which devices it sees, the scoped control
//! decides. Nothing here knows of HTTP beyond what a request shows as proof.

pub mod admin;
mod audit;
mod authenticate;
mod cache;
mod error;
mod first;
mod grant;
mod lease;
mod login;
mod manage;
pub(crate) mod model;
mod openid;
mod password;
pub(crate) mod policy;
mod principal;
mod scope;
mod secret;
mod throttle;
mod token;

pub(crate) use audit::Event;
pub(crate) use error::AuthError;
pub use first::AuthStartError;
pub(crate) use grant::Grant;
pub(crate) use lease::{Lease, Revocation};
pub(crate) use login::{SignedIn, bad_password, csrf_token};
pub(crate) use manage::{NewClient, NewUser, UserPatch};
pub use policy::{RouteAccess, routes};
pub(crate) use principal::{DeviceAccess, Principal, Subject};
pub use scope::{Role, UnknownRole, UnknownScope};
pub(crate) use scope::{Scope, Scopes};

use crate::config::{AuthConfig, AuthMode};
use crate::db::{SqlAccounts, SqlAudit, SqlCredentials};
use audit::Audit;
use authenticate::Account;
use cache::Cache;
use lease::Revocations;
use openid::OpenId;
use parking_lot::Mutex;
use password::Passwords;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throttle::Throttle;
use token::Tokens;
use uuid::Uuid;
use vas_core::{SharedClock, WallTime};

/// Keys that another node has made are looked for no more often than that.
const KEY_SEARCH: Duration = Duration::from_secs(10);

/// What a request shows as proof of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// `Authorization: Bearer`, or `?token=`.
    Token(String),
    /// `X-API-Key`.
    Key(String),
    /// The session's cookie, with what came as `X-CSRF-Token` where something is to be changed.
    Session {
        /// The cookie.
        cookie: String,
        /// The header; `None` where nothing is changed and none is needed.
        csrf: Option<String>,
    },
}

/// Accounts and what proves them. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Auth {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: AuthConfig,
    accounts: SqlAccounts,
    credentials: SqlCredentials,
    audit_log: SqlAudit,
    audit: Audit,
    passwords: Passwords,
    throttle: Throttle,
    tokens: Tokens,
    openid: Option<OpenId>,
    revocations: Revocations,
    known_accounts: Cache<Uuid, Account>,
    known_keys: Cache<Uuid, Arc<model::ApiKey>>,
    known_sessions: Cache<String, Arc<model::Session>>,
    /// Held while accounts are changed.
    changing: tokio::sync::Mutex<()>,
    looked_for_keys: Mutex<Option<Instant>>,
    clock: SharedClock,
}

impl Auth {
    /// Whether whoever reaches the server may do everything.
    pub(crate) fn is_open(&self) -> bool {
        self.inner.config.mode == AuthMode::Open
    }

    /// The public keys that access tokens are checked with (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        self.inner.tokens.keys().jwks()
    }

    /// Notes what happened in the audit log.
    pub(crate) fn note(&self, event: &Event<'_>) {
        self.inner.audit.note(event);
    }

    /// Notes what a caller did.
    pub(crate) fn noted(
        &self,
        action: &str,
        caller: &Principal,
        target: Option<&str>,
        address: Option<IpAddr>,
    ) {
        let Principal { tenant, name, .. } = caller;
        self.note(&Event { tenant, actor: name, action, target, allowed: true, address });
    }

    /// Notes that a caller was refused what it may not do.
    pub(crate) fn refused(
        &self,
        action: &str,
        caller: &Principal,
        target: Option<&str>,
        address: Option<IpAddr>,
    ) {
        let Principal { tenant, name, .. } = caller;
        self.note(&Event { tenant, actor: name, action, target, allowed: false, address });
    }

    /// Takes something back, for this node at once, for others on the same database within seconds.
    async fn revoke(&self, id: Uuid, epoch: i64, expires_at: WallTime) -> Result<(), AuthError> {
        let revocation = Revocation { id, epoch, expires_at };
        self.inner.credentials.revoke(&revocation).await?;
        self.inner.known_accounts.clear();
        self.inner.known_keys.clear();
        self.inner.known_sessions.clear();
        self.inner.revocations.add([revocation]);
        Ok(())
    }

    /// When nothing that is issued now holds any more.
    fn longest_life(&self) -> WallTime {
        let config = &self.inner.config;
        let seconds = [
            config.access_token_seconds,
            config.media_token_seconds,
            config.refresh_token_seconds,
            config.session_seconds,
        ];
        let longest = seconds.into_iter().max().unwrap_or_default();
        self.inner.clock.wall().add_micros(i64::from(longest) * 1_000_000)
    }

    /// Whether keys that are not known may be looked for in the database now.
    fn may_look_for_keys(&self) -> bool {
        let now = self.inner.clock.now();
        let mut last = self.inner.looked_for_keys.lock();
        let may = last.is_none_or(|last| now.saturating_duration_since(last) >= KEY_SEARCH);
        if may {
            *last = Some(now);
        }
        may
    }

    async fn refresh_keys(&self) -> Result<(), AuthError> {
        self.inner.tokens.keys().refresh(self.inner.clock.wall()).await.map_err(|error| {
            tracing::error!(%error, "the signing keys can't be read");
            AuthError::Internal
        })
    }
}
