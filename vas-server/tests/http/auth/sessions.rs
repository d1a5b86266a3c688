//! Sessions of people: signing in and out, cookies, forged requests, throttling, one's own password, media tokens.

use super::{Browser, PASSWORD, add_user, get, post, root, start, text, try_sign_in, with};
use crate::support::{Answer, Server, camera};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn with_viewer() -> Server {
    let server = start().await;
    let admin = root(&server).await;
    add_user(&server, &admin, "vera", "viewer", json!({})).await;
    server
}

#[tokio::test]
async fn a_session_begins_and_ends() {
    let server = with_viewer().await;
    server.get("/v2/auth/me").await.problem(401, "UNAUTHORIZED");
    let answer = try_sign_in(&server, "vera", PASSWORD).await;
    let me = answer.expect(StatusCode::OK);
    assert_eq!((&me["name"], &me["role"]), (&json!("vera"), &json!("viewer")));
    assert_eq!((&me["auth_mode"], me["scopes"].as_array().unwrap().len()), (&json!("required"), 4));
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "this one came in the clear");
    let vera = Browser::of(&answer);
    let asked = Answer::of(vera.request(&server, Method::GET, "/v2/auth/me")).await;
    assert_eq!(asked.expect(StatusCode::OK), me);
    let out = Answer::of(vera.request(&server, Method::DELETE, "/v2/auth/session")).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    Answer::of(vera.request(&server, Method::GET, "/v2/auth/me")).await.problem(401, "SESSION_EXPIRED");
}

/// Whoever plants a cookie in a browser does not share what is signed in with it later.
#[tokio::test]
async fn a_sign_in_takes_over_no_session() {
    let server = with_viewer().await;
    let planted = Browser::sign_in(&server, "vera", PASSWORD).await;
    for cookie in [planted.cookie.as_str(), "vas_session=chosen-by-an-attacker"] {
        let body = json!({ "username": "vera", "password": PASSWORD });
        let request = server.request(Method::POST, "/v2/auth/session").header("Cookie", cookie).json(&body);
        let after = Browser::of(&Answer::of(request).await);
        assert_ne!(after.cookie, cookie);
        let old = server.request(Method::GET, "/v2/auth/me").header("Cookie", cookie);
        Answer::of(old).await.problem(401, "SESSION_EXPIRED");
        Answer::of(after.request(&server, Method::GET, "/v2/auth/me")).await.expect(StatusCode::OK);
    }
}

/// A cookie alone changes nothing: a page of another site can have the browser send it.
#[tokio::test]
async fn changes_need_more_than_the_cookie() {
    let server = start().await;
    let admin = root(&server).await;
    add_user(&server, &admin, "olga", "operator", json!({})).await;
    let olga = Browser::sign_in(&server, "olga", PASSWORD).await;
    let other = Browser::sign_in(&server, "olga", PASSWORD).await;
    let body = json!({ "name": "Gate", "rtsp_url": "rtsp://127.0.0.1:1/main" });
    let bare = || server.request(Method::POST, "/api/v1/devices").header("Cookie", &olga.cookie).json(&body);
    for request in [
        bare(),
        bare().header("X-CSRF-Token", ""),
        bare().header("X-CSRF-Token", "x"),
        bare().header("X-CSRF-Token", &other.csrf),
        server
            .request(Method::POST, &format!("/api/v1/devices?csrf_token={}", olga.csrf))
            .header("Cookie", &olga.cookie)
            .json(&body),
    ] {
        Answer::of(request).await.problem(403, "CSRF_TOKEN_REQUIRED");
    }
    let foreign = bare().header("X-CSRF-Token", &olga.csrf).header("Origin", "https://evil.example");
    Answer::of(foreign).await.problem(403, "CROSS_ORIGIN");
    let made = Answer::of(bare().header("X-CSRF-Token", &olga.csrf)).await;
    made.expect(StatusCode::CREATED);
}

/// Ten failures, and whoever goes on waits, with the right password, too; whether or not there is such a name.
#[tokio::test]
async fn failures_are_throttled_and_tell_nothing() {
    let server = with_viewer().await;
    for name in ["vera", "nobody"] {
        let mut texts = Vec::new();
        let mut throttled = None;
        for attempt in 0..=10 {
            let answer = try_sign_in(&server, name, "wrong password").await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                throttled = Some(attempt);
                answer.problem(429, "RATE_LIMITED");
                assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
                break;
            }
            answer.problem(401, "INVALID_CREDENTIALS");
            texts.push(answer.json()["detail"].clone());
        }
        assert!(throttled.is_some(), "of {name}");
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
        // The address has failed as often by now, so others wait as well.
        try_sign_in(&server, "vera", PASSWORD).await.problem(429, "RATE_LIMITED");
    }
}

