//! The keys under which secrets are stored, such as the addresses of cameras with their passwords.
//!
//! Each key is a text of the operator's or one that the first start makes. From it three things are derived
//! (HKDF-SHA256, RFC 5869): a key of AES-256-GCM (NIST SP 800-38D), a key of HMAC-SHA256 (RFC 2104), and an id, which
//! stands in front of what was encrypted, so that keys can be changed: what older keys have encrypted is still read, and
//! the next start encrypts it anew.

use crate::config::Config;
use crate::key_file;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use vas_core::{ErrorKind, HasKind, Secret};

/// The file in the data folder where no key is configured: a key a line, the one in use first.
pub(crate) const KEY_FILE: &str = "secret.key";
/// Bytes of a key's text at least.
pub(crate) const SHORTEST_KEY: usize = 32;
/// What sealed texts begin with: the form of everything behind it. No URL begins so.
const FORM: &str = "v1.";
/// Hexadecimal digits of a key's id.
const ID_DIGITS: usize = 8;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The file of keys can't be read or made.
    #[error("can't read or make the file of keys {}; set auth.secret_key, or mend the file's rights: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key is too short to be one.
    #[error("a key in {} is shorter than 32 characters; restore the file from a backup", .path.display())]
    Short {
        /// The file.
        path: PathBuf,
    },
}

impl HasKind for KeyringError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. } => ErrorKind::Unavailable,
            Self::Short { .. } => ErrorKind::InvalidInput,
        }
    }
}

/// Why a sealed text can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnsealError {
    /// None of the keys has this id.
    #[error("it is encrypted with the key {0}, which is missing")]
    UnknownKey(String),
    /// It was changed, or belongs elsewhere.
    #[error("it is damaged")]
    Damaged,
}

/// The keys: one to encrypt with, and those of before. `Clone` hands out the same. Prints ids alone.
#[derive(Clone)]
pub struct Keyring {
    /// The one in use first; never empty.
    keys: Arc<[Key]>,
}

struct Key {
    id: String,
    sealing: RandomizedNonceKey,
    digesting: hmac::Key,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Keyring {
    /// The keys of a configuration: `auth.secret_key`, then `auth.old_secret_keys`, then those in the data folder, where
    /// one is made if there is no other.
    ///
    /// # Errors
    /// The file in the data folder can't be read or made.
    pub fn open(config: &Config) -> Result<Self, KeyringError> {
        let auth = &config.auth;
        let configured = [&auth.secret_key].into_iter().chain(&auth.old_secret_keys);
        let mut texts: Vec<_> =
            configured.filter(|key| !key.is_empty()).map(|key| key.secret().clone()).collect();
        let path = config.data_dir.join(KEY_FILE);
        let file = if auth.secret_key.is_empty() {
            let make = || format!("{}\n", URL_SAFE_NO_PAD.encode(key_file::random_key())).into_bytes();
            // In use, so before those that were.
            key_file::read_or_make(&config.data_dir, KEY_FILE, make).map(Some)
        } else {
            key_file::read(&path)
        };
        let file = file.map_err(|source| KeyringError::File { path: path.clone(), source })?;
        let lines = String::from_utf8(file.unwrap_or_default()).unwrap_or_default();
        let lines: Vec<_> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let short = lines.iter().any(|line| line.len() < SHORTEST_KEY);
        if short || (auth.secret_key.is_empty() && lines.is_empty()) {
            return Err(KeyringError::Short { path });
        }
        let of_file = lines.into_iter().map(Secret::new);
        if auth.secret_key.is_empty() {
            texts.splice(0..0, of_file);
        } else {
            texts.extend(of_file);
        }
        Ok(Self::of(&texts))
    }

    /// A key that is kept nowhere: what is encrypted with it is lost with the program. For databases in memory.
    #[must_use]
    pub fn random() -> Self {
        Self::of(&[Secret::new(URL_SAFE_NO_PAD.encode(key_file::random_key()))])
    }

    /// The keys of these texts, the one in use first; at least one.
    pub(crate) fn of(texts: &[Secret]) -> Self {
        assert!(!texts.is_empty(), "a keyring has a key");
        Self { keys: texts.iter().map(Key::new).collect() }
    }

    fn current(&self) -> &Key {
        &self.keys[0]
    }

    /// Encrypts a text. `place` says where it belongs: it can be decrypted for no other.
    pub(crate) fn seal(&self, place: &[u8], text: &str) -> String {
        let key = self.current();
        let mut body = text.as_bytes().to_vec();
        let nonce = key
            .sealing
            .seal_in_place_append_tag(Aad::from(place), &mut body)
            .expect("a text of this size can be encrypted");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut body);
        format!("{FORM}{}.{}", key.id, URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Decrypts a text that was sealed for `place`.
    ///
    /// # Errors
    /// The key is missing, or the text is none that was sealed for this place.
    pub(crate) fn unseal(&self, place: &[u8], sealed: &str) -> Result<String, UnsealError> {
        let (id, body) = split(sealed).ok_or(UnsealError::Damaged)?;
        let key = self.keys.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| UnsealError::UnknownKey(id.to_owned()))?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| UnsealError::Damaged)?;
        let (nonce, body) = body.split_at_checked(NONCE_LEN).ok_or(UnsealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| UnsealError::Damaged)?;
        let mut body = body.to_vec();
        let text = key.sealing.open_in_place(nonce, Aad::from(place), &mut body);
        let text = text.map_err(|_| UnsealError::Damaged)?;
        String::from_utf8(text.to_vec()).map_err(|_| UnsealError::Damaged)
    }

