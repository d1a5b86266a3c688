//! Requests that two servers in a row could understand differently (RFC 9112, section 11.2): none is taken in two ways.

use super::raw::{answers, exchange, status};
use crate::support::Server;

/// What an attacker would have the server take for a request of its own.
const HIDDEN: &str = "GET /v2/streams HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn ambiguous_requests_are_refused_and_their_connections_closed() {
    let server = Server::start().await;
    let length = HIDDEN.len();
    for (what, head) in [
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: 0\r\n")),
        ("a list of lengths", format!("Content-Length: {length}, 0\r\n")),
        ("a signed length", format!("Content-Length: +{length}\r\n")),
        ("a negative length", "Content-Length: -1\r\n".to_owned()),
        ("a length in hexadecimal", "Content-Length: 0x10\r\n".to_owned()),
        ("a length beyond all numbers", "Content-Length: 99999999999999999999\r\n".to_owned()),
        ("an encoding that does not end in chunked", "Transfer-Encoding: chunked, identity\r\n".to_owned()),
        ("an unknown encoding", "Transfer-Encoding: xchunked\r\n".to_owned()),
        ("a space before the colon", format!("Content-Length : {length}\r\n")),
        ("a folded header", format!("X-Folded: a\r\n Content-Length: {length}\r\n")),
        ("a bare carriage return in a value", format!("X-Split: a\rContent-Length: {length}\r\n")),
        ("a zero byte in a value", "X-Zero: a\0b\r\n".to_owned()),
        ("a control character in a name", "X\u{1}: a\r\n".to_owned()),
        ("two hosts", "Host: other.example\r\n".to_owned()),
    ] {
        let request = format!("POST /health HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{HIDDEN}");
        let answer = exchange(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), Some(400), "{what}: {answer}");
        assert_eq!(answers(&answer), 1, "{what}: the hidden request was answered: {answer}");
    }
    for (what, request) in [
        ("no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"),
        ("a space in the target", "GET /health x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("an unknown version", "GET /health HTTP/9.1\r\nHost: localhost\r\n\r\n"),
        ("chunks in HTTP/1.0", "POST /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("the beginning of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("the beginning of TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}"),
    ] {
        let answer = exchange(&server, request.as_bytes()).await;
        // What is no HTTP/1 at all may go without an answer.
        assert!(matches!(status(&answer), None | Some(400 | 505)), "{what}: {answer}");
        assert!(answers(&answer) <= 1, "{what}: {answer}");
    }
}

/// With both, the encoding counts, and nothing that follows is taken for another request (RFC 9112, section 6.3).
#[tokio::test]
async fn a_length_besides_chunks_does_not_count() {
    let server = Server::start().await;
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\nConnection: keep-alive\r\n",
    ] {
        let request = format!(
            "POST /api/v1/devices/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}\r\n\
             2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"
        );
        let answer = exchange(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), Some(422), "the body is the two bytes of the chunk: {answer}");
        assert_eq!(answers(&answer), 1, "the connection ends with it: {answer}");
    }
}

#[tokio::test]
async fn chunks_are_read_strictly() {
    let server = Server::start().await;
    let head = "POST /api/v1/devices/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    for (what, body) in [
        ("a size that is none", "x\r\n{}\r\n0\r\n\r\n"),
        ("a size beyond all numbers", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("a signed size", "+2\r\n{}\r\n0\r\n\r\n"),
        ("a chunk that is longer than its size", "1\r\n{}\r\n0\r\n\r\n"),
        ("a bare line feed in an extension", "2;a=\nb\r\n{}\r\n0\r\n\r\n"),
    ] {
        let answer = exchange(&server, format!("{head}{body}{HIDDEN}").as_bytes()).await;
        assert!(!matches!(status(&answer), Some(200..=299)), "{what}: {answer}");
        assert!(!answer.contains("pagination"), "{what}: {answer}");
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start().await;
    let get = |rest: &str| format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{rest}\r\n");
    let long = get(&format!("X-Long: {}\r\n", "x".repeat(70_000)));
    let many = get(&"X-Many: x\r\n".repeat(300));
    for request in [long, many] {
        let answer = exchange(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), Some(431), "{answer}");
    }
    let target = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000));
    assert!(matches!(status(&exchange(&server, target.as_bytes()).await), Some(414 | 431)));
}

/// The target names the host, whatever a header says besides (RFC 9112, section 3.2.2).
#[tokio::test]
async fn a_whole_url_as_target_is_held_to_the_names_of_the_server() {
    let server = Server::start().await;
    let request = "GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&exchange(&server, request.as_bytes()).await), Some(421));
    let request = "GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&exchange(&server, request.as_bytes()).await), Some(200));
}
