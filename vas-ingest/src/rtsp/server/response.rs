//! Responses (RFC 2326, section 7).
//!
//! Written by hand: `rtsp-types` joins headers of one name into one line, and clients read two challenges only
//! from two lines.

use bytes::{BufMut, BytesMut};
use rtsp_types::StatusCode;

/// A response to one request.
#[derive(Debug)]
pub(super) struct Response {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    pub(super) const fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub(super) const fn ok() -> Self {
        Self::new(StatusCode::Ok)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, content_type: &'static str, body: String) -> Self {
        self.body = body;
        let length = self.body.len().to_string();
        self.header("Content-Type", content_type).header("Content-Length", length)
    }

    /// Writes the response to the request numbered `cseq`. Line ends inside values, which only a client could have
    /// brought in, are left out.
    pub(super) fn write(&self, cseq: Option<&str>, out: &mut BytesMut) {
        let code = u16::from(self.status);
        let head = format!("RTSP/1.0 {code} {}\r\n", self.status);
        out.put_slice(head.as_bytes());
        let own = [("CSeq", cseq.unwrap_or("")), ("Server", concat!("vas/", env!("CARGO_PKG_VERSION")))];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in own.chain(self.headers.iter().map(|(name, value)| (*name, value.as_str()))) {
            out.put_slice(name.as_bytes());
            out.put_slice(b": ");
            value.bytes().filter(|byte| !byte.is_ascii_control()).for_each(|byte| out.put_u8(byte));
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"\r\n");
        out.put_slice(self.body.as_bytes());
    }
}

impl From<StatusCode> for Response {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_one_message_whatever_its_values() {
        let response = Response::from(StatusCode::Unauthorized)
            .header("A", "1\r\nB: 2")
            .header("A", "3")
            .body("x/y", "z".into());
        let mut out = BytesMut::new();
        response.write(Some("7"), &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        let server = concat!("Server: vas/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            text,
            format!(
                "RTSP/1.0 401 Unauthorized\r\nCSeq: 7\r\n{server}\r\nA: 1B: 2\r\nA: 3\r\n\
                 Content-Type: x/y\r\nContent-Length: 1\r\n\r\nz"
            )
        );
    }
}