    /// What tells equal texts of one place from others, without the texts.
    pub(crate) fn digest(&self, place: &[u8], text: &str) -> String {
        let mut context = hmac::Context::with_key(&self.current().digesting);
        context.update(&(place.len() as u64).to_be_bytes());
        context.update(place);
        context.update(text.as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign())
    }

    /// Whether a text was sealed with the key in use.
    pub(crate) fn is_current(&self, text: &str) -> bool {
        split(text).is_some_and(|(id, _)| id == self.current().id)
    }
}

/// Whether a text is a sealed one, by whatever key.
pub(crate) fn is_sealed(text: &str) -> bool {
    split(text).is_some()
}

/// The key's id and what was encrypted with it.
fn split(sealed: &str) -> Option<(&str, &str)> {
    let (id, body) = sealed.strip_prefix(FORM)?.split_once('.')?;
    (id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some((id, body))
}

impl Key {
    fn new(text: &Secret) -> Self {
        let secret = Salt::new(HKDF_SHA256, b"vas secrets").extract(text.expose().as_bytes());
        let id =
            derived(&secret, b"key id")[..ID_DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            id,
            sealing: RandomizedNonceKey::new(&AES_256_GCM, &derived(&secret, b"aes-256-gcm"))
                .expect("AES-256 takes 32 bytes"),
            digesting: hmac::Key::new(hmac::HMAC_SHA256, &derived(&secret, b"hmac-sha256")),
        }
    }
}

/// 32 bytes for one purpose.
fn derived(secret: &Prk, purpose: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    secret
        .expand(&[purpose], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut bytes))
        .expect("HKDF-SHA256 gives 32 bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretText;
    use std::os::unix::fs::PermissionsExt;

    fn keyring(letters: &[&str]) -> Keyring {
        let texts: Vec<_> = letters.iter().map(|letter| Secret::new(letter.repeat(SHORTEST_KEY))).collect();
        Keyring::of(&texts)
    }

    #[test]
    fn what_was_sealed_is_read_in_its_place_alone() {
        let keys = keyring(&["a"]);
        let sealed = keys.seal(b"gate", "rtsp://u:secret@h/1");
        assert!(is_sealed(&sealed) && keys.is_current(&sealed) && !sealed.contains("secret"));
        assert_ne!(sealed, keys.seal(b"gate", "rtsp://u:secret@h/1"), "no two are alike");
        assert_eq!(keys.unseal(b"gate", &sealed).unwrap(), "rtsp://u:secret@h/1");
        assert_eq!(keys.unseal(b"yard", &sealed), Err(UnsealError::Damaged));
        for at in FORM.len() + ID_DIGITS + 1..sealed.len() - 1 {
            let mut other = sealed.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(keys.unseal(b"gate", &other), Err(UnsealError::Damaged), "{other}");
        }
        for text in ["", "v1.", "v1.00000000", "v1.xxxxxxxx.AA", "rtsp://h/1"] {
            assert_eq!(keys.unseal(b"gate", text), Err(UnsealError::Damaged), "{text}");
            assert!(!is_sealed(text));
        }
    }

    #[test]
    fn keys_can_be_changed() {
        let (old, new) = (keyring(&["a"]), keyring(&["b"]));
        let sealed = old.seal(b"gate", "text");
        assert!(matches!(new.unseal(b"gate", &sealed), Err(UnsealError::UnknownKey(_))));
        let both = keyring(&["b", "a"]);
        assert_eq!(both.unseal(b"gate", &sealed).unwrap(), "text");
        assert!(!both.is_current(&sealed) && both.is_current(&both.seal(b"gate", "text")));
        assert_eq!(both.digest(b"t", "x"), new.digest(b"t", "x"));
        assert_ne!(new.digest(b"t", "x"), new.digest(b"u", "x"));
        assert_ne!(new.digest(b"t", "x"), old.digest(b"t", "x"));
    }

    #[test]
    fn without_a_configured_key_one_is_made_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: folder.path().join("new"), ..Config::default() };
        let sealed = Keyring::open(&config).unwrap().seal(b"gate", "text");
        assert_eq!(Keyring::open(&config).unwrap().unseal(b"gate", &sealed).unwrap(), "text");
        let path = config.data_dir.join(KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        // A configured key is in use from then on; the file's is one of before.
        config.auth.secret_key = SecretText::new("k".repeat(SHORTEST_KEY));
        let keys = Keyring::open(&config).unwrap();
        assert_eq!(keys.unseal(b"gate", &sealed).unwrap(), "text");
        assert!(!keys.is_current(&sealed));
        let newer = keys.seal(b"gate", "text");
        // A line of the file may be configured in its place.
        let line = std::fs::read_to_string(&path).unwrap();
        config.auth.secret_key = SecretText::new(line.trim());
        config.auth.old_secret_keys = vec![SecretText::new("k".repeat(SHORTEST_KEY))];
        std::fs::remove_file(&path).unwrap();
        let keys = Keyring::open(&config).unwrap();
        assert!(keys.is_current(&sealed));
        assert_eq!(keys.unseal(b"gate", &newer).unwrap(), "text");

        config.auth = crate::config::AuthConfig::default();
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(Keyring::open(&config), Err(KeyringError::Short { .. })));
    }
}
