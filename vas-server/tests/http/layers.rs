//! Devices with a main and a sub stream, which are one stream to the outside.

use crate::support::{Server, dead_camera, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;

/// A camera with a main and a sub stream.
fn camera() -> TestCamera {
    let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
    for (path, width, height, fps) in [("main", 640, 360, 25), ("sub", 320, 180, 10)] {
        let picture =
            SyntheticConfig { width, height, fps, keyframe_interval: fps, ..SyntheticConfig::default() };
        config.sources.push((path.to_owned(), CameraSource::Synthetic(picture)));
    }
    TestCamera::start(config).unwrap()
}

async fn start(server: &Server, url: &str, sub_url: &str) -> (String, String) {
    let body = json!({ "name": "Gate", "rtsp_url": url, "sub_rtsp_url": sub_url });
    let device = server.post("/api/v1/devices", &body).await.expect(CREATED);
    let device = device["id"].as_str().unwrap().to_owned();
    let stream = server.start_stream(&device).await;
    (device, stream)
}

/// Waits until the stream's layers are in these states, and gives its health.
async fn until_layers(server: &Server, stream: &str, states: &[&str]) -> Value {
    let path = format!("/v2/streams/{stream}/health");
    until(&format!("layers {states:?}"), async || {
        let health = server.get(&path).await.expect(OK);
        let layers = health["ingest"]["layers"].as_array()?;
        let found: Vec<_> = layers.iter().map(|layer| layer["status"].as_str().unwrap().to_owned()).collect();
        (found == states).then_some(health)
    })
    .await
}

#[tokio::test]
async fn the_address_of_a_sub_stream_is_kept_like_that_of_the_main_one() {
    let server = Server::start().await;
    let body = json!({ "name": "Gate", "rtsp_url": "rtsp://u:p@192.0.2.1/1", "sub_rtsp_url": "rtsp://u:p@192.0.2.1/2" });
    let added = server.post("/api/v1/devices", &body).await.expect(CREATED);
    assert_eq!(added["sub_rtsp_url"], "rtsp://u:***@192.0.2.1/2");
    let path = format!("/api/v1/devices/{}", added["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.expect(OK), added);

    // Partial: what is not named stays; a URL copied from an answer keeps its password; null and nothing clear.
    let renamed = server.put(&path, &json!({ "name": "Yard" })).await.expect(OK);
    assert_eq!(renamed["sub_rtsp_url"], added["sub_rtsp_url"]);
    let copied = json!({ "sub_rtsp_url": "rtsp://u:***@192.0.2.1/2" });
    assert_eq!(server.put(&path, &copied).await.expect(OK)["sub_rtsp_url"], added["sub_rtsp_url"]);
    for nothing in [json!(null), json!(" ")] {
        let cleared = server.put(&path, &json!({ "sub_rtsp_url": nothing })).await.expect(OK);
        assert_eq!(cleared["sub_rtsp_url"], json!(null));
        server.put(&path, &json!({ "sub_rtsp_url": "rtsp://192.0.2.1/2" })).await.expect(OK);
    }

    for (url, why) in [
        ("rtsp://u:***@192.0.2.1/3", "masked"),
        ("rtsp://u:p@192.0.2.1/1", "another"),
        ("http://192.0.2.1/2", "rtsp://"),
        ("rtsp://h:port/1", "port"),
    ] {
        let wrong = json!({ "sub_rtsp_url": url });
        let details = server.put(&path, &wrong).await.problem(422, "VALIDATION_ERROR");
        let fields = details["fields"].as_object().unwrap();
        assert_eq!(fields.len(), 1, "{url}");
        assert!(fields["sub_rtsp_url"].as_str().unwrap().contains(why), "{url}: {fields:?}");
    }
    let both = json!({ "name": "x", "rtsp_url": "rtsp://h/1", "sub_rtsp_url": "rtsp://h/1" });
    server.post("/api/v1/devices", &both).await.problem(422, "VALIDATION_ERROR");
    let wrong_type = json!({ "name": "x", "rtsp_url": "rtsp://h/1", "sub_rtsp_url": 1 });
    let details = server.post("/api/v1/devices", &wrong_type).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"]["sub_rtsp_url"].is_string());
}

#[tokio::test]
async fn both_layers_are_read_and_are_one_stream() {
    let mut server = Server::start().await;
    let camera = camera();
    let (device, stream) = start(&server, &camera.url("main"), &camera.url("sub")).await;
    let health = until_layers(&server, &stream, &["LIVE", "LIVE"]).await;
    let layers = &health["ingest"]["layers"];
    assert_eq!((&layers[0]["name"], &layers[1]["name"]), (&json!("main"), &json!("sub")));
    assert_eq!((&layers[0]["video"]["width"], &layers[1]["video"]["width"]), (&json!(640), &json!(320)));
    assert_eq!((&layers[1]["video"]["codec"], &layers[1]["last_error"]), (&json!("H264"), &json!(null)));

    let list = server.get("/v2/streams").await.expect(OK);
    assert_eq!(list["pagination"]["total"], 1);
    assert_eq!(list["streams"][0]["codec_config"]["video"]["width"], 640);
    let history = until("the history is written", async || {
        let history = server.get(&format!("/v2/streams/{stream}/transitions")).await.expect(OK);
        (history["transitions"][0]["to"] == "LIVE").then_some(history)
    })
    .await;
    assert_eq!(history["transitions"].as_array().unwrap().len(), 3, "of the main stream alone: {history}");

    // Over a restart of the server, of the sources, a stop and a start.
    server.restart().await;
    until_layers(&server, &stream, &["LIVE", "LIVE"]).await;
    server.call(&format!("/api/v1/rtsp/streams/{stream}/reconnect")).await.expect(OK);
    until_layers(&server, &stream, &["LIVE", "LIVE"]).await;
    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(OK);
    until("the camera is left", async || (camera.stats().sessions == 0).then_some(())).await;
    let stopped = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
    assert_eq!(stopped["ingest"], json!(null));
    assert_eq!(server.start_stream(&device).await, stream);
    until_layers(&server, &stream, &["LIVE", "LIVE"]).await;
    server.delete(&format!("/api/v1/devices/{device}")).await;
    until("the camera is left", async || (camera.stats().sessions == 0).then_some(())).await;
}

#[tokio::test]
async fn a_sub_stream_that_fails_harms_nobody() {
    let server = Server::start().await;
    let camera = camera();
    let (device, stream) = start(&server, &camera.url("main"), &dead_camera()).await;
    let health = until_layers(&server, &stream, &["LIVE", "ERROR"]).await;
    assert_eq!((&health["state"], &health["status"]), (&json!("LIVE"), &json!("healthy")));
    assert_eq!(health["last_error"], json!(null));
    assert!(health["ingest"]["layers"][1]["last_error"].as_str().is_some_and(|text| !text.is_empty()));

    // It is mended, it goes, and it comes back, while the stream runs.
    let path = format!("/api/v1/devices/{device}");
    server.put(&path, &json!({ "sub_rtsp_url": camera.url("sub") })).await.expect(OK);
    until_layers(&server, &stream, &["LIVE", "LIVE"]).await;
    server.put(&path, &json!({ "sub_rtsp_url": null })).await.expect(OK);
    until_layers(&server, &stream, &["LIVE"]).await;
    until("the sub stream is left", async || (camera.stats().sessions == 1).then_some(())).await;
    server.put(&path, &json!({ "sub_rtsp_url": camera.url("sub") })).await.expect(OK);
    until_layers(&server, &stream, &["LIVE", "LIVE"]).await;

    // And the other way round: a sub stream is no stream without its main one.
    server.put(&path, &json!({ "rtsp_url": dead_camera() })).await.expect(OK);
    let health = until_layers(&server, &stream, &["ERROR", "LIVE"]).await;
    assert_eq!((&health["state"], &health["status"]), (&json!("ERROR"), &json!("unhealthy")));
}
