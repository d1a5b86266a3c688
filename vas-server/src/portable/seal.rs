//! Secrets under a passphrase: a key by argon2id (RFC 9106), AES-256-GCM (NIST SP 800-38D) over everything at once.

use super::Secrets;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vas_core::{ErrorKind, HasKind, Secret};

/// Characters of a passphrase at least.
pub const PASSPHRASE_CHARACTERS: usize = 12;
/// How it is encrypted. The cost is a part of it, so that no document can ask for more.
const FORM: &str = "argon2id-aes256gcm";
/// Memory of the derivation, in KiB, with [`PASSES`] passes in one lane: the second choice of RFC 9106, section 4, with
/// which a passphrase of some words stands.
const MEMORY: u32 = 65_536;
const PASSES: u32 = 3;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// What is encrypted is for this use alone.
const CONTEXT: &[u8] = b"vas configuration secrets 1";

/// Encrypted secrets.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// How: `argon2id-aes256gcm`.
    #[schema(example = "argon2id-aes256gcm")]
    form: String,
    /// What the key is derived with besides the passphrase (base64url).
    salt: String,
    /// The nonce (base64url).
    nonce: String,
    /// The encrypted secrets with their tag (base64url).
    data: String,
}

/// Why secrets are not encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The passphrase is too short to protect anything.
    #[error("the passphrase must have {PASSPHRASE_CHARACTERS} characters at least")]
    Short,
    /// They are encrypted in a way that is unknown here.
    #[error("the passwords are encrypted in a way that this version does not know")]
    Form,
    /// The passphrase is another, or the document was changed.
    #[error("the passphrase is wrong, or the document was changed")]
    Wrong,
    /// The machine has no memory or randomness to give.
    #[error("the passwords can't be encrypted now; try again")]
    Machine,
}

impl HasKind for SealError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Machine => ErrorKind::Unavailable,
            _ => ErrorKind::InvalidInput,
        }
    }
}

impl Sealed {
    /// Encrypts secrets. Takes 64 MiB and a good part of a second of a core.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn new(secrets: &Secrets, passphrase: &Secret) -> Result<Self, SealError> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| SealError::Machine)?;
        let key = key(passphrase, &salt)?;
        let mut data = serde_json::to_vec(secrets).map_err(|_| SealError::Machine)?;
        let nonce =
            key.seal_in_place_append_tag(Aad::from(CONTEXT), &mut data).map_err(|_| SealError::Machine)?;
        Ok(Self {
            form: FORM.to_owned(),
            salt: URL_SAFE_NO_PAD.encode(salt),
            nonce: URL_SAFE_NO_PAD.encode(nonce.as_ref()),
            data: URL_SAFE_NO_PAD.encode(data),
        })
    }

    /// Decrypts the secrets, at the same cost.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, passphrase: &Secret) -> Result<Secrets, SealError> {
        if self.form != FORM {
            return Err(SealError::Form);
        }
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Wrong);
        let (salt, nonce, mut data) = (decode(&self.salt)?, decode(&self.nonce)?, decode(&self.data)?);
        if salt.len() != SALT_BYTES || nonce.len() != NONCE_LEN {
            return Err(SealError::Wrong);
        }
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| SealError::Wrong)?;
        let opened = key(passphrase, &salt)?.open_in_place(nonce, Aad::from(CONTEXT), &mut data);
        serde_json::from_slice(opened.map_err(|_| SealError::Wrong)?).map_err(|_| SealError::Wrong)
    }
}

fn key(passphrase: &Secret, salt: &[u8]) -> Result<RandomizedNonceKey, SealError> {
    if passphrase.expose().chars().count() < PASSPHRASE_CHARACTERS {
        return Err(SealError::Short);
    }
    let params = Params::new(MEMORY, PASSES, 1, Some(KEY_BYTES)).map_err(|_| SealError::Machine)?;
    let mut key = [0; KEY_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut key)
        .map_err(|_| SealError::Machine)?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| SealError::Machine)
}
