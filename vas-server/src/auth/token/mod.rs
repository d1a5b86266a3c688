//! Access tokens: JWT (RFC 7519) in the profile of RFC 9068, made and checked.
//!
//! What a token must be to be honoured: of type `at+jwt`, signed by a key of this server that its `kid` names, with that
//! key's own algorithm whatever its header says, for this issuer and audience, with a numeric `exp` that has not come,
//! and not taken back. Where a header says that keys may be found (`jku`, `jwk`, `x5u`, `x5c`) is not looked at.

mod key;
mod ring;

pub(super) use ring::{KeyError, Keys};

use super::AuthError;
use super::scope::Scopes;
use crate::config::AuthConfig;
use jsonwebtoken::{Header, Validation, decode, decode_header, encode};
use key::VerifyingKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;
use vas_core::{DeviceId, WallTime};

/// The type of access tokens (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";
/// Bytes of a token at most: none that is made here or by a provider comes near.
pub(super) const LONGEST: usize = 16 << 10;
const SECOND: i64 = 1_000_000;

/// What a token of this server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Who issued it.
    pub(super) iss: String,
    /// Whom it is for.
    pub(super) aud: String,
    /// The id of the account.
    pub(super) sub: Uuid,
    /// Its own id.
    pub(super) jti: Uuid,
    /// When it was issued, in seconds since the Unix epoch.
    pub(super) iat: i64,
    /// When it ends, in seconds since the Unix epoch.
    pub(super) exp: i64,
    /// What it permits.
    pub(super) scope: String,
    /// The client that it was issued to (RFC 8693, section 4.3); a user's has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// Other ids that end it when they are taken back: of its family, its session, its key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) via: Vec<Uuid>,
    /// The account's epoch.
    pub(super) epoch: i64,
    /// The only devices that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) devices: Option<BTreeSet<Uuid>>,
}

impl Claims {
    /// What it permits.
    pub(super) fn scopes(&self) -> Scopes {
        Scopes::known(&self.scope)
    }

    /// The only devices that it is for.
    pub(super) fn device_ids(&self) -> Option<BTreeSet<DeviceId>> {
        self.devices.as_ref().map(|devices| devices.iter().copied().map(Into::into).collect())
    }

    /// When it ends.
    pub(super) const fn expires_at(&self) -> WallTime {
        WallTime::from_unix_micros(self.exp.saturating_mul(SECOND))
    }
}

/// Makes and checks tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    keys: Keys,
    issuer: String,
    audience: String,
}

/// What a token is to say, but for what all of them say.
#[derive(Clone, Debug)]
pub(super) struct NewToken {
    /// The account.
    pub(super) account: Uuid,
    /// Its epoch.
    pub(super) epoch: i64,
    /// The `client_id` of a client.
    pub(super) client: Option<String>,
    /// What it permits.
    pub(super) scopes: Scopes,
    /// Other ids that end it.
    pub(super) via: Vec<Uuid>,
    /// The only devices that it is for.
    pub(super) devices: Option<BTreeSet<Uuid>>,
    /// How long it holds, in seconds.
    pub(super) seconds: u32,
}

impl Tokens {
    /// Tokens with these keys.
    pub(super) fn new(keys: Keys, config: &AuthConfig) -> Self {
        Self { keys, issuer: config.issuer.clone(), audience: config.audience.clone() }
    }

    /// The keys.
    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Makes a token; gives it with what it says.
    ///
    /// # Errors
    /// [`AuthError::Internal`]: there is no key to sign with.
    pub(super) fn issue(&self, new: NewToken, now: WallTime) -> Result<(String, Claims), AuthError> {
        let iat = now.as_unix_micros().div_euclid(SECOND);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: new.account,
            jti: Uuid::new_v4(),
            iat,
            exp: iat + i64::from(new.seconds),
            scope: new.scopes.to_string(),
            client_id: new.client,
            via: new.via,
            epoch: new.epoch,
            devices: new.devices,
        };
        let key = self.keys.signing().ok_or(AuthError::Internal)?;
        let mut header = Header::new(key.algorithm());
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.id().to_owned());
        let token = encode(&header, &claims, key.encoding()).map_err(|error| {
            tracing::error!(%error, "a token can't be signed");
            AuthError::Internal
        })?;
        Ok((token, claims))
    }

    /// What a token says, if it is honoured.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], [`AuthError::Expired`].
    pub(super) fn check(&self, token: &str, now: WallTime) -> Result<Claims, AuthError> {
        let (id, is_typed) = key_id(token).ok_or(AuthError::InvalidToken)?;
        let key = self.keys.verifying(&id).filter(|_| is_typed).ok_or(AuthError::InvalidToken)?;
        self.check_with(&key, token, now)
    }

    fn check_with(&self, key: &VerifyingKey, token: &str, now: WallTime) -> Result<Claims, AuthError> {
        let mut rules = Validation::new(key.algorithm());
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By the server's own clock, below; that it is a number, the type of the claims demands.
        rules.validate_exp = false;
        let claims = decode::<Claims>(token, key.decoding(), &rules)
            .map_err(|error| {
                tracing::debug!(%error, "a token is not honoured");
                AuthError::InvalidToken
            })?
            .claims;
        if claims.expires_at() <= now { Err(AuthError::Expired) } else { Ok(claims) }
    }

    /// Whether a token names a key of this server.
    pub(super) fn is_own(&self, token: &str) -> bool {
        key_id(token).is_some_and(|(id, _)| self.keys.verifying(&id).is_some())
    }
}

/// The id of the key that a token names, and whether it says that it is an access token. `None` for what is no token,
/// names no key, or demands what is not understood here (RFC 7515, section 4.1.11).
fn key_id(token: &str) -> Option<(String, bool)> {
    let header = decode_header(Some(token).filter(|token| token.len() <= LONGEST)?).ok()?;
    if header.crit.is_some() {
        return None;
    }
    let is_typed = header.typ.is_some_and(|kind| {
        kind.eq_ignore_ascii_case(TYPE) || kind.eq_ignore_ascii_case("application/at+jwt")
    });
    Some((header.kid?, is_typed))
}

#[cfg(test)]
mod tests;
