//! Programs: access tokens for client credentials (RFC 6749, section 4.4), refresh tokens, revocation (RFC 7009).
//!
//! A refresh token is used once and replaced. One that is used again was stolen, be it by the one who comes first or by
//! the other: all that came of the same grant ends.

use super::audit::Event;
use super::lease::Revocation;
use super::model::{Client, Owner, RefreshToken};
use super::scope::Scopes;
use super::token::NewToken;
use super::{Auth, AuthError, secret};
use std::net::IpAddr;
use uuid::Uuid;
use vas_core::WallTime;

const SECOND: i64 = 1_000_000;

/// What a client is granted.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The access token.
    pub(crate) access_token: String,
    /// How long it holds, in seconds.
    pub(crate) expires_in: u32,
    /// What renews it, once.
    pub(crate) refresh_token: String,
    /// What it permits.
    pub(crate) scopes: Scopes,
}

impl Auth {
    /// Grants a client tokens, for all that it may do or for less.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`], whether or not there is such a client; [`AuthError::ScopeExceeded`],
    /// [`AuthError::Throttled`], [`AuthError::Busy`].
    pub(crate) async fn grant(
        &self,
        name: &str,
        secret: &str,
        scopes: Option<Scopes>,
        address: Option<IpAddr>,
    ) -> Result<Grant, AuthError> {
        let attempt = self.attempt(name, address)?;
        let client = self.inner.accounts.client_of_name(name).await?;
        let stored = client.as_ref().map(|client| client.secret.as_str());
        let right = self.inner.passwords.verify(stored, secret).await?;
        let Some(client) = client.filter(|client| right && self.lives(client.expires_at)) else {
            self.failed("token.create", name, address);
            return Err(AuthError::WrongPassword);
        };
        attempt.succeeded();
        let scopes = scopes.unwrap_or(client.scopes);
        let allowed = client.scopes.cover(scopes) && !scopes.is_empty();
        self.note(&Event {
            tenant: &client.tenant,
            actor: &client.name,
            action: "token.create",
            target: None,
            allowed,
            address,
        });
        if !allowed {
            return Err(AuthError::ScopeExceeded);
        }
        let now = self.inner.clock.wall();
        let (refresh, row) = self.new_refresh(&client, Uuid::now_v7(), scopes, now);
        self.inner.credentials.insert_refresh(&row).await?;
        self.granted(&client, row.family, scopes, refresh, now)
    }

    /// Grants tokens in the place of a refresh token.
    ///
    /// # Errors
    /// [`AuthError::InvalidGrant`].
    pub(crate) async fn refresh(&self, token: &str, address: Option<IpAddr>) -> Result<Grant, AuthError> {
        let inner = &self.inner;
        let now = inner.clock.wall();
        let Some(used) = inner.credentials.refresh_of(&secret::hash(token)).await? else {
            return Err(AuthError::InvalidGrant);
        };
        let client = inner.accounts.client(used.client).await?;
        let client = client.filter(|client| self.lives(client.expires_at) && client.epoch == used.epoch);
        let Some(client) = client else { return Err(AuthError::InvalidGrant) };
        let (refresh, next) = self.new_refresh(&client, used.family, used.scopes, now);
        let first = used.used_at.is_none() && used.expires_at > now;
        if first && inner.credentials.rotate(used.id, now, &next).await? {
            return self.granted(&client, used.family, used.scopes, refresh, now);
        }
        if used.expires_at > now {
            tracing::warn!(
                client = client.name,
                ?address,
                "a refresh token was used twice; its family is revoked"
            );
            self.note(&Event {
                tenant: &client.tenant,
                actor: &client.name,
                action: "token.reuse",
                target: None,
                allowed: false,
                address,
            });
            self.end_family(used.family).await?;
        }
        Err(AuthError::InvalidGrant)
    }

    fn new_refresh(
        &self,
        client: &Client,
        family: Uuid,
        scopes: Scopes,
        now: WallTime,
    ) -> (String, RefreshToken) {
        let text = secret::random();
        let life = i64::from(self.inner.config.refresh_token_seconds) * SECOND;
        let row = RefreshToken {
            id: Uuid::now_v7(),
            family,
            tenant: client.tenant.clone(),
            client: client.id,
            hash: secret::hash(&text),
            scopes,
            epoch: client.epoch,
            expires_at: now.add_micros(life),
            used_at: None,
        };
        (text, row)
    }

    fn granted(
        &self,
        client: &Client,
        family: Uuid,
        scopes: Scopes,
        refresh_token: String,
        now: WallTime,
    ) -> Result<Grant, AuthError> {
        let expires_in = self.inner.config.access_token_seconds;
        let new = NewToken {
            account: client.id,
            epoch: client.epoch,
            client: Some(client.name.clone()),
            scopes,
            via: vec![family],
            devices: None,
            seconds: expires_in,
        };
        let (access_token, _) = self.inner.tokens.issue(new, now)?;
        Ok(Grant { access_token, expires_in, refresh_token, scopes })
    }

    /// Ends all that came of one grant.
    async fn end_family(&self, family: Uuid) -> Result<(), AuthError> {
        self.inner.credentials.delete_family(family).await?;
        self.revoke(family, Revocation::ALL, self.longest_life()).await
    }

    /// Takes a token back: an access token alone, a refresh token with all that came of the same grant, a foreign token
    /// for this server. What is no token is as good as revoked (RFC 7009, section 2.2).
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn revoke_token(&self, token: &str, address: Option<IpAddr>) -> Result<(), AuthError> {
        let mut what = None;
        if let Some(refresh) = self.inner.credentials.refresh_of(&secret::hash(token)).await? {
            self.end_family(refresh.family).await?;
            what = Some((refresh.tenant, Owner::Client(refresh.client)));
        } else if let Ok(claims) = self.check_token(token).await {
            self.revoke(claims.jti, Revocation::ALL, claims.expires_at()).await?;
            let owner =
                if claims.client_id.is_some() { Owner::Client(claims.sub) } else { Owner::User(claims.sub) };
            what = self.account(owner).await?.map(|account| (account.tenant().clone(), owner));
        } else if let Some(openid) = &self.inner.openid
            && let Ok(principal) = openid.authenticate(token).await
        {
            self.revoke(secret::id_of(token), Revocation::ALL, self.longest_life()).await?;
            self.noted("token.revoke", &principal, None, address);
        }
        if let Some((tenant, owner)) = what {
            let actor = self.name_of(owner).await?;
            self.note(&Event {
                tenant: &tenant,
                actor: &actor,
                action: "token.revoke",
                target: None,
                allowed: true,
                address,
            });
        }
        Ok(())
    }
}
