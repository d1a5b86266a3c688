//! People: signing in and out, their own password, and tokens for what a browser's elements fetch.

use super::audit::Event;
use super::authenticate::Account;
use super::lease::Revocation;
use super::model::{Owner, Session, User};
use super::principal::{Principal, Subject};
use super::scope::Scopes;
use super::token::NewToken;
use super::{Auth, AuthError, secret};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::model::TenantId;
use vas_core::{DeviceId, WallTime};

/// Characters of a password at least (NIST SP 800-63B, section 5.1.1.2, asks for 8).
const SHORTEST_PASSWORD: usize = 8;
const SECOND: i64 = 1_000_000;

/// Somebody who has just signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// The value of the cookie.
    pub(crate) cookie: String,
    /// How long the cookie holds, in seconds.
    pub(crate) seconds: u32,
}

impl SignedIn {
    /// What its pages send with changes.
    pub(crate) fn csrf_token(&self) -> String {
        csrf_token(&self.cookie)
    }
}

/// What pages of a session send with changes.
pub(crate) fn csrf_token(cookie: &str) -> String {
    secret::csrf_token(cookie)
}

/// What is wrong with a password that somebody wants to have.
pub(crate) fn bad_password(password: &str, name: &str) -> Option<String> {
    if password.chars().count() < SHORTEST_PASSWORD {
        Some(format!("must have {SHORTEST_PASSWORD} characters at least"))
    } else if password.len() > super::password::LONGEST {
        Some(format!("must have {} bytes at most", super::password::LONGEST))
    } else if password.eq_ignore_ascii_case(name) {
        Some("must not be the name".to_owned())
    } else {
        None
    }
}

