//! Users, clients, keys and the audit log, as admins and owners keep them.

use super::{Browser, PASSWORD, ROOT, add_client, add_user, get, post, root, start, text, try_sign_in, with};
use crate::support::{Answer, Server, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn put(server: &Server, token: &str, path: &str, body: &Value) -> Answer {
    Answer::of(with(server, token, Method::PUT, path).json(body)).await
}

async fn delete(server: &Server, token: &str, path: &str) -> Answer {
    Answer::of(with(server, token, Method::DELETE, path)).await
}

#[tokio::test]
async fn users_are_made_changed_and_deleted() {
    let server = start().await;
    let admin = root(&server).await;
    let vera = add_user(&server, &admin, "vera", "viewer", json!({})).await;
    let id = text(&vera, "id");
    assert_eq!(
        (&vera["role"], &vera["devices"], &vera["disabled"]),
        (&json!("viewer"), &json!(null), &json!(false))
    );
    assert!(!vera.to_string().contains("argon2") && !vera.to_string().contains(PASSWORD));
    let taken = json!({ "username": "vera", "password": PASSWORD, "role": "admin" });
    post(&server, &admin, "/v2/auth/users", &taken).await.problem(409, "CONFLICT");
    for (field, body) in [
        ("username", json!({ "password": PASSWORD, "role": "viewer" })),
        ("username", json!({ "username": "a\"b", "password": PASSWORD, "role": "viewer" })),
        ("password", json!({ "username": "x", "password": "short", "role": "viewer" })),
        ("role", json!({ "username": "x", "password": PASSWORD, "role": "god" })),
        ("role", json!({ "username": "x", "password": PASSWORD })),
        ("devices", json!({ "username": "x", "password": PASSWORD, "role": "viewer", "devices": ["x"] })),
    ] {
        let wrong = post(&server, &admin, "/v2/auth/users", &body).await.problem(422, "VALIDATION_ERROR");
        assert!(wrong["fields"][field].is_string(), "{wrong}");
    }
    let browser = Browser::sign_in(&server, "vera", PASSWORD).await;
    let path = format!("/v2/auth/users/{id}");
    let changed = put(&server, &admin, &path, &json!({ "role": "operator" })).await.expect(StatusCode::OK);
    assert_eq!((&changed["role"], changed["updated_at"].is_string()), (&json!("operator"), true));
    // Opened with other rights.
    Answer::of(browser.request(&server, Method::GET, "/v2/auth/me")).await.problem(401, "SESSION_EXPIRED");
    let browser = Browser::sign_in(&server, "vera", PASSWORD).await;
    put(&server, &admin, &path, &json!({ "disabled": true })).await.expect(StatusCode::OK);
    Answer::of(browser.request(&server, Method::GET, "/v2/auth/me")).await.problem(401, "SESSION_EXPIRED");
    try_sign_in(&server, "vera", PASSWORD).await.problem(401, "INVALID_CREDENTIALS");
    let listed = get(&server, &admin, "/v2/auth/users?limit=1&offset=1").await.expect(StatusCode::OK);
    assert_eq!(
        (&listed["users"][0]["username"], &listed["pagination"]["total"]),
        (&json!("vera"), &json!(2))
    );
    assert_eq!(delete(&server, &admin, &path).await.status, StatusCode::NO_CONTENT);
    get(&server, &admin, &path).await.problem(404, "NOT_FOUND");
    get(&server, &admin, "/v2/auth/users/no-uuid").await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn the_last_admin_stays() {
    let server = start().await;
    let token = root(&server).await;
    let listed = get(&server, &token, "/v2/auth/users").await.expect(StatusCode::OK);
    let first = text(&listed["users"][0], "id");
    assert_eq!(listed["users"][0]["username"], "admin");
    let path = format!("/v2/auth/users/{first}");
    for body in [json!({ "role": "viewer" }), json!({ "disabled": true })] {
        put(&server, &token, &path, &body).await.problem(409, "LAST_ADMIN");
    }
    delete(&server, &token, &path).await.problem(409, "LAST_ADMIN");
    add_user(&server, &token, "anna", "admin", json!({})).await;
    assert_eq!(delete(&server, &token, &path).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn clients_are_made_and_deleted() {
    let server = start().await;
    let admin = root(&server).await;
    let body =
        json!({ "client_id": "portal", "scopes": ["streams:read"], "expires_at": "2099-01-01T00:00:00Z" });
    let made = post(&server, &admin, "/v2/auth/clients", &body).await.expect(StatusCode::CREATED);
    assert_eq!((&made["client_id"], &made["scopes"]), (&json!("portal"), &json!(["streams:read"])));
    assert!(made["client_secret"].as_str().unwrap().len() >= 32 && made["created_at"].is_string());
    post(&server, &admin, "/v2/auth/clients", &body).await.problem(409, "CONFLICT");
    for (field, wrong) in [
        ("client_id", json!({ "scopes": ["admin"] })),
        ("scopes", json!({ "client_id": "x" })),
        ("scopes", json!({ "client_id": "x", "scopes": ["root"] })),
        (
            "expires_at",
            json!({ "client_id": "x", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z" }),
        ),
    ] {
        let wrong = post(&server, &admin, "/v2/auth/clients", &wrong).await.problem(422, "VALIDATION_ERROR");
        assert!(wrong["fields"][field].is_string(), "{wrong}");
    }
    let listed = get(&server, &admin, "/v2/auth/clients").await.expect(StatusCode::OK);
    assert_eq!(listed["pagination"]["total"], 2);
    assert!(!listed.to_string().contains("secret"), "{listed}");
    let token = text(&super::tokens(&server, "portal", &text(&made, "client_secret")).await, "access_token");
    get(&server, &token, "/v2/streams").await.expect(StatusCode::OK);
    assert_eq!(delete(&server, &admin, "/v2/auth/clients/portal").await.status, StatusCode::NO_CONTENT);
    delete(&server, &admin, "/v2/auth/clients/portal").await.problem(404, "NOT_FOUND");
    get(&server, &token, "/v2/streams").await.problem(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn keys_stand_for_their_owner_and_no_more() {
    let server = start().await;
    let admin = root(&server).await;
    let reader = add_client(&server, &admin, "reader", &["streams:read"], json!({})).await;
    let made = post(&server, &reader, "/v2/auth/keys", &json!({ "name": "wall" })).await;
    let made = made.expect(StatusCode::CREATED);
    let key = text(&made, "key");
    assert!(key.starts_with("vas_") && made["scopes"] == json!(["streams:read"]));
    let more = json!({ "name": "more", "scopes": ["admin"] });
    post(&server, &reader, "/v2/auth/keys", &more).await.problem(403, "FORBIDDEN");
    let by_key = async |key: &str, path: &str| {
        Answer::of(server.request(Method::GET, path).header("X-API-Key", key)).await
    };
    by_key(&key, "/v2/streams").await.expect(StatusCode::OK);
    by_key(&key, "/v2/audit").await.problem(403, "FORBIDDEN");
    let mut forged = key.clone();
    forged.pop();
    for wrong in ["", "vas_", "x", forged.as_str(), &"v".repeat(5_000)] {
        by_key(wrong, "/v2/streams").await.problem(401, "INVALID_API_KEY");
    }
    let listed = get(&server, &reader, "/v2/auth/keys").await.expect(StatusCode::OK);
    assert_eq!((&listed["keys"][0]["name"], listed["keys"][0].get("key")), (&json!("wall"), None));
    let path = format!("/v2/auth/keys/{}", text(&made, "id"));
    let stranger = add_client(&server, &admin, "stranger", &["streams:read"], json!({})).await;
    delete(&server, &stranger, &path).await.problem(404, "NOT_FOUND");
    assert_eq!(delete(&server, &reader, &path).await.status, StatusCode::NO_CONTENT);
    by_key(&key, "/v2/streams").await.problem(401, "INVALID_API_KEY");
}

#[tokio::test]
async fn what_happened_is_kept() {
    let server = start().await;
    let admin = root(&server).await;
    add_user(&server, &admin, "vera", "viewer", json!({})).await;
    try_sign_in(&server, "vera", "wrong password").await.problem(401, "INVALID_CREDENTIALS");
    let vera = Browser::sign_in(&server, "vera", PASSWORD).await;
    Answer::of(vera.request(&server, Method::POST, "/api/v1/devices").json(&json!({})))
        .await
        .problem(403, "FORBIDDEN");
    let body = json!({ "name": "Gate", "rtsp_url": "rtsp://127.0.0.1:1/main" });
    post(&server, &admin, "/api/v1/devices", &body).await.expect(StatusCode::CREATED);
    let expected = [
        ("root", "token.create", true),
        ("root", "user.create", true),
        ("vera", "session.create", false),
        ("vera", "session.create", true),
        ("vera", "POST /api/v1/devices", false),
        ("root", "POST /api/v1/devices", true),
    ];
    let entries = until("all entries", async || {
        let listed = get(&server, &admin, "/v2/audit?limit=100").await.expect(StatusCode::OK);
        let entries = listed["entries"].as_array().unwrap().clone();
        (entries.len() >= expected.len()).then_some(entries)
    })
    .await;
    for (actor, action, allowed) in expected {
        let is_it = |entry: &Value| {
            entry["actor"] == actor && entry["action"] == action && entry["allowed"] == allowed
        };
        let entry = entries.iter().find(|entry| is_it(entry));
        assert_eq!(entry.unwrap_or_else(|| panic!("{actor} {action}"))["address"], "127.0.0.1");
    }
    let refused = get(&server, &admin, "/v2/audit?actor=vera&allowed=false").await.expect(StatusCode::OK);
    assert_eq!(refused["pagination"]["total"], 2);
    assert!(refused["entries"][0]["at"].as_str() >= refused["entries"][1]["at"].as_str(), "the newest first");
    get(&server, &admin, "/v2/audit?after=yesterday").await.problem(422, "VALIDATION_ERROR");
    assert_eq!(ROOT, "root");
}
