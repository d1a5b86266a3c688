//! From the RTP packets of a publisher's tracks to access units.

use super::config::WhipConfig;
use super::depacketize::{Av1, Depacketize, H264, Malformed, Vp8};
use super::negotiate::Chosen;
use super::reorder::{Ordered, Reorder, Unwrap};
use bytes::Bytes;
use rtc::rtp::Packet;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::reorder::DtsEstimator;
use vas_core::media::stamp::UnitStamper;
use vas_core::media::{AccessUnit, AudioFormat, Track, TrackFormat, UnitKind, VideoCodec, VideoFormat};
use vas_core::{TrackId, WallTime};

/// Packets that are held behind a gap; at 1,200 bytes about half a megabyte.
const HELD: usize = 512;
/// Ticks between pictures that are assumed where the stream names no rate.
const DEFAULT_STEP: i64 = 3_000;
/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) mono: Instant,
    pub(super) wall: WallTime,
}

/// What the tracks have in common.
#[derive(Debug)]
struct Common {
    payload_type: u8,
    reorder: Reorder<Packet>,
    timestamps: Unwrap<32>,
    stamper: UnitStamper,
}

impl Common {
    fn new(id: TrackId, rate: NonZeroU32, payload_type: u8, config: &WhipConfig) -> Self {
        Self {
            payload_type,
            reorder: Reorder::new(HELD, config.patience),
            timestamps: Unwrap::default(),
            stamper: UnitStamper::new(id, rate),
        }
    }

    fn push(&mut self, packet: Packet, now: Instant) {
        if packet.header.payload_type == self.payload_type {
            self.reorder.push(packet.header.sequence_number, now, packet);
        }
    }

    /// Takes a sender report: `ntp` on the publisher's clock is `timestamp` of the track.
    fn report(&mut self, timestamp: u32, ntp: u64) {
        self.stamper.report(self.timestamps.locate(timestamp), ntp);
    }

    fn place(&mut self, timestamp: u32, now: Instant) -> i64 {
        let ticks = self.timestamps.next(timestamp);
        self.stamper.place(ticks, now)
    }
}

/// The pictures.
#[derive(Debug)]
pub(super) struct VideoTrack {
    common: Common,
    codec: VideoCodec,
    depacketizer: Box<dyn Depacketize>,
    /// Timestamp of the picture whose packets are arriving.
    picture: Option<u32>,
    /// A part of that picture is missing, or may be.
    broken: bool,
    format: Option<Arc<TrackFormat>>,
    dts: DtsEstimator,
    /// What comes before the next key picture can't be decoded.
    wait_for_key: bool,
    ready: VecDeque<AccessUnit>,
}

impl VideoTrack {
    pub(super) fn new(chosen: &Chosen, config: &WhipConfig) -> Self {
        let max = config.max_unit_bytes;
        let depacketizer: Box<dyn Depacketize> = match chosen.video {
            VideoCodec::Vp8 => Box::new(Vp8::new(max)),
            VideoCodec::Av1 => Box::new(Av1::new(max)),
            _ => Box::new(H264::new(max)),
        };
        Self {
            common: Common::new(TrackId(0), VIDEO_CLOCK, chosen.video_parameters.payload_type, config),
            codec: chosen.video,
            depacketizer,
            picture: None,
            broken: false,
            format: None,
            dts: DtsEstimator::new(0, DEFAULT_STEP),
            wait_for_key: true,
            ready: VecDeque::new(),
        }
    }

    fn video_format(&self) -> Option<&VideoFormat> {
        self.format.as_ref()?.video()
    }

    /// The track as it is published, once its format is known.
    pub(super) fn track(&self) -> Option<Track> {
        Some(Track { id: self.common.stamper.track(), format: self.format.clone()? })
    }

    /// Whether nothing can be made of what comes until the next key picture.
    pub(super) const fn needs_key(&self) -> bool {
        self.wait_for_key
    }

    pub(super) fn report(&mut self, timestamp: u32, ntp: u64) {
        self.common.report(timestamp, ntp);
    }

    pub(super) fn push(&mut self, packet: Packet, now: Instant) {
        self.common.push(packet, now);
    }

    /// The next unit that is complete, also by the passing of time.
    pub(super) fn poll(&mut self, now: Now) -> Option<AccessUnit> {
        while self.ready.is_empty() {
            match self.common.reorder.pop(now.mono)? {
                Ordered::Packet(packet) => self.packet(&packet, now),
                Ordered::Lost(count) => {
                    self.common.stamper.lose(count);
                    self.damaged();
                    // Whether the next packet begins its picture is unknown.
                    self.picture = None;
                    self.broken = true;
                }
            }
        }
        self.ready.pop_front()
    }

