//! What outlives the process.

use crate::support::{Server, camera, dead_camera};
use reqwest::StatusCode;
use serde_json::json;

const OK: StatusCode = StatusCode::OK;

#[tokio::test]
async fn streams_that_ran_run_again_after_a_restart() {
    let mut server = Server::start().await;
    let camera = camera(None);
    let running = server.add("running", &camera.url("main")).await;
    let failing = server.add("failing", &dead_camera()).await;
    let stopped = server.add("stopped", &dead_camera()).await;
    let never = server.add("never", &dead_camera()).await;
    let (live, dead) = (server.start_stream(&running).await, server.start_stream(&failing).await);
    let still = server.start_stream(&stopped).await;
    server.until_state(&live, "LIVE").await;
    server.call(&format!("/api/v1/devices/{stopped}/stop-stream")).await.expect(OK);
    let before = server.get(&format!("/v2/streams/{live}")).await.expect(OK);

    server.restart().await;

    let after = server.until_state(&live, "LIVE").await;
    assert_eq!((&after["created_at"], &after["started_at"]), (&before["created_at"], &before["started_at"]));
    server.until_state(&dead, "ERROR").await;
    assert_eq!(server.get(&format!("/v2/streams/{still}")).await.expect(OK)["state"], "STOPPED");
    let devices = server.get("/api/v1/devices").await.expect(OK);
    let active: Vec<_> = devices.as_array().unwrap().iter().map(|device| &device["is_active"]).collect();
    assert_eq!(active, [&json!(true), &json!(true), &json!(false), &json!(false)]);
    assert_eq!(devices[3]["id"], json!(never));

    // The way there is in the history, the shutdown included.
    let history = server.get(&format!("/v2/streams/{live}/transitions")).await.expect(OK);
    let reasons: Vec<_> =
        history["transitions"].as_array().unwrap().iter().map(|c| &c["reason"]["code"]).collect();
    assert!(reasons.contains(&&json!("SHUTDOWN")), "{history}");
    server.stop().await;
}
