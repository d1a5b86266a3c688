//! The tracks of a session: from retina's parameters and frames to formats and units.

use bytes::Bytes;
use retina::client::Stream;
use retina::codec::{AudioFrame, ParametersRef, VideoFrame, VideoParametersCodec};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::reorder::DtsEstimator;
use vas_core::media::stamp::UnitStamper;
use vas_core::media::{
    AccessUnit, AudioCodec, AudioFormat, Track, TrackFormat, UnitKind, VideoCodec, VideoFormat, h264, h265,
    nal,
};
use vas_core::{TrackId, WallTime};

/// Ticks between pictures that are assumed where the camera names no rate.
const DEFAULT_STEP: i64 = 3_600;

/// The video track of a session.
#[derive(Debug)]
pub(crate) struct VideoTrack {
    index: usize,
    pub(crate) stamper: UnitStamper,
    codec: VideoCodec,
    format: Option<Arc<TrackFormat>>,
    /// Frames per second as the description says.
    described_fps: Option<f64>,
    dts: DtsEstimator,
    /// Pictures up to the next key picture are of no use.
    wait_for_key: bool,
    jumps_told: u64,
}

/// What became of a frame.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A unit to pass on.
    Unit(AccessUnit),
    /// Sound, but no decoder could start there yet.
    Waiting,
    /// Malformed.
    Garbage,
}

impl VideoTrack {
    /// The track of `stream`, where it is video in a codec that is read here.
    pub(crate) fn of(index: usize, stream: &Stream, id: TrackId) -> Option<Self> {
        let codec = match (stream.media(), stream.encoding_name()) {
            ("video", "h264") => VideoCodec::H264,
            ("video", "h265") => VideoCodec::H265,
            _ => return None,
        };
        let mut track = Self {
            index,
            stamper: UnitStamper::new(id, VIDEO_CLOCK),
            codec,
            format: None,
            described_fps: stream.framerate().map(f64::from).filter(|fps| (0.01..=1_000.0).contains(fps)),
            dts: DtsEstimator::new(0, DEFAULT_STEP),
            wait_for_key: true,
            jumps_told: 0,
        };
        track.learn(stream);
        Some(track)
    }

    /// The track's number in the session.
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    pub(crate) const fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// The format, once its parameter sets are known.
    pub(crate) fn video_format(&self) -> Option<&VideoFormat> {
        self.format.as_ref()?.video()
    }

    pub(crate) const fn described_fps(&self) -> Option<f64> {
        self.described_fps
    }

    /// The track as it is published, once its format is known.
    pub(crate) fn track(&self) -> Option<Track> {
        Some(Track { id: self.stamper.track(), format: self.format.clone()? })
    }

    /// Reads the parameter sets that retina has for the stream. Tells whether the format is another one now.
    pub(crate) fn learn(&mut self, stream: &Stream) -> bool {
        let Some(ParametersRef::Video(parameters)) = stream.parameters() else { return false };
        let format = match parameters.codec_params() {
            VideoParametersCodec::H264 { sps, pps } => VideoFormat::h264([&sps[..], pps]),
            VideoParametersCodec::H265 { vps, sps, pps } => VideoFormat::h265([&vps[..], sps, pps]),
            _ => return false,
        };
        let Ok(mut format) = format else { return false };
        format.fps = format.fps.or(self.described_fps);
        if self.video_format() == Some(&format) {
            return false;
        }
        if self.video_format().is_none_or(|old| old.max_reorder != format.max_reorder) {
            let step = format.fps.map_or(DEFAULT_STEP, |fps| (f64::from(VIDEO_CLOCK.get()) / fps) as i64);
            self.dts = DtsEstimator::new(format.max_reorder, step);
        }
        self.format = Some(Arc::new(TrackFormat::Video(format)));
        true
    }

    /// Something of this track was malformed: what follows can't be decoded until the next key picture.
    pub(crate) const fn damaged(&mut self) {
        self.wait_for_key = true;
    }

    /// Leaps of the camera's clock since the last call, and its drift.
    pub(crate) fn clock(&mut self) -> (Option<f64>, u64) {
        let jumps = self.stamper.jumps();
        let new = jumps - std::mem::replace(&mut self.jumps_told, jumps);
        (self.stamper.drift_ppm(), new)
    }

    /// Makes a unit of a frame that arrived at `received`.
    pub(crate) fn unit(&mut self, frame: VideoFrame, max_bytes: usize, received: WallTime) -> Outcome {
        self.stamper.lose(u32::from(frame.loss()));
        let (ticks, arrival) = (frame.timestamp().elapsed(), frame.end_ctx().received());
        let data = frame.into_data();
        let kind = match self.codec {
            _ if data.len() > max_bytes || !nal::is_well_formed(&data) => None,
            VideoCodec::H265 => h265::classify(&data),
            _ => h264::classify(&data),
        };
        let Some(kind) = kind else {
            self.damaged();
            return Outcome::Garbage;
        };
        let Some(format) = self.format.clone() else { return Outcome::Waiting };
        if self.wait_for_key && !matches!(kind, UnitKind::Key(_)) {
            return Outcome::Waiting;
        }
        self.wait_for_key = false;
        let pts = self.stamper.place(ticks, arrival);
        let dts = self.dts.next(pts);
        Outcome::Unit(self.stamper.unit(kind, [pts, dts], received, format, data.into()))
    }
}

/// The audio track of a session.
#[derive(Debug)]
pub(crate) struct AudioTrack {
    index: usize,
    pub(crate) stamper: UnitStamper,
    format: Arc<TrackFormat>,
}

impl AudioTrack {
    /// The track of `stream`, where it is sound in a codec that is read here and its description is whole.
    pub(crate) fn of(index: usize, stream: &Stream, id: TrackId) -> Option<Self> {
        let Some(ParametersRef::Audio(parameters)) = stream.parameters() else { return None };
        let rate = NonZeroU32::new(parameters.clock_rate())?;
        let channels = u8::try_from(parameters.channels().get()).ok()?;
        let as_described = |format| AudioFormat { clock_rate: rate, channels, ..format };
        let format = match (stream.media(), stream.encoding_name()) {
            ("audio", "mpeg4-generic") => {
                AudioFormat::aac(rate, channels, Bytes::copy_from_slice(parameters.extra_data()))
            }
            ("audio", "pcmu") => as_described(AudioFormat::g711(AudioCodec::Pcmu)),
            ("audio", "pcma") => as_described(AudioFormat::g711(AudioCodec::Pcma)),
            ("audio", "g722") => as_described(AudioFormat::g722()),
            _ => return None,
        };
        let (stamper, format) = (UnitStamper::new(id, rate), Arc::new(TrackFormat::Audio(format)));
        Some(Self { index, stamper, format })
    }

    /// The track's number in the session.
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn audio_format(&self) -> Option<&AudioFormat> {
        self.format.audio()
    }

    /// The track as it is published.
    pub(crate) fn track(&self) -> Track {
        Track { id: self.stamper.track(), format: self.format.clone() }
    }

    /// Makes a unit of a frame that arrived at `received`.
    pub(crate) fn unit(&mut self, frame: &AudioFrame, received: WallTime) -> AccessUnit {
        self.stamper.lose(u32::from(frame.loss()));
        let ticks = frame.timestamp().elapsed();
        let arrival: Instant = frame.ctx().received();
        let pts = self.stamper.place(ticks, arrival);
        let data = Bytes::copy_from_slice(frame.data());
        self.stamper.unit(UnitKind::Audio, [pts, pts], received, self.format.clone(), data)
    }
}
