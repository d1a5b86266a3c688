//! AAC and G.711 to Opus, for players of cameras whose sound they can't decode.
//!
//! ```text
//! AccessUnit --decode--> samples --align: resample to 48 kHz, fill gaps--> 20 ms --Opus--> OpusPacket
//! ```
//!
//! No sockets, no tasks, no clock: units go in, packets come out. What waits inside is less than 50 ms of sound and
//! at most half a second of silence on its way out.

mod align;
mod config;
mod decode;
mod resample;
mod servo;
#[cfg(test)]
mod tests;

pub use config::TranscodeError;

use crate::WallTime;
use crate::media::{AccessUnit, AudioFormat, TrackFormat};
use align::{Aligner, Continuity, Sound};
use bytes::Bytes;
use config::Core;
use decode::{Decoder, UNIT_SAMPLES};
use resample::CHUNK;
use ropus::{Application, Bitrate, Channels, Encoder};
use std::fmt;
use std::sync::Arc;

/// Samples a second of Opus, and ticks of its RTP clock (RFC 7587, section 4.1).
const RATE: u32 = 48_000;
/// Ticks of it in a millisecond.
const TICKS_PER_MS: i64 = 48;
/// Bits a second for each channel: transparent for speech, good for what else a camera hears.
const BITRATE: u32 = 32_000;
/// Of 10: what is gained beyond is not heard, at these bit rates.
const COMPLEXITY: u8 = 5;
/// The largest packet: Opus with its payload type fits into every path with room to spare.
const MAX_PACKET: usize = 1_000;

/// 20 ms of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpusPacket {
    /// An Opus packet (RFC 6716), which is also the RTP payload (RFC 7587, section 4.2).
    pub data: Bytes,
    /// When to play it, in ticks of 48 kHz: 960 after the packet before, or more where [`Self::marker`] is set; never
    /// less. The first one's is its capture in ticks since the Unix epoch. RTP carries the low 32 bits.
    pub timestamp: u64,
    /// UTC of capture of its first sample, for sender reports. Between jumps it advances with the timestamp.
    pub captured: WallTime,
    /// Whether sound starts anew, after a pause or a jump: the marker bit of RTP (RFC 3551, section 4.1).
    pub marker: bool,
}

/// What a transcoder did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranscodeStats {
    /// Access units taken.
    pub units: u64,
    /// Of them those that could not be decoded and became silence.
    pub undecodable: u64,
    /// Silence put in where sound was missing, in microseconds.
    pub silence_micros: u64,
    /// Times that the sound started anew: a long pause, a new session of the camera, a clock that was set.
    pub jumps: u64,
    /// How much too late the sound was at the last unit, in microseconds; negative: too early.
    pub late_micros: i64,
}

/// Turns the AAC or G.711 of one stream into Opus at 48 kHz, in packets of 20 ms, on the timeline of capture.
///
/// AAC-LC with one or two channels at 7,350 to 96,000 Hz is decoded, and of HE-AAC the AAC-LC in it, with half the
/// bandwidth; G.711 with one or two channels. A unit that can't be decoded becomes silence.
///
/// The sound keeps to [`AccessUnit::captured`] within 40 ms, and so to the picture, while the camera's sampling clock
/// runs up to 1 % fast or slow.
pub struct ToOpus {
    format: Arc<TrackFormat>,
    /// `None`: the stream went over to a format that is not transcoded.
    decoder: Option<Decoder>,
    aligner: Aligner,
    encoder: Encoder,
    core: Core,
    /// The session of the last unit.
    epoch: u32,
    samples: Box<[f32]>,
    packet: Box<[u8]>,
    stats: TranscodeStats,
}

impl fmt::Debug for ToOpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToOpus").field("core", &self.core).field("stats", &self.stats).finish_non_exhaustive()
    }
}

fn encoder(channels: usize) -> Result<Encoder, TranscodeError> {
    let layout = if channels == 1 { Channels::Mono } else { Channels::Stereo };
    Encoder::builder(RATE, layout, Application::Audio)
        .bitrate(Bitrate::Bits(BITRATE * channels as u32))
        .complexity(COMPLEXITY)
        .build()
        .map_err(|error| TranscodeError::Setup(error.to_string()))
}

