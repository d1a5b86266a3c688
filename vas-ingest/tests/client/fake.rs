//! A small RTSP camera that does as it is told, right or wrong.

use crate::rig::DEADLINE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vas_core::TaskScope;
use vas_core::testing;

/// What the camera does.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Bytes sent in answer to the first request, whatever it is; the connection is then left open.
    pub(crate) raw: Option<&'static [u8]>,
    /// Answers DESCRIBE with this status.
    pub(crate) status: u16,
    /// The header that comes with it.
    pub(crate) header: &'static str,
    pub(crate) sdp: String,
    /// Closes the connection in the middle of the description.
    pub(crate) cut: bool,
    /// Refuses tracks over TCP (461).
    pub(crate) no_tcp: bool,
    /// Accepts and never answers.
    pub(crate) silent: bool,
    /// NAL units that make one picture each, sent over and over after PLAY.
    pub(crate) pictures: Vec<Vec<u8>>,
    /// Between two pictures.
    pub(crate) interval: Duration,
    /// Closes the connection after so many pictures.
    pub(crate) last: usize,
    /// NTP time of sender reports, sent with each key picture.
    pub(crate) wall: Option<fn() -> u64>,
    /// The step of RTP time between pictures, after the n-th.
    pub(crate) leap: Option<(u32, u32)>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            raw: None,
            status: 200,
            header: "",
            sdp: sdp(),
            cut: false,
            no_tcp: false,
            silent: false,
            pictures: pictures(),
            interval: Duration::from_millis(10),
            last: usize::MAX,
            wall: None,
            leap: None,
        }
    }
}

/// Parameter sets of a stream of 640x360.
pub(crate) fn parameter_sets() -> Vec<Vec<u8>> {
    let desc = testing::video_desc();
    desc.video().unwrap().1.parameter_sets.iter().map(|set| set.to_vec()).collect()
}

/// The description of one H.264 track.
pub(crate) fn sdp() -> String {
    let sets: Vec<_> = parameter_sets().iter().map(|set| STANDARD.encode(set)).collect();
    format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\na=control:*\r\n\
         m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}\r\na=control:track0\r\n",
        sets.join(",")
    )
}

/// A key picture and nine others.
pub(crate) fn pictures() -> Vec<Vec<u8>> {
    let slice = |header: u8, n: u8| vec![header, 0xb0 | n, 0x11, 0x22, 0x33, 0x44, 0x55];
    (0..10).map(|n| slice(if n == 0 { 0x65 } else { 0x41 }, n)).collect()
}

/// A running camera.
#[derive(Debug)]
pub(crate) struct FakeCamera {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) teardowns: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
    scope: TaskScope,
}

impl FakeCamera {
    pub(crate) async fn start(script: Script) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(crate) fn on(listener: TcpListener, script: Script) -> Self {
        let address = listener.local_addr().unwrap();
        let scope = TaskScope::new();
        let (teardowns, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counters = (teardowns.clone(), connections.clone());
        let inner = scope.child();
        scope.spawn_until_cancelled("fake camera", async move {
            while let Ok((stream, _)) = listener.accept().await {
                counters.1.fetch_add(1, Ordering::Relaxed);
                let (script, teardowns) = (script.clone(), counters.0.clone());
                inner.spawn_until_cancelled("fake session", async move {
                    let _ = session(stream, &script, &teardowns).await;
                });
            }
        });
        Self { address, teardowns, connections, scope }
    }

    pub(crate) fn url(&self) -> String {
        format!("rtsp://{}/cam", self.address)
    }

    pub(crate) async fn stop(self) {
        assert!(self.scope.shutdown(DEADLINE).await);
    }
}

impl Drop for FakeCamera {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

async fn session(mut stream: TcpStream, script: &Script, teardowns: &AtomicUsize) -> std::io::Result<()> {
    let mut input = Vec::new();
    loop {
        let Some((method, cseq)) = request(&mut stream, &mut input).await? else { return Ok(()) };
        if script.silent {
            return std::future::pending().await;
        }
        if let Some(raw) = script.raw {
            stream.write_all(raw).await?;
            return std::future::pending().await;
        }
        let head = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 7;timeout=60\r\n");
        let answer = match method.as_str() {
            "DESCRIBE" if script.status != 200 => {
                format!("RTSP/1.0 {} No\r\nCSeq: {cseq}\r\n{}\r\n", script.status, script.header)
            }
            "DESCRIBE" => format!(
                "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
                script.sdp.len() + if script.cut { 100 } else { 0 },
                script.sdp
            ),
            "SETUP" if script.no_tcp => {
                format!("RTSP/1.0 461 Unsupported transport\r\nCSeq: {cseq}\r\n\r\n")
            }
            "SETUP" => format!("{head}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"),
            "TEARDOWN" => {
                teardowns.fetch_add(1, Ordering::Relaxed);
                format!("{head}\r\n")
            }
            _ => format!("{head}\r\n"),
        };
        stream.write_all(answer.as_bytes()).await?;
        match method.as_str() {
            "DESCRIBE" if script.cut => return Ok(()),
            "PLAY" => return play(stream, script, teardowns).await,
            "TEARDOWN" => return Ok(()),
            _ => {}
        }
    }
}

/// The next request's method and CSeq; `None` at the end of the connection.
async fn request(
    stream: &mut (impl AsyncReadExt + Unpin),
    input: &mut Vec<u8>,
) -> std::io::Result<Option<(String, String)>> {
    loop {
        if let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&input[..end]).into_owned();
            input.drain(..end + 4);
            let method = text.split(' ').next().unwrap_or_default().to_owned();
            let cseq = text.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap_or("0").to_owned();
            return Ok(Some((method, cseq)));
        }
        let mut chunk = [0; 4_096];
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Ok(None);
        }
        input.extend_from_slice(&chunk[..length]);
    }
}

