//! Capabilities and parameters of RTP.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// `audio` or `video`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The way in which a header extension is used, seen from whoever states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// It is only sent.
    SendOnly,
    /// It is only received.
    RecvOnly,
    /// It is not used.
    Inactive,
}

/// A format parameter of a codec: a text or a whole number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text or a whole number was expected")]
pub enum ParameterValue {
    /// A whole number, such as `packetization-mode`.
    Number(i64),
    /// A text, such as `profile-level-id`.
    Text(String),
}

impl ParameterValue {
    /// The number, also of a text of digits: clients that read SDP themselves leave them so.
    #[must_use]
    pub fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }

    /// The text, of a text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

impl From<i64> for ParameterValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for ParameterValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Format parameters of a codec by name, as in `a=fmtp`.
pub type Parameters = BTreeMap<String, ParameterValue>;

/// A kind of feedback, such as `nack` with the parameter `pli` (RFC 4585, section 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcpFeedback {
    /// What is fed back, such as `nack` or `transport-cc`.
    #[serde(rename = "type")]
    pub kind: String,
    /// More of it, such as `pli`; empty where there is none.
    #[serde(default)]
    pub parameter: String,
}

impl RtcpFeedback {
    /// Feedback of this type and parameter.
    #[must_use]
    pub fn new(kind: &str, parameter: &str) -> Self {
        Self { kind: kind.to_owned(), parameter: parameter.to_owned() }
    }
}

/// A codec that one side can send or receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecCapability {
    /// What it is of. The MIME type says it, too, and is believed where the two differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// Such as `video/H264`; case does not matter.
    pub mime_type: String,
    /// RTP payload type, 0 to 127. Without one this side's own is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_payload_type: Option<u8>,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, of a codec for sound; 1 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters.
    #[serde(default)]
    pub parameters: Parameters,
    /// Feedback that can be given on it.
    #[serde(default)]
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// A header extension (RFC 8285) that one side can send or receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpHeaderExtension {
    /// What it goes with; nothing: with sound and pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// What it is.
    pub uri: String,
    /// Its number, 1 to 255; this side uses 1 to 14.
    pub preferred_id: u8,
    /// Whether it is to be encrypted (RFC 6904), which this side never does.
    #[serde(default)]
    pub preferred_encrypt: bool,
    /// The way in which it is used.
    #[serde(default)]
    pub direction: Direction,
}

/// What one side can send or receive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RtpCapabilities {
    /// Codecs, retransmission formats among them.
    pub codecs: Vec<RtpCodecCapability>,
    /// Header extensions.
    pub header_extensions: Vec<RtpHeaderExtension>,
}

/// A codec as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecParameters {
    /// Such as `video/H264`.
    pub mime_type: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, of a codec for sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters.
    #[serde(default)]
    pub parameters: Parameters,
    /// Feedback that is expected.
    #[serde(default)]
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// A header extension as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtpHeaderExtensionParameters {
    /// What it is.
    pub uri: String,
    /// Its number.
    pub id: u8,
    /// Whether it is encrypted: never.
    #[serde(default)]
    pub encrypt: bool,
    /// Parameters: none of those in use here has any.
    #[serde(default)]
    pub parameters: Parameters,
}

/// The stream of retransmissions of an encoding (RFC 4588).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtxEncoding {
    /// Its SSRC.
    pub ssrc: u32,
}

/// One stream of packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtpEncodingParameters {
    /// Its SSRC.
    pub ssrc: u32,
    /// Its retransmissions, where they are agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx: Option<RtxEncoding>,
}

/// What goes with the stream in RTCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtcpParameters {
    /// The sender's name; streams of one name are played in sync (RFC 3550, section 6.5.1).
    pub cname: String,
    /// RTCP packets need not be compound (RFC 5506).
    pub reduced_size: bool,
    /// RTCP goes over the same port (RFC 5761): always.
    pub mux: bool,
}

/// What is sent to a viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpParameters {
    /// The stream's name on its transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// The codecs of all layers, each followed by its retransmission format; the first layer's comes first.
    pub codecs: Vec<RtpCodecParameters>,
    /// Header extensions that packets may carry.
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// The one stream of packets: layers replace each other in it.
    pub encodings: Vec<RtpEncodingParameters>,
    /// RTCP's part.
    pub rtcp: RtcpParameters,
}
