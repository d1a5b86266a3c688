//! How large a viewer shows the picture.

use super::{OK, Recorded};
use crate::whep::offer;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_session_is_told_what_it_is_needed_for() {
    let recorded = Recorded::start(0.5).await;
    let Recorded { server, stream, .. } = &recorded;
    let made = server.whep(stream, "application/sdp", offer("H264")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let path = format!("{}/layer", made.header("location"));
    let small = server.post(&path, &json!({ "max_width": 320, "max_height": 180, "paused": true })).await;
    assert_eq!(small.expect(OK)["paused"], true);
    let all = server.post(&path, &json!({ "max_width": null, "paused": false })).await.expect(OK);
    // Nobody has connected, so nothing is sent yet.
    assert_eq!((&all["paused"], &all["layer"]), (&json!(false), &Value::Null));
    assert_eq!(server.post(&path, &json!({})).await.expect(OK)["paused"], Value::Null);
    let details = server.post(&path, &json!({ "max_width": 0, "paused": "yes" })).await;
    let details = details.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"].get("max_width").is_some() && details["fields"].get("paused").is_some());
    server.delete(made.header("location")).await;
    server.post(&path, &json!({})).await.problem(404, "NOT_FOUND");
}
