//! Tokens that attackers make: none of them is let in.

use super::{root, start, with};
use crate::support::{Answer, Server};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use vas_core::TaskScope;

fn part(token: &str, at: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn join(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// Not let in, and challenged.
async fn refused(server: &Server, token: &str) {
    let answer = Answer::of(with(server, token, Method::GET, "/v2/streams")).await;
    answer.problem(401, "INVALID_TOKEN");
    assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
    let by_query = server.request(Method::GET, &format!("/v2/streams?token={token}"));
    Answer::of(by_query).await.problem(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let server = start().await;
    let token = root(&server).await;
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let signature = token.rsplit('.').next().unwrap().to_owned();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    Answer::of(with(&server, &token, Method::GET, "/v2/streams")).await.expect(StatusCode::OK);
    // Without a signature, by all its names.
    for name in ["none", "None", "NONE", ""] {
        let mut header = header.clone();
        header["alg"] = json!(name);
        for signature in ["", &signature] {
            refused(&server, &join(&header, &claims, signature)).await;
        }
    }
    // What it says was changed, the signature is that of before.
    for (name, value) in [
        ("scope", json!("admin")),
        ("sub", json!("00000000-0000-4000-8000-000000000000")),
        ("iss", json!("somebody")),
        ("aud", json!("others")),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999_u64)),
        ("exp", json!(null)),
        ("epoch", json!(99)),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        refused(&server, &join(&header, &claims, &signature)).await;
    }
    // The public key as a shared secret, and a shared secret under names that might be a file's or a query's.
    let jwks = server.get("/.well-known/jwks.json").await.expect(StatusCode::OK);
    let x = jwks["keys"][0]["x"].as_str().unwrap();
    let mut hs = header.clone();
    hs["alg"] = json!("HS256");
    for secret in [
        x.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(x).unwrap(),
        jwks["keys"][0].to_string().into(),
        Vec::new(),
    ] {
        for kid in
            [header["kid"].as_str().unwrap(), "shared", "/dev/null", "../../dev/null", "' UNION SELECT 'x"]
        {
            let mut header = Header::new(Algorithm::HS256);
            (header.kid, header.typ) = (Some(kid.to_owned()), Some("at+jwt".to_owned()));
            refused(&server, &encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap()).await;
        }
    }
    for garbage in ["x", "a.b.c", "....", "eyJ9.e30.", "\u{fffd}"] {
        let answer = Answer::of(server.request(Method::GET, &format!("/v2/streams?token={garbage}"))).await;
        answer.problem(401, "INVALID_TOKEN");
    }
    refused(&server, &"x".repeat(7_000)).await;
}

/// A token of somebody's own key, that tells where the key lies: nobody looks there.
#[tokio::test]
async fn keys_are_not_fetched_from_where_a_token_says() {
    let server = start().await;
    let token = root(&server).await;
    let claims = part(&token, 1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (visits, scope) = (Arc::new(AtomicUsize::new(0)), TaskScope::new());
    let counted = visits.clone();
    scope.spawn_until_cancelled("trap", async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let pair =
        aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    for kid in [part(&token, 0)["kid"].as_str().unwrap(), "mine"] {
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(kid.to_owned()),
            jku: Some(format!("http://{address}/jwks.json")),
            x5u: Some(format!("http://{address}/chain.pem")),
            ..Header::new(Algorithm::EdDSA)
        };
        refused(&server, &encode(&header, &claims, &EncodingKey::from_ed_der(pair.as_ref())).unwrap()).await;
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    scope.cancel();
}

/// A token of another server is none of this one's, though both are called the same.
#[tokio::test]
async fn tokens_of_another_server_are_refused() {
    let (server, other) = (start().await, start().await);
    refused(&server, &root(&other).await).await;
}
