//! What callers do not see: other tenants' devices, and devices that are not on their list. All routes that name
//! something are tried with what is really there.

use super::{add_client, add_user, get, post, root, start_with, text, with};
use crate::consume::{capabilities, dtls_parameters};
use crate::support::{Answer, Server, camera, until};
use crate::whep::offer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vas_ingest::camera::TestCamera;
use vas_server::auth::{RouteAccess, routes};
use vas_server::config::RecordingMode;

/// Ids of things that are there.
struct There {
    device: String,
    stream: String,
    snapshot: String,
    bookmark: String,
    consumer: String,
    session: String,
    /// What playlists name.
    segment: String,
    _camera: TestCamera,
}

async fn there(server: &Server, admin: &str) -> There {
    let camera = camera(None);
    let body = json!({ "name": "Gate", "rtsp_url": camera.url("main") });
    let device = text(&post(server, admin, "/api/v1/devices", &body).await.expect(StatusCode::CREATED), "id");
    let started = post(server, admin, &format!("/api/v1/devices/{device}/start-stream"), &json!({})).await;
    let stream = text(&started.expect(StatusCode::OK), "v2_stream_id");
    let path = format!("/v2/streams/{stream}");
    until("a picture", async || {
        let shown = get(server, admin, &path).await.expect(StatusCode::OK);
        (shown["state"] == "LIVE").then_some(())
    })
    .await;
    let snapshot = post(server, admin, &format!("{path}/snapshots"), &json!({ "source": "live" })).await;
    let snapshot = text(&snapshot.expect(StatusCode::CREATED), "id");
    let bookmark = until("a bookmark", async || {
        let body = json!({ "source": "live", "before_seconds": 0, "after_seconds": 1 });
        let made = post(server, admin, &format!("{path}/bookmarks"), &body).await;
        (made.status == StatusCode::CREATED).then(|| text(&made.json(), "id"))
    })
    .await;
    let body = json!({ "client_id": "x", "rtp_capabilities": capabilities("H264") });
    let consumed = post(server, admin, &format!("{path}/consume"), &body).await.expect(StatusCode::CREATED);
    let whep = with(server, admin, Method::POST, &format!("{path}/whep"));
    let whep = Answer::of(whep.header("Content-Type", "application/sdp").body(offer("H264"))).await;
    let session = whep.header("location").rsplit('/').next().unwrap().to_owned();
    let playlist = get(server, admin, &format!("{path}/hls/playlist.m3u8")).await;
    let segment = playlist.text.lines().find(|line| line.ends_with(".ts")).unwrap().to_owned();
    let consumer = text(&consumed, "consumer_id");
    There { device, stream, snapshot, bookmark, consumer, session, segment, _camera: camera }
}

impl There {
    /// A route's address with what is really there; `None`: it names nothing of a device.
    fn path_of(&self, route: &RouteAccess) -> Option<String> {
        let names = |part: &str| route.route.contains(part);
        if !names("{") || names("/v2/auth/") || names("{*path}") || names("/docs") {
            return None;
        }
        let id = if names("/whip/") || names("/devices/") || names("/dashboard/") {
            &self.device
        } else if names("snapshots/{id}") {
            &self.snapshot
        } else if names("bookmarks/{id}") {
            &self.bookmark
        } else {
            &self.stream
        };
        let path = route.route.replace("{id}", id).replace("{consumer}", &self.consumer);
        Some(path.replace("{session}", &self.session).replace("{name}", &self.segment))
    }

