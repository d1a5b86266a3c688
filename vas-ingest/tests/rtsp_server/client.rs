//! An RTSP client on a bare socket, which says exactly what a test wants it to say.

use super::tools::DEADLINE;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The session id, without its parameters.
    pub(crate) fn session(&self) -> &str {
        self.header("Session").unwrap().split(';').next().unwrap()
    }
}

/// An RTP packet's fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtp {
    pub(crate) marker: bool,
    pub(crate) seq: u16,
    pub(crate) time: u32,
}

impl Rtp {
    pub(crate) fn parse(packet: &[u8]) -> Self {
        Self {
            marker: packet[1] & 0x80 != 0,
            seq: u16::from_be_bytes([packet[2], packet[3]]),
            time: u32::from_be_bytes(packet[4..8].try_into().unwrap()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    packets: VecDeque<(u8, Vec<u8>)>,
    cseq: u32,
    pub(crate) url: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, url: String) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self { stream, input: Vec::new(), packets: VecDeque::new(), cseq: 0, url }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a request for the stream's URL with `below` after it, and reads the response.
    pub(crate) async fn ask(&mut self, method: &str, below: &str, headers: &[(&str, &str)]) -> Reply {
        self.ask_with(method, below, headers, "").await
    }

    /// The same with a body.
    pub(crate) async fn ask_with(
        &mut self,
        method: &str,
        below: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        self.cseq += 1;
        let mut text = format!("{method} {}{below} RTSP/1.0\r\nCSeq: {}\r\n", self.url, self.cseq);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str(&format!("\r\n{body}"));
        self.send(text.as_bytes()).await;
        let reply = self.reply().await;
        assert_eq!(reply.header("CSeq"), Some(self.cseq.to_string().as_str()), "{reply:?}");
        reply
    }

    /// The next response; packets that come before it are kept.
    pub(crate) async fn reply(&mut self) -> Reply {
        loop {
            self.take_packets();
            if let Some(end) = self.input.windows(4).position(|window| window == b"\r\n\r\n")
                && self.input.starts_with(b"RTSP/1.0 ")
            {
                let head = String::from_utf8(self.input[..end].to_vec()).unwrap();
                let status = head[9..12].parse().unwrap();
                let mut reply = Reply { status, head, body: String::new() };
                let length: usize = reply.header("Content-Length").map_or(0, |value| value.parse().unwrap());
                if self.input.len() >= end + 4 + length {
                    reply.body = String::from_utf8(self.input[end + 4..end + 4 + length].to_vec()).unwrap();
                    self.input.drain(..end + 4 + length);
                    return reply;
                }
            }
            assert!(self.read().await, "the server closed the connection");
        }
    }

    /// The next interleaved packet with its channel; `None`: the connection was closed.
    pub(crate) async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            self.take_packets();
            if let Some(packet) = self.packets.pop_front() {
                return Some(packet);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// The next interleaved packet among what has been read already.
    pub(crate) fn buffered(&mut self) -> Option<(u8, Vec<u8>)> {
        self.take_packets();
        self.packets.pop_front()
    }

    /// The next RTP packet on `channel`.
    pub(crate) async fn rtp(&mut self, channel: u8) -> Rtp {
        loop {
            let (on, packet) = self.packet().await.expect("the server closed the connection");
            if on == channel {
                return Rtp::parse(&packet);
            }
        }
    }

    /// Describes, sets up track 0 over the connection and plays; returns the session and the answer to PLAY.
    pub(crate) async fn play(&mut self) -> (String, Reply) {
        assert_eq!(self.ask("DESCRIBE", "", &[("Accept", "application/sdp")]).await.status, 200);
        let transport = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");
        let reply = self.ask("SETUP", "/trackID=0", &[transport]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let session = reply.session().to_owned();
        let reply = self.ask("PLAY", "", &[("Session", &session)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        (session, reply)
    }

    fn take_packets(&mut self) {
        while self.input.len() >= 4 && self.input[0] == b'$' {
            let end = 4 + usize::from(u16::from_be_bytes([self.input[2], self.input[3]]));
            if self.input.len() < end {
                return;
            }
            self.packets.push_back((self.input[1], self.input[4..end].to_vec()));
            self.input.drain(..end);
        }
    }

    /// Reads more; `false`: the connection was closed.
    async fn read(&mut self) -> bool {
        let read = timeout(DEADLINE, self.stream.read_buf(&mut self.input)).await;
        read.expect("the server is silent").unwrap_or(0) > 0
    }
}
