//! `/v2/streams`, and the same streams for older clients.

use crate::support::{Server, camera, dead_camera, until};
use reqwest::StatusCode;
use serde_json::{Value, json};

const OK: StatusCode = StatusCode::OK;

#[tokio::test]
async fn a_stream_comes_to_life_and_tells_of_itself() {
    let server = Server::start().await;
    let camera = camera(None);
    let device = server.add("Gate", &camera.url("main")).await;
    let made = server.post("/v2/streams", &json!({ "camera_id": device, "name": "North gate" })).await;
    let id = made.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/v2/streams/{id}"));

    let stream = server.until_state(&id, "LIVE").await;
    assert_eq!((&stream["name"], &stream["camera_id"]), (&json!("North gate"), &json!(device)));
    let video = &stream["codec_config"]["video"];
    assert_eq!(
        (&video["codec"], &video["width"], &video["height"]),
        (&json!("H264"), &json!(320), &json!(192))
    );
    assert_eq!(video["profile"].as_str().unwrap().len(), 6);
    assert!(video["payloadType"].is_u64());
    assert_eq!(stream["producer"]["state"], "ACTIVE");
    assert!(stream["producer"]["mediasoup_id"].is_string() && stream["producer"]["ssrc"].is_u64());
    assert_eq!(stream["consumers"], json!({ "count": 0, "active": 0 }));
    assert_eq!(stream["endpoints"]["whep"], format!("/v2/streams/{id}/whep"));
    assert!(stream["uptime_seconds"].is_u64() && stream["created_at"].is_string());

    let path = format!("/v2/streams/{id}/health");
    let health = until("frames are counted", async || {
        let health = server.get(&path).await.expect(OK);
        (health["metrics"]["fps"].as_f64()? > 0.0).then_some(health)
    })
    .await;
    assert_eq!((&health["stream_id"], &health["status"]), (&json!(id), &json!("healthy")));
    assert_eq!((&health["is_healthy"], &health["state"]), (&json!(true), &json!("LIVE")));
    assert_eq!(health["ffmpeg"]["status"], "running");
    for metric in ["bitrate_kbps", "packet_loss", "jitter_ms", "keyframe_interval_s", "last_frame_age_ms"] {
        assert!(health["metrics"].get(metric).is_some(), "{metric}");
    }
    assert!(health["last_error"].is_null() && health["checked_at"].is_string());

    // The stored way to here, the newest first.
    let path = format!("/v2/streams/{id}/transitions");
    let changes = until("the history is written", async || {
        let history = server.get(&path).await.expect(OK);
        let states: Vec<Value> =
            history["transitions"].as_array()?.iter().map(|change| change["to"].clone()).collect();
        (states.len() == 3).then_some((history, states))
    })
    .await;
    assert_eq!(changes.1, ["LIVE", "READY", "INITIALIZING"]);
    assert!(changes.0["transitions"][0]["reason"]["code"].is_string());
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let server = Server::start().await;
    let mut devices = Vec::new();
    for n in 0..3 {
        let device = server.add(&format!("camera {n}"), &dead_camera()).await;
        server.start_stream(&device).await;
        devices.push(device);
    }
    server.call(&format!("/api/v1/devices/{}/stop-stream", devices[2])).await.expect(OK);

    let total = async |query: &str| {
        let list = server.get(&format!("/v2/streams{query}")).await.expect(OK);
        (list["streams"].as_array().unwrap().len(), list["pagination"]["total"].as_u64().unwrap())
    };
    assert_eq!(total("").await, (3, 3));
    assert_eq!(total("?limit=1&offset=1").await, (1, 3));
    assert_eq!(total("?offset=9").await, (0, 3));
    assert_eq!(total("?state=stopped").await, (1, 1));
    assert_eq!(total("?state=Live").await, (0, 0));
    assert_eq!(total(&format!("?camera_id={}", devices[0])).await, (1, 1));
    for query in ["?state=paused", "?limit=0", "?limit=101", "?offset=x", "?camera_id=x"] {
        server.get(&format!("/v2/streams{query}")).await.problem(422, "VALIDATION_ERROR");
    }
    let list = server.get("/api/v1/streams").await.expect(OK);
    assert_eq!(list.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_deleted_stream_is_closed_and_the_next_one_is_new() {
    let server = Server::start().await;
    let device = server.add("Gate", &dead_camera()).await;
    let first = server.start_stream(&device).await;
    let clash = server.post("/v2/streams", &json!({ "camera_id": device })).await;
    assert_eq!(clash.problem(409, "CONFLICT")["stream_id"], json!(first));

    let path = format!("/v2/streams/{first}");
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&path).await.expect(OK)["state"], "CLOSED");
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    let list = server.get("/v2/streams").await.expect(OK);
    assert_eq!(list["pagination"]["total"], 0);
    let closed = server.get("/v2/streams?state=closed").await.expect(OK);
    assert_eq!(closed["streams"][0]["id"], json!(first));

    let second = server.start_stream(&device).await;
    assert_ne!(first, second);

    // Deleted while stopped: the history still ends with it.
    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(OK);
    server.delete(&format!("/v2/streams/{second}")).await;
    let path = format!("/v2/streams/{second}/transitions");
    until("the last change is stored", async || {
        let history = server.get(&path).await.expect(OK);
        (history["transitions"][0]["to"] == "CLOSED").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_unreachable_camera_is_told_with_its_reason() {
    let server = Server::start().await;
    let device = server.add("Gate", &dead_camera()).await;
    let id = server.start_stream(&device).await;
    let stream = server.until_state(&id, "ERROR").await;
    assert_eq!(stream["state_reason"]["code"], "CONNECTION_REFUSED");
    let health = server.get(&format!("/v2/streams/{id}/health")).await.expect(OK);
    assert_eq!((&health["status"], &health["ffmpeg"]["status"]), (&json!("unhealthy"), &json!("error")));
    assert!(health["last_error"].as_str().is_some_and(|text| !text.is_empty()));
    let device = server.get(&format!("/api/v1/devices/{device}")).await.expect(OK);
    assert_eq!(device["is_active"], true, "it is to run, and retries go on");

    let overview = server.get("/v2/health").await.expect(OK);
    assert_eq!((&overview["status"], &overview["streams"]["running"]), (&json!("degraded"), &json!(1)));
    let streams = server.get("/v2/health/streams").await.expect(OK);
    assert_eq!(streams["unhealthy"], 1);
}

#[tokio::test]
async fn older_clients_name_a_stream_by_either_id() {
    let server = Server::start().await;
    let camera = camera(None);
    let device = server.add("Gate", &camera.url("main")).await;
    let first = server.call(&format!("/api/v1/streams/{device}/start")).await.expect(OK);
    let stream = first["v2_stream_id"].as_str().unwrap().to_owned();
    let again = server.call(&format!("/api/v1/rtsp/streams/{stream}/start")).await.expect(OK);
    assert_eq!(again["v2_stream_id"], json!(stream));
    server.until_state(&stream, "LIVE").await;
    for id in [&device, &stream] {
        let health = server.get(&format!("/api/v1/rtsp/streams/{id}/health")).await.expect(OK);
        assert_eq!(health["stream_id"], json!(stream));
        let stats = server.get(&format!("/api/v1/rtsp/streams/{id}/stats")).await.expect(OK);
        assert!(stats["stats"]["units"].is_u64());
    }
    let reconnected = server.call(&format!("/api/v1/rtsp/streams/{stream}/reconnect")).await.expect(OK);
    assert_eq!(reconnected["v2_stream_id"], json!(stream));
    server.until_state(&stream, "LIVE").await;
    server.call(&format!("/api/v1/rtsp/streams/{device}/stop")).await.expect(OK);
    server.until_state(&stream, "STOPPED").await;
    server.call(&format!("/api/v1/streams/{stream}/stop")).await.expect(OK);
}

#[tokio::test]
async fn a_new_address_of_a_device_is_used_at_once() {
    let server = Server::start().await;
    let camera = camera(None);
    let device = server.add("Gate", &dead_camera()).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "ERROR").await;
    let path = format!("/api/v1/devices/{device}");
    server.put(&path, &json!({ "rtsp_url": camera.url("main") })).await.expect(OK);
    server.until_state(&stream, "LIVE").await;
}

#[tokio::test]
async fn the_machine_is_measured() {
    let server = Server::start().await;
    let resources = server.get("/v2/system/resources").await.expect(OK);
    assert!(resources["memory"]["process_bytes"].as_u64().unwrap() > 1_000_000);
    assert!(resources["cpu"]["cores"].as_u64().unwrap() > 0);
    assert_eq!(server.get("/v2/health/system").await.expect(OK)["status"], "healthy");
    let stats = server.get("/v2/system/stats").await.expect(OK);
    assert_eq!(stats["streams"]["total"], 0);
    assert_eq!(server.get("/health").await.expect(OK)["status"], "healthy");
    assert_eq!(server.get("/ready").await.expect(OK)["status"], "ready");
}
