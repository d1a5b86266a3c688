//! How to decode a track: codec, parameter sets and the string that names both.

use super::codec::{AudioCodec, Codec, VideoCodec};
use super::{UnitKind, av1, h264, h265, nal, vp8};
use crate::error::{ErrorKind, HasKind};
use crate::id::TrackId;
use bytes::Bytes;
use std::num::NonZeroU32;
use std::sync::Arc;

/// RTP's clock of every video payload format in use here, in Hz.
pub const VIDEO_CLOCK: NonZeroU32 = NonZeroU32::new(90_000).expect("not zero");

/// How to decode a track. Immutable; a change of parameters makes a new one, and the access units from there on
/// refer to it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrackFormat {
    /// A video track.
    Video(VideoFormat),
    /// An audio track.
    Audio(AudioFormat),
}

/// How to decode a video track.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFormat {
    /// The codec.
    pub codec: VideoCodec,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second as the stream declares them; `None`: it doesn't.
    pub fps: Option<f64>,
    /// Pictures that may be sent before a picture and shown after it; 0: decoding order is output order.
    pub max_reorder: u8,
    /// Codec and profile as in RFC 6381, such as `avc1.64001f`, `av01.0.04M.08` or `vp8`.
    pub rfc6381: String,
    /// H.264 and H.265: VPS (H.265), SPS and PPS as NAL units without framing, in that order. AV1: the sequence header
    /// as an OBU with its size. VP8: none.
    pub parameter_sets: Vec<Bytes>,
}

/// How to decode an audio track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFormat {
    /// The codec.
    pub codec: AudioCodec,
    /// RTP clock rate in Hz; the sampling rate but for G.722, whose clock runs at 8,000 Hz (RFC 3551, section 4.5.2).
    pub clock_rate: NonZeroU32,
    /// Channels.
    pub channels: u8,
    /// AAC: the AudioSpecificConfig (ISO 14496-3, section 1.6.2.1). Empty otherwise.
    pub config: Bytes,
    /// Codec as in RFC 6381, such as `mp4a.40.2`.
    pub rfc6381: String,
}

/// Why a format could not be made of what a source gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// No sequence parameter set among the units.
    #[error("no sequence parameter set; the camera's description is incomplete")]
    MissingSps,
    /// No picture parameter set among the units.
    #[error("no picture parameter set; the camera's description is incomplete")]
    MissingPps,
    /// The sequence parameter set is cut short or out of range.
    #[error("the sequence parameter set is malformed")]
    MalformedSps,
    /// The AV1 sequence header is cut short or out of range.
    #[error("the sequence header is malformed")]
    MalformedSequenceHeader,
}

impl HasKind for FormatError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Protocol
    }
}

impl TrackFormat {
    /// The codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match self {
            Self::Video(video) => Codec::Video(video.codec),
            Self::Audio(audio) => Codec::Audio(audio.codec),
        }
    }

    /// Ticks per second of the track's times.
    #[must_use]
    pub const fn clock_rate(&self) -> NonZeroU32 {
        match self {
            Self::Video(_) => VIDEO_CLOCK,
            Self::Audio(audio) => audio.clock_rate,
        }
    }

    /// Codec and profile as in RFC 6381.
    #[must_use]
    pub fn rfc6381(&self) -> &str {
        match self {
            Self::Video(video) => &video.rfc6381,
            Self::Audio(audio) => &audio.rfc6381,
        }
    }

    /// The video format, of a video track.
    #[must_use]
    pub const fn video(&self) -> Option<&VideoFormat> {
        match self {
            Self::Video(video) => Some(video),
            Self::Audio(_) => None,
        }
    }

    /// The audio format, of an audio track.
    #[must_use]
    pub const fn audio(&self) -> Option<&AudioFormat> {
        match self {
            Self::Audio(audio) => Some(audio),
            Self::Video(_) => None,
        }
    }
}

impl VideoFormat {
    /// The format of an H.264 track with these parameter sets (NAL units without framing; others are passed over).
    ///
    /// # Errors
    /// A set is missing or the first SPS can't be read.
    pub fn h264<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, FormatError> {
        use h264::nal_type::{PPS, SPS};
        let sets = parameter_sets(nals, h264::nal_unit_type, &[SPS, PPS]);
        let sps = sets[0].first().ok_or(FormatError::MissingSps)?;
        if sets[1].is_empty() {
            return Err(FormatError::MissingPps);
        }
        let sps = h264::Sps::parse(sps).ok_or(FormatError::MalformedSps)?;
        Ok(Self {
            codec: VideoCodec::H264,
            width: sps.width,
            height: sps.height,
            fps: sps.fps,
            max_reorder: sps.max_reorder,
            rfc6381: format!("avc1.{}", sps.profile_level_id()),
            parameter_sets: sets.concat(),
        })
    }

