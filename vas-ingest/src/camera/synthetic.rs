//! The synthetic camera: the test card, encoded as H.264 in a thread of its own.

use super::card::Card;
use super::pace::{Pace, span};
use super::source::SourceHandle;
use super::strip;
use super::tone::{self, Tone};
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, Profile, RateControlMode, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::hub::{PublishError, StreamHub, StreamWriter};
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{
    AccessUnit, AudioCodec, AudioFormat, FormatError, KeyKind, StreamDesc, TrackFormat, UnitKind,
    VideoFormat, h264, nal,
};
use vas_core::{ErrorKind, HasKind, MediaTime, SharedClock, StreamId, TaskScope, TrackId, WallTime};

const VIDEO: TrackId = TrackId(0);
const AUDIO: TrackId = TrackId(1);

/// A camera this far behind its schedule leaves out frames instead of making up for them.
const MAX_BEHIND: Duration = Duration::from_secs(1);

/// Times that the encoder may skip one picture.
const MAX_SKIPS: usize = 250;

/// What a synthetic camera shows.
#[derive(Clone, Debug)]
pub struct SyntheticConfig {
    /// The name written on the picture. Default `TEST CAMERA`.
    pub name: String,
    /// Width in pixels, even, at least [`strip::MIN_WIDTH`], at most 3,840. Default 640.
    pub width: u32,
    /// Height in pixels, even, 64 to 2,160. Default 360.
    pub height: u32,
    /// Frames per second, 1 to 120. Default 25.
    pub fps: u32,
    /// Frames from one key picture to the next, exactly. Default 50.
    pub keyframe_interval: u32,
    /// Bits per second that the encoder aims at. The card alone needs far less than a camera's picture; with
    /// [`Self::grain`] the rate is reached. Default 800,000.
    pub bitrate: u32,
    /// Whether the colour bars are grainy as pictures of real cameras are, which costs bits and time to encode.
    /// Default: no.
    pub grain: bool,
    /// Whether there is sound: G.711 mu-law with a beep each second. Default: no.
    pub audio: bool,
    /// Whether, while nobody subscribes, only key pictures are made: a fraction of the work, and the first group
    /// that a subscriber gets lacks the frames from its key picture to the present. Default: no.
    pub idle: bool,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            name: "TEST CAMERA".to_owned(),
            width: 640,
            height: 360,
            fps: 25,
            keyframe_interval: 50,
            bitrate: 800_000,
            grain: false,
            audio: false,
            idle: false,
        }
    }
}

/// Why a synthetic camera can't run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyntheticError {
    /// A setting is out of its range.
    #[error("the synthetic camera can't have {0}")]
    Setting(String),
    /// The encoder failed.
    #[error("the encoder failed: {0}")]
    Encoder(String),
    /// What the encoder made has no usable parameter sets.
    #[error("the encoder gave no usable parameter sets")]
    Format(#[from] FormatError),
    /// Another source has the stream.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The system has no thread to give.
    #[error("can't start a thread for the camera: {0}")]
    Thread(#[from] std::io::Error),
}

impl HasKind for SyntheticError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Setting(_) => ErrorKind::InvalidInput,
            Self::Encoder(_) | Self::Format(_) => ErrorKind::Internal,
            Self::Publish(error) => error.kind(),
            Self::Thread(_) => ErrorKind::Exhausted,
        }
    }
}

impl SyntheticConfig {
    fn check(&self) -> Result<(), SyntheticError> {
        let wrong = |text: String| Err(SyntheticError::Setting(text));
        let Self { width, height, fps, keyframe_interval, bitrate, .. } = *self;
        if !(strip::MIN_WIDTH as u32..=3_840).contains(&width) || width % 2 != 0 {
            return wrong(format!(
                "a width of {width}; an even number from {} to 3840 is needed",
                strip::MIN_WIDTH
            ));
        }
        if !(64..=2_160).contains(&height) || height % 2 != 0 {
            return wrong(format!("a height of {height}; an even number from 64 to 2160 is needed"));
        }
        if !(1..=120).contains(&fps) {
            return wrong(format!("{fps} frames per second; 1 to 120 are possible"));
        }
        if keyframe_interval == 0 {
            return wrong("a keyframe interval of 0; 1 or more is needed".to_owned());
        }
        if !(10_000..=100_000_000).contains(&bitrate) {
            return wrong(format!("a bitrate of {bitrate} bits per second; 10000 to 100000000 are possible"));
        }
        Ok(())
    }
}

/// Publishes a synthetic camera as `stream`. The first picture is encoded before this returns, so that the stream
/// is described from the start. Must be called within a tokio runtime.
///
/// # Errors
/// A setting is out of range, the encoder fails, or another source has the stream.
pub fn synthetic(
    hub: &StreamHub,
    stream: StreamId,
    config: SyntheticConfig,
    scope: &TaskScope,
    clock: &SharedClock,
) -> Result<SourceHandle, SyntheticError> {
    config.check()?;
    let mut painter = Painter::new(&config)?;
    let (start, wall) = (clock.now(), clock.wall());
    let first = painter.picture(0, wall, true)?;
    let mut format = VideoFormat::h264(nal::annexb_units(&first))?;
    format.fps = Some(f64::from(config.fps));
    let mut formats = vec![TrackFormat::Video(format)];
    if config.audio {
        formats.push(TrackFormat::Audio(AudioFormat::g711(AudioCodec::Pcmu)));
    }
    let desc = StreamDesc::new(formats);
    let formats = desc.tracks.iter().map(|track| track.format.clone()).collect();
    let writer = hub.publish(stream, desc)?;
    let mut camera = Camera { config, painter, writer, formats, tone: Tone::new() };
    camera.push_picture(0, wall, true, &first);
    Ok(SourceHandle::start(stream, scope, clock, move |pace| camera.run(start, pace))?)
}