    /// The same with what nothing has.
    fn unknown_path_of(&self, route: &RouteAccess) -> String {
        let unknown = "00000000-0000-4000-8000-000000000000";
        let parts = route.route.split('/').map(|part| if part.starts_with('{') { unknown } else { part });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// Asks with a body that most routes take.
async fn ask(server: &Server, token: &str, route: &RouteAccess, path: &str) -> (u16, String) {
    let method: Method = route.method.parse().unwrap();
    let query = "date=20261122&start=2026-01-01T00:00:00Z&end=2026-01-01T00:01:00Z";
    let request = with(server, token, method.clone(), &format!("{path}?{query}"));
    let is_sdp = route.route.contains("/whep") || route.route.contains("/whip");
    let request = match method {
        Method::GET | Method::DELETE | Method::OPTIONS => request,
        Method::PATCH => request.header("Content-Type", "application/trickle-ice-sdpfrag").body(""),
        _ if is_sdp => request.header("Content-Type", "application/sdp").body(offer("H264")),
        _ => request.json(&json!({
            "source": "live", "client_id": "x", "name": "x", "rtp_capabilities": capabilities("H264"),
            "dtls_parameters": dtls_parameters(), "candidate": { "candidate": "candidate:1" },
        })),
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Neither shown nor changed, and not told that it is there.
async fn sees_nothing(server: &Server, token: &str, who: &str, there: &There) {
    let mut tried = 0;
    for route in
        routes().filter(|route| !matches!(route.needs, "public" | "signed-url" | "signed-in" | "admin"))
    {
        let Some(path) = there.path_of(&route).filter(|path| !path.contains('{')) else { continue };
        let (status, text) = ask(server, token, &route, &path).await;
        // What is wrong with a request may be said first, if it is said of what does not exist as well.
        let unknown = there.unknown_path_of(&route);
        let told = !matches!(status, 403 | 404)
            && (status, ask(server, token, &route, &unknown).await.0) != (422, 422);
        assert!(!told, "{who} got {status} at {} {path}: {text}", route.method);
        for known in ["Gate", &there.device, &there.stream] {
            // The address that was asked for stands in every refusal.
            assert!(!text.replace(&path, "").contains(known), "{who} learned of {known} at {path}: {text}");
        }
        tried += 1;
    }
    assert!(tried > 50, "{tried} routes were tried");
    for (path, list) in [
        ("/v2/streams", "streams"),
        ("/v2/snapshots", "snapshots"),
        ("/v2/bookmarks", "bookmarks"),
        ("/api/v1/recordings/streams", "streams"),
    ] {
        let listed = get(server, token, path).await.expect(StatusCode::OK);
        assert_eq!(listed[list], json!([]), "{who} at {path}");
    }
    for path in ["/api/v1/devices", "/api/v1/streams"] {
        assert_eq!(get(server, token, path).await.expect(StatusCode::OK), json!([]), "{who} at {path}");
    }
    let body = json!({ "camera_id": there.device });
    post(server, token, "/v2/streams", &body).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_not_seen_is_not_there() {
    let server = start_with(|config| config.recording.mode = RecordingMode::Continuous).await;
    let admin = root(&server).await;
    let there = there(&server, &admin).await;
    let all = [
        "admin",
        "streams:read",
        "streams:write",
        "streams:consume",
        "snapshots:read",
        "snapshots:write",
        "bookmarks:read",
        "bookmarks:write",
    ];
    let foreign = add_client(&server, &admin, "foreign", &all, json!({ "tenant": "other" })).await;
    sees_nothing(&server, &foreign, "another tenant's admin", &there).await;
    let none = add_client(&server, &admin, "none", &all[1..], json!({ "devices": [] })).await;
    sees_nothing(&server, &none, "who has no devices", &there).await;
    let another = json!({ "devices": ["00000000-0000-4000-8000-000000000000"] });
    let another = add_client(&server, &admin, "another", &all[1..], another).await;
    sees_nothing(&server, &another, "who has another device", &there).await;
    // A list of devices is not added to by whom it limits.
    let body = json!({ "name": "Mine", "rtsp_url": "rtsp://127.0.0.1:1/mine" });
    post(&server, &another, "/api/v1/devices", &body).await.problem(403, "FORBIDDEN");

    // All of it is still there, for who sees it.
    let one = json!({ "devices": [there.device] });
    let one = add_client(&server, &admin, "one", &all[1..], one).await;
    for token in [&admin, &one] {
        for path in [
            format!("/api/v1/devices/{}", there.device),
            format!("/v2/streams/{}", there.stream),
            format!("/v2/snapshots/{}", there.snapshot),
            format!("/v2/bookmarks/{}", there.bookmark),
        ] {
            get(&server, token, &path).await.expect(StatusCode::OK);
        }
        let streams: Value = get(&server, token, "/v2/streams").await.expect(StatusCode::OK);
        assert_eq!(streams["pagination"]["total"], 1);
    }
    // Another tenant may have the same camera, and has it for itself.
    let body = json!({ "name": "Gate", "rtsp_url": "rtsp://127.0.0.1:1/main" });
    post(&server, &foreign, "/api/v1/devices", &body).await.expect(StatusCode::CREATED);
    let devices = get(&server, &admin, "/api/v1/devices").await.expect(StatusCode::OK);
    assert_eq!(devices.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn accounts_are_their_tenants_own() {
    let server = start_with(|_| {}).await;
    let admin = root(&server).await;
    let own = add_user(&server, &admin, "vera", "admin", json!({})).await;
    let theirs = add_user(&server, &admin, "otto", "admin", json!({ "tenant": "other" })).await;
    let foreign = add_client(&server, &admin, "foreign", &["admin"], json!({ "tenant": "other" })).await;
    let listed = get(&server, &foreign, "/v2/auth/users").await.expect(StatusCode::OK);
    assert_eq!(
        (&listed["pagination"]["total"], &listed["users"][0]["username"]),
        (&json!(1), &json!("otto"))
    );
    let path = format!("/v2/auth/users/{}", text(&own, "id"));
    get(&server, &foreign, &path).await.problem(404, "NOT_FOUND");
    for method in [Method::PUT, Method::DELETE] {
        Answer::of(with(&server, &foreign, method, &path).json(&json!({}))).await.problem(404, "NOT_FOUND");
    }
    get(&server, &foreign, &format!("{path}?tenant=default")).await.problem(404, "NOT_FOUND");
    Answer::of(with(&server, &foreign, Method::DELETE, "/v2/auth/clients/root"))
        .await
        .problem(404, "NOT_FOUND");
    let audit = get(&server, &foreign, "/v2/audit").await.expect(StatusCode::OK);
    assert!(!audit.to_string().contains("root"), "{audit}");
    get(&server, &admin, &format!("/v2/auth/users/{}?tenant=other", text(&theirs, "id")))
        .await
        .expect(StatusCode::OK);
}