    /// The format of an H.265 track with these parameter sets (NAL units without framing; others are passed over).
    ///
    /// # Errors
    /// A set is missing or the first SPS can't be read.
    pub fn h265<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, FormatError> {
        use h265::nal_type::{PPS, SPS, VPS};
        let sets = parameter_sets(nals, h265::nal_unit_type, &[VPS, SPS, PPS]);
        let sps = sets[1].first().ok_or(FormatError::MissingSps)?;
        if sets[2].is_empty() {
            return Err(FormatError::MissingPps);
        }
        let sps = h265::Sps::parse(sps).ok_or(FormatError::MalformedSps)?;
        Ok(Self {
            codec: VideoCodec::H265,
            width: sps.width,
            height: sps.height,
            fps: None,
            max_reorder: sps.max_reorder,
            rfc6381: format!("hvc1.{}", sps.codec_parameters()),
            parameter_sets: sets.concat(),
        })
    }

    /// The format of an AV1 track with this sequence header, an OBU with its size or without.
    ///
    /// # Errors
    /// It can't be read.
    pub fn av1(sequence_header: &[u8]) -> Result<Self, FormatError> {
        let malformed = FormatError::MalformedSequenceHeader;
        let (obu, _) = av1::Obu::split(sequence_header).ok_or(malformed.clone())?;
        let header = av1::SequenceHeader::parse(obu).ok_or(malformed)?;
        Ok(Self {
            codec: VideoCodec::Av1,
            width: header.width,
            height: header.height,
            fps: header.fps,
            max_reorder: 0,
            rfc6381: format!("av01.{}", header.codec_parameters()),
            parameter_sets: vec![obu.to_bytes()],
        })
    }

    /// The format of a VP8 track with pictures of this size in pixels.
    #[must_use]
    pub fn vp8(width: u32, height: u32) -> Self {
        Self {
            codec: VideoCodec::Vp8,
            width,
            height,
            fps: None,
            max_reorder: 0,
            rfc6381: "vp8".to_owned(),
            parameter_sets: Vec::new(),
        }
    }

    /// The format that the data of an access unit announces, which key pictures in most streams do; `None`: it
    /// doesn't, or not completely.
    #[must_use]
    pub fn announced_by(codec: VideoCodec, data: &[u8]) -> Option<Self> {
        match codec {
            VideoCodec::H264 => Self::h264(nal::units(data)).ok(),
            VideoCodec::H265 => Self::h265(nal::units(data)).ok(),
            VideoCodec::Av1 => Self::av1(&av1::sequence_header(data)?.to_bytes()).ok(),
            VideoCodec::Vp8 => {
                vp8::FrameHeader::parse(data)?.key.map(|(width, height)| Self::vp8(width, height))
            }
        }
    }

    /// What the data of an access unit of this format is; `None`: it holds no picture.
    #[must_use]
    pub fn classify(&self, data: &[u8]) -> Option<UnitKind> {
        match self.codec {
            VideoCodec::H264 => h264::classify(data),
            VideoCodec::H265 => h265::classify(data),
            VideoCodec::Av1 => {
                let known = self.parameter_sets.first().and_then(|set| av1::SequenceHeader::parse_bytes(set));
                av1::classify(data, known.as_ref())
            }
            VideoCodec::Vp8 => vp8::classify(data),
        }
    }

    /// The six hexadecimal digits of H.264's `profile-level-id`; empty for other codecs.
    #[must_use]
    pub fn profile_level_id(&self) -> &str {
        self.rfc6381.strip_prefix("avc1.").unwrap_or("")
    }

    /// The format that the data of an access unit announces, where it differs from this one. Parameter sets that can't
    /// be read are left to the decoder.
    #[must_use]
    pub fn changed_by(&self, data: &[u8]) -> Option<Self> {
        let new = Self::announced_by(self.codec, data)?;
        let differs = new.parameter_sets != self.parameter_sets
            // All that a VP8 format is.
            || (self.codec == VideoCodec::Vp8 && (new.width, new.height) != (self.width, self.height));
        differs.then_some(new)
    }
}

/// The distinct units of each wanted type, in the order of `types`.
fn parameter_sets<'a, const N: usize>(
    nals: impl IntoIterator<Item = &'a [u8]>,
    type_of: fn(&[u8]) -> u8,
    types: &[u8; N],
) -> [Vec<Bytes>; N] {
    let mut sets: [Vec<Bytes>; N] = std::array::from_fn(|_| Vec::new());
    for unit in nals {
        if let Some(index) = types.iter().position(|&wanted| wanted == type_of(unit))
            && !sets[index].iter().any(|known| known == unit)
        {
            sets[index].push(Bytes::copy_from_slice(unit));
        }
    }
    sets
}

