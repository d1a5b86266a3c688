//! The calls of the dashboard, on a camera that is recorded.

mod alerts;
mod exports;
mod history;
mod layer;
mod pictures;
mod settings;
mod timeline;
mod ui;

use crate::support::{Server, until};
use reqwest::StatusCode;
use serde_json::Value;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

const OK: StatusCode = StatusCode::OK;

/// A camera whose stream runs and is recorded.
struct Recorded {
    server: Server,
    #[expect(dead_code, reason = "it sends as long as it is there")]
    camera: TestCamera,
    device: String,
    stream: String,
    /// Unix milliseconds of what was recorded when it was last looked at.
    start: i64,
    end: i64,
}

/// A camera with a key picture every two seconds, as most have: what lies between tells what moves.
fn slow_keys() -> TestCamera {
    let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
    let picture =
        SyntheticConfig { width: 320, height: 192, keyframe_interval: 50, ..SyntheticConfig::default() };
    config.sources.push(("main".to_owned(), CameraSource::Synthetic(picture)));
    TestCamera::start(config).unwrap()
}

impl Recorded {
    /// Starts it, and waits until so many seconds are recorded.
    async fn start(seconds: f64) -> Self {
        Self::on(Server::start().await, seconds).await
    }

    /// The same on a server that runs.
    async fn on(server: Server, seconds: f64) -> Self {
        let camera = slow_keys();
        let device = server.add("Gate", &camera.url("main")).await;
        let stream = server.start_stream(&device).await;
        let path = format!("/v2/streams/{stream}/recordings");
        let stretch = until("seconds are recorded", async || {
            let answer = server.get(&path).await;
            let timeline = (answer.status == OK).then(|| answer.json())?;
            let last = timeline["ranges"].as_array()?.last()?.clone();
            (last["duration_seconds"].as_f64()? >= seconds).then_some(last)
        })
        .await;
        let (start, end) = (millis(&stretch["start"]), millis(&stretch["end"]));
        Self { server, camera, device, stream, start, end }
    }
}

/// Unix milliseconds of a time in an answer.
fn millis(time: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().timestamp_millis()
}
