//! What the command line does with accounts, on the database, beside a running server or without one.
//!
//! A server on the same database sees changes within ten seconds.

use super::manage::{NewClient, NewUser, UserPatch};
use super::model::User;
use super::{Auth, AuthError, AuthStartError, DeviceAccess, Role, Scopes, bad_password, secret};
use crate::config::AuthConfig;
use crate::db::Database;
use std::time::Duration;
use vas_core::model::TenantId;
use vas_core::ports::Page;
use vas_core::{ErrorKind, HasKind, SystemClock, TaskScope, WallTime};

/// Time for the last entries of the audit log.
const GOODBYE: Duration = Duration::from_secs(5);
/// Who the audit log says it was.
const ACTOR: &str = "command line";

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The accounts can't be opened.
    #[error(transparent)]
    Start(#[from] AuthStartError),
    /// A name or a password is not one that can be taken.
    #[error("{field}: {why}")]
    Invalid {
        /// Which of them.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such account.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// `user` or `client`.
        what: &'static str,
        /// The name that was given.
        name: String,
    },
    /// It can't be done.
    #[error("{0}")]
    Refused(String, ErrorKind),
}

impl HasKind for AdminError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Start(error) => error.kind(),
            Self::Invalid { .. } => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Refused(_, kind) => *kind,
        }
    }
}

impl From<AuthError> for AdminError {
    fn from(error: AuthError) -> Self {
        Self::Refused(error.to_string(), error.kind())
    }
}

/// A user as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// The name to sign in with.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it is kept out.
    pub disabled: bool,
    /// When it was made.
    pub created_at: WallTime,
    /// When it last signed in.
    pub last_login_at: Option<WallTime>,
}

/// A client as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// The `client_id`.
    pub client_id: String,
    /// The names of what it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: WallTime,
    /// When it ends.
    pub expires_at: Option<WallTime>,
}

/// The accounts of the default tenant. Call [`close`](Self::close) at the end.
#[derive(Debug)]
pub struct Admin {
    auth: Auth,
    scope: TaskScope,
    tenant: TenantId,
}

/// All rows of a list.
const ALL: Page = Page { offset: 0, limit: u64::MAX };

