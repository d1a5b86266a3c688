//! Secrets that are made here, and what is stored of them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Bytes of a secret: nobody guesses 256 bits.
const BYTES: usize = 32;
/// What tokens against forged requests are made of, besides the cookie.
const CSRF: &[u8] = b"vas csrf token";
/// Letters and digits that nobody mistakes for one another.
const LEGIBLE: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Letters of a password that is made here: 100 bits.
const PASSWORD_LETTERS: usize = 20;

/// A new secret: 43 letters of base64url.
pub(super) fn random() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<BYTES>())
}

/// A password for a person to type once.
pub(super) fn password() -> String {
    random_bytes::<PASSWORD_LETTERS>()
        .iter()
        .map(|byte| char::from(LEGIBLE[usize::from(byte & 31)]))
        .collect()
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// What is stored of a secret that was made here. A fast hash will do: there is nothing to guess.
pub(super) fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

/// An id that follows from a text, for texts that have none: the first half of its SHA-256.
pub(super) fn id_of(text: &str) -> Uuid {
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    // Of the version for such (RFC 9562, section 5.8).
    uuid::Builder::from_custom_bytes(bits).into_uuid()
}

/// Whether two hashes are the same, in a time that does not tell where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// What a page of a session sends with changes: only who knows the cookie can make it, and it does not tell the cookie.
pub(super) fn csrf_token(cookie: &str) -> String {
    let key = hmac::Key::new(HMAC_SHA256, cookie.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, CSRF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random(), random());
        assert!(one.len() == 43 && one != other && hash(&one) != hash(&other));
        assert!(same(&hash(&one), &hash(&one)) && !same(&hash(&one), &hash(&other)));
        assert!(csrf_token(&one) != csrf_token(&other) && csrf_token(&one) != one);
        assert_eq!(password().len(), PASSWORD_LETTERS);
    }
}
