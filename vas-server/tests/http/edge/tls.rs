//! TLS: certificates, both forms of HTTP, WebSockets, and the way there.

use super::raw::{rest, status};
use crate::support::{SOON, Server, until};
use futures_util::future::join_all;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use vas_core::TaskScope;
use vas_server::config::{Config, TlsMode};

const SELF_SIGNED: &str = "tls-self-signed.pem";

fn self_signed(config: &mut Config) {
    config.tls.mode = TlsMode::SelfSigned;
}

/// Connects as a client that trusts the certificate in `pem` and no other, and offers these protocols.
async fn connect(pem: &Path, to: SocketAddr, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(pem).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

impl Server {
    fn certificate(&self) -> std::path::PathBuf {
        self.folder().join(SELF_SIGNED)
    }
}

async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_certificate_of_its_own_is_made_once_and_kept() {
    let mut server = Server::start_with(self_signed).await;
    let file = server.certificate();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let fingerprint = server.addresses().fingerprint.clone().unwrap();
    assert_eq!(fingerprint.len(), 32 * 3 - 1, "{fingerprint}");
    assert!(server.addresses().page().starts_with("https://"));
    let mut stream = connect(&file, server.address(), &["http/1.1"]).await.unwrap();
    let answer = get(&mut stream, "/health").await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nstrict-transport-security: max-age="), "{answer}");

    server.restart_with(|_| {}).await;
    assert_eq!(server.addresses().fingerprint, Some(fingerprint));
    // One that is about to end, or is none, makes place for another.
    std::fs::write(&file, "Valid until 2026-01-01\n").unwrap();
    server.restart_with(|_| {}).await;
    assert!(connect(&file, server.address(), &[]).await.is_ok());
}

#[tokio::test]
async fn what_is_no_tls_gets_no_answer_and_no_time() {
    let server = Server::start_with(|config| {
        self_signed(config);
        config.http.header_timeout_seconds = 1;
    })
    .await;
    let mut plain = TcpStream::connect(server.address()).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(!rest(&mut plain).await.contains("HTTP/1.1 200"));
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    // After the handshake the time for a head is the same.
    for protocol in ["http/1.1", "h2"] {
        let mut idle = connect(&server.certificate(), server.address(), &[protocol]).await.unwrap();
        let mut said = Vec::new();
        let _ = timeout(SOON, idle.read_to_end(&mut said)).await.expect("it is closed");
    }
}

/// Runs what a connection needs beside its requests.
#[derive(Clone)]
struct InScope(TaskScope);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InScope {
    fn execute(&self, future: F) {
        self.0.spawn("h2", future);
    }
}

type H2 = SendRequest<String>;

async fn h2(server: &Server, scope: &TaskScope) -> (H2, Arc<tokio::sync::Notify>) {
    let stream = connect(&server.certificate(), server.address(), &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let executor = InScope(scope.clone());
    let (sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    let ended = Arc::new(tokio::sync::Notify::new());
    let end = ended.clone();
    scope.spawn("h2 connection", async move {
        let _ = connection.await;
        end.notify_one();
    });
    (sender, ended)
}

async fn h2_get(sender: &mut H2, url: &str) -> (u16, bool) {
    let request = hyper::Request::get(url).body(String::new()).unwrap();
    let answer = timeout(SOON, sender.send_request(request)).await.unwrap().unwrap();
    (answer.status().as_u16(), answer.headers().contains_key("strict-transport-security"))
}

#[tokio::test]
async fn requests_share_a_connection_of_http_2() {
    let server = Server::start_with(|config| {
        self_signed(config);
        config.http.max_http2_streams = 4;
    })
    .await;
    let scope = TaskScope::new();
    let (mut sender, _ended) = h2(&server, &scope).await;
    // With the first answer the client knows how many may be under way.
    assert_eq!(h2_get(&mut sender, "https://localhost/health").await.0, 200);
    let requests = (0..40).map(|_| {
        let mut sender = sender.clone();
        async move { h2_get(&mut sender, "https://localhost/v2/streams").await }
    });
    assert!(join_all(requests).await.iter().all(|answer| *answer == (200, true)));
    // The name of the host is held to what it may be here as well.
    assert_eq!(h2_get(&mut sender, "https://evil.example/health").await.0, 421);
    scope.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn an_idle_connection_of_http_2_is_closed() {
    let server = Server::start_with(|config| {
        self_signed(config);
        config.http.idle_timeout_seconds = 1;
    })
    .await;
    let scope = TaskScope::new();
    let (mut sender, ended) = h2(&server, &scope).await;
    assert_eq!(h2_get(&mut sender, "https://localhost/health").await.0, 200);
    timeout(SOON, ended.notified()).await.expect("the connection is closed");
    scope.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn sockets_work_over_tls_and_on_their_own_port() {
    let server = Server::start_with(|config| {
        self_signed(config);
        config.http.ws_listen = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    let sockets = server.addresses().ws.unwrap();
    let client = client(&server);
    let body = serde_json::json!({ "name": "Gate", "rtsp_url": "rtsp://192.0.2.1/1" });
    let add = client.post(url(&server, "/api/v1/devices")).json(&body).send().await.unwrap();
    let device: serde_json::Value = add.json().await.unwrap();
    let start = format!("/api/v1/devices/{}/start-stream", device["id"].as_str().unwrap());
    let started: serde_json::Value =
        client.post(url(&server, &start)).send().await.unwrap().json().await.unwrap();
    let path = format!("/ws/signaling/{}", started["v2_stream_id"].as_str().unwrap());
    for address in [server.address(), sockets] {
        let stream = connect(&server.certificate(), address, &["http/1.1"]).await.unwrap();
        let opened = client_async(format!("wss://localhost:{}{path}", address.port()), stream).await;
        assert_eq!(opened.unwrap().1.status(), 101);
    }
    // Nothing else is on that port.
    for path in ["/health", "/v2/streams", "/"] {
        let mut stream = connect(&server.certificate(), sockets, &["http/1.1"]).await.unwrap();
        let answer = get(&mut stream, path).await;
        assert_eq!(status(&answer), Some(404), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}

fn client(server: &Server) -> reqwest::Client {
    let certificate = CertificateDer::from_pem_file(server.certificate()).unwrap();
    let root = reqwest::Certificate::from_der(&certificate).unwrap();
    reqwest::Client::builder().tls_certs_only([root]).build().unwrap()
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address().port())
}

#[tokio::test]
async fn clients_are_sent_to_tls() {
    let server = Server::start_with(|config| {
        self_signed(config);
        config.http.redirect_listen = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    let (port, redirect) = (server.address().port(), server.addresses().redirect.unwrap());
    let ask = async |request: &str| {
        let mut stream = TcpStream::connect(redirect).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    };
    let answer = ask("GET /a/b?c=d HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), Some(308), "{answer}");
    assert!(answer.contains(&format!("location: https://localhost:{port}/a/b?c=d\r\n")), "{answer}");
    for host in ["evil.example", "localhost@evil.example", "evil.example:80"] {
        let answer = ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), Some(421), "{host}: {answer}");
    }
}

/// A certificate as an authority would give it; gives the file of the certificate.
fn issue(folder: &Path) -> std::path::PathBuf {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    folder.join("certificate.pem")
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = issue(folder.path());
    let server = Server::start_with(|config| {
        config.tls.mode = TlsMode::Files;
        config.tls.certificate = certificate.clone();
        config.tls.key = folder.path().join("key.pem");
    })
    .await;
    let mut open = connect(&certificate, server.address(), &["http/1.1"]).await.unwrap();
    let old = folder.path().join("old.pem");
    std::fs::copy(&certificate, &old).unwrap();
    // What is of no use changes nothing.
    std::fs::write(&certificate, "no certificate").unwrap();
    assert!(connect(&old, server.address(), &[]).await.is_ok());
    issue(folder.path());
    until("the new certificate is shown", async || connect(&certificate, server.address(), &[]).await.ok())
        .await;
    assert!(connect(&old, server.address(), &[]).await.is_err());
    // Who was there before stays.
    assert_eq!(status(&get(&mut open, "/health").await), Some(200));
}

#[tokio::test]
async fn a_start_without_a_certificate_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = crate::support::test_config(&folder);
    config.tls.mode = TlsMode::Files;
    config.tls.certificate = folder.path().join("none.pem");
    config.tls.key = folder.path().join("none.pem");
    let error = vas_server::App::start(&config).await.err().unwrap().to_string();
    assert!(error.contains("TLS") && error.contains("none.pem"), "{error}");
    std::fs::write(&config.tls.certificate, "nothing").unwrap();
    let error = vas_server::App::start(&config).await.err().unwrap().to_string();
    assert!(error.contains("certificate in PEM"), "{error}");
}
