//! From what a request shows to who asks.

use super::lease::Named;
use super::model::{ApiKey, Client, Owner, Session, User};
use super::principal::{Principal, Subject};
use super::token::Claims;
use super::{Auth, AuthError, DeviceAccess, Lease, Proof, secret};
use std::sync::Arc;
use uuid::Uuid;
use vas_core::WallTime;

/// When a key or a session was used is noted no more often than that.
const NOTE_EVERY: i64 = 60_000_000;
/// How a key begins, so that whoever finds one knows what it is.
const KEY_PREFIX: &str = "vas_";
/// Letters of a key: its prefix, its id, a line and its secret.
const LONGEST_KEY: usize = 128;

/// An account that may ask.
#[derive(Clone, Debug)]
pub(super) enum Account {
    /// A person.
    User(Arc<User>),
    /// A program.
    Client(Arc<Client>),
}

impl Account {
    /// Who it is when it asks itself, for as long as nothing of these is taken back.
    fn principal(&self, auth: &Auth, mut via: Vec<Named>) -> Principal {
        let (id, epoch) = match self {
            Self::User(user) => (user.id, user.epoch),
            Self::Client(client) => (client.id, client.epoch),
        };
        via.push(Named { id, epoch });
        let lease = auth.inner.revocations.lease(via);
        match self {
            Self::User(user) => Principal {
                tenant: user.tenant.clone(),
                subject: Subject::User(user.id),
                name: user.name.as_str().into(),
                scopes: user.role.scopes(),
                devices: user.devices.clone(),
                lease,
            },
            Self::Client(client) => Principal {
                tenant: client.tenant.clone(),
                subject: Subject::Client(client.id),
                name: client.name.as_str().into(),
                scopes: client.scopes,
                devices: client.devices.clone(),
                lease,
            },
        }
    }

    pub(super) fn epoch(&self) -> i64 {
        match self {
            Self::User(user) => user.epoch,
            Self::Client(client) => client.epoch,
        }
    }
}

impl Auth {
    /// Who asks.
    ///
    /// # Errors
    /// What was shown proves nobody; nothing was shown.
    pub(crate) async fn authenticate(&self, proof: Option<Proof>) -> Result<Principal, AuthError> {
        let who = match proof {
            None => Err(AuthError::Missing),
            Some(Proof::Token(token)) => self.of_token(&token).await,
            Some(Proof::Key(key)) => self.of_key(&key).await,
            Some(Proof::Session { cookie, csrf }) => self.of_session(&cookie, csrf.as_deref()).await,
        };
        // An open server asks nobody who it is. Whoever says so all the same is called by its name.
        match who {
            Ok(principal) if self.is_open() => Ok(principal.of_open_server()),
            Err(_) if self.is_open() => Ok(Principal::anyone()),
            who => who,
        }
    }

    async fn of_token(&self, token: &str) -> Result<Principal, AuthError> {
        if let Some(openid) = self.inner.openid.as_ref().filter(|_| !self.inner.tokens.is_own(token)) {
            return valid(openid.authenticate(token).await?, AuthError::InvalidToken);
        }
        let claims = self.check_token(token).await?;
        let account = self.account_of(&claims).await?;
        let mut via: Vec<_> = claims.via.iter().copied().map(Named::new).collect();
        via.push(Named::new(claims.jti));
        let mut principal = account.principal(self, via);
        principal.scopes = principal.scopes.and(claims.scopes());
        if let Some(devices) = claims.device_ids() {
            principal.devices = principal.devices.and(&DeviceAccess::Only(Arc::new(devices)));
        }
        valid(principal, AuthError::InvalidToken)
    }

    /// What a token of this server says. One by a key that another node has just made is looked at again once that key
    /// is known.
    pub(super) async fn check_token(&self, token: &str) -> Result<Claims, AuthError> {
        let now = self.inner.clock.wall();
        let checked = self.inner.tokens.check(token, now);
        if matches!(checked, Err(AuthError::InvalidToken)) && self.may_look_for_keys() {
            self.refresh_keys().await?;
            return self.inner.tokens.check(token, now);
        }
        checked
    }

    /// The account of a token, if it is still there and of that epoch.
    async fn account_of(&self, claims: &Claims) -> Result<Account, AuthError> {
        let owner =
            if claims.client_id.is_some() { Owner::Client(claims.sub) } else { Owner::User(claims.sub) };
        let account = self.account(owner).await?.ok_or(AuthError::InvalidToken)?;
        if account.epoch() == claims.epoch { Ok(account) } else { Err(AuthError::InvalidToken) }
    }

