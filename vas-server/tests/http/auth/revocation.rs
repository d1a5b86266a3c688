//! What is taken back ends what was opened with it: sockets, WHEP sessions, consumers, events.

use super::{Browser, PASSWORD, add_client, add_user, get, post, root, start, text, with};
use crate::consume::capabilities;
use crate::support::{Answer, SOON, Server, camera, until};
use crate::whep::offer;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use vas_ingest::camera::TestCamera;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A live stream; its device, itself, and the camera.
async fn live(server: &Server, admin: &str) -> (String, String, TestCamera) {
    let camera = camera(None);
    let body = json!({ "name": "Gate", "rtsp_url": camera.url("main") });
    let device = text(&post(server, admin, "/api/v1/devices", &body).await.expect(StatusCode::CREATED), "id");
    let started = post(server, admin, &format!("/api/v1/devices/{device}/start-stream"), &json!({})).await;
    let stream = text(&started.expect(StatusCode::OK), "v2_stream_id");
    until("a picture", async || {
        let shown = get(server, admin, &format!("/v2/streams/{stream}")).await.expect(StatusCode::OK);
        (shown["state"] == "LIVE").then_some(())
    })
    .await;
    (device, stream, camera)
}

async fn socket(server: &Server, header: (&'static str, String), path: &str) -> Socket {
    let mut request = format!("ws://{}{path}", server.address()).into_client_request().unwrap();
    request.headers_mut().insert(header.0, header.1.parse().unwrap());
    connect_async(request).await.unwrap().0
}

/// Waits for the server's goodbye, and gives its reason.
async fn goodbye(mut socket: Socket) -> String {
    let closed = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
            }
        }
        panic!("the socket ended without a word");
    };
    timeout(SOON, closed).await.expect("the server says goodbye")
}

async fn watchers(server: &Server, admin: &str, stream: &str) -> u64 {
    let shown: Value = get(server, admin, &format!("/v2/streams/{stream}")).await.expect(StatusCode::OK);
    shown["consumers"]["count"].as_u64().unwrap()
}

async fn whep(server: &Server, token: &str, stream: &str) -> Answer {
    let request = with(server, token, Method::POST, &format!("/v2/streams/{stream}/whep"));
    Answer::of(request.header("Content-Type", "application/sdp").body(offer("H264"))).await
}

#[tokio::test]
async fn a_revoked_token_ends_what_it_opened() {
    let server = start().await;
    let admin = root(&server).await;
    let (_, stream, _camera) = live(&server, &admin).await;
    let scopes = ["streams:read", "streams:consume"];
    let mine = add_client(&server, &admin, "mine", &scopes, json!({})).await;
    let other = add_client(&server, &admin, "other", &scopes, json!({})).await;
    for token in [&mine, &other] {
        assert_eq!(whep(&server, token, &stream).await.status, StatusCode::CREATED);
    }
    let body = json!({ "client_id": "x", "rtp_capabilities": capabilities("H264") });
    post(&server, &mine, &format!("/v2/streams/{stream}/consume"), &body).await.expect(StatusCode::CREATED);
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    let signalling = socket(&server, bearer(&mine), &format!("/ws/signaling/{stream}")).await;
    let events = socket(&server, bearer(&mine), "/ws/events").await;
    let mut sent = with(&server, &mine, Method::GET, "/v2/events").send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
    assert_eq!(watchers(&server, &admin, &stream).await, 3);

    let revoked = server.post("/v2/auth/token/revoke", &json!({ "token": mine })).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert!(goodbye(signalling).await.contains("taken back"));
    assert!(goodbye(events).await.contains("taken back"));
    timeout(SOON, async { while sent.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} })
        .await
        .expect("server-sent events end");
    until("the others stay alone", async || (watchers(&server, &admin, &stream).await == 1).then_some(()))
        .await;
}

#[tokio::test]
async fn who_is_signed_out_watches_nothing() {
    let server = start().await;
    let admin = root(&server).await;
    let (_, stream, _camera) = live(&server, &admin).await;
    let vera = add_user(&server, &admin, "vera", "viewer", json!({})).await;
    let path = format!("/ws/signaling/{stream}");
    // By signing out, by an admin's hand, by deletion.
    for end in 0..3 {
        let browser = Browser::sign_in(&server, "vera", PASSWORD).await;
        let open = socket(&server, ("Cookie", browser.cookie.clone()), &path).await;
        let user = format!("/v2/auth/users/{}", text(&vera, "id"));
        let ended = match end {
            0 => browser.request(&server, Method::DELETE, "/v2/auth/session"),
            1 => with(&server, &admin, Method::PUT, &user).json(&json!({ "role": "viewer" })),
            _ => with(&server, &admin, Method::DELETE, &user),
        };
        assert!(Answer::of(ended).await.status.is_success());
        assert!(goodbye(open).await.contains("taken back"), "{end}");
    }
}

/// What one node takes back, another on the same database does not honour either.
#[tokio::test]
async fn a_restart_forgets_nothing_that_was_taken_back() {
    let mut server = start().await;
    let (token, kept) = (root(&server).await, root(&server).await);
    server.post("/v2/auth/token/revoke", &json!({ "token": token })).await;
    server.restart().await;
    get(&server, &token, "/v2/streams").await.problem(401, "INVALID_TOKEN");
    get(&server, &kept, "/v2/streams").await.expect(StatusCode::OK);
}