impl Auth {
    /// Signs somebody in: always with a new cookie. A session that the browser had before ends.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`], whether or not there is such a name; [`AuthError::Throttled`], [`AuthError::Busy`].
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
        before: Option<&str>,
    ) -> Result<SignedIn, AuthError> {
        let user = self.check_password(name, password, address).await?;
        let now = self.inner.clock.wall();
        // Read just now: what is remembered of the account may be of before another node changed it.
        let account = Account::User(Arc::new(user.clone()));
        self.inner.known_accounts.put(user.id, account, self.inner.clock.now());
        if let Some(session) = self.session_of(before).await? {
            self.end_session(session.id).await?;
        }
        let (cookie, seconds) = (secret::random(), self.inner.config.session_seconds);
        let session = Session {
            id: Uuid::now_v7(),
            tenant: user.tenant.clone(),
            user: user.id,
            hash: secret::hash(&cookie),
            created_at: now,
            expires_at: now.add_micros(i64::from(seconds) * SECOND),
            last_seen_at: now,
        };
        self.inner.credentials.insert_session(&session).await?;
        self.inner.accounts.signed_in(user.id, now).await?;
        self.note(&Event {
            tenant: &user.tenant,
            actor: &user.name,
            action: "session.create",
            target: None,
            allowed: true,
            address,
        });
        Ok(SignedIn { cookie, seconds })
    }

    /// The user of a name and a password.
    async fn check_password(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
    ) -> Result<User, AuthError> {
        let attempt = self.attempt(name, address)?;
        let user = self.inner.accounts.user_of_name(name).await?;
        let stored = user.as_ref().map(|user| user.password.as_str());
        let right = self.inner.passwords.verify(stored, password).await?;
        match user.filter(|user| right && !user.disabled) {
            Some(user) => {
                attempt.succeeded();
                Ok(user)
            }
            None => {
                self.failed("session.create", name, address);
                Err(AuthError::WrongPassword)
            }
        }
    }

    /// Begins an attempt to prove who one is.
    pub(super) fn attempt(
        &self,
        name: &str,
        address: Option<IpAddr>,
    ) -> Result<super::throttle::Attempt, AuthError> {
        self.inner.throttle.attempt(name, address, self.inner.clock.now()).map_err(|wait| {
            self.failed("throttled", name, address);
            AuthError::Throttled { seconds: wait.as_secs().max(1) }
        })
    }

    /// Notes that somebody did not prove who it is. It is nobody's tenant that it would be of, so the first one's.
    pub(super) fn failed(&self, action: &str, name: &str, address: Option<IpAddr>) {
        let tenant = TenantId::default();
        self.note(&Event { tenant: &tenant, actor: name, action, target: None, allowed: false, address });
    }

    async fn session_of(&self, cookie: Option<&str>) -> Result<Option<Arc<Session>>, AuthError> {
        match cookie {
            Some(cookie) => self.session(cookie).await,
            None => Ok(None),
        }
    }

    /// Ends the session of a cookie.
    pub(crate) async fn sign_out(&self, cookie: Option<&str>) -> Result<(), AuthError> {
        if let Some(session) = self.session_of(cookie).await? {
            self.end_session(session.id).await?;
        }
        Ok(())
    }

    async fn end_session(&self, id: Uuid) -> Result<(), AuthError> {
        self.inner.credentials.delete_session(id).await?;
        self.revoke(id, Revocation::ALL, self.longest_life()).await
    }

    /// Ends all that somebody has open, wherever: sessions, and what was opened with them.
    ///
    /// # Errors
    /// [`AuthError::NotAUser`].
    pub(crate) async fn sign_out_everywhere(&self, caller: &Principal) -> Result<(), AuthError> {
        let Subject::User(id) = caller.subject else { return Err(AuthError::NotAUser) };
        let user = self.inner.accounts.user(id).await?.ok_or(AuthError::NotFound("user"))?;
        self.store_ended(User { epoch: user.epoch + 1, ..user }).await
    }

    /// Stores a user of a new epoch: what was opened in the one before ends.
    pub(super) async fn store_ended(&self, user: User) -> Result<(), AuthError> {
        if !self.inner.accounts.update_user(&user).await? {
            return Err(AuthError::NotFound("user"));
        }
        self.inner.credentials.delete_sessions(user.id).await?;
        self.revoke(user.id, user.epoch, self.longest_life()).await
    }

    /// The user behind a caller.
    ///
    /// # Errors
    /// [`AuthError::NotAUser`].
    pub(crate) async fn own_user(&self, caller: &Principal) -> Result<User, AuthError> {
        let Subject::User(id) = caller.subject else { return Err(AuthError::NotAUser) };
        self.inner.accounts.user(id).await?.ok_or(AuthError::NotAUser)
    }

    /// Changes the caller's own password; everything that was open ends but for a new session.
    ///
    /// # Errors
    /// [`AuthError::NotAUser`], [`AuthError::WrongPassword`], [`AuthError::Throttled`].
    pub(crate) async fn change_own_password(
        &self,
        caller: &Principal,
        current: &str,
        new: &str,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, AuthError> {
        let user = self.own_user(caller).await?;
        self.check_password(&user.name, current, address).await?;
        let password = self.inner.passwords.hash(new).await?;
        let (name, epoch, updated_at) = (user.name.clone(), user.epoch + 1, Some(self.inner.clock.wall()));
        self.store_ended(User { password, epoch, updated_at, ..user }).await?;
        self.sign_in(&name, new, address, None).await
    }

    /// What pages of an open server put into addresses. A server that asks who one is honours it not: of no account.
    fn token_of_nobody(&self, seconds: u32) -> Result<(String, WallTime), AuthError> {
        let new = NewToken {
            account: Uuid::nil(),
            epoch: 0,
            client: None,
            scopes: Scopes::MEDIA,
            via: Vec::new(),
            devices: None,
            seconds: seconds.min(self.inner.config.media_token_seconds),
        };
        let (token, claims) = self.inner.tokens.issue(new, self.inner.clock.wall())?;
        Ok((token, claims.expires_at()))
    }

    /// A token for the addresses of media, with no more rights than to look; of one device where one is given.
    ///
    /// # Errors
    /// [`AuthError::NotAUser`]: the caller's account is not one of this server.
    pub(crate) async fn media_token(
        &self,
        caller: &Principal,
        device: Option<DeviceId>,
        seconds: u32,
    ) -> Result<(String, WallTime), AuthError> {
        let owner = match caller.subject {
            Subject::User(id) => Owner::User(id),
            Subject::Client(id) => Owner::Client(id),
            Subject::Anyone => return self.token_of_nobody(seconds),
            Subject::External(_) => return Err(AuthError::NotAUser),
        };
        let account = self.account(owner).await?.ok_or(AuthError::NotAUser)?;
        // What limits the caller limits the token.
        let devices = match (device, &caller.devices) {
            (Some(device), _) => Some(BTreeSet::from([device.as_uuid()])),
            (None, super::DeviceAccess::All) => None,
            (None, super::DeviceAccess::Only(devices)) => {
                Some(devices.iter().map(|device| device.as_uuid()).collect())
            }
        };
        let new = NewToken {
            account: owner.id(),
            epoch: account.epoch(),
            client: match &account {
                Account::Client(client) => Some(client.name.clone()),
                Account::User(_) => None,
            },
            scopes: caller.scopes.and(Scopes::MEDIA),
            via: caller.lease.ids(),
            devices,
            seconds: seconds.min(self.inner.config.media_token_seconds),
        };
        let (token, claims) = self.inner.tokens.issue(new, self.inner.clock.wall())?;
        Ok((token, claims.expires_at()))
    }
}