    /// An account that may ask.
    pub(super) async fn account(&self, owner: Owner) -> Result<Option<Account>, AuthError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let known = inner.known_accounts.get(&owner.id(), now);
        // One of an epoch that is over was changed elsewhere meanwhile.
        let is_over = |account: &Account| {
            inner.revocations.concern(&[Named { id: owner.id(), epoch: account.epoch() }])
        };
        if let Some(account) = known.filter(|account| !is_over(account)) {
            return Ok(Some(account));
        }
        let account = match owner {
            Owner::User(id) => {
                let user = inner.accounts.user(id).await?.filter(|user| !user.disabled);
                user.map(|user| Account::User(Arc::new(user)))
            }
            Owner::Client(id) => {
                let client = inner.accounts.client(id).await?;
                client
                    .filter(|client| self.lives(client.expires_at))
                    .map(|client| Account::Client(Arc::new(client)))
            }
        };
        if let Some(account) = &account {
            inner.known_accounts.put(owner.id(), account.clone(), now);
        }
        Ok(account)
    }

    /// Whether something that ends at a time has not ended.
    pub(super) fn lives(&self, expires_at: Option<WallTime>) -> bool {
        expires_at.is_none_or(|end| end > self.inner.clock.wall())
    }

    async fn of_key(&self, text: &str) -> Result<Principal, AuthError> {
        let id = key_id(text).ok_or(AuthError::InvalidKey)?;
        let key = self.key(id).await?.filter(|key| secret::same(&key.hash, &secret::hash(text)));
        let key = key.filter(|key| self.lives(key.expires_at)).ok_or(AuthError::InvalidKey)?;
        let account = self.account(key.owner).await?.ok_or(AuthError::InvalidKey)?;
        let mut principal = account.principal(self, vec![Named::new(key.id)]);
        principal.scopes = principal.scopes.and(key.scopes);
        valid(principal, AuthError::InvalidKey)
    }

    async fn key(&self, id: Uuid) -> Result<Option<Arc<ApiKey>>, AuthError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        if let Some(key) = inner.known_keys.get(&id, now) {
            return Ok(Some(key));
        }
        let Some(key) = inner.credentials.key(id).await?.map(Arc::new) else { return Ok(None) };
        inner.known_keys.put(id, key.clone(), now);
        let wall = inner.clock.wall();
        if key.last_used_at.is_none_or(|at| wall.micros_since(at) > NOTE_EVERY) {
            inner.credentials.key_used(id, wall).await?;
        }
        Ok(Some(key))
    }

    async fn of_session(&self, cookie: &str, csrf: Option<&str>) -> Result<Principal, AuthError> {
        let session = self.session(cookie).await?.ok_or(AuthError::NoSession)?;
        if csrf.is_some_and(|given| !secret::same(given, &secret::csrf_token(cookie))) {
            return Err(AuthError::Csrf);
        }
        let account = self.account(Owner::User(session.user)).await?.ok_or(AuthError::NoSession)?;
        valid(account.principal(self, vec![Named::new(session.id)]), AuthError::NoSession)
    }

    /// The session of a cookie, if it has not ended.
    pub(super) async fn session(&self, cookie: &str) -> Result<Option<Arc<Session>>, AuthError> {
        let inner = &self.inner;
        let (hash, now, wall) = (secret::hash(cookie), inner.clock.now(), inner.clock.wall());
        if let Some(session) = inner.known_sessions.get(&hash, now) {
            return Ok(Some(session).filter(|session| session.expires_at > wall));
        }
        let idle = i64::from(inner.config.session_idle_seconds) * 1_000_000;
        let lives =
            |session: &Session| session.expires_at > wall && wall.micros_since(session.last_seen_at) < idle;
        let found = inner.credentials.session_of(&hash).await?.filter(lives);
        let Some(session) = found.map(Arc::new) else { return Ok(None) };
        inner.known_sessions.put(hash, session.clone(), now);
        if wall.micros_since(session.last_seen_at) > NOTE_EVERY {
            inner.credentials.session_seen(session.id, wall).await?;
        }
        Ok(Some(session))
    }
}

impl Principal {
    /// What somebody with a name is on an open server: whoever comes may do everything.
    fn of_open_server(self) -> Self {
        Self { name: self.name, subject: self.subject, ..Self::anyone() }
    }
}

/// Unless it was taken back.
fn valid(principal: Principal, otherwise: AuthError) -> Result<Principal, AuthError> {
    let Principal { lease, .. } = &principal;
    if Lease::is_over(lease) { Err(otherwise) } else { Ok(principal) }
}

/// The text of a key: `vas_{id}_{secret}`.
pub(super) fn key_text(id: Uuid, secret: &str) -> String {
    format!("{KEY_PREFIX}{}_{secret}", id.simple())
}

/// The id that stands in a key.
fn key_id(text: &str) -> Option<Uuid> {
    let text = Some(text).filter(|text| text.len() <= LONGEST_KEY)?;
    let (id, _) = text.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    Uuid::try_parse(id).ok()
}
