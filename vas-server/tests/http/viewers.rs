//! What viewers may ask for, and how many may watch.

use crate::support::{Answer, Server, camera, until};
use crate::whep::offer;
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Starts a server and a camera that is live; gives the path of the WHEP endpoint.
async fn live(server: &Server, url: &str) -> String {
    let device = server.add("Gate", url).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;
    format!("/v2/streams/{stream}/whep")
}

async fn watch(server: &Server, path: &str) -> Answer {
    let request = server.request(Method::POST, path).header("Content-Type", "application/sdp");
    Answer::of(request.body(offer("H264"))).await
}

#[tokio::test]
async fn a_size_and_a_layer_may_be_asked_for() {
    let server = Server::start().await;
    let camera = camera(None);
    let whep = live(&server, &camera.url("main")).await;
    for query in ["?width=320&height=180", "?layer=main", "?layer=main&width=1&height=16384"] {
        let answer = watch(&server, &format!("{whep}{query}")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{query}: {}", answer.text);
    }
    for (query, field) in [
        ("?width=0&height=1", "width"),
        ("?width=1&height=16385", "height"),
        ("?width=320", "height"),
        ("?height=320", "width"),
        ("?width=big&height=1", "width"),
        ("?layer=7", "layer"),
        // This camera has a main stream only.
        ("?layer=sub", "layer"),
    ] {
        let details = watch(&server, &format!("{whep}{query}")).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"][field].is_string(), "{query}: {details}");
    }
    let unknown = "/v2/streams/019aa0f0-0000-7000-8000-000000000000/whep?layer=7";
    watch(&server, unknown).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn an_address_has_so_many_viewers_and_no_more() {
    let server = Server::start_with(|config| config.media.max_viewers_per_address = 1).await;
    let camera = camera(None);
    let whep = live(&server, &camera.url("main")).await;
    let first = watch(&server, &whep).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let second = watch(&server, &whep).await;
    let details = second.problem(429, "LIMIT_REACHED");
    assert_eq!((&details["limit"], second.header("retry-after")), (&json!("viewers_per_address"), "5"));
    assert_eq!(details["retry_after_seconds"], 5);
    // Whoever leaves makes room.
    assert_eq!(server.delete(first.header("location")).await.status, StatusCode::OK);
    until("there is room again", async || {
        (watch(&server, &whep).await.status == StatusCode::CREATED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_and_the_server_have_so_many_viewers_and_no_more() {
    for (per_stream, in_all) in [(1, 10), (10, 1)] {
        let server = Server::start_with(|config| {
            config.media.max_viewers_per_stream = per_stream;
            config.media.max_viewers = in_all;
        })
        .await;
        let camera = camera(None);
        let whep = live(&server, &camera.url("main")).await;
        assert_eq!(watch(&server, &whep).await.status, StatusCode::CREATED);
        let refused = watch(&server, &whep).await;
        let details = refused.problem(503, "LIMIT_REACHED");
        assert_eq!((&details["retry_after_seconds"], refused.header("retry-after")), (&json!(5), "5"));
    }
}