/// Draws and encodes.
struct Painter {
    card: Card,
    encoder: Encoder,
    /// The picture encoded last, as an Annex B byte stream.
    encoded: Vec<u8>,
    bitrate: u32,
}

impl Painter {
    fn new(config: &SyntheticConfig) -> Result<Self, SyntheticError> {
        // Key pictures are asked for by frame number, so that their distance is exact whatever is in the picture.
        let settings = EncoderConfig::new()
            .profile(Profile::Baseline)
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(config.bitrate))
            .max_frame_rate(FrameRate::from_hz(config.fps as f32))
            .skip_frames(true)
            .scene_change_detect(false)
            .background_detection(false)
            .adaptive_quantization(false)
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), settings)
            .map_err(|error| encoder_error(&error))?;
        let card = Card::new(config.width as usize, config.height as usize, &config.name, config.grain);
        Ok(Self { card, encoder, encoded: Vec::new(), bitrate: config.bitrate })
    }

    fn picture(&mut self, frame: u64, captured: WallTime, key: bool) -> Result<Vec<u8>, SyntheticError> {
        let canvas = self.card.draw(frame, captured);
        let half = canvas.width / 2;
        let planes = (&canvas.y[..], &canvas.u[..], &canvas.v[..]);
        let source = YUVSlices::new(planes, (canvas.width, canvas.height), (canvas.width, half, half));
        if key {
            self.encoder.force_intra_frame();
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        // To keep to its bitrate the encoder may skip a picture. A camera that promises every frame asks again:
        // each skip counts as a frame without bits, so that soon there is room.
        for _ in 0..MAX_SKIPS {
            let stream = self.encoder.encode(&source).map_err(|error| encoder_error(&error))?;
            stream.write_vec(&mut encoded);
            if !encoded.is_empty() {
                return Ok(encoded);
            }
        }
        Err(SyntheticError::Encoder(format!("it skips every picture at {} bits per second", self.bitrate)))
    }
}

fn encoder_error(error: &openh264::Error) -> SyntheticError {
    SyntheticError::Encoder(error.to_string())
}

struct Camera {
    config: SyntheticConfig,
    painter: Painter,
    writer: StreamWriter,
    formats: Vec<Arc<TrackFormat>>,
    tone: Tone,
}

impl Camera {
    /// Runs until it is told to stop. Frame `n` is due `n / fps` seconds after `start`, and so is its time of
    /// capture, however late this thread comes to it.
    fn run(mut self, start: Instant, pace: &Pace) {
        let (mut frame, mut packet) = (1_u64, 0_u64);
        while !self.writer.is_closed() {
            let video_due = start + span(frame, self.config.fps);
            let audio_due = start + span(packet + 1, tone::PACKETS_PER_SECOND);
            let audio_first = self.config.audio && audio_due <= video_due;
            if !pace.wait(if audio_first { audio_due } else { video_due }) {
                return;
            }
            if audio_first {
                let captured = pace.wall_at(start + span(packet, tone::PACKETS_PER_SECOND));
                self.push_sound(packet, captured);
                packet += 1;
                continue;
            }
            let behind = pace.clock.now().saturating_duration_since(video_due);
            if behind > MAX_BEHIND {
                frame += (behind.as_secs_f64() * f64::from(self.config.fps)) as u64;
                continue;
            }
            let key = frame.is_multiple_of(u64::from(self.config.keyframe_interval));
            if key || !self.config.idle || self.writer.subscriptions() > 0 {
                let captured = pace.wall_at(video_due);
                match self.painter.picture(frame, captured, key) {
                    Ok(encoded) => {
                        self.push_picture(frame, captured, key, &encoded);
                        self.painter.encoded = encoded;
                    }
                    Err(error) => return tracing::error!(%error, "a synthetic camera stopped"),
                }
            }
            frame += 1;
        }
    }

    fn push_picture(&mut self, frame: u64, captured: WallTime, key: bool, encoded: &[u8]) {
        use h264::nal_type::{PPS, SPS};
        let slices =
            nal::annexb_units(encoded).filter(|unit| !matches!(h264::nal_unit_type(unit), SPS | PPS));
        let kind = if key { UnitKind::Key(KeyKind::Idr) } else { UnitKind::REFERENCE };
        let ticks = u128::from(frame) * u128::from(VIDEO_CLOCK.get()) / u128::from(self.config.fps);
        let pts = MediaTime::new(ticks as i64, VIDEO_CLOCK);
        let unit = self.unit(VIDEO, pts, captured, kind, nal::join(slices));
        self.writer.push(unit);
    }

    fn push_sound(&mut self, packet: u64, captured: WallTime) {
        let rate = self.formats[usize::from(AUDIO.0)].clock_rate();
        let pts = MediaTime::new(packet as i64 * tone::SAMPLES as i64, rate);
        let unit = self.unit(AUDIO, pts, captured, UnitKind::Audio, self.tone.packet(captured));
        self.writer.push(unit);
    }

    fn unit(
        &self,
        track: TrackId,
        pts: MediaTime,
        captured: WallTime,
        kind: UnitKind,
        data: bytes::Bytes,
    ) -> AccessUnit {
        AccessUnit {
            track,
            seq: 0,
            epoch: 0,
            pts,
            dts: pts,
            received: captured,
            captured,
            kind,
            lost_before: 0,
            format: self.formats[usize::from(track.0)].clone(),
            data,
        }
    }
}
