//! Tokens that are honoured, and many that are not.

use super::*;
use crate::config::{SecretText, TokenAlgorithm};
use crate::db::Database;
use crate::keyring::Keyring;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

const NOW: WallTime = WallTime::from_unix_micros(1_800_000_000 * SECOND);
const DAY: i64 = 86_400 * SECOND;

async fn database() -> Database {
    Database::connect("sqlite::memory:", Keyring::random()).await.unwrap()
}

fn config(algorithm: TokenAlgorithm) -> AuthConfig {
    AuthConfig { algorithm, secret: SecretText::new("s".repeat(32)), ..AuthConfig::default() }
}

async fn tokens_at(database: &Database, config: &AuthConfig, now: WallTime) -> Tokens {
    let keys = Keys::open(database.credentials(), database.keys().clone(), config, now).await.unwrap();
    Tokens::new(keys, config)
}

fn new() -> NewToken {
    NewToken {
        account: Uuid::now_v7(),
        epoch: 2,
        client: Some("portal".to_owned()),
        scopes: Scopes::MEDIA,
        via: vec![Uuid::now_v7()],
        devices: None,
        seconds: 60,
    }
}

fn parts(token: &str) -> (Value, Value) {
    let part =
        |at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap());
    (part(0).unwrap(), part(1).unwrap())
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

#[tokio::test]
async fn what_is_issued_is_honoured_until_it_expires() {
    for algorithm in [TokenAlgorithm::EdDsa, TokenAlgorithm::Es256, TokenAlgorithm::Hs256] {
        let database = database().await;
        let tokens = tokens_at(&database, &config(algorithm), NOW).await;
        let (token, claims) = tokens.issue(new(), NOW).unwrap();
        assert_eq!(tokens.check(&token, NOW).unwrap(), claims);
        assert!(tokens.check(&token, NOW.add_micros(59 * SECOND)).is_ok());
        assert!(matches!(tokens.check(&token, NOW.add_micros(60 * SECOND)), Err(AuthError::Expired)));
        let keys = tokens.keys().jwks()["keys"].as_array().unwrap().len();
        assert_eq!(keys, usize::from(algorithm != TokenAlgorithm::Hs256), "a shared secret is told nobody");
    }
}

