//! `/v2/auth/token`, `/token/refresh`, `/token/revoke`: the contract, and OAuth 2's own door.

use super::{ROOT, ROOT_SECRET, add_client, get, post, root, start, text, tokens};
use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn form(server: &Server, path: &str, fields: &[(&str, &str)], basic: Option<(&str, &str)>) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = server.request(Method::POST, path).body(body);
    if let Some((id, secret)) = basic {
        request = request.basic_auth(id, Some(secret));
    }
    Answer::of(request.header("Content-Type", "application/x-www-form-urlencoded")).await
}

#[tokio::test]
async fn a_client_gets_tokens_renews_them_and_gives_them_back() {
    let server = start().await;
    let answer =
        server.post("/v2/auth/token", &json!({ "client_id": ROOT, "client_secret": ROOT_SECRET })).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let first = answer.expect(StatusCode::OK);
    assert_eq!((&first["token_type"], &first["expires_in"]), (&json!("Bearer"), &json!(3_600)));
    assert_eq!(first["scopes"].as_array().unwrap().len(), 8);
    assert_eq!(first["scope"].as_str().unwrap().split(' ').count(), 8);
    let access = text(&first, "access_token");
    get(&server, &access, "/v2/streams").await.expect(StatusCode::OK);

    let renew =
        async |token: &str| server.post("/v2/auth/token/refresh", &json!({ "refresh_token": token })).await;
    let second = renew(&text(&first, "refresh_token")).await.expect(StatusCode::OK);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["scopes"], first["scopes"]);
    get(&server, &text(&second, "access_token"), "/v2/streams").await.expect(StatusCode::OK);

    let revoke = async |token: &str| server.post("/v2/auth/token/revoke", &json!({ "token": token })).await;
    assert_eq!(revoke(&access).await.status, StatusCode::OK);
    get(&server, &access, "/v2/streams").await.problem(401, "INVALID_TOKEN");
    get(&server, &text(&second, "access_token"), "/v2/streams").await.expect(StatusCode::OK);
    assert_eq!(revoke(&text(&second, "refresh_token")).await.status, StatusCode::OK);
    renew(&text(&second, "refresh_token")).await.problem(401, "INVALID_GRANT");
    let ended = get(&server, &text(&second, "access_token"), "/v2/streams").await;
    ended.problem(401, "INVALID_TOKEN");
    for nothing in ["", "x", "a.b.c"] {
        let expected = if nothing.is_empty() { 422 } else { 200 };
        assert_eq!(revoke(nothing).await.status.as_u16(), expected);
    }
    renew("nothing").await.problem(401, "INVALID_GRANT");
    server.post("/v2/auth/token/refresh", &json!({})).await.problem(422, "VALIDATION_ERROR");
}