impl ToOpus {
    /// A transcoder for a track of this format.
    ///
    /// # Errors
    /// The track is of a kind that is not decoded; the message names it.
    pub fn new(format: &AudioFormat) -> Result<Self, TranscodeError> {
        let core = Core::of(format)?;
        let encoder = encoder(core.channels)?;
        Ok(Self {
            format: Arc::new(TrackFormat::Audio(format.clone())),
            decoder: Some(Decoder::new(core)?),
            aligner: Aligner::new(core, encoder.lookahead())?,
            encoder,
            core,
            epoch: 0,
            samples: vec![0.0; CHUNK * core.channels].into(),
            packet: vec![0; MAX_PACKET].into(),
            stats: TranscodeStats::default(),
        })
    }

    /// Channels of what comes out: 1 or 2.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.core.channels
    }

    /// How long before the first sample that is pushed the first packet begins, in ticks of 48 kHz: what filters and encoder
    /// delay.
    #[must_use]
    pub fn lead(&self) -> u32 {
        self.aligner.lead()
    }

    /// What was done so far.
    #[must_use]
    pub const fn stats(&self) -> TranscodeStats {
        self.stats
    }

    /// Takes the next unit of the track and appends the packets that it completes, none or some, to `out`.
    ///
    /// A unit of another format than the last one's is followed where it can be; where it can't, nothing comes out
    /// until the format changes again. Units that are not sound are passed over.
    pub fn push(&mut self, unit: &AccessUnit, out: &mut Vec<OpusPacket>) {
        if unit.is_video() {
            return;
        }
        self.stats.units += 1;
        if !Arc::ptr_eq(&unit.format, &self.format) {
            self.follow(&unit.format);
        }
        let Some(decoder) = &mut self.decoder else {
            self.stats.undecodable += 1;
            return;
        };
        if unit.lost_before > 0 || self.epoch != unit.epoch {
            decoder.reset();
            self.epoch = unit.epoch;
        }
        let silence = [0.0; UNIT_SAMPLES * 2];
        let samples = decoder.decode(&unit.data).unwrap_or_else(|| {
            self.stats.undecodable += 1;
            &silence[..UNIT_SAMPLES * self.core.channels]
        });
        let sound =
            Sound { samples, captured: unit.captured, epoch: unit.epoch, after_loss: unit.lost_before > 0 };
        match self.aligner.push(&sound) {
            Continuity::Follows => {}
            Continuity::Silence(micros) => {
                self.stats.silence_micros = self.stats.silence_micros.saturating_add(micros.unsigned_abs());
            }
            Continuity::Jump => self.stats.jumps += 1,
        }
        self.stats.late_micros = self.aligner.late_micros();
        while let Some(stamp) = self.aligner.pull(&mut self.samples) {
            // A packet that can't be made is as one that is lost on the way.
            if let Ok(size) = self.encoder.encode_float(&self.samples, &mut self.packet) {
                out.push(OpusPacket {
                    data: Bytes::copy_from_slice(&self.packet[..size]),
                    timestamp: stamp.timestamp,
                    captured: stamp.captured,
                    marker: stamp.starts,
                });
            }
        }
    }

    /// Goes over to another format.
    fn follow(&mut self, format: &Arc<TrackFormat>) {
        let same = *self.format == **format;
        self.format = format.clone();
        if same {
            return;
        }
        if let Err(error) = self.change() {
            self.decoder = None;
            tracing::warn!(%error, "the sound of a camera changed to what is not transcoded");
        }
    }

    fn change(&mut self) -> Result<(), TranscodeError> {
        let core = match self.format.audio() {
            Some(audio) => Core::of(audio)?,
            None => return Err(TranscodeError::Config),
        };
        self.decoder = Some(Decoder::new(core)?);
        self.aligner.change(core)?;
        if core.channels != self.core.channels {
            self.encoder = encoder(core.channels)?;
            self.samples = vec![0.0; CHUNK * core.channels].into();
        }
        self.core = core;
        Ok(())
    }
}
