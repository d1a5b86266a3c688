//! Sends H.264 from standard input as plain RTP, with nothing but vas-core and vas-sfu:
//!
//! ```text
//! ffmpeg -re -i clip.mp4 -c:v libx264 -bf 0 -f h264 - | cargo run -p vas-sfu --example raw_to_rtp 127.0.0.1:5004 > stream.sdp
//! ffplay -protocol_whitelist file,rtp,udp -i stream.sdp
//! ```
//!
//! It composes every part of the object model but the viewer's: a source publishes to the hub, a router makes a producer
//! of the stream, a transport carries a consumer of it. For a browser the transport would be a
//! [`WebRtcTransport`](vas_sfu::WebRtcTransport) or a WHEP session, and nothing else would change.

#![expect(clippy::print_stdout, reason = "the description is what it is for")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{AccessUnit, StreamDesc, TrackFormat, VideoFormat, h264, nal};
use vas_core::{MediaTime, StreamId, SystemClock, TaskScope, TrackId};
use vas_sfu::{ConsumeOptions, Sfu, SfuConfig};

/// Bytes that may come without a whole picture.
const MAX_PICTURE: usize = 16 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target: SocketAddr = match std::env::args().nth(1) {
        Some(target) => target.parse()?,
        None => return Err("usage: raw_to_rtp ADDRESS:PORT < stream.h264".into()),
    };
    let (scope, hub, stream) = (TaskScope::new(), StreamHub::default(), StreamId::random());
    let mut pictures = Pictures::new(tokio::io::stdin());
    let first = pictures.next().await?.ok_or("standard input ends before a picture")?;
    let format = VideoFormat::h264(first.iter().map(Vec::as_slice))?;
    let format = Arc::new(TrackFormat::Video(format));
    let track = vas_core::media::Track { id: TrackId(0), format: format.clone() };
    let mut writer = hub.publish(stream, StreamDesc { tracks: vec![track] })?;

    let mut config = SfuConfig::on_port(0);
    config.plain_rtp_allow = vec![target.ip().to_string().parse()?];
    let sfu = Sfu::start(config, &scope, SystemClock::shared())?;
    let router = sfu.create_router();
    let producer = router.produce(&hub, stream)?;
    let transport = router.create_plain_transport(target, false)?;
    let consumer = transport.consume(&producer, ConsumeOptions::default())?;
    print!("{}", transport.sdp(std::slice::from_ref(&consumer)));

    push(&mut writer, &format, &first);
    while let Some(picture) = pictures.next().await? {
        push(&mut writer, &format, &picture);
    }
    sfu.shutdown(Duration::from_secs(1)).await;
    scope.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

/// Hands a picture to the hub, as of now: raw H.264 says nothing of time.
fn push(writer: &mut StreamWriter, format: &Arc<TrackFormat>, nals: &[Vec<u8>]) {
    let data = nal::join(nals.iter().map(Vec::as_slice));
    let Some(kind) = h264::classify(&data) else { return };
    let now = SystemClock::shared().wall();
    let time = MediaTime::new(now.as_unix_micros() * 9 / 100, VIDEO_CLOCK);
    writer.push(AccessUnit {
        track: TrackId(0),
        // Both are the hub's to give.
        seq: 0,
        epoch: 0,
        pts: time,
        dts: time,
        received: now,
        captured: now,
        kind,
        lost_before: 0,
        format: format.clone(),
        data,
    });
}

/// Cuts an Annex B byte stream into pictures.
struct Pictures<R> {
    input: R,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Pictures<R> {
    const fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), ended: false }
    }

    /// The NAL units of the next picture, with what stands in front of it.
    async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Box<dyn Error>> {
        loop {
            if let Some(end) = self.end_of_picture() {
                let rest = self.buffer.split_off(end);
                let picture = std::mem::replace(&mut self.buffer, rest);
                return Ok(Some(nal::annexb_units(&picture).map(<[u8]>::to_vec).collect()));
            }
            if self.ended {
                return Ok(None);
            }
            if self.buffer.len() > MAX_PICTURE {
                return Err("no picture within 16 MiB; is this H.264 with start codes?".into());
            }
            self.ended = self.input.read_buf(&mut self.buffer).await? == 0;
        }
    }

    /// Where the first picture in the buffer ends: where the next one's first NAL unit begins.
    fn end_of_picture(&self) -> Option<usize> {
        let mut seen = false;
        let mut at = 0;
        while let Some(found) = self.buffer[at..].windows(3).position(|bytes| bytes == [0, 0, 1]) {
            let start = at + found;
            let (head, first) = (self.buffer.get(start + 3)?, self.buffer.get(start + 4)?);
            let is_slice = matches!(head & 0x1f, h264::nal_type::SLICE..=h264::nal_type::IDR);
            // The first slice of a picture begins with macroblock 0, whose number is a single bit.
            let begins = !is_slice || first & 0x80 != 0;
            if seen && begins {
                return Some(start);
            }
            seen |= is_slice;
            at = start + 3;
        }
        (self.ended && seen).then_some(self.buffer.len())
    }
}
