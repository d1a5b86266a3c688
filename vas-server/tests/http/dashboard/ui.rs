//! What somebody arranges on the dashboard.

use super::OK;
use crate::support::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

async fn put(server: &Server, path: &str, etag: Option<&str>, body: &Value) -> Answer {
    let mut request = server.request(Method::PUT, path).json(body);
    if let Some(etag) = etag {
        request = request.header("If-Match", etag);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn documents_are_replaced_by_those_who_know_them() {
    let mut server = Server::start().await;
    let path = "/v2/ui/views";
    let empty = server.get(path).await;
    assert_eq!((empty.header("etag"), empty.expect(OK)), ("\"0\"", json!({ "views": [] })));
    let view = |name: &str| json!({ "views": [{ "id": "a", "name": name, "layout": "2x2", "tiles": [{ "stream_id": null, "w": 2 }] }] });
    put(&server, path, None, &view("Yard")).await.problem(428, "PRECONDITION_REQUIRED");
    let first = put(&server, path, Some("\"0\""), &view("Yard")).await;
    assert_eq!((first.header("etag"), first.expect(OK)), ("\"1\"", view("Yard")));
    put(&server, path, Some("\"0\""), &view("Gate")).await.problem(412, "PRECONDITION_FAILED");
    assert_eq!(put(&server, path, Some("\"1\""), &view("Gate")).await.header("etag"), "\"2\"");
    let details = put(&server, path, Some("\"2\""), &view("")).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"].get("views[0].name").is_some(), "{details}");

    let preferences = json!({ "theme": "dark", "zone": "Europe/Berlin" });
    let kept = put(&server, "/v2/ui/preferences", Some("\"0\""), &preferences).await;
    assert_eq!(kept.expect(OK), preferences);
    let large = json!({ "text": "x".repeat(17_000) });
    put(&server, "/v2/ui/preferences", Some("\"1\""), &large).await.problem(413, "PAYLOAD_TOO_LARGE");
    put(&server, "/v2/ui/preferences", Some("\"1\""), &json!(["dark"]))
        .await
        .problem(422, "VALIDATION_ERROR");

    server.restart().await;
    assert_eq!(server.get(path).await.expect(OK), view("Gate"));
    assert_eq!(server.get("/v2/ui/preferences").await.expect(OK), preferences);
}
