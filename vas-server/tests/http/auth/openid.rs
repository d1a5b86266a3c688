//! Tokens of an OpenID provider: a small one, on the loopback interface.

use super::{get, start_with};
use crate::support::Server;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use axum::routing::get as route;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;
use vas_core::TaskScope;

/// A provider, with the keys that it publishes at the moment.
struct Provider {
    issuer: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<usize>>,
    scope: TaskScope,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
        let (published, counted) = (keys.clone(), asked.clone());
        let router = Router::new()
            .route("/.well-known/openid-configuration", route(async move || Json(metadata)))
            .route(
                "/keys",
                route(async move || {
                    *counted.lock() += 1;
                    let keys = published.lock().clone();
                    Json(json!({ "keys": keys }))
                }),
            );
        let scope = TaskScope::new();
        scope.spawn_until_cancelled("provider", async move { drop(axum::serve(listener, router).await) });
        Self { issuer, keys, asked, scope }
    }

    fn claims(&self, change: impl FnOnce(&mut Value)) -> Value {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "aud": ["account", "vas"], "sub": "248289761001", "exp": now + 600, "iat": now,
            "preferred_username": "vera", "realm_access": { "roles": ["offline", "vas-viewer"] },
        });
        change(&mut claims);
        claims
    }
}

/// A key pair of RSA: what it publishes, and what it signs with.
fn rsa(kid: &str) -> (Value, EncodingKey) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).clone();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (public.modulus(), public.exponent());
    let jwk = json!({
        "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
        "n": text(n.big_endian_without_leading_zero()), "e": text(e.big_endian_without_leading_zero()),
    });
    let document: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(document.as_ref())
    );
    (jwk, EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap())
}

fn signed(kid: &str, key: &EncodingKey, algorithm: Algorithm, claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

async fn server(provider: &Provider) -> Server {
    let issuer = provider.issuer.clone();
    start_with(|config| {
        config.auth.openid.issuer = issuer;
        config.auth.openid.role_claim = "realm_access.roles".to_owned();
    })
    .await
}

#[tokio::test]
async fn tokens_of_the_provider_are_taken_for_what_they_say() {
    let _ = SystemRandom::new();
    let provider = Provider::start().await;
    let (jwk, key) = rsa("one");
    provider.keys.lock().push(jwk);
    let server = server(&provider).await;
    let token = |claims: &Value| signed("one", &key, Algorithm::RS256, claims);
    let right = provider.claims(|_| {});
    let me = get(&server, &token(&right), "/v2/auth/me").await.expect(StatusCode::OK);
    assert_eq!(
        (&me["name"], &me["role"], &me["kind"]),
        (&json!("vera"), &json!("viewer"), &json!("external"))
    );
    super::post(&server, &token(&right), "/api/v1/devices", &json!({})).await.problem(403, "FORBIDDEN");
    let operator = provider.claims(|claims| claims["realm_access"] = json!({ "roles": "vas-operator" }));
    super::post(&server, &token(&operator), "/api/v1/devices", &json!({}))
        .await
        .problem(422, "VALIDATION_ERROR");

    let wrong: [fn(&mut Value); 9] = [
        |claims| claims["iss"] = json!("https://somebody.example"),
        |claims| claims["aud"] = json!("account"),
        |claims| claims["exp"] = json!("9999999999"),
        |claims| claims["exp"] = json!(null),
        |claims| claims["sub"] = json!(""),
        |claims| claims["nbf"] = json!(99_999_999_999_u64),
        |claims| claims["nbf"] = json!("now"),
        |claims| claims["realm_access"] = json!({ "roles": ["guest"] }),
        |claims| claims["realm_access"] = json!(null),
    ];
    for change in wrong {
        let claims = provider.claims(change);
        get(&server, &token(&claims), "/v2/streams").await.problem(401, "INVALID_TOKEN");
    }
    let expired = provider.claims(|claims| claims["exp"] = json!(1_000_000_000));
    get(&server, &token(&expired), "/v2/streams").await.problem(401, "TOKEN_EXPIRED");
    // Another algorithm than the key's: of the same kind, and the public key as a shared secret.
    let other = signed("one", &key, Algorithm::PS256, &right);
    get(&server, &other, "/v2/streams").await.problem(401, "INVALID_TOKEN");
    let modulus = provider.keys.lock()[0]["n"].as_str().unwrap().to_owned();
    let confused = signed("one", &EncodingKey::from_secret(modulus.as_bytes()), Algorithm::HS256, &right);
    get(&server, &confused, "/v2/streams").await.problem(401, "INVALID_TOKEN");

    // Taken back here, whatever the provider says.
    let token = token(&right);
    server.post("/v2/auth/token/revoke", &json!({ "token": token })).await;
    get(&server, &token, "/v2/streams").await.problem(401, "INVALID_TOKEN");
}

/// A new key is looked for, and names of keys that nobody has make the server ask no more than now and then.
#[tokio::test]
async fn the_provider_is_asked_for_new_keys_but_not_for_each_token() {
    let provider = Provider::start().await;
    let (jwk, key) = rsa("one");
    provider.keys.lock().push(jwk);
    let server = server(&provider).await;
    let claims = provider.claims(|_| {});
    for _ in 0..3 {
        get(&server, &signed("one", &key, Algorithm::RS256, &claims), "/v2/streams")
            .await
            .expect(StatusCode::OK);
    }
    assert_eq!(*provider.asked.lock(), 1);
    for n in 0..20 {
        let invented = signed(&format!("invented {n}"), &key, Algorithm::RS256, &claims);
        get(&server, &invented, "/v2/streams").await.problem(401, "INVALID_TOKEN");
    }
    assert!(*provider.asked.lock() <= 2, "asked {} times", provider.asked.lock());
}

#[tokio::test]
async fn a_provider_that_is_away_lets_nobody_in_and_keeps_nobody_else_out() {
    let provider = Provider::start().await;
    let (_, key) = rsa("one");
    let issuer = provider.issuer.clone();
    let claims = provider.claims(|_| {});
    drop(provider);
    let server = start_with(|config| config.auth.openid.issuer = issuer).await;
    let answer = get(&server, &signed("one", &key, Algorithm::RS256, &claims), "/v2/streams").await;
    assert!(matches!(answer.status.as_u16(), 401 | 503), "{answer:?}");
    get(&server, &super::root(&server).await, "/v2/streams").await.expect(StatusCode::OK);
}
