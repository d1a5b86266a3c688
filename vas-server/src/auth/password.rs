//! Passwords and the secrets of clients: argon2id (RFC 9106), a few at a time.
//!
//! Hashing is slow and takes 19 MiB on purpose, so it runs on threads of its own, and no more of it at once than there
//! is room for. An unknown name costs as much as a known one.

use super::AuthError;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Hashed at the same time: 38 MiB.
const AT_ONCE: usize = 2;
/// Those that wait, at most: they have their turn before whoever asks gives up.
const WAITING: usize = 64;
/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a password at most: hashing must not be fed.
pub(super) const LONGEST: usize = 1_024;

/// Hashes and checks passwords.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// The hash that the passwords of unknown names are compared with.
    nobody: Arc<OnceLock<String>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            nobody: Arc::default(),
        }
    }
}

impl Passwords {
    /// The hash of a password, with a salt of its own, as a PHC string.
    ///
    /// # Errors
    /// [`AuthError::Busy`].
    pub(super) async fn hash(&self, password: &str) -> Result<String, AuthError> {
        let password = password.to_owned();
        self.turn(move || hash(&password)).await?.ok_or(AuthError::Internal)
    }

    /// Whether a password is that of a hash. Without a hash it takes as long, and is wrong.
    ///
    /// # Errors
    /// [`AuthError::Busy`].
    pub(super) async fn verify(&self, stored: Option<&str>, password: &str) -> Result<bool, AuthError> {
        let (stored, nobody) = (stored.map(ToOwned::to_owned), self.nobody.clone());
        let password = password.to_owned();
        self.turn(move || {
            let known = stored.is_some();
            let stored =
                stored.unwrap_or_else(|| nobody.get_or_init(|| hash("nobody").unwrap_or_default()).clone());
            let right = PasswordHash::new(&stored)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            known && right && password.len() <= LONGEST
        })
        .await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| AuthError::Busy)?;
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| AuthError::Busy)?.map_err(|_| AuthError::Internal)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, whether or not somebody still waits for it.
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|_| AuthError::Internal)
    }
}

fn hash(password: &str) -> Option<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.inspect_err(|error| tracing::error!(%error, "a password can't be hashed"))
        .ok()
        .map(|hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_name_is_right() {
        let passwords = Passwords::default();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$"), "{stored}");
        assert!(passwords.verify(Some(&stored), "correct horse").await.unwrap());
        assert!(!passwords.verify(Some(&stored), "correct horsf").await.unwrap());
        assert!(!passwords.verify(None, "nobody").await.unwrap(), "no name has this one");
        assert!(!passwords.verify(Some("not a hash"), "x").await.unwrap());
    }

    #[tokio::test]
    async fn no_more_wait_than_have_a_turn_in_time() {
        let passwords = Passwords::default();
        let all = (AT_ONCE + WAITING) as u32;
        let _taken = passwords.places.clone().try_acquire_many_owned(all).unwrap();
        assert!(matches!(passwords.verify(None, "x").await, Err(AuthError::Busy)));
    }
}
