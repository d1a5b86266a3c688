//! `/api/v1/devices`.

use crate::support::{Server, camera, dead_camera};
use reqwest::StatusCode;
use serde_json::json;

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;

#[tokio::test]
async fn a_device_is_added_shown_changed_and_deleted() {
    let server = Server::start().await;
    let body = json!({ "name": "Gate", "rtsp_url": "rtsp://u:p@192.0.2.1/1", "location": "north" });
    let added = server.post("/api/v1/devices", &body).await.expect(CREATED);
    let path = format!("/api/v1/devices/{}", added["id"].as_str().unwrap());
    assert_eq!(added["name"], "Gate");
    assert_eq!(added["rtsp_url"], "rtsp://u:***@192.0.2.1/1");
    assert_eq!((&added["description"], &added["location"]), (&json!(null), &json!("north")));
    assert_eq!((&added["is_active"], &added["updated_at"]), (&json!(false), &json!(null)));
    assert!(added["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(server.get(&path).await.expect(OK), added);

    // Partial: what is not named stays, null empties.
    let changed = server.put(&path, &json!({ "description": "d <b>", "location": null })).await.expect(OK);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Gate"), &json!("d <b>")));
    assert_eq!((&changed["location"], &changed["id"]), (&json!(null), &added["id"]));
    assert!(changed["updated_at"].is_string());

    // A URL copied from an answer keeps the password; another one must bring its own.
    let copied = json!({ "rtsp_url": "rtsp://u:***@192.0.2.1/1", "name": "Gate 2" });
    assert_eq!(server.put(&path, &copied).await.expect(OK)["name"], "Gate 2");
    let masked = json!({ "rtsp_url": "rtsp://u:***@192.0.2.1/2" });
    let details = server.put(&path, &masked).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"]["rtsp_url"].as_str().unwrap().contains("masked"));

    let gone = server.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (StatusCode::NO_CONTENT, ""));
    server.get(&path).await.problem(404, "NOT_FOUND");
    server.delete(&path).await.problem(404, "NOT_FOUND");
    server.put(&path, &json!({ "name": "x" })).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn devices_are_listed_in_a_stable_order_and_in_pages() {
    let server = Server::start().await;
    for n in 0..5 {
        server.add(&format!("camera {n}"), &format!("rtsp://192.0.2.1/{n}")).await;
    }
    let names = async |query: &str| -> Vec<String> {
        let list = server.get(&format!("/api/v1/devices{query}")).await.expect(OK);
        list.as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["camera 0", "camera 1", "camera 2", "camera 3", "camera 4"]);
    assert_eq!(names("?skip=1&limit=2").await, ["camera 1", "camera 2"]);
    assert!(names("?skip=9").await.is_empty());
    for query in ["?limit=0", "?limit=x", "?skip=-1", "?limit=100000"] {
        server.get(&format!("/api/v1/devices{query}")).await.problem(422, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn names_and_urls_are_taken_once() {
    let server = Server::start().await;
    server.add("Gate", "rtsp://192.0.2.1/1").await;
    let second = server.add("Yard", "rtsp://192.0.2.1/2").await;
    let clash = json!({ "name": "Other", "rtsp_url": "rtsp://192.0.2.1/1" });
    let details = server.post("/api/v1/devices", &clash).await.problem(409, "CONFLICT");
    assert_eq!(details["field"], "rtsp_url");
    let clash = json!({ "name": "Gate", "rtsp_url": "rtsp://192.0.2.1/3" });
    assert_eq!(server.post("/api/v1/devices", &clash).await.problem(409, "CONFLICT")["field"], "name");
    let path = format!("/api/v1/devices/{second}");
    server.put(&path, &json!({ "name": "Gate" })).await.problem(409, "CONFLICT");
}

#[tokio::test]
async fn every_wrong_field_is_named_in_one_answer() {
    let server = Server::start().await;
    for (body, fields) in [
        (json!({}), &["name", "rtsp_url"][..]),
        (json!({ "name": 1, "rtsp_url": null, "location": [] }), &["name", "rtsp_url", "location"]),
        (json!({ "name": " ", "rtsp_url": "rtsp://h/1" }), &["name"]),
        (json!({ "name": "x".repeat(201), "rtsp_url": "rtsp://h/1" }), &["name"]),
        (json!({ "name": "a\u{0}b", "rtsp_url": "rtsp://h/1" }), &["name"]),
        (json!({ "name": "x", "rtsp_url": "http://h/1" }), &["rtsp_url"]),
        (json!({ "name": "x", "rtsp_url": "file:///etc/passwd" }), &["rtsp_url"]),
        (json!({ "name": "x", "rtsp_url": "rtsp://h:port/1" }), &["rtsp_url"]),
        (json!(["name"]), &["body"]),
    ] {
        let details = server.post("/api/v1/devices", &body).await.problem(422, "VALIDATION_ERROR");
        let named: Vec<_> = details["fields"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = fields.to_vec();
        expected.sort_unstable();
        assert_eq!(named, expected, "{body}");
    }
}

#[tokio::test]
async fn validate_answers_200_whatever_it_finds() {
    let server = Server::start().await;
    let camera = camera(None);
    let url = camera.url("main");
    let valid = server.post("/api/v1/devices/validate", &json!({ "rtsp_url": url })).await.expect(OK);
    assert_eq!((&valid["valid"], &valid["rtsp_url"]), (&json!(true), &json!(url)), "{valid}");
    assert_eq!((&valid["video"]["codec"], &valid["video"]["width"]), (&json!("H264"), &json!(320)));
    assert!(valid["message"].as_str().unwrap().contains("320x192"));
    assert!(valid.get("ssrc").is_some());

    for url in ["", "not a url", "http://192.0.2.1/", "rtsp://", &dead_camera(), &camera.url("nowhere")] {
        let body = json!({ "name": "x", "rtsp_url": url });
        let answer = server.post("/api/v1/devices/validate", &body).await.expect(OK);
        assert_eq!((&answer["valid"], &answer["rtsp_url"]), (&json!(false), &json!(url)));
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()));
    }
    let missing = server.post("/api/v1/devices/validate", &json!({ "name": "x" })).await;
    assert!(missing.problem(422, "VALIDATION_ERROR")["fields"]["rtsp_url"].is_string());
}

#[tokio::test]
async fn streams_start_and_stop_by_their_device() {
    let server = Server::start().await;
    let device = server.add("Gate", &dead_camera()).await;
    let path = |call: &str| format!("/api/v1/devices/{device}/{call}");

    // Stopping what does not run is no error.
    assert_eq!(server.call(&path("stop-stream")).await.expect(OK)["stopped"], true);
    let idle = server.get(&path("status")).await.expect(OK);
    assert_eq!(idle["streaming"]["active"], false);

    let started = server.call(&path("start-stream")).await.expect(OK);
    assert_eq!((&started["status"], &started["room_id"]), (&json!("success"), &json!(device)));
    assert_eq!((&started["device_id"], &started["stream"]["status"]), (&json!(device), &json!("started")));
    assert!(started["transport_id"].is_string() && started["producers"]["video"].is_string());
    assert!(started["stream"]["started_at"].is_string() && started["v2_stream_id"].is_string());

    let again = server.call(&path("start-stream")).await.expect(OK);
    assert_eq!((&again["stream"]["status"], &again["reconnect"]), (&json!("active"), &json!(true)));
    for id in ["room_id", "transport_id", "producers", "v2_stream_id"] {
        assert_eq!(again[id], started[id], "{id}");
    }
    assert_eq!(again["stream"]["started_at"], started["stream"]["started_at"]);

    let status = server.get(&path("status")).await.expect(OK);
    assert_eq!((&status["id"], &status["device_id"]), (&json!(device), &json!(device)));
    assert_eq!((&status["is_active"], &status["streaming"]["active"]), (&json!(true), &json!(true)));
    assert_eq!(status["streaming"]["room_id"], json!(device));
    assert!(status["streaming"]["started_at"].is_string());

    // The stream's id survives stop and start.
    assert_eq!(server.call(&path("stop-stream")).await.expect(OK)["stopped"], true);
    let device_now = server.get(&format!("/api/v1/devices/{device}")).await.expect(OK);
    assert_eq!(device_now["is_active"], false);
    let restarted = server.call(&path("start-stream")).await.expect(OK);
    assert_eq!(restarted["v2_stream_id"], started["v2_stream_id"]);
    assert_eq!(restarted["stream"]["status"], "started");

    // A deleted device takes its stream with it.
    server.delete(&format!("/api/v1/devices/{device}")).await;
    let stream = started["v2_stream_id"].as_str().unwrap();
    server.get(&format!("/v2/streams/{stream}")).await.problem(404, "NOT_FOUND");
    server.call(&path("start-stream")).await.problem(404, "NOT_FOUND");
    server.call(&path("stop-stream")).await.problem(404, "NOT_FOUND");
}
