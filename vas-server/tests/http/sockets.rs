//! Signalling over WebSocket: who is let in, what is answered and refused, and how a socket ends.

use crate::consume::{capabilities, dtls_parameters, live};
use crate::support::{SOON, Server, camera, until};
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A client of a socket.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Opens a socket as a page of `origin` would. `Err`: the status of the refusal.
async fn open(server: &Server, stream: &str, origin: Option<&str>) -> Result<Client, u16> {
    let url = format!("ws://{}/ws/signaling/{stream}", server.address());
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("Origin", origin.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Client(socket)),
        Err(WsError::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

impl Client {
    async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message of the server; pings are answered on the way.
    async fn next(&mut self) -> Value {
        loop {
            match timeout(SOON, self.0.next()).await.expect("a message comes").unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The answer to a request; events on the way are passed over.
    async fn ask(&mut self, kind: &str, payload: Value) -> Value {
        self.send(&json!({"type": kind, "id": "7", "payload": payload})).await;
        loop {
            let answer = self.next().await;
            if answer["id"] == "7" {
                assert_eq!(answer["type"], kind, "{answer}");
                return answer;
            }
        }
    }

    /// The payload of the answer to a request that is carried out.
    async fn get(&mut self, kind: &str, payload: Value) -> Value {
        let answer = self.ask(kind, payload).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["payload"].clone()
    }

    /// The code of the answer to a request that is refused.
    async fn refused(&mut self, kind: &str, payload: Value) -> String {
        let answer = self.ask(kind, payload).await;
        assert_eq!(answer["ok"], false, "{answer}");
        assert!(answer["error"]["error_description"].is_string() && answer["error"].get("details").is_some());
        answer["error"]["error"].as_str().unwrap().to_owned()
    }

    /// The code with which the server closes the socket.
    async fn closed(&mut self) -> Option<CloseCode> {
        loop {
            match timeout(SOON, self.0.next()).await.expect("the socket closes") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

async fn connections(server: &Server, stream: &str) -> Value {
    server.get(&format!("/ws/streams/{stream}/connections")).await.expect(StatusCode::OK)
}

async fn until_nobody_watches(server: &Server, stream: &str) {
    until("nobody watches", async || {
        let shown = server.get(&format!("/v2/streams/{stream}")).await.json();
        (shown["consumers"]["count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn pages_of_other_sites_and_plain_requests_get_no_socket() {
    let portal = "https://portal.example.com";
    let server = Server::start_with(|config| config.http.cors_origins = vec![portal.to_owned()]).await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let own = format!("http://{}", server.address());
    for origin in [None, Some(own.as_str()), Some(portal)] {
        assert!(open(&server, &stream, origin).await.is_ok(), "{origin:?}");
    }
    for origin in ["https://evil.example", "https://portal.example.com.evil.example", "null"] {
        assert_eq!(open(&server, &stream, Some(origin)).await.err(), Some(403), "{origin}");
    }
    for unknown in ["malformed", "019aa0f0-0000-7000-8000-000000000000"] {
        assert_eq!(open(&server, unknown, None).await.err(), Some(404));
        server.get(&format!("/ws/streams/{unknown}/connections")).await.problem(404, "NOT_FOUND");
    }
    let plain = server.get(&format!("/ws/signaling/{stream}")).await;
    plain.problem(426, "UPGRADE_REQUIRED");
    assert_eq!(plain.header("upgrade"), "websocket");
}

#[tokio::test]
async fn requests_without_an_id_get_the_old_answers() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let mut client = open(&server, &stream, None).await.ok().unwrap();
    client.send(&json!({"type": "ping"})).await;
    assert_eq!(client.next().await["type"], "pong");
    client.send(&json!({"type": "get_room_info"})).await;
    let room = client.next().await;
    assert_eq!((&room["type"], &room["stream_id"]), (&json!("room_info"), &json!(stream)));
    assert_eq!(room["connections"].as_array().unwrap().len(), 1);
    client.send(&json!({"type": "offer", "sdp": crate::whep::offer("H264")})).await;
    let answer = client.next().await;
    assert_eq!(answer["type"], "answer");
    assert!(answer["sdp"].as_str().unwrap().contains("a=sendonly"), "{answer}");
    client.send(&json!({"type": "ice_candidate", "candidate": null})).await;
    assert_eq!(client.next().await["ok"], true);

    // What is no request is answered, too, and ends nothing.
    client.0.send(Message::text("{")).await.unwrap();
    assert_eq!(client.next().await["error"]["error"], "VALIDATION_ERROR");
    client.send(&json!({"type": "dance"})).await;
    assert_eq!(client.next().await["error"]["error"], "UNKNOWN_TYPE");
    assert!(client.get("ping", json!({})).await["timestamp"].is_string());
}

#[tokio::test]
async fn a_viewer_is_made_changed_and_ended_over_a_socket() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let mut client = open(&server, &stream, None).await.ok().unwrap();

    let hello = client.get("connect", json!({})).await;
    assert_eq!((&hello["streamId"], &hello["state"]), (&json!(stream), &json!("LIVE")));
    assert_eq!(hello["producers"][0]["kind"], "video");
    let offered = client.get("getRouterRtpCapabilities", json!({})).await;
    assert_eq!(offered["rtpCapabilities"]["codecs"], offered["codecs"]);
    let transport = client.get("createWebRtcTransport", json!({})).await;
    for member in ["id", "iceParameters", "iceCandidates", "dtlsParameters"] {
        assert!(!transport[member].is_null(), "{member}: {transport}");
    }
    let id = transport["id"].clone();
    let connected = client
        .get("connectWebRtcTransport", json!({"transportId": id, "dtlsParameters": dtls_parameters()}))
        .await;
    assert_eq!(connected["transportId"], id);

    let wanted = json!({"transportId": id, "rtpCapabilities": capabilities("H264"), "paused": true});
    let consumer = client.get("consume", wanted.clone()).await;
    assert_eq!((&consumer["kind"], &consumer["paused"]), (&json!("video"), &json!(true)));
    assert_eq!(consumer["producerId"], hello["producers"][0]["id"]);
    assert_eq!(consumer["rtpParameters"]["codecs"][0]["payloadType"], 102);
    let named = json!({"consumerId": consumer["id"]});
    for kind in ["resumeConsumer", "pauseConsumer"] {
        assert_eq!(client.get(kind, named.clone()).await["consumerId"], consumer["id"]);
    }
    let preferred = json!({"consumerId": consumer["id"], "layer": "main", "width": 320, "height": 180});
    assert_eq!(client.get("setPreferredLayer", preferred).await["layer"], 0);

    // The other doors see it.
    let list = server.get(&format!("/v2/streams/{stream}/consumers")).await.json();
    assert_eq!((&list["active_consumers"], &list["consumers"][0]["id"]), (&json!(1), &consumer["id"]));
    let room = connections(&server, &stream).await;
    assert_eq!((&room["connection_count"], &room["connections"][0]["consumers"]), (&json!(1), &json!(1)));
    assert_eq!(room["connections"][0]["id"], hello["connectionId"]);

    client.get("closeConsumer", named.clone()).await;
    assert_eq!(client.refused("closeConsumer", named).await, "NOT_FOUND");
    // The transport stays for others, by the producer's id as well.
    let by_producer = json!({"rtpCapabilities": capabilities("H264"), "producerId": consumer["producerId"]});
    let again = client.get("consume", by_producer).await;
    assert_eq!(again["transportId"], id);
    client.0.close(None).await.unwrap();
    until_nobody_watches(&server, &stream).await;
    until("the socket has gone", async || {
        (connections(&server, &stream).await["connection_count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_socket_refuses_it_names() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream) = live(&server, &camera.url("main")).await;
    let mut client = open(&server, &stream, None).await.ok().unwrap();
    let wanted = json!({"rtpCapabilities": capabilities("H264")});
    let with = |more: Value| {
        let mut payload = wanted.clone();
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload
    };
    assert_eq!(
        client.refused("consume", wanted.clone()).await,
        "VALIDATION_ERROR",
        "there is no transport yet"
    );
    client.get("createWebRtcTransport", json!({})).await;
    assert_eq!(client.refused("consume", json!({})).await, "VALIDATION_ERROR");
    assert_eq!(client.refused("consume", json!({"rtpCapabilities": {}})).await, "UNSUPPORTED_CAPABILITIES");
    for unknown in ["malformed", "019aa0f0-0000-7000-8000-000000000000"] {
        for name in ["transportId", "producerId", "streamId"] {
            assert_eq!(
                client.refused("consume", with(json!({ name: unknown }))).await,
                "NOT_FOUND",
                "{name}"
            );
        }
        for kind in ["resumeConsumer", "pauseConsumer", "closeConsumer", "setPreferredLayer"] {
            assert_eq!(client.refused(kind, json!({"consumerId": unknown})).await, "NOT_FOUND", "{kind}");
        }
        let connect = json!({"transportId": unknown, "dtlsParameters": dtls_parameters()});
        assert_eq!(client.refused("connectWebRtcTransport", connect).await, "NOT_FOUND");
    }
    for kind in ["resumeConsumer", "connectWebRtcTransport", "ice_candidate", "offer"] {
        assert_eq!(client.refused(kind, json!({})).await, "VALIDATION_ERROR", "{kind}");
    }
    assert_eq!(client.refused("offer", json!({"sdp": "no SDP"})).await, "INVALID_SDP");
    assert_eq!(client.refused("dance", json!({})).await, "UNKNOWN_TYPE");
    // Another socket's transport is none of this one's.
    let mut other = open(&server, &stream, None).await.ok().unwrap();
    let foreign = other.get("createWebRtcTransport", json!({})).await["id"].clone();
    assert_eq!(client.refused("consume", with(json!({"transportId": foreign}))).await, "NOT_FOUND");

    for _ in 1..8 {
        client.get("createWebRtcTransport", json!({})).await;
    }
    assert_eq!(client.refused("createWebRtcTransport", json!({})).await, "LIMIT_REACHED");
    assert_eq!(client.refused("offer", json!({"sdp": crate::whep::offer("H264")})).await, "LIMIT_REACHED");
    assert_eq!(
        client.refused("consume", wanted.clone()).await,
        "VALIDATION_ERROR",
        "which of the transports?"
    );

    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(StatusCode::OK);
    let answer = other.ask("consume", wanted).await;
    assert_eq!(answer["error"]["error"], "STREAM_NOT_LIVE");
    assert_eq!(answer["error"]["details"]["current_state"], "stopped");
}

#[tokio::test]
async fn what_is_no_message_ends_the_socket_and_a_shutdown_says_goodbye() {
    let mut server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let mut large = open(&server, &stream, None).await.ok().unwrap();
    // The server may close before all of it is sent.
    let _ = large.0.send(Message::text("x".repeat((64 << 10) + 1))).await;
    assert!(matches!(large.closed().await, Some(CloseCode::Size) | None));
    let mut binary = open(&server, &stream, None).await.ok().unwrap();
    binary.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(binary.closed().await, Some(CloseCode::Unsupported));

    let mut client = open(&server, &stream, None).await.ok().unwrap();
    client.get("ping", json!({})).await;
    let (code, ()) = tokio::join!(client.closed(), server.stop());
    assert_eq!(code, Some(CloseCode::Away));
}

#[tokio::test]
async fn sockets_beyond_the_limit_are_refused() {
    let server = Server::start_with(|config| config.http.max_connections = 4).await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(open(&server, &stream, None).await.ok().unwrap());
    }
    assert_eq!(open(&server, &stream, None).await.err(), Some(503));
    clients.pop();
    until("there is room again", async || open(&server, &stream, None).await.ok()).await;
}
