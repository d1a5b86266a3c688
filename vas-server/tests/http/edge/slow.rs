//! Clients that are slow on purpose, and many.

use super::raw::{connect_from, rest};
use crate::support::{SOON, Server, until};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// A thousand heads that never end are closed in their time, and everybody else is answered meanwhile.
#[tokio::test]
async fn a_thousand_half_open_heads_are_closed_while_others_are_answered() {
    let server = Server::start_with(|config| config.http.header_timeout_seconds = 3).await;
    let mut sockets = Vec::new();
    for n in 0..1_000 {
        // From several addresses, as each has a limit of its own.
        let from = format!("127.0.0.{}", 2 + n % 4);
        let mut socket = connect_from(&from, server.address()).await.unwrap();
        socket.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
        sockets.push(socket);
    }
    // One byte now and then does not keep them open: the time is for the whole head.
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(server.get("/v2/streams").await.status, StatusCode::OK);
        answered += 1;
        for socket in &mut sockets {
            let _ = socket.try_write(b"x");
        }
    }
    assert!(answered > 5, "others were hardly answered: {answered}");
    for socket in &mut sockets {
        let answer = rest(socket).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(server.get("/v2/streams").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_never_speaks_or_speaks_no_more_is_closed() {
    let server = Server::start_with(|config| config.http.header_timeout_seconds = 1).await;
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    let mut idle = TcpStream::connect(server.address()).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_others_have_theirs() {
    let server = Server::start_with(|config| config.http.max_connections_per_address = 3).await;
    let ask = async |from: &str| {
        let mut stream = connect_from(from, server.address()).await.ok()?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
        let mut start = [0; 12];
        timeout(SOON, stream.read_exact(&mut start)).await.expect("it is answered or closed").ok()?;
        (start == *b"HTTP/1.1 200").then_some(stream)
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(ask("127.0.0.2").await.unwrap());
    }
    assert!(ask("127.0.0.2").await.is_none(), "a fourth is closed");
    assert!(ask("127.0.0.3").await.is_some(), "another address has its own");
    held.clear();
    until("there is room again", async || ask("127.0.0.2").await).await;
}

/// A WebSocket is a connection like any other, for as long as it is open.
#[tokio::test]
async fn sockets_count_as_connections() {
    let server = Server::start_with(|config| config.http.max_connections_per_address = 2).await;
    let device = server.add("Gate", "rtsp://192.0.2.1/1").await;
    let stream = server.start_stream(&device).await;
    let open = async || {
        let tcp = connect_from("127.0.0.2", server.address()).await.ok()?;
        let url = format!("ws://{}/ws/signaling/{stream}", server.address());
        tokio_tungstenite::client_async(url, tcp).await.ok()
    };
    let held = [open().await.unwrap(), open().await.unwrap()];
    assert!(open().await.is_none());
    drop(held);
    until("there is room again", open).await;
    let gone = server.delete(&format!("/api/v1/devices/{device}")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", json!(gone.text));
}
