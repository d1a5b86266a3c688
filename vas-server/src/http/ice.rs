//! STUN and TURN servers as viewers are told of them.

use axum::http::HeaderValue;
use serde_json::{Value, json};
use vas_sfu::IceServer;

/// `Link` header fields, one for each URL (RFC 9725, section 4.6). They hold passwords and are marked so.
pub(super) fn links(servers: &[IceServer]) -> impl Iterator<Item = HeaderValue> {
    servers.iter().flat_map(|server| server.urls.iter().filter_map(|url| link(url, server)))
}

/// `None`: a URL or a password that no header can hold.
fn link(url: &str, server: &IceServer) -> Option<HeaderValue> {
    let mut text = format!("<{url}>; rel=\"ice-server\"");
    if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
        let [username, credential] = [username, credential.expose()].map(quoted);
        text.push_str(&format!(
            "; username={username}; credential={credential}; credential-type=\"password\""
        ));
    }
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A quoted-string (RFC 9110, section 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The same as a list of `RTCIceServer` (W3C WebRTC, section 4.2.2), for answers in JSON.
pub(crate) fn json(servers: &[IceServer]) -> Value {
    let one = |server: &IceServer| match (&server.username, &server.credential) {
        (Some(username), Some(credential)) => {
            json!({ "urls": server.urls, "username": username, "credential": credential.expose() })
        }
        _ => json!({ "urls": server.urls }),
    };
    servers.iter().map(one).collect()
}
