//! Exports.

use super::{OK, Recorded};
use crate::support::{Server, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn finished(server: &Server, id: &str) -> Value {
    until("the export ends", async || {
        let export = server.get(&format!("/v2/exports/{id}")).await.expect(OK);
        (export["status"] == "ready" || export["status"] == "failed").then_some(export)
    })
    .await
}

#[tokio::test]
async fn an_export_is_made_fetched_and_deleted() {
    let mut recorded = Recorded::start(3.0).await;
    let (stream, start, end) = (recorded.stream.clone(), recorded.start, recorded.end);
    let server = &recorded.server;
    let body = json!({ "stream_ids": [stream], "start": start, "end": end - 500, "name": "Night" });
    let begun = server.post("/v2/exports", &body).await;
    let location = begun.header("location").to_owned();
    let begun = begun.expect(StatusCode::ACCEPTED);
    assert_eq!((&begun["name"], &begun["stream_ids"]), (&json!("Night"), &json!([stream])));
    let id = begun["id"].as_str().unwrap();
    assert_eq!(location, format!("/v2/exports/{id}"));

    let made = finished(server, id).await;
    assert_eq!(
        (&made["status"], &made["progress"], &made["error"]),
        (&json!("ready"), &json!(1.0), &Value::Null)
    );
    let file = &made["files"][0];
    assert_eq!((&file["name"], &file["status"]), (&json!("Gate.mp4"), &json!("ready")));
    let url = file["url"].as_str().unwrap().to_owned();
    let response = server.request(Method::GET, &url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "video/mp4");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"Gate.mp4\"");
    let bytes = response.bytes().await.unwrap();
    assert_eq!((&bytes[4..8], file["bytes"].as_u64()), (&b"ftyp"[..], Some(bytes.len() as u64)));
    let part = server.request(Method::GET, &url).header("Range", "bytes=4-7").send().await.unwrap();
    assert_eq!(
        (part.status(), part.bytes().await.unwrap()),
        (StatusCode::PARTIAL_CONTENT, bytes.slice(4..8))
    );
    server.get(&format!("/v2/exports/{id}/files/Yard.mp4")).await.problem(404, "NOT_FOUND");

    recorded.server.restart().await;
    let server = &recorded.server;
    let list = server.get("/v2/exports").await.expect(OK);
    assert_eq!((&list["exports"][0]["id"], &list["exports"][0]["bytes"]), (&json!(id), &file["bytes"]));
    assert_eq!(server.delete(&format!("/v2/exports/{id}")).await.status, StatusCode::NO_CONTENT);
    server.get(&format!("/v2/exports/{id}")).await.problem(404, "NOT_FOUND");
    server.get(&url).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_can_not_be_exported_is_refused() {
    let recorded = Recorded::start(1.0).await;
    let Recorded { server, stream, start, end, .. } = &recorded;
    for (body, field) in [
        (json!({ "start": start, "end": end }), "stream_ids"),
        (json!({ "stream_ids": [], "start": start, "end": end }), "stream_ids"),
        (json!({ "stream_ids": [stream], "start": end, "end": start }), "end"),
        (json!({ "stream_ids": [stream], "start": start, "end": end + 86_400_000 }), "end"),
        (json!({ "stream_ids": [stream], "end": end }), "start"),
    ] {
        let details = server.post("/v2/exports", &body).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"].get(field).is_some(), "{body}: {details}");
    }
    let past = json!({ "stream_ids": [stream], "start": start - 60_000, "end": start - 50_000 });
    server.post("/v2/exports", &past).await.problem(404, "NO_RECORDING");
    let unknown = json!({ "stream_ids": ["gate"], "start": start, "end": end });
    server.post("/v2/exports", &unknown).await.problem(404, "NOT_FOUND");
}
