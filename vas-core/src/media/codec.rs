//! The codecs that streams carry.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum VideoCodec {
    /// ITU-T H.264 (AVC).
    H264,
    /// ITU-T H.265 (HEVC).
    H265,
    /// AOMedia Video 1.
    Av1,
    /// VP8 (RFC 6386).
    Vp8,
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AudioCodec {
    /// MPEG-4 AAC.
    Aac,
    /// Opus (RFC 6716).
    Opus,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
}

/// The codec of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// The track carries pictures.
    Video(VideoCodec),
    /// The track carries sound.
    Audio(AudioCodec),
}

impl VideoCodec {
    /// The encoding name of the codec's RTP payload format, as in `a=rtpmap`.
    #[must_use]
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
            Self::Vp8 => "VP8",
        }
    }
}

impl AudioCodec {
    /// The encoding name of the codec's RTP payload format, as in `a=rtpmap`.
    #[must_use]
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Aac => "mpeg4-generic",
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }
}

impl Codec {
    /// The encoding name of the codec's RTP payload format, as in `a=rtpmap`.
    #[must_use]
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Video(codec) => codec.encoding_name(),
            Self::Audio(codec) => codec.encoding_name(),
        }
    }

    /// Whether the track carries pictures.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::Video(_))
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding_name())
    }
}
