//! The signing keys: in the database, sealed with the keys that camera credentials are sealed with, so that all nodes on
//! one database honour each other's tokens, and a copy of the database alone signs nothing.
//!
//! Tokens are signed with the newest. One that was replaced stays until all that it has signed has expired.

use super::key::{self, SigningKey, VerifyingKey};
use crate::auth::model;
use crate::config::{AuthConfig, TokenAlgorithm};
use crate::db::SqlCredentials;
use crate::keyring::Keyring;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::RwLock;
use serde_json::{Value, json};
use std::sync::Arc;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, WallTime};

/// What a key is sealed for, besides its id.
const PLACE: &str = "signing_keys.sealed";
const DAY: i64 = 86_400_000_000;
/// Longest life of whatever is signed, in days: that of media tokens and access tokens at most.
const LONGEST_LIFE: i64 = 1;

/// Why there are no keys to sign with.
#[derive(Debug, thiserror::Error)]
pub(in crate::auth) enum KeyError {
    /// The database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// No pair can be made.
    #[error("no signing key can be made")]
    Generate,
}

impl HasKind for KeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Repo(error) => error.kind(),
            Self::Generate => ErrorKind::Internal,
        }
    }
}

/// The keys, the newest first.
#[derive(Debug)]
pub(in crate::auth) struct Keys {
    repo: SqlCredentials,
    keyring: Keyring,
    algorithm: TokenAlgorithm,
    rotation: i64,
    keys: RwLock<Arc<[SigningKey]>>,
}

impl Keys {
    /// The keys of a database; the first where there is none. A shared secret needs no row.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub(in crate::auth) async fn open(
        repo: SqlCredentials,
        keyring: Keyring,
        config: &AuthConfig,
        now: WallTime,
    ) -> Result<Self, KeyError> {
        let mut keys = Arc::default();
        if config.algorithm == TokenAlgorithm::Hs256 {
            keys = [SigningKey::shared(config.secret.secret().expose().as_bytes())].into();
        }
        let rotation = i64::from(config.key_rotation_days) * DAY;
        let this = Self { repo, keyring, algorithm: config.algorithm, rotation, keys: RwLock::new(keys) };
        this.refresh(now).await?;
        Ok(this)
    }

    /// Reads the keys anew, makes one where the newest is due, and deletes those whose tokens have all expired.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub(in crate::auth) async fn refresh(&self, now: WallTime) -> Result<(), KeyError> {
        if self.algorithm == TokenAlgorithm::Hs256 {
            return Ok(());
        }
        self.repo.delete_signing_keys(now.add_micros(-self.rotation - LONGEST_LIFE * DAY)).await?;
        let mut rows = self.repo.signing_keys().await?;
        let name = key::name(self.algorithm);
        let due = now.add_micros(-self.rotation);
        let fresh = |row: &model::SigningKey| row.algorithm == name && row.created_at > due;
        // A key that can't be unsealed, as after the sealing key was lost, is as good as none.
        if !rows.iter().any(|row| fresh(row) && self.unseal(row).is_some()) {
            let new = self.make(now)?;
            self.repo.insert_signing_key(&new).await?;
            tracing::info!(kid = new.id, algorithm = name, "a new signing key was made");
            rows.insert(0, new);
        }
        // Those of the configured algorithm first: the first signs.
        rows.sort_by_key(|row| row.algorithm != name);
        *self.keys.write() = rows.iter().filter_map(|row| self.unseal(row)).collect();
        Ok(())
    }

    fn make(&self, now: WallTime) -> Result<model::SigningKey, KeyError> {
        let document = key::generate(self.algorithm).ok_or(KeyError::Generate)?;
        let key = SigningKey::of_pkcs8(self.algorithm, &document).ok_or(KeyError::Generate)?;
        let id = key.id().to_owned();
        let sealed = self.keyring.seal(place(&id).as_bytes(), &STANDARD.encode(document));
        Ok(model::SigningKey { id, algorithm: key::name(self.algorithm).to_owned(), sealed, created_at: now })
    }

    fn unseal(&self, row: &model::SigningKey) -> Option<SigningKey> {
        let algorithm = TokenAlgorithm::try_from(row.algorithm.clone()).ok()?;
        let text = self
            .keyring
            .unseal(place(&row.id).as_bytes(), &row.sealed)
            .inspect_err(|error| tracing::warn!(kid = row.id, %error, "a signing key can't be used"))
            .ok()?;
        let key = SigningKey::of_pkcs8(algorithm, &STANDARD.decode(text).ok()?)?;
        (key.id() == row.id).then_some(key)
    }

    /// The key to sign with.
    pub(super) fn signing(&self) -> Option<SigningKey> {
        self.keys.read().first().cloned()
    }

    /// The key of an id.
    pub(super) fn verifying(&self, id: &str) -> Option<VerifyingKey> {
        self.keys.read().iter().find(|key| key.id() == id).map(|key| key.verifying().clone())
    }

    /// The public keys (RFC 7517, section 5).
    pub(in crate::auth) fn jwks(&self) -> Value {
        let keys = self.keys.read().clone();
        json!({ "keys": keys.iter().filter_map(|key| key.verifying().jwk()).collect::<Vec<_>>() })
    }
}

fn place(id: &str) -> String {
    format!("{PLACE}/{id}")
}