impl AudioFormat {
    /// G.711 at 8 kHz, one channel; `codec` is [`AudioCodec::Pcmu`] or [`AudioCodec::Pcma`].
    #[must_use]
    pub fn g711(codec: AudioCodec) -> Self {
        let rfc6381 = if codec == AudioCodec::Pcma { "alaw" } else { "ulaw" };
        Self {
            codec,
            clock_rate: NonZeroU32::new(8_000).expect("not zero"),
            channels: 1,
            config: Bytes::new(),
            rfc6381: rfc6381.to_owned(),
        }
    }

    /// G.722 at 64 kbit/s, one channel: sampled at 16 kHz, but its RTP clock runs at 8 kHz (RFC 3551,
    /// section 4.5.2).
    #[must_use]
    pub fn g722() -> Self {
        Self {
            codec: AudioCodec::G722,
            clock_rate: NonZeroU32::new(8_000).expect("not zero"),
            channels: 1,
            config: Bytes::new(),
            rfc6381: "g722".to_owned(),
        }
    }

    /// Opus, whose RTP clock runs at 48 kHz whatever is sampled (RFC 7587, section 4.1). Decoders make one or two
    /// channels of any stream; `channels` is what was encoded.
    #[must_use]
    pub fn opus(channels: u8) -> Self {
        Self {
            codec: AudioCodec::Opus,
            clock_rate: NonZeroU32::new(48_000).expect("not zero"),
            channels,
            config: Bytes::new(),
            rfc6381: "opus".to_owned(),
        }
    }

    /// AAC by its AudioSpecificConfig; the object type in it names the RFC 6381 string.
    #[must_use]
    pub fn aac(sample_rate: NonZeroU32, channels: u8, config: Bytes) -> Self {
        let object_type = config.first().map_or(2, |byte| byte >> 3);
        Self {
            codec: AudioCodec::Aac,
            clock_rate: sample_rate,
            channels,
            config,
            rfc6381: format!("mp4a.40.{object_type}"),
        }
    }
}

/// A track of a stream and its present format.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// The track's number within the stream.
    pub id: TrackId,
    /// Its present format.
    pub format: Arc<TrackFormat>,
}

/// What a stream carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamDesc {
    /// The tracks, in the source's order.
    pub tracks: Vec<Track>,
}

impl StreamDesc {
    /// A description of tracks numbered in the order given.
    pub fn new(formats: impl IntoIterator<Item = TrackFormat>) -> Self {
        let tracks = formats
            .into_iter()
            .enumerate()
            .map(|(n, format)| Track { id: TrackId(n as u8), format: Arc::new(format) })
            .collect();
        Self { tracks }
    }

    /// The first video track.
    #[must_use]
    pub fn video(&self) -> Option<(&Track, &VideoFormat)> {
        self.tracks.iter().find_map(|track| track.format.video().map(|format| (track, format)))
    }

    /// The first audio track.
    #[must_use]
    pub fn audio(&self) -> Option<(&Track, &AudioFormat)> {
        self.tracks.iter().find_map(|track| track.format.audio().map(|format| (track, format)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_needs_both_parameter_sets() {
        assert_eq!(VideoFormat::h264([&[0x68, 1][..]]), Err(FormatError::MissingSps));
        assert_eq!(VideoFormat::h264([&[0x67, 1][..]]), Err(FormatError::MissingPps));
        assert_eq!(VideoFormat::h264([&[0x67, 1][..], &[0x68, 1]]), Err(FormatError::MalformedSps));
    }

    #[test]
    fn in_band_sets_that_differ_make_a_new_format() {
        let desc = crate::testing::video_desc();
        let format = desc.video().unwrap().1;
        let same = nal::join(format.parameter_sets.iter().map(AsRef::as_ref));
        assert_eq!(format.changed_by(&same), None);
        let other = nal::join([&format.parameter_sets[0][..], &[0x68, 0xce, 0x3c, 0x81]]);
        assert!(format.changed_by(&other).is_some());
    }

    #[test]
    fn clocks_are_those_of_the_payload_formats() {
        let (opus, g722) = (AudioFormat::opus(2), AudioFormat::g722());
        assert_eq!((opus.codec, opus.clock_rate.get(), opus.channels), (AudioCodec::Opus, 48_000, 2));
        assert_eq!((g722.codec, g722.clock_rate.get(), g722.channels), (AudioCodec::G722, 8_000, 1));
        assert_eq!((opus.rfc6381.as_str(), g722.rfc6381.as_str()), ("opus", "g722"));
    }

    #[test]
    fn aac_names_its_object_type() {
        let rate = NonZeroU32::new(48_000).unwrap();
        assert_eq!(AudioFormat::aac(rate, 2, Bytes::from_static(&[0x11, 0x90])).rfc6381, "mp4a.40.2");
    }
}
