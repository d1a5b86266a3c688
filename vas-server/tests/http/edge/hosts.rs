//! Which hosts a camera's address may name.

use crate::support::{Server, camera};
use reqwest::StatusCode;
use serde_json::json;

/// A server as it is unless told otherwise: nothing of this machine may be a camera.
async fn strict() -> Server {
    Server::start_with(|config| config.ingest.allow_hosts.retain(|host| !host.starts_with("127."))).await
}

#[tokio::test]
async fn addresses_of_this_machine_and_of_clouds_are_refused_with_a_clear_sentence() {
    let server = strict().await;
    for url in [
        "rtsp://127.0.0.1:8554/main",
        "rtsp://u:p@127.1/main",
        "rtsp://2130706433/main",
        "rtsp://[::1]/main",
        "rtsp://[::ffff:127.0.0.1]/main",
        "rtsp://169.254.169.254/latest/meta-data",
        "rtsp://[fe80::1]/main",
        "rtsp://224.0.0.1/main",
        "rtsp://0.0.0.0/main",
        "file:///etc/passwd",
        "http://127.0.0.1/",
    ] {
        let body = json!({ "name": "x", "rtsp_url": url });
        let details = server.post("/api/v1/devices", &body).await.problem(422, "VALIDATION_ERROR");
        let why = details["fields"]["rtsp_url"].as_str().unwrap();
        assert!(!why.is_empty() && !why.contains("u:p@"), "{url}: {why}");
        let sub = json!({ "name": "x", "rtsp_url": "rtsp://192.0.2.1/1", "sub_rtsp_url": url });
        server.post("/api/v1/devices", &sub).await.problem(422, "VALIDATION_ERROR");
        let tried = server.post("/api/v1/devices/validate", &body).await.expect(StatusCode::OK);
        assert_eq!(tried["valid"], false, "{url}");
    }
    let body = json!({ "name": "x", "rtsp_url": "rtsp://127.0.0.1/1" });
    let why = server.post("/api/v1/devices", &body).await.problem(422, "VALIDATION_ERROR");
    let why = why["fields"]["rtsp_url"].as_str().unwrap();
    assert!(why.contains("loopback") && why.contains("ingest.allow_hosts"), "{why}");
    let added = server.add("Gate", "rtsp://10.0.0.5/1").await;
    let change = json!({ "rtsp_url": "rtsp://127.0.0.1/1" });
    server.put(&format!("/api/v1/devices/{added}"), &change).await.problem(422, "VALIDATION_ERROR");
}

/// What a name leads to shows when it is looked up, and the stream says so.
#[tokio::test]
async fn a_name_that_leads_here_is_told_by_the_state_of_its_stream() {
    let server = strict().await;
    let camera = camera(None);
    let url = format!("rtsp://localhost:{}/main", camera.local_addr().port());
    let tried =
        server.post("/api/v1/devices/validate", &json!({ "rtsp_url": url })).await.expect(StatusCode::OK);
    assert!(tried["error"].as_str().unwrap().contains("loopback"), "{tried}");
    let device = server.add("Gate", &url).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "ERROR").await;
    server.until_reason(&stream, "NOT_ALLOWED").await;
    assert_eq!(camera.stats().sessions, 0);
}

#[tokio::test]
async fn the_server_itself_is_no_camera_even_where_this_machine_is_allowed() {
    let server = Server::start().await;
    for port in [server.address().port(), server.addresses().media[0].port()] {
        let body = json!({ "name": "x", "rtsp_url": format!("rtsp://127.0.0.1:{port}/1") });
        let details = server.post("/api/v1/devices", &body).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"]["rtsp_url"].as_str().unwrap().contains("this server"), "{details}");
    }
}