    fn packet(&mut self, packet: &Packet, now: Now) {
        // Padding alone: a probe of the path (RFC 3550, section 5.1).
        if packet.payload.is_empty() {
            return;
        }
        let timestamp = packet.header.timestamp;
        // A picture ends with the marker; some senders leave it out.
        if let Some(before) = self.picture
            && before != timestamp
        {
            self.end(before, now);
        }
        self.picture = Some(timestamp);
        if !self.broken && self.depacketizer.push(&packet.payload) == Err(Malformed) {
            self.damaged();
            self.broken = true;
        }
        if packet.header.marker {
            self.end(timestamp, now);
        }
    }

    /// The picture in hand can't be completed, nor those be decoded that refer to it.
    fn damaged(&mut self) {
        self.depacketizer.reset();
        self.wait_for_key = true;
    }

    fn end(&mut self, timestamp: u32, now: Now) {
        self.picture = None;
        if std::mem::take(&mut self.broken) {
            self.depacketizer.reset();
            return;
        }
        match self.depacketizer.finish() {
            Ok(Some(data)) => self.complete(timestamp, data, now),
            Ok(None) => {}
            Err(Malformed) => self.damaged(),
        }
    }

    fn complete(&mut self, timestamp: u32, data: Bytes, now: Now) {
        let announced = match self.video_format() {
            Some(known) => known.changed_by(&data),
            None => VideoFormat::announced_by(self.codec, &data),
        };
        if let Some(format) = announced {
            self.learn(format);
        }
        // Parameter sets may come on their own, before the picture that they are of.
        let Some(kind) = self.video_format().and_then(|format| format.classify(&data)) else { return };
        let is_key = matches!(kind, UnitKind::Key(_));
        let Some(format) = self.format.clone().filter(|_| is_key || !self.wait_for_key) else { return };
        self.wait_for_key = false;
        let pts = self.common.place(timestamp, now.mono);
        let dts = self.dts.next(pts);
        let unit = self.common.stamper.unit(kind, [pts, dts], now.wall, format, data);
        self.ready.push_back(unit);
    }

    fn learn(&mut self, format: VideoFormat) {
        if self.video_format().is_none_or(|before| before.max_reorder != format.max_reorder) {
            let step = format.fps.map_or(DEFAULT_STEP, |fps| (f64::from(VIDEO_CLOCK.get()) / fps) as i64);
            self.dts = DtsEstimator::new(format.max_reorder, step);
        }
        self.format = Some(Arc::new(TrackFormat::Video(format)));
    }
}

/// The sound, which is Opus.
#[derive(Debug)]
pub(super) struct AudioTrack {
    common: Common,
    format: Arc<TrackFormat>,
}

impl AudioTrack {
    pub(super) fn of(chosen: &Chosen, config: &WhipConfig) -> Option<Self> {
        let payload_type = chosen.audio.as_ref()?.payload_type;
        let format = AudioFormat::opus(2);
        Some(Self {
            common: Common::new(TrackId(1), format.clock_rate, payload_type, config),
            format: Arc::new(TrackFormat::Audio(format)),
        })
    }

    /// The track as it is published.
    pub(super) fn track(&self) -> Track {
        Track { id: self.common.stamper.track(), format: self.format.clone() }
    }

    pub(super) fn report(&mut self, timestamp: u32, ntp: u64) {
        self.common.report(timestamp, ntp);
    }

    pub(super) fn push(&mut self, packet: Packet, now: Instant) {
        self.common.push(packet, now);
    }

    /// The next unit: a packet is one (RFC 7587, section 4.2).
    pub(super) fn poll(&mut self, now: Now) -> Option<AccessUnit> {
        loop {
            match self.common.reorder.pop(now.mono)? {
                Ordered::Packet(packet) if packet.payload.is_empty() => {}
                Ordered::Packet(packet) => {
                    let pts = self.common.place(packet.header.timestamp, now.mono);
                    let format = self.format.clone();
                    return Some(self.common.stamper.unit(
                        UnitKind::Audio,
                        [pts, pts],
                        now.wall,
                        format,
                        packet.payload,
                    ));
                }
                Ordered::Lost(count) => self.common.stamper.lose(count),
            }
        }
    }
}
