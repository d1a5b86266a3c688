//! Accounts as admins keep them: users, clients and API keys.

use super::authenticate::{Account, key_text};
use super::lease::Revocation;
use super::model::{ApiKey, AuditEntry, AuditFilter, Client, Owner, User};
use super::principal::{DeviceAccess, Principal, Subject};
use super::scope::{Role, Scopes};
use super::{Auth, AuthError, secret};
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::model::TenantId;
use vas_core::ports::Page;

/// A user to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    /// The name to sign in with.
    pub(crate) name: String,
    /// The password.
    pub(crate) password: String,
    /// What it may do.
    pub(crate) role: Role,
    /// What it may do it with.
    pub(crate) devices: DeviceAccess,
}

/// Changes of a user: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserPatch {
    /// A new password.
    pub(crate) password: Option<String>,
    /// Another role.
    pub(crate) role: Option<Role>,
    /// Other devices.
    pub(crate) devices: Option<DeviceAccess>,
    /// Kept out, or let in again.
    pub(crate) disabled: Option<bool>,
}

/// A client to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewClient {
    /// The `client_id`.
    pub(crate) name: String,
    /// The secret; `None`: one is made.
    pub(crate) secret: Option<String>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// What it may do it with.
    pub(crate) devices: DeviceAccess,
    /// When it ends.
    pub(crate) expires_at: Option<WallTime>,
}

impl Account {
    /// Whose it is.
    pub(super) fn tenant(&self) -> &TenantId {
        match self {
            Self::User(user) => &user.tenant,
            Self::Client(client) => &client.tenant,
        }
    }
}

impl Auth {
    /// Adds a user.
    ///
    /// # Errors
    /// The name is taken.
    pub(crate) async fn add_user(&self, tenant: &TenantId, new: NewUser) -> Result<User, AuthError> {
        let user = User {
            id: Uuid::now_v7(),
            tenant: tenant.clone(),
            password: self.inner.passwords.hash(&new.password).await?,
            name: new.name,
            role: new.role,
            devices: new.devices,
            disabled: false,
            epoch: 1,
            created_at: self.inner.clock.wall(),
            updated_at: None,
            last_login_at: None,
        };
        self.inner.accounts.insert_user(&user).await?;
        Ok(user)
    }

    /// A user of a tenant.
    pub(crate) async fn user(&self, tenant: &TenantId, id: Uuid) -> Result<User, AuthError> {
        let found = self.inner.accounts.user(id).await?.filter(|user| user.tenant == *tenant);
        found.ok_or(AuthError::NotFound("user"))
    }

    /// A tenant's users.
    pub(crate) async fn users(&self, tenant: &TenantId, page: Page) -> Result<(Vec<User>, u64), AuthError> {
        Ok(self.inner.accounts.users(tenant, page).await?)
    }