impl Admin {
    /// Opens the accounts of a database.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open(config: &AuthConfig, database: &Database) -> Result<Self, AdminError> {
        let scope = TaskScope::new();
        let auth = Auth::open(config, database, SystemClock::shared(), &scope).await?;
        Ok(Self { auth, scope, tenant: TenantId::default() })
    }

    /// Writes what is left.
    pub async fn close(self) {
        self.scope.shutdown(GOODBYE).await;
    }

    /// A password that nobody guesses, for who is given none.
    #[must_use]
    pub fn make_password() -> String {
        secret::password()
    }

    /// Adds a user.
    ///
    /// # Errors
    /// The name is taken or empty; the password is too short.
    pub async fn add_user(&self, name: &str, password: &str, role: Role) -> Result<(), AdminError> {
        check_name("name", name)?;
        check_password(password, name)?;
        let (devices, password) = (DeviceAccess::All, password.to_owned());
        let new = NewUser { name: name.to_owned(), password, role, devices };
        self.auth.add_user(&self.tenant, new).await?;
        self.note("user.create", name);
        Ok(())
    }

    /// Sets a user's password; what it has open ends.
    ///
    /// # Errors
    /// There is no such user; the password is too short.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<(), AdminError> {
        check_password(password, name)?;
        let patch = UserPatch { password: Some(password.to_owned()), ..UserPatch::default() };
        self.change(name, patch).await
    }

    /// Sets what a user may do; what it has open ends.
    ///
    /// # Errors
    /// There is no such user; it is the last admin.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<(), AdminError> {
        self.change(name, UserPatch { role: Some(role), ..UserPatch::default() }).await
    }

    /// Keeps a user out, or lets it in again; what it has open ends.
    ///
    /// # Errors
    /// There is no such user; it is the last admin.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminError> {
        self.change(name, UserPatch { disabled: Some(disabled), ..UserPatch::default() }).await
    }

    async fn change(&self, name: &str, patch: UserPatch) -> Result<(), AdminError> {
        let user = self.user(name).await?;
        self.auth.change_user(&self.tenant, user.id, patch).await?;
        self.note("user.update", name);
        Ok(())
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// There is no such user; it is the last admin.
    pub async fn delete_user(&self, name: &str) -> Result<(), AdminError> {
        let user = self.user(name).await?;
        self.auth.delete_user(&self.tenant, user.id).await?;
        self.note("user.delete", name);
        Ok(())
    }

    /// The users.
    ///
    /// # Errors
    /// The database fails.
    pub async fn users(&self) -> Result<Vec<UserInfo>, AdminError> {
        let (users, _) = self.auth.users(&self.tenant, ALL).await?;
        let info = |user: User| UserInfo {
            name: user.name,
            role: user.role,
            disabled: user.disabled,
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        };
        Ok(users.into_iter().map(info).collect())
    }

    /// Adds a client that may do what these scopes say; gives its secret, which is told this once.
    ///
    /// # Errors
    /// The id is taken or empty; a scope is unknown.
    pub async fn add_client(
        &self,
        client_id: &str,
        scopes: &[String],
        expires_at: Option<WallTime>,
    ) -> Result<String, AdminError> {
        check_name("client_id", client_id)?;
        let scopes = Scopes::parse(&scopes.join(" "));
        let scopes =
            scopes.map_err(|error| AdminError::Invalid { field: "scopes", why: error.to_string() })?;
        if scopes.is_empty() {
            return Err(AdminError::Invalid { field: "scopes", why: "name one at least".to_owned() });
        }
        let (name, devices) = (client_id.to_owned(), DeviceAccess::All);
        let new = NewClient { name, secret: None, scopes, devices, expires_at };
        let (_, secret) = self.auth.add_client(&self.tenant, new).await?;
        self.note("client.create", client_id);
        Ok(secret)
    }

    /// Deletes a client.
    ///
    /// # Errors
    /// There is no such client.
    pub async fn delete_client(&self, client_id: &str) -> Result<(), AdminError> {
        match self.auth.delete_client(&self.tenant, client_id).await {
            Err(AuthError::NotFound(_)) => {
                return Err(AdminError::NotFound { what: "client", name: client_id.to_owned() });
            }
            done => done?,
        }
        self.note("client.delete", client_id);
        Ok(())
    }

    /// The clients.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clients(&self) -> Result<Vec<ClientInfo>, AdminError> {
        let (clients, _) = self.auth.clients(&self.tenant, ALL).await?;
        let names = |scopes: Scopes| scopes.names().into_iter().map(ToOwned::to_owned).collect();
        Ok(clients
            .into_iter()
            .map(|client| ClientInfo {
                client_id: client.name,
                scopes: names(client.scopes),
                created_at: client.created_at,
                expires_at: client.expires_at,
            })
            .collect())
    }

    async fn user(&self, name: &str) -> Result<User, AdminError> {
        let user = self.auth.inner.accounts.user_of_name(name).await.map_err(AuthError::from)?;
        let user = user.filter(|user| user.tenant == self.tenant);
        user.ok_or_else(|| AdminError::NotFound { what: "user", name: name.to_owned() })
    }

    fn note(&self, action: &str, target: &str) {
        self.auth.note(&super::Event {
            tenant: &self.tenant,
            actor: ACTOR,
            action,
            target: Some(target),
            allowed: true,
            address: None,
        });
    }
}

/// What is wrong with a name that an account is to have.
pub(crate) fn bad_name(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+ ".contains(c);
    if name.is_empty() || name.chars().count() > 100 {
        Some("must have 1 to 100 characters")
    } else if !name.chars().all(plain) || name.trim() != name {
        Some("must be of letters, digits, and - _ . @ + and spaces between them")
    } else {
        None
    }
}

fn check_name(field: &'static str, name: &str) -> Result<(), AdminError> {
    bad_name(name).map_or(Ok(()), |why| Err(AdminError::Invalid { field, why: why.to_owned() }))
}

fn check_password(password: &str, name: &str) -> Result<(), AdminError> {
    bad_password(password, name).map_or(Ok(()), |why| Err(AdminError::Invalid { field: "password", why }))
}