/// Each claim and each member of the header that matters, changed, and signed by the right key where that is possible.
#[tokio::test]
async fn tokens_that_are_not_quite_right_are_refused() {
    let database = database().await;
    let tokens = tokens_at(&database, &config(TokenAlgorithm::EdDsa), NOW).await;
    let (token, _) = tokens.issue(new(), NOW).unwrap();
    let (header, claims) = parts(&token);
    let key = tokens.keys().signing().unwrap();
    let signed = |header: Header, claims: &Value| encode(&header, claims, key.encoding()).unwrap();
    let right = || Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(key.id().to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    assert!(tokens.check(&signed(right(), &claims), NOW).is_ok());
    let exp = claims["exp"].as_i64().unwrap();
    for wrong in [
        with("iss", json!("somebody")),
        with("iss", json!(["vas"])),
        with("aud", json!("others")),
        with("aud", json!([])),
        with("exp", json!(exp.to_string())),
        with("exp", json!(null)),
        with("exp", json!(1e300)),
        with("sub", json!("admin")),
        without("exp"),
        without("iss"),
        without("aud"),
        without("sub"),
    ] {
        assert!(
            matches!(tokens.check(&signed(right(), &wrong), NOW), Err(AuthError::InvalidToken)),
            "{wrong}"
        );
    }
    for wrong in [
        Header { kid: None, ..right() },
        Header { kid: Some("../../etc/passwd".to_owned()), ..right() },
        Header { typ: Some("JWT".to_owned()), ..right() },
        Header { crit: Some(vec!["exp".to_owned()]), ..right() },
    ] {
        assert!(matches!(tokens.check(&signed(wrong, &claims), NOW), Err(AuthError::InvalidToken)));
    }
    // No signature at all, whatever it is called.
    for name in ["none", "None", "NONE", "nOnE"] {
        let mut header = header.clone();
        header["alg"] = json!(name);
        let token = unsigned(&header, &claims);
        for token in [format!("{token}."), format!("{token}.AAAA"), token] {
            assert!(matches!(tokens.check(&token, NOW), Err(AuthError::InvalidToken)));
        }
    }
    // The public key as if it were a shared secret.
    let public = tokens.keys().jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    for secret in [public.clone().into_bytes(), URL_SAFE_NO_PAD.decode(&public).unwrap()] {
        let header = Header { alg: Algorithm::HS256, ..right() };
        let token = encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
        assert!(matches!(tokens.check(&token, NOW), Err(AuthError::InvalidToken)));
    }
    for garbage in ["", ".", "..", "a.b.c", "a.b.c.d", &"x".repeat(LONGEST + 1), "\u{0}.\u{0}.\u{0}"] {
        assert!(matches!(tokens.check(garbage, NOW), Err(AuthError::InvalidToken)), "{garbage}");
    }
}

/// A token that brings the key it is signed with, or tells where that lies.
#[tokio::test]
async fn keys_that_tokens_bring_are_not_used() {
    let (database, other) = (database().await, database().await);
    let tokens = tokens_at(&database, &config(TokenAlgorithm::EdDsa), NOW).await;
    let attacker = tokens_at(&other, &config(TokenAlgorithm::EdDsa), NOW).await;
    let (token, _) = attacker.issue(new(), NOW).unwrap();
    assert!(matches!(tokens.check(&token, NOW), Err(AuthError::InvalidToken)), "an unknown kid");
    let (_, claims) = parts(&token);
    let own = tokens.keys().signing().unwrap();
    let theirs = attacker.keys().signing().unwrap();
    let jwk = serde_json::from_value(theirs.verifying().jwk().unwrap().clone()).unwrap();
    let header = Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(own.id().to_owned()),
        jku: Some("http://127.0.0.1:1/jwks.json".to_owned()),
        x5u: Some("http://127.0.0.1:1/chain.pem".to_owned()),
        jwk: Some(jwk),
        ..Header::new(Algorithm::EdDSA)
    };
    let forged = encode(&header, &claims, theirs.encoding()).unwrap();
    assert!(matches!(tokens.check(&forged, NOW), Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn keys_are_shared_rotated_and_kept_for_as_long_as_tokens_live() {
    let database = database().await;
    let config = config(TokenAlgorithm::EdDsa);
    let (one, other) = (tokens_at(&database, &config, NOW).await, tokens_at(&database, &config, NOW).await);
    let (token, claims) = one.issue(NewToken { seconds: 86_400, ..new() }, NOW).unwrap();
    assert_eq!(other.check(&token, NOW).unwrap(), claims, "another node on the same database");
    let first = one.keys().signing().unwrap().id().to_owned();
    let later = NOW.add_micros(i64::from(config.key_rotation_days) * DAY);
    one.keys().refresh(later).await.unwrap();
    assert_ne!(one.keys().signing().unwrap().id(), first);
    assert!(one.keys().verifying(&first).is_some(), "its tokens still live");
    one.keys().refresh(later.add_micros(DAY + 1)).await.unwrap();
    assert!(one.keys().verifying(&first).is_none());
    // With another algorithm, tokens of the one before are honoured, too.
    let es256 = AuthConfig { algorithm: TokenAlgorithm::Es256, ..config };
    let changed = tokens_at(&database, &es256, later).await;
    assert_eq!(changed.keys().signing().unwrap().algorithm(), Algorithm::ES256);
    assert_eq!(changed.keys().jwks()["keys"].as_array().unwrap().len(), 2);
}

/// Whoever has a copy of the database, and not the key beside it, can't sign.
#[tokio::test]
async fn private_keys_are_sealed() {
    let database = database().await;
    let config = config(TokenAlgorithm::EdDsa);
    let first = tokens_at(&database, &config, NOW).await.keys().signing().unwrap().id().to_owned();
    let row = database.credentials().signing_keys().await.unwrap().remove(0);
    assert!(crate::keyring::is_sealed(&row.sealed) && row.id == first);
    let keys = Keys::open(database.credentials(), Keyring::random(), &config, NOW).await.unwrap();
    assert_ne!(keys.signing().unwrap().id(), first, "what can't be unsealed is replaced");
    assert!(keys.verifying(&first).is_none());
}
