//! One shape for every error, and the rules for pages of other sites.

use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn every_error_is_a_problem() {
    let server = Server::start().await;
    let unknown = "019aa0f0-0000-7000-8000-000000000000";
    for path in [
        "/nowhere".to_owned(),
        "/api/v1/devices/malformed".to_owned(),
        "/api/v1/devices/%ff".to_owned(),
        "/api/v1/devices/..%2f..%2fetc%2fpasswd".to_owned(),
        format!("/api/v1/devices/{unknown}"),
        format!("/api/v1/devices/{unknown}/status"),
        format!("/v2/streams/{unknown}"),
        format!("/v2/streams/{unknown}/health"),
        format!("/v2/streams/{unknown}/transitions"),
        "/v2/streams/malformed/health".to_owned(),
        format!("/api/v1/rtsp/streams/{unknown}/stats"),
    ] {
        server.get(&path).await.problem(404, "NOT_FOUND");
    }
    for path in [format!("/api/v1/streams/{unknown}/start"), "/api/v1/streams/x/stop".to_owned()] {
        server.call(&path).await.problem(404, "NOT_FOUND");
    }
    server.post("/v2/streams", &json!({ "camera_id": unknown })).await.problem(404, "NOT_FOUND");
    server.post("/v2/streams", &json!({ "camera_id": "x" })).await.problem(422, "VALIDATION_ERROR");

    let not_allowed = Answer::of(server.request(Method::PATCH, "/api/v1/devices")).await;
    not_allowed.problem(405, "METHOD_NOT_ALLOWED");
    assert!(not_allowed.header("allow").contains("POST"));
    let devices = || server.request(Method::POST, "/api/v1/devices");
    let form = devices().header("Content-Type", "application/x-www-form-urlencoded").body("name=x");
    Answer::of(form).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let cut = devices().header("Content-Type", "application/json").body("{\"name\": ");
    assert!(Answer::of(cut).await.problem(422, "VALIDATION_ERROR")["fields"]["body"].is_string());
}

#[tokio::test]
async fn request_ids_are_taken_over() {
    let server = Server::start().await;
    let request = server.request(Method::GET, "/nowhere?token=secret").header("X-Request-Id", "portal-7");
    let answer = Answer::of(request).await;
    assert_eq!(answer.header("x-request-id"), "portal-7");
    assert_eq!(answer.json()["instance"], "/nowhere");
}

/// A foreign name that leads here (DNS rebinding) is refused, reading included; configured names are not.
#[tokio::test]
async fn only_names_of_its_own_are_answered() {
    let server =
        Server::start_with(|config| config.http.host_names = vec!["vas.example.com".to_owned()]).await;
    let under =
        async |host: &str| Answer::of(server.request(Method::GET, "/v2/streams").header("Host", host)).await;
    under("evil.example:8080").await.problem(421, "UNKNOWN_HOST");
    assert_eq!(under("vas.example.com").await.status, StatusCode::OK);
    assert_eq!(under("localhost:1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn pages_of_other_sites_may_not_change_anything_unless_listed() {
    let server = Server::start_with(|config| {
        config.http.cors_origins = vec!["https://portal.example.com".to_owned()];
    })
    .await;
    let device = server.add("Gate", "rtsp://192.0.2.1/1").await;
    let path = format!("/api/v1/devices/{device}/stop-stream");
    let from =
        async |origin: &str| Answer::of(server.request(Method::POST, &path).header("Origin", origin)).await;
    from("https://evil.example.com").await.problem(403, "CROSS_ORIGIN");
    from("null").await.problem(403, "CROSS_ORIGIN");
    let own = format!("http://{}", server.address());
    assert_eq!(from(&own).await.status, StatusCode::OK);
    let listed = from("https://portal.example.com").await;
    assert_eq!(listed.status, StatusCode::OK);
    assert_eq!(listed.header("access-control-allow-origin"), "https://portal.example.com");
    assert!(listed.header("access-control-expose-headers").contains("location"));

    let preflight = async |origin: &str| {
        let request = server.request(Method::OPTIONS, &path).header("Origin", origin);
        Answer::of(request.header("Access-Control-Request-Method", "POST")).await
    };
    let allowed = preflight("https://portal.example.com").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://portal.example.com");
    assert!(allowed.header("access-control-allow-methods").contains("PATCH"));
    assert_eq!(preflight("https://evil.example.com").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let page = server.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
    assert!(!page.text.contains("://") && !page.text.contains("<style") && !page.text.contains("style="));
    for part in page.text.split('"').filter(|part| part.starts_with("/assets/")) {
        let file = server.get(part).await;
        assert_eq!(file.status, StatusCode::OK, "{part}");
        assert!(file.header("cache-control").contains("immutable"), "{part}");
    }
    // Every view is the page; what is no view and no file is nothing.
    let view = server.get("/devices/6f4f2ad2-9c2e-4ad8-8d2e-63d0f7a0a001").await;
    assert_eq!((view.status, &view.text), (StatusCode::OK, &page.text));
    for missing in ["/assets/none.js", "/assets/..%2f..%2fCargo.toml", "/no-such-view"] {
        assert_eq!(server.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}
