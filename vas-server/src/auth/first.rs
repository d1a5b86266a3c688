//! The start: keys, the first accounts of a new database, and what is done every few seconds from then on.

use super::audit::Audit;
use super::lease::Revocations;
use super::manage::{NewClient, NewUser};
use super::openid::OpenId;
use super::principal::DeviceAccess;
use super::scope::{Role, Scopes};
use super::token::{KeyError, Keys, Tokens};
use super::{Auth, AuthError, Cache, Inner, Passwords, Throttle, secret};
use crate::config::{AuthConfig, AuthMode};
use crate::db::Database;
use parking_lot::Mutex;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use vas_core::model::TenantId;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, SharedClock, TaskScope};

/// The user that the first start makes.
pub(crate) const ADMIN: &str = "admin";
/// What other nodes took back is read so often: well within the minute in which it is to hold everywhere.
const LOOK: Duration = Duration::from_secs(10);
/// What has expired is removed, and keys are made, once in so many looks.
const LOOKS_TO_TIDY: u32 = 60;
const DAY: i64 = 86_400_000_000;

/// Why there are no accounts.
#[derive(Debug, thiserror::Error)]
#[error("accounts: {0}")]
pub struct AuthStartError(#[source] Box<dyn std::error::Error + Send + Sync>, ErrorKind);

impl HasKind for AuthStartError {
    fn kind(&self) -> ErrorKind {
        self.1
    }
}

impl From<KeyError> for AuthStartError {
    fn from(error: KeyError) -> Self {
        let kind = error.kind();
        Self(Box::new(error), kind)
    }
}

impl From<RepoError> for AuthStartError {
    fn from(error: RepoError) -> Self {
        let kind = error.kind();
        Self(Box::new(error), kind)
    }
}

impl From<AuthError> for AuthStartError {
    fn from(error: AuthError) -> Self {
        let kind = error.kind();
        Self(Box::new(error), kind)
    }
}

impl From<reqwest::Error> for AuthStartError {
    fn from(error: reqwest::Error) -> Self {
        Self(Box::new(error), ErrorKind::Internal)
    }
}

impl Auth {
    /// Accounts of a database, in which there are some from then on. `scope` is for what goes on in the background, and
    /// what is left for the audit log is written when it ends.
    ///
    /// # Errors
    /// The database fails, or no keys can be made.
    pub(crate) async fn start(
        config: &AuthConfig,
        database: &Database,
        clock: SharedClock,
        scope: &TaskScope,
    ) -> Result<Self, AuthStartError> {
        let this = Self::open(config, database, clock, scope).await?;
        this.first_accounts().await?;
        let tidying = this.clone();
        scope.spawn_until_cancelled("accounts", async move { tidying.look_after().await });
        Ok(this)
    }

    /// Accounts of a database as they are.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub(super) async fn open(
        config: &AuthConfig,
        database: &Database,
        clock: SharedClock,
        scope: &TaskScope,
    ) -> Result<Self, AuthStartError> {
        let (credentials, audit_log) = (database.credentials(), database.audit());
        let now = clock.wall();
        let keys = Keys::open(credentials.clone(), database.keys().clone(), config, now).await?;
        let revocations = Revocations::default();
        revocations.add(credentials.revocations(now).await?);
        let inner = Inner {
            accounts: database.accounts(),
            audit: Audit::start(audit_log.clone(), clock.clone(), scope),
            credentials,
            audit_log,
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            tokens: Tokens::new(keys, config),
            openid: OpenId::new(&config.openid, revocations.clone(), clock.clone())?,
            revocations,
            known_accounts: Cache::default(),
            known_keys: Cache::default(),
            known_sessions: Cache::default(),
            changing: tokio::sync::Mutex::default(),
            looked_for_keys: Mutex::default(),
            clock,
            config: config.clone(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes an admin where there is no user, and the configured client where there is none of that id. An open server
    /// needs no admin to begin with.
    async fn first_accounts(&self) -> Result<(), AuthError> {
        let (config, tenant) = (&self.inner.config, TenantId::default());
        if config.mode == AuthMode::Required && !self.inner.accounts.has_users().await? {
            let password = secret::password();
            let (name, devices) = (ADMIN.to_owned(), DeviceAccess::All);
            let new = NewUser { name, password: password.clone(), role: Role::Admin, devices };
            match self.add_user(&tenant, new).await {
                Ok(_) => tell(&password),
                // Another node on the same database was faster, and has told its password.
                Err(AuthError::Repo(RepoError::Taken { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let (id, secret) = (&config.default_client_id, config.default_client_secret.secret());
        if !id.is_empty() && self.inner.accounts.client_of_name(id).await?.is_none() {
            let new = NewClient {
                name: id.clone(),
                secret: Some(secret.expose().to_owned()),
                scopes: Scopes::ALL,
                devices: DeviceAccess::All,
                expires_at: None,
            };
            match self.add_client(&tenant, new).await {
                Ok(_) => tracing::info!(client_id = id, "the configured client was made"),
                Err(AuthError::Repo(RepoError::Taken { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what other nodes took back, and now and then removes what has expired.
    async fn look_after(&self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut until_tidy = 0;
        loop {
            looks.tick().await;
            let now = self.inner.clock.wall();
            match self.inner.credentials.revocations(now).await {
                Ok(revoked) => self.inner.revocations.add(revoked),
                Err(error) => tracing::warn!(%error, "what was revoked can't be read at present"),
            }
            self.inner.revocations.prune(now);
            if until_tidy > 0 {
                until_tidy -= 1;
                continue;
            }
            until_tidy = LOOKS_TO_TIDY;
            let tidied = async {
                self.inner.credentials.prune(now).await?;
                let kept = i64::from(self.inner.config.audit_days) * DAY;
                self.inner.audit_log.prune(now.add_micros(-kept)).await?;
                self.refresh_keys().await
            };
            if let Err(error) = tidied.await {
                tracing::warn!(%error, "what has expired can't be removed at present");
            }
        }
    }
}

/// Says the password of the first user once, where the person who starts the server sees it. Not through the log, which
/// may be kept and read by others.
fn tell(password: &str) {
    let line = "-".repeat(72);
    let text = format!(
        "\n{line}\nFirst start: sign in as \"{ADMIN}\" with the password  {password}\n\
         It is shown this once and stored nowhere; change it after the first sign-in.\n{line}\n"
    );
    tracing::warn!("the user {ADMIN} was made; its password was written to standard error");
    // Without a standard error, `vas-server user` sets another one.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