#[tokio::test]
async fn a_new_password_ends_what_was_open() {
    let server = with_viewer().await;
    let (here, there) = (
        Browser::sign_in(&server, "vera", PASSWORD).await,
        Browser::sign_in(&server, "vera", PASSWORD).await,
    );
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        Answer::of(here.request(&server, Method::PUT, "/v2/auth/me/password").json(&body)).await
    };
    change("wrong password", "another password").await.problem(401, "INVALID_CREDENTIALS");
    for short in ["short", "vera", ""] {
        change(PASSWORD, short).await.problem(422, "VALIDATION_ERROR");
    }
    let changed = change(PASSWORD, "another password").await;
    changed.expect(StatusCode::OK);
    let now = Browser::of(&changed);
    Answer::of(now.request(&server, Method::GET, "/v2/auth/me")).await.expect(StatusCode::OK);
    for old in [&here, &there] {
        Answer::of(old.request(&server, Method::GET, "/v2/auth/me")).await.problem(401, "SESSION_EXPIRED");
    }
    try_sign_in(&server, "vera", PASSWORD).await.problem(401, "INVALID_CREDENTIALS");
    let again = Browser::sign_in(&server, "vera", "another password").await;
    let everywhere = Answer::of(again.request(&server, Method::DELETE, "/v2/auth/sessions")).await;
    assert_eq!(everywhere.status, StatusCode::NO_CONTENT);
    for old in [&now, &again] {
        Answer::of(old.request(&server, Method::GET, "/v2/auth/me")).await.problem(401, "SESSION_EXPIRED");
    }
}

#[tokio::test]
async fn media_tokens_stand_in_addresses_and_only_look() {
    let server = start().await;
    let admin = root(&server).await;
    let camera = camera(None);
    let mut streams = Vec::new();
    for name in ["Gate", "Yard"] {
        // The same camera twice has two addresses.
        let url = format!("{}?{name}", camera.url("main"));
        let body = json!({ "name": name, "rtsp_url": url });
        let device = post(&server, &admin, "/api/v1/devices", &body).await.expect(StatusCode::CREATED);
        let path = format!("/api/v1/devices/{}/start-stream", text(&device, "id"));
        let started = post(&server, &admin, &path, &json!({})).await.expect(StatusCode::OK);
        streams.push(text(&started, "v2_stream_id"));
    }
    let of_gate = json!({ "stream_id": streams[0], "ttl_seconds": 60 });
    let made = post(&server, &admin, "/v2/auth/media-token", &of_gate).await.expect(StatusCode::OK);
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z'));
    let token = text(&made, "token");
    let by_query = async |method: Method, path: &str| {
        Answer::of(server.request(method, &format!("{path}?token={token}"))).await
    };
    by_query(Method::GET, &format!("/v2/streams/{}", streams[0])).await.expect(StatusCode::OK);
    by_query(Method::GET, &format!("/v2/streams/{}", streams[1])).await.problem(404, "NOT_FOUND");
    let listed = by_query(Method::GET, "/v2/streams").await.expect(StatusCode::OK);
    assert_eq!(listed["pagination"]["total"], 1);
    // Not for changes: neither in the address, nor anywhere else.
    by_query(Method::DELETE, &format!("/v2/streams/{}", streams[0])).await.problem(401, "UNAUTHORIZED");
    let delete = with(&server, &token, Method::DELETE, &format!("/v2/streams/{}", streams[0]));
    Answer::of(delete).await.problem(403, "FORBIDDEN");
    get(&server, &token, "/v2/audit").await.problem(403, "FORBIDDEN");
    let unknown = json!({ "stream_id": "00000000-0000-4000-8000-000000000000" });
    post(&server, &admin, "/v2/auth/media-token", &unknown).await.problem(404, "NOT_FOUND");
    let log = crate::support::log().text();
    assert!(!log.contains(&token) && !log.contains(PASSWORD), "tokens and passwords stay out of the log");
}