    /// Changes a user. What it has open ends: it was opened with other rights.
    ///
    /// # Errors
    /// [`AuthError::NotFound`], [`AuthError::LastAdmin`].
    pub(crate) async fn change_user(
        &self,
        tenant: &TenantId,
        id: Uuid,
        patch: UserPatch,
    ) -> Result<User, AuthError> {
        let password = match &patch.password {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        // One change of accounts at a time, so that two admins can't demote each other.
        let _changing = self.inner.changing.lock().await;
        let old = self.user(tenant, id).await?;
        let new = User {
            password: password.unwrap_or_else(|| old.password.clone()),
            role: patch.role.unwrap_or(old.role),
            devices: patch.devices.unwrap_or_else(|| old.devices.clone()),
            disabled: patch.disabled.unwrap_or(old.disabled),
            epoch: old.epoch + 1,
            updated_at: Some(self.inner.clock.wall()),
            ..old.clone()
        };
        if is_admin(&old) && !is_admin(&new) {
            self.must_leave_an_admin(tenant).await?;
        }
        self.store_ended(new.clone()).await?;
        Ok(new)
    }

    /// Deletes a user, whose sessions, keys and tokens end.
    ///
    /// # Errors
    /// [`AuthError::NotFound`], [`AuthError::LastAdmin`].
    pub(crate) async fn delete_user(&self, tenant: &TenantId, id: Uuid) -> Result<(), AuthError> {
        let _changing = self.inner.changing.lock().await;
        let user = self.user(tenant, id).await?;
        if is_admin(&user) {
            self.must_leave_an_admin(tenant).await?;
        }
        self.inner.accounts.delete_user(id).await?;
        self.revoke(id, Revocation::ALL, self.longest_life()).await
    }

    async fn must_leave_an_admin(&self, tenant: &TenantId) -> Result<(), AuthError> {
        if self.inner.accounts.admins(tenant).await? <= 1 { Err(AuthError::LastAdmin) } else { Ok(()) }
    }

    /// Adds a client; gives it with its secret, which nobody can be told again.
    ///
    /// # Errors
    /// The id is taken.
    pub(crate) async fn add_client(
        &self,
        tenant: &TenantId,
        new: NewClient,
    ) -> Result<(Client, String), AuthError> {
        let text = new.secret.unwrap_or_else(secret::random);
        let client = Client {
            id: Uuid::now_v7(),
            tenant: tenant.clone(),
            name: new.name,
            secret: self.inner.passwords.hash(&text).await?,
            scopes: new.scopes,
            devices: new.devices,
            epoch: 1,
            created_at: self.inner.clock.wall(),
            expires_at: new.expires_at,
        };
        self.inner.accounts.insert_client(&client).await?;
        Ok((client, text))
    }

    /// A tenant's clients.
    pub(crate) async fn clients(
        &self,
        tenant: &TenantId,
        page: Page,
    ) -> Result<(Vec<Client>, u64), AuthError> {
        Ok(self.inner.accounts.clients(tenant, page).await?)
    }

    /// Deletes a client by its `client_id`; its tokens and keys end.
    ///
    /// # Errors
    /// [`AuthError::NotFound`].
    pub(crate) async fn delete_client(&self, tenant: &TenantId, name: &str) -> Result<(), AuthError> {
        let client = self.inner.accounts.client_of_name(name).await?;
        let client = client.filter(|client| client.tenant == *tenant).ok_or(AuthError::NotFound("client"))?;
        self.inner.accounts.delete_client(client.id).await?;
        self.revoke(client.id, Revocation::ALL, self.longest_life()).await
    }

    /// Makes a key for the caller's own account, with no more rights than the caller has; gives it with its text, which
    /// nobody can be told again.
    ///
    /// # Errors
    /// [`AuthError::NotAUser`], [`AuthError::ScopeExceeded`].
    pub(crate) async fn add_key(
        &self,
        caller: &Principal,
        name: String,
        scopes: Option<Scopes>,
        expires_at: Option<WallTime>,
    ) -> Result<(ApiKey, String), AuthError> {
        let owner = owner_of(caller)?;
        let scopes = scopes.unwrap_or(caller.scopes);
        if !caller.scopes.cover(scopes) || scopes.is_empty() {
            return Err(AuthError::ScopeExceeded);
        }
        let id = Uuid::now_v7();
        let text = key_text(id, &secret::random());
        let key = ApiKey {
            id,
            tenant: caller.tenant.clone(),
            owner,
            name,
            hash: secret::hash(&text),
            scopes,
            created_at: self.inner.clock.wall(),
            expires_at,
            last_used_at: None,
        };
        self.inner.credentials.insert_key(&key).await?;
        Ok((key, text))
    }

    /// The keys of the caller's own account.
    ///
    /// # Errors
    /// [`AuthError::NotAUser`].
    pub(crate) async fn keys(&self, caller: &Principal, page: Page) -> Result<(Vec<ApiKey>, u64), AuthError> {
        Ok(self.inner.credentials.keys(owner_of(caller)?, page).await?)
    }

    /// Deletes a key: one's own, or as an admin any of the tenant.
    ///
    /// # Errors
    /// [`AuthError::NotFound`].
    pub(crate) async fn delete_key(&self, caller: &Principal, id: Uuid) -> Result<(), AuthError> {
        let own = owner_of(caller).ok();
        let is_admin = caller.may(super::Scope::Admin);
        let key = self.inner.credentials.key(id).await?.filter(|key| key.tenant == caller.tenant);
        key.filter(|key| is_admin || own == Some(key.owner)).ok_or(AuthError::NotFound("key"))?;
        self.inner.credentials.delete_key(id).await?;
        self.revoke(id, Revocation::ALL, self.longest_life()).await
    }

    /// What happened in a tenant.
    pub(crate) async fn audit_entries(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<(Vec<AuditEntry>, u64), AuthError> {
        Ok(self.inner.audit_log.list(tenant, filter, page).await?)
    }

    /// What an account is called.
    pub(super) async fn name_of(&self, owner: Owner) -> Result<String, AuthError> {
        let name = match owner {
            Owner::User(id) => self.inner.accounts.user(id).await?.map(|user| user.name),
            Owner::Client(id) => self.inner.accounts.client(id).await?.map(|client| client.name),
        };
        Ok(name.unwrap_or_default())
    }
}

fn is_admin(user: &User) -> bool {
    user.role == Role::Admin && !user.disabled
}

/// The account that a caller's keys are of.
fn owner_of(caller: &Principal) -> Result<Owner, AuthError> {
    match caller.subject {
        Subject::User(id) => Ok(Owner::User(id)),
        Subject::Client(id) => Ok(Owner::Client(id)),
        Subject::Anyone | Subject::External(_) => Err(AuthError::NotAUser),
    }
}
