//! Passwords of cameras never leave the server.

use crate::support::{Answer, Server, camera, log};
use reqwest::Method;
use serde_json::json;
use vas_core::Credentials;

const PLANTED: &str = "Planted7Secret";

#[tokio::test]
async fn no_answer_and_no_log_holds_a_planted_password() {
    let server = Server::start().await;
    let camera = camera(Some(Credentials::new("operator", PLANTED)));
    let url = camera.url("main").replace("rtsp://", &format!("rtsp://operator:{PLANTED}@"));
    let wrong = camera.url("main").replace("rtsp://", &format!("rtsp://operator:{PLANTED}x@"));
    let in_query = format!("rtsp://127.0.0.1:1/1?user=a&password={PLANTED}");
    let mut answers = Vec::new();

    let mut streams = Vec::new();
    for (name, url) in [("right", &url), ("wrong", &wrong), ("query", &in_query)] {
        let sub_url = format!("{url}/sub?password={PLANTED}");
        let body = json!({ "name": name, "rtsp_url": url, "sub_rtsp_url": sub_url });
        let added = server.post("/api/v1/devices", &body).await;
        let device = added.json()["id"].as_str().unwrap().to_owned();
        answers.push(added);
        answers.push(server.call(&format!("/api/v1/devices/{device}/start-stream")).await);
        let stream = answers.last().unwrap().json()["v2_stream_id"].as_str().unwrap().to_owned();
        streams.push((device, stream));
        answers.push(server.post("/api/v1/devices", &body).await);
        answers.push(server.post("/api/v1/devices/validate", &body).await);
    }
    server.until_state(&streams[0].1, "LIVE").await;
    server.until_state(&streams[1].1, "ERROR").await;
    server.until_state(&streams[2].1, "ERROR").await;

    for text in [PLANTED.to_owned(), format!("http://u:{PLANTED}@h/"), format!("rtsp://u:{PLANTED}@")] {
        let body = json!({ "name": "x", "rtsp_url": text, "sub_rtsp_url": text });
        answers.push(server.post("/api/v1/devices", &body).await);
        if text.contains("://") {
            answers.push(server.post("/api/v1/devices/validate", &body).await);
        }
    }
    for path in
        ["/api/v1/devices", "/api/v1/streams", "/v2/streams", "/v2/health/streams", "/v2/system/stats"]
    {
        answers.push(server.get(path).await);
    }
    for (device, stream) in &streams {
        for path in [
            format!("/api/v1/devices/{device}"),
            format!("/api/v1/devices/{device}/status"),
            format!("/v2/streams/{stream}"),
            format!("/v2/streams/{stream}/health"),
            format!("/v2/streams/{stream}/transitions"),
            format!("/api/v1/rtsp/streams/{stream}/stats"),
            format!("/v2/streams/{stream}?token={PLANTED}"),
        ] {
            answers.push(server.get(&path).await);
        }
        let change = json!({ "description": "changed" });
        answers.push(server.put(&format!("/api/v1/devices/{device}"), &change).await);
        answers.push(server.call(&format!("/api/v1/rtsp/streams/{stream}/reconnect")).await);
        answers.push(Answer::of(server.request(Method::POST, &format!("/v2/streams/{stream}/whep"))).await);
    }
    let leaking: Vec<_> = answers.iter().filter(|answer| format!("{answer:?}").contains(PLANTED)).collect();
    assert!(leaking.is_empty(), "{leaking:#?}");

    let log = log().text();
    assert!(log.contains(&streams[0].1), "nothing was logged");
    let lines: Vec<_> = log.lines().filter(|line| line.contains(PLANTED)).collect();
    assert!(lines.is_empty(), "{lines:#?}");
}
