//! What this side can send.

use super::parameters::{
    Direction, MediaKind, Parameters, RtcpFeedback, RtpCapabilities, RtpCodecCapability, RtpHeaderExtension,
};
use vas_core::media::{AudioCodec, Codec, VideoCodec};

/// The names of header extensions.
pub mod uri {
    /// The name of the stream on its transport (RFC 8843, section 15).
    pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    /// One sequence number for all packets of a transport (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    pub const TRANSPORT_CC: &str =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    /// How long the viewer is to hold pictures back.
    pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
}

/// A codec that can be sent, with the numbers that it is advertised under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) codec: Codec,
    pub(super) mime_type: &'static str,
    pub(super) payload_type: u8,
    /// Payload type of its retransmissions; sound has none.
    pub(super) rtx: Option<u8>,
    pub(super) clock_rate: u32,
    /// Channels as in `a=rtpmap`, which are fixed for Opus (RFC 7587, section 7).
    pub(super) channels: Option<u8>,
}

const fn video(codec: VideoCodec, mime_type: &'static str, payload_type: u8) -> Known {
    let codec = Codec::Video(codec);
    Known { codec, mime_type, payload_type, rtx: Some(payload_type + 1), clock_rate: 90_000, channels: None }
}

const fn audio(
    codec: AudioCodec,
    mime_type: &'static str,
    payload_type: u8,
    clock_rate: u32,
    channels: u8,
) -> Known {
    let codec = Codec::Audio(codec);
    Known { codec, mime_type, payload_type, rtx: None, clock_rate, channels: Some(channels) }
}

/// Every codec that can be sent. Dynamic numbers stay clear of 127, which mediasoup-client uses itself.
pub(super) const KNOWN: [Known; 8] = [
    video(VideoCodec::H264, "video/H264", 102),
    video(VideoCodec::H265, "video/H265", 104),
    video(VideoCodec::Vp8, "video/VP8", 106),
    video(VideoCodec::Av1, "video/AV1", 108),
    audio(AudioCodec::Opus, "audio/opus", 100, 48_000, 2),
    audio(AudioCodec::Pcmu, "audio/PCMU", 0, 8_000, 1),
    audio(AudioCodec::Pcma, "audio/PCMA", 8, 8_000, 1),
    // The clock of G.722 is half its sampling rate (RFC 3551, section 4.5.2).
    audio(AudioCodec::G722, "audio/G722", 9, 8_000, 1),
];

/// The header extensions in use with their numbers, which are the same for sound and pictures: both may share a
/// transport.
const EXTENSIONS: [(&str, u8, &[MediaKind]); 3] = [
    (uri::MID, 1, &[MediaKind::Audio, MediaKind::Video]),
    (uri::TRANSPORT_CC, 3, &[MediaKind::Audio, MediaKind::Video]),
    (uri::PLAYOUT_DELAY, 4, &[MediaKind::Video]),
];

/// The MIME type of a codec that can be sent.
pub(crate) fn mime_type(codec: Codec) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.codec == codec).map(|known| known.mime_type)
}

impl Known {
    pub(super) const fn kind(&self) -> MediaKind {
        if self.codec.is_video() { MediaKind::Video } else { MediaKind::Audio }
    }

    /// Format parameters as advertised.
    fn parameters(&self) -> Parameters {
        let named = |pairs: &[(&str, i64)]| -> Parameters {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
        };
        match self.codec {
            // The profile that every browser takes, whatever the camera sends: viewers match profiles by text.
            Codec::Video(VideoCodec::H264) => {
                let mut parameters = named(&[("level-asymmetry-allowed", 1), ("packetization-mode", 1)]);
                parameters.insert("profile-level-id".to_owned(), "42e01f".into());
                parameters
            }
            Codec::Audio(AudioCodec::Opus) => named(&[("minptime", 10), ("useinbandfec", 1)]),
            _ => Parameters::new(),
        }
    }

    /// Feedback that is understood. Lost sound is not sent again.
    fn feedback(&self) -> Vec<RtcpFeedback> {
        let kinds: &[(&str, &str)] = match self.kind() {
            MediaKind::Video => {
                &[("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", ""), ("transport-cc", "")]
            }
            MediaKind::Audio => &[("transport-cc", "")],
        };
        kinds.iter().map(|(kind, parameter)| RtcpFeedback::new(kind, parameter)).collect()
    }

    fn capabilities(&self) -> impl Iterator<Item = RtpCodecCapability> {
        let own = RtpCodecCapability {
            kind: Some(self.kind()),
            mime_type: self.mime_type.to_owned(),
            preferred_payload_type: Some(self.payload_type),
            clock_rate: self.clock_rate,
            channels: self.channels,
            parameters: self.parameters(),
            rtcp_feedback: self.feedback(),
        };
        let rtx = self.rtx.map(|payload_type| RtpCodecCapability {
            mime_type: format!("{}/rtx", self.kind()),
            preferred_payload_type: Some(payload_type),
            parameters: [("apt".to_owned(), i64::from(self.payload_type).into())].into(),
            rtcp_feedback: Vec::new(),
            ..own.clone()
        });
        [Some(own), rtx].into_iter().flatten()
    }
}

/// What this side can send, whatever single cameras do send: `mediasoup-client`'s `Device.load()` takes it.
#[must_use]
pub fn router_capabilities() -> RtpCapabilities {
    let extensions = EXTENSIONS.iter().flat_map(|(uri, id, kinds)| {
        kinds.iter().map(|kind| RtpHeaderExtension {
            kind: Some(*kind),
            uri: (*uri).to_owned(),
            preferred_id: *id,
            preferred_encrypt: false,
            direction: Direction::SendRecv,
        })
    });
    RtpCapabilities {
        codecs: KNOWN.iter().flat_map(Known::capabilities).collect(),
        header_extensions: extensions.collect(),
    }
}