async fn play(stream: TcpStream, script: &Script, teardowns: &AtomicUsize) -> std::io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let mut input = Vec::new();
    let mut sequence = 0_u16;
    let mut time = 0_u32;
    for n in 0_usize.. {
        if n == script.last {
            return Ok(());
        }
        let Some(nal) = script.pictures.get(n % script.pictures.len().max(1)) else {
            return std::future::pending().await;
        };
        if n % script.pictures.len() == 0
            && let Some(wall) = script.wall
        {
            writer.write_all(&interleaved(1, &sender_report(wall(), time))).await?;
        }
        let mut packets = Vec::new();
        packetize(nal, &mut sequence, time, &mut packets);
        writer.write_all(&packets).await?;
        time = time.wrapping_add(match script.leap {
            Some((after, leap)) if after as usize == n => leap,
            _ => 3_600,
        });
        tokio::select! {
            () = tokio::time::sleep(script.interval) => {}
            request = request(&mut reader, &mut input) => {
                let Some((method, cseq)) = request? else { return Ok(()) };
                let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 7\r\n\r\n");
                writer.write_all(answer.as_bytes()).await?;
                if method == "TEARDOWN" {
                    teardowns.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

const SSRC: u32 = 0x1234_5678;

/// One NAL unit as interleaved RTP packets (RFC 6184, sections 5.6 and 5.8).
fn packetize(nal: &[u8], sequence: &mut u16, time: u32, out: &mut Vec<u8>) {
    const ROOM: usize = 1_400;
    let mut packet = |marker: bool, payload: &[u8]| {
        let mut bytes = vec![0x80, if marker { 0x80 | 96 } else { 96 }];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(time.to_be_bytes());
        bytes.extend(SSRC.to_be_bytes());
        bytes.extend(payload);
        out.extend(interleaved(0, &bytes));
        *sequence = sequence.wrapping_add(1);
    };
    if nal.len() <= ROOM {
        return packet(true, nal);
    }
    let chunks: Vec<_> = nal[1..].chunks(ROOM).collect();
    for (n, chunk) in chunks.iter().enumerate() {
        let (first, last) = (n == 0, n + 1 == chunks.len());
        let header = nal[0] & 0x1f | if first { 0x80 } else { 0 } | if last { 0x40 } else { 0 };
        let payload = [&[nal[0] & 0x60 | 28, header], *chunk].concat();
        packet(last, &payload);
    }
}

fn interleaved(channel: u8, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    [&[b'$', channel, length[0], length[1]], packet].concat()
}

fn sender_report(ntp: u64, time: u32) -> Vec<u8> {
    let mut report = vec![0x80, 200, 0, 6];
    report.extend(SSRC.to_be_bytes());
    report.extend(ntp.to_be_bytes());
    report.extend(time.to_be_bytes());
    report.extend([0; 8]);
    report
}
