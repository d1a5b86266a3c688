//! Streams that run on demand, with the server, or over a transport of their own.

use crate::support::{Answer, Server, camera, dead_camera, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const OK: StatusCode = StatusCode::OK;
/// Seconds without viewers until a stream sleeps: as short as may be.
const IDLE: u64 = 10;

async fn stream_of(server: &Server, device: &str) -> String {
    let status = server.get(&format!("/api/v1/devices/{device}/status")).await.expect(OK);
    status["streaming"]["stream_id"].as_str().unwrap().to_owned()
}

async fn add(server: &Server, body: &Value) -> String {
    let device = server.post("/api/v1/devices", body).await.expect(StatusCode::CREATED);
    device["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stream_runs_while_somebody_watches() {
    let mut server = Server::start().await;
    let camera = camera(None);
    let body =
        json!({ "name": "Gate", "rtsp_url": camera.url("main"), "on_demand": true, "idle_seconds": IDLE });
    let device = add(&server, &body).await;
    let stream = stream_of(&server, &device).await;
    let path = format!("/v2/streams/{stream}");
    let state = async |server: &Server| server.get(&path).await.expect(OK)["state"].clone();
    assert_eq!(state(&server).await, "INITIALIZING");
    let health = server.get(&format!("{path}/health")).await.expect(OK);
    assert_eq!(health["status"], "healthy", "asleep is well: {health}");
    let started = server.call(&format!("/api/v1/devices/{device}/start-stream")).await.expect(OK);
    assert_eq!((&started["v2_stream_id"], &started["reconnect"]), (&json!(stream), &json!(true)));

    // Whoever asks is told to come back, and wakes it.
    let playlist = format!("{path}/hls/playlist.m3u8");
    let details = server.get(&playlist).await.problem(409, "NO_PRODUCER");
    assert!(details["retry_after_seconds"].is_number());
    server.until_state(&stream, "LIVE").await;
    until("a playlist", async || (server.get(&playlist).await.status == OK).then_some(())).await;

    // It stays asleep over a restart, and is woken by any door.
    server.restart().await;
    assert_eq!(state(&server).await, "INITIALIZING");
    server.call(&format!("/api/v1/devices/{device}/start-stream")).await.expect(OK);
    assert_eq!(state(&server).await, "INITIALIZING");
    server.post(&format!("{path}/snapshots"), &json!({ "source": "live" })).await.problem(409, "NO_PRODUCER");
    server.until_state(&stream, "LIVE").await;
    until("sleep", async || (state(&server).await == "INITIALIZING").then_some(())).await;
    server.until_reason(&stream, "IDLE").await;

    // Always, from now on.
    server.put(&format!("/api/v1/devices/{device}"), &json!({ "on_demand": false })).await.expect(OK);
    server.until_state(&stream, "LIVE").await;

    // And stopped is stopped.
    let change = json!({ "on_demand": true, "idle_seconds": IDLE });
    server.put(&format!("/api/v1/devices/{device}"), &change).await.expect(OK);
    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(OK);
    server.get(&playlist).await.problem(409, "STREAM_NOT_LIVE");
    assert_eq!(state(&server).await, "STOPPED");
    server.stop().await;
}

#[tokio::test]
async fn recording_keeps_a_stream_awake() {
    let server = Server::start().await;
    let camera = camera(None);
    let body =
        json!({ "name": "Gate", "rtsp_url": camera.url("main"), "on_demand": true, "idle_seconds": IDLE });
    let device = add(&server, &body).await;
    let stream = stream_of(&server, &device).await;
    server.call(&format!("/api/v1/recordings/streams/{stream}/start")).await.expect(OK);
    server.until_state(&stream, "LIVE").await;
    server.call(&format!("/api/v1/recordings/streams/{stream}/stop")).await.expect(OK);
    server.until_state(&stream, "INITIALIZING").await;
}

#[tokio::test]
async fn options_are_checked_shown_and_kept() {
    let mut server = Server::start().await;
    let wrong = json!({
        "name": "Gate", "rtsp_url": "rtsp://192.0.2.1/1", "on_demand": "yes", "idle_seconds": 1, "transport": "smoke",
        "group": 7, "autostart": 1,
    });
    let details = server.post("/api/v1/devices", &wrong).await.problem(422, "VALIDATION_ERROR");
    for field in ["on_demand", "idle_seconds", "transport", "group", "autostart"] {
        assert!(details["fields"][field].is_string(), "{field}: {details}");
    }
    let publisher = json!({ "name": "Phone", "rtsp_url": "whip://phone", "on_demand": true });
    let details = server.post("/api/v1/devices", &publisher).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"]["on_demand"].is_string());

    let usual = add(&server, &json!({ "name": "Usual", "rtsp_url": dead_camera() })).await;
    let shown = server.get(&format!("/api/v1/devices/{usual}")).await.expect(OK);
    for (field, value) in [
        ("on_demand", json!(false)),
        ("idle_seconds", json!(60)),
        ("autostart", json!(false)),
        ("group", json!(null)),
        ("transport", json!("auto")),
        ("is_active", json!(false)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let change = json!({ "group": "North", "transport": "udp", "autostart": true });
    let changed = server.put(&format!("/api/v1/devices/{usual}"), &change).await.expect(OK);
    assert_eq!((&changed["group"], &changed["transport"]), (&json!("North"), &json!("udp")));
    let changed = server.put(&format!("/api/v1/devices/{usual}"), &json!({ "group": null })).await.expect(OK);
    assert_eq!((&changed["group"], &changed["transport"]), (&json!(null), &json!("udp")));

    // What starts with the server does so though it was stopped.
    server.call(&format!("/api/v1/devices/{usual}/stop-stream")).await.expect(OK);
    server.restart().await;
    let shown = server.get(&format!("/api/v1/devices/{usual}")).await.expect(OK);
    assert_eq!((&shown["is_active"], &shown["autostart"]), (&json!(true), &json!(true)));
    let listed = server.get("/api/v1/devices").await.expect(OK);
    assert_eq!(listed[0], shown);
    assert_eq!(
        Answer::of(server.request(Method::DELETE, &format!("/api/v1/devices/{usual}"))).await.status,
        StatusCode::NO_CONTENT
    );
    server.stop().await;
}