/// A refresh token that is used again was stolen by one of the two: neither goes on.
#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_its_family() {
    let server = start().await;
    let (mine, other) = (tokens(&server, ROOT, ROOT_SECRET).await, tokens(&server, ROOT, ROOT_SECRET).await);
    let renew = async |token: &Value| {
        let body = json!({ "refresh_token": token["refresh_token"] });
        server.post("/v2/auth/token/refresh", &body).await
    };
    let next = renew(&mine).await.expect(StatusCode::OK);
    renew(&mine).await.problem(401, "INVALID_GRANT");
    renew(&next).await.problem(401, "INVALID_GRANT");
    for token in [&mine, &next] {
        get(&server, &text(token, "access_token"), "/v2/streams").await.problem(401, "INVALID_TOKEN");
    }
    renew(&other).await.expect(StatusCode::OK);
    // Many at once: one of them is the first, and the others end it.
    let raced = tokens(&server, ROOT, ROOT_SECRET).await;
    let answers = futures_util::future::join_all((0..8).map(|_| renew(&raced))).await;
    assert!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count() <= 1);
    get(&server, &text(&raced, "access_token"), "/v2/streams").await.problem(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn permissions_may_be_fewer_and_never_more() {
    let server = start().await;
    let admin = root(&server).await;
    let ask = async |scopes: Value| {
        let body = json!({ "client_id": ROOT, "client_secret": ROOT_SECRET, "scopes": scopes });
        server.post("/v2/auth/token", &body).await
    };
    let fewer = ask(json!(["streams:read"])).await.expect(StatusCode::OK);
    assert_eq!((&fewer["scopes"], &fewer["scope"]), (&json!(["streams:read"]), &json!("streams:read")));
    let fewer = text(&fewer, "access_token");
    get(&server, &fewer, "/v2/streams").await.expect(StatusCode::OK);
    let refused = post(&server, &fewer, "/api/v1/devices", &json!({})).await;
    refused.problem(403, "FORBIDDEN");
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains("insufficient_scope") && challenge.contains("streams:write"), "{challenge}");
    for wrong in [json!(["streams:red"]), json!([]), json!(7), json!([7])] {
        assert!(ask(wrong).await.problem(422, "VALIDATION_ERROR")["fields"]["scopes"].is_string());
    }
    let reader = add_client(&server, &admin, "reader", &["streams:read"], json!({})).await;
    get(&server, &reader, "/v2/streams").await.expect(StatusCode::OK);
    let more = json!({ "client_id": "reader", "client_secret": "wrong", "scopes": ["admin"] });
    server.post("/v2/auth/token", &more).await.problem(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn the_oauth_door_speaks_oauth() {
    let server = start().await;
    let grant = ("grant_type", "client_credentials");
    let own = [grant, ("client_id", ROOT), ("client_secret", ROOT_SECRET), ("scope", "streams:read")];
    let granted = form(&server, "/v2/auth/token", &own, None).await.expect(StatusCode::OK);
    assert_eq!(granted["scope"], "streams:read");
    let basic = Some((ROOT, ROOT_SECRET));
    let granted = form(&server, "/v2/auth/token", &[grant], basic).await.expect(StatusCode::OK);
    let refresh = text(&granted, "refresh_token");
    let renew = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    form(&server, "/v2/auth/token", &renew, None).await.expect(StatusCode::OK);
    form(&server, "/v2/auth/token", &renew, None).await.problem(400, "invalid_grant");

    let wrong = form(&server, "/v2/auth/token", &[grant], Some((ROOT, "wrong"))).await;
    wrong.problem(401, "invalid_client");
    assert!(wrong.header("www-authenticate").starts_with("Basic "), "{wrong:?}");
    let wrong = [grant, ("client_id", ROOT), ("client_secret", "wrong")];
    let wrong = form(&server, "/v2/auth/token", &wrong, None).await;
    wrong.problem(401, "invalid_client");
    assert!(wrong.header("www-authenticate").starts_with("Bearer "), "{wrong:?}");
    for (fields, code) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![grant, ("scope", "everything")], "invalid_scope"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
    ] {
        form(&server, "/v2/auth/token", &fields, basic).await.problem(400, code);
    }
    form(&server, "/v2/auth/token", &[grant], None).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_tokens_is_named() {
    let server = start().await;
    let wrong = server.post("/v2/auth/token", &json!({})).await;
    let fields = wrong.problem(422, "VALIDATION_ERROR")["fields"].clone();
    assert!(fields["client_id"].is_string() && fields["client_secret"].is_string(), "{fields}");
    for (id, secret) in [(ROOT, "not-the-one"), ("nobody", ROOT_SECRET), ("nobody", "' OR 1=1 --")] {
        let wrong = server.post("/v2/auth/token", &json!({ "client_id": id, "client_secret": secret })).await;
        wrong.problem(401, "INVALID_CREDENTIALS");
        assert!(wrong.header("www-authenticate").starts_with("Bearer"), "{wrong:?}");
        assert!(!wrong.text.contains(secret));
    }
    let body = server.request(Method::POST, "/v2/auth/token").header("Content-Type", "text/plain").body("x");
    Answer::of(body).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
}

/// The public keys are enough to check a token elsewhere.
#[tokio::test]
async fn the_public_keys_are_there_for_others() {
    let server = start().await;
    let keys = server.get("/.well-known/jwks.json").await.expect(StatusCode::OK);
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key["kid"].is_string() && key.get("d").is_none());
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    rules.set_audience(&["vas"]);
    rules.set_issuer(&["vas"]);
    let checked = jsonwebtoken::decode::<Value>(
        root(&server).await,
        &jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap(),
        &rules,
    );
    assert_eq!(checked.unwrap().claims["client_id"], ROOT);
}
