//! Bounds on what a client may do to the server.

use crate::support::{Server, until};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn bodies_are_bounded() {
    let server = Server::start().await;
    let body = json!({ "name": "x".repeat(1 << 20), "rtsp_url": "rtsp://h/1" });
    server.post("/api/v1/devices", &body).await.problem(413, "PAYLOAD_TOO_LARGE");

    // Without a length: what comes is counted.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16));
    for _ in 0..17 {
        // The server may answer and close before it has all.
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_closed() {
    let server = Server::start_with(|config| config.http.header_timeout_seconds = 1).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(crate::support::SOON, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    assert_eq!(server.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait() {
    let server = Server::start_with(|config| config.http.max_connections = 1).await;
    let first = TcpStream::connect(server.address()).await.unwrap();
    let ask = async || {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_millis(200), read).await.ok().map(|_| answer)
    };
    // The first may not have been accepted yet when the second asks; from then on it holds the only place.
    until("the second waits", async || if ask().await.is_none() { Some(()) } else { None }).await;
    drop(first);
    until("the second is served", ask).await;
}
