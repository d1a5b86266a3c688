//! One key pair, and what the algorithms differ in.

use crate::config::TokenAlgorithm;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// The `kid` of the configured secret: there is one at a time.
const SHARED: &str = "shared";
/// Bytes of a coordinate of P-256.
const COORDINATE: usize = 32;

/// A key that tokens are signed with.
#[derive(Clone)]
pub(super) struct SigningKey {
    verifying: VerifyingKey,
    encoding: EncodingKey,
}

/// A key that tokens are checked with. It has one algorithm; what a token's header says changes nothing in that.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    id: Arc<str>,
    algorithm: Algorithm,
    decoding: Arc<DecodingKey>,
    jwk: Option<Value>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id)
    }
}

impl SigningKey {
    pub(super) fn id(&self) -> &str {
        &self.verifying.id
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm
    }

    pub(super) const fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) const fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The key that a shared secret is.
    pub(super) fn shared(secret: &[u8]) -> Self {
        let decoding = Arc::new(DecodingKey::from_secret(secret));
        let verifying = VerifyingKey { id: SHARED.into(), algorithm: Algorithm::HS256, decoding, jwk: None };
        Self { verifying, encoding: EncodingKey::from_secret(secret) }
    }

    /// The key pair of a PKCS#8 document (RFC 5958). `None`: it is none of this algorithm.
    pub(super) fn of_pkcs8(algorithm: TokenAlgorithm, document: &[u8]) -> Option<Self> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (jwt, mut jwk, decoding, encoding) = match algorithm {
            TokenAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
                let x = text(pair.public_key().as_ref());
                let decoding = DecodingKey::from_ed_components(&x).ok()?;
                let jwk = json!({ "crv": "Ed25519", "kty": "OKP", "x": x });
                (Algorithm::EdDSA, jwk, decoding, EncodingKey::from_ed_der(document))
            }
            TokenAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).ok()?;
                // Uncompressed: 4, x, y (SEC 1, section 2.3.3).
                let point = pair.public_key().as_ref().get(1..)?;
                let (x, y) = point.split_at_checked(COORDINATE)?;
                let (x, y) = (text(x), text(y));
                let decoding = DecodingKey::from_ec_components(&x, &y).ok()?;
                let jwk = json!({ "crv": "P-256", "kty": "EC", "x": x, "y": y });
                (Algorithm::ES256, jwk, decoding, EncodingKey::from_ec_der(document))
            }
            TokenAlgorithm::Hs256 => return None,
        };
        let id = thumbprint(&jwk);
        jwk["kid"] = json!(id);
        jwk["alg"] = json!(name(algorithm));
        jwk["use"] = json!("sig");
        let verifying =
            VerifyingKey { id: id.into(), algorithm: jwt, decoding: Arc::new(decoding), jwk: Some(jwk) };
        Some(Self { verifying, encoding })
    }
}

impl VerifyingKey {
    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// The public key for others (RFC 7517); a shared secret has none.
    pub(super) const fn jwk(&self) -> Option<&Value> {
        self.jwk.as_ref()
    }
}

/// A new key pair as a PKCS#8 document.
pub(super) fn generate(algorithm: TokenAlgorithm) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    let document = match algorithm {
        TokenAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        TokenAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        TokenAlgorithm::Hs256 => return None,
    };
    Some(document.ok()?.as_ref().to_vec())
}

/// An algorithm's name in headers and rows.
pub(super) const fn name(algorithm: TokenAlgorithm) -> &'static str {
    match algorithm {
        TokenAlgorithm::EdDsa => "EdDSA",
        TokenAlgorithm::Es256 => "ES256",
        TokenAlgorithm::Hs256 => "HS256",
    }
}

/// The thumbprint of a public key (RFC 7638), whose members must stand in the order of their names.
fn thumbprint(jwk: &Value) -> String {
    super::super::secret::hash(&jwk.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8037, appendices A.1 to A.3.
    #[test]
    fn a_thumbprint_is_that_of_the_standard() {
        let jwk =
            json!({ "crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        assert_eq!(thumbprint(&jwk), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn pairs_are_of_their_algorithm_and_print_nothing() {
        for algorithm in [TokenAlgorithm::EdDsa, TokenAlgorithm::Es256] {
            let document = generate(algorithm).unwrap();
            let key = SigningKey::of_pkcs8(algorithm, &document).unwrap();
            let jwk = key.verifying().jwk().unwrap();
            assert_eq!((jwk["alg"].as_str(), jwk["kid"].as_str()), (Some(name(algorithm)), Some(key.id())));
            assert!(jwk.get("d").is_none());
            assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.id()));
            let other = if algorithm == TokenAlgorithm::EdDsa {
                TokenAlgorithm::Es256
            } else {
                TokenAlgorithm::EdDsa
            };
            assert!(SigningKey::of_pkcs8(other, &document).is_none());
        }
    }
}
