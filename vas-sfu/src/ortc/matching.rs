//! Which of a viewer's codecs and header extensions a producer is sent with.

use super::capabilities::{KNOWN, Known, uri};
use super::parameters::{
    Direction, MediaKind, ParameterValue, Parameters, RtcpFeedback, RtcpParameters, RtpCapabilities,
    RtpCodecCapability, RtpCodecParameters, RtpEncodingParameters, RtpHeaderExtensionParameters,
    RtpParameters, RtxEncoding,
};
use crate::profile;
use std::borrow::Cow;
use std::sync::Arc;
use vas_core::media::{AudioCodec, Codec, TrackFormat, VideoCodec, VideoFormat};
use vas_core::{ErrorKind, HasKind};

/// A viewer can receive none of a producer's codecs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} is {}, which the viewer can't receive; offer it, or watch over HLS", .codecs.join(" or "))]
pub struct Unsupported {
    /// What the producer is of.
    pub kind: MediaKind,
    /// The producer's codecs by their encoding names, each once; empty for a producer without layers.
    pub codecs: Vec<&'static str>,
}

impl HasKind for Unsupported {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// The feedback that a viewer can give and this side understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Lost packets are named (RFC 4585, section 6.2.1).
    pub nack: bool,
    /// Lost pictures are told (RFC 4585, section 6.3.1).
    pub pli: bool,
    /// Pictures to start from are asked for (RFC 5104, section 4.3.1).
    pub fir: bool,
    /// The arrival of each packet is told (draft-holmer-rmcat-transport-wide-cc-extensions-01). Only together with the
    /// header extension of that name.
    pub transport_cc: bool,
    /// The viewer estimates what it can receive (draft-alvestrand-rmcat-remb). Only without `transport_cc`.
    pub remb: bool,
}

impl Feedback {
    fn of(codec: &RtpCodecCapability, extensions: Extensions) -> Self {
        let gives = |kind: &str, parameter: &str| {
            codec.rtcp_feedback.iter().any(|given| given.kind == kind && given.parameter == parameter)
        };
        let transport_cc = extensions.transport_cc.is_some() && gives("transport-cc", "");
        Self {
            nack: gives("nack", ""),
            pli: gives("nack", "pli"),
            fir: gives("ccm", "fir"),
            transport_cc,
            remb: !transport_cc && gives("goog-remb", ""),
        }
    }

    /// Kind and parameter of each, as in `a=rtcp-fb`.
    pub(crate) fn values(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        [
            (self.nack, "nack", ""),
            (self.pli, "nack", "pli"),
            (self.fir, "ccm", "fir"),
            (self.transport_cc, "transport-cc", ""),
            (self.remb, "goog-remb", ""),
        ]
        .into_iter()
        .filter_map(|(agreed, kind, parameter)| agreed.then_some((kind, parameter)))
    }

    fn kinds(self) -> Vec<RtcpFeedback> {
        self.values().map(|(kind, parameter)| RtcpFeedback::new(kind, parameter)).collect()
    }
}

/// The numbers of the header extensions that packets may carry, each 1 to 14 (RFC 8285, section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The name of the stream.
    pub mid: Option<u8>,
    /// The transport's sequence number.
    pub transport_cc: Option<u8>,
    /// How long pictures are to be held back.
    pub playout_delay: Option<u8>,
}

impl Extensions {
    fn of(remote: &RtpCapabilities, kind: MediaKind) -> Self {
        let id_of = |uri: &str| {
            // Of one that goes with sound and pictures mediasoup-client tells one kind alone.
            let mut known = remote.header_extensions.iter().filter(|extension| {
                extension.uri == uri
                    && matches!(extension.direction, Direction::SendRecv | Direction::RecvOnly)
            });
            known.find_map(|extension| {
                (1..=14).contains(&extension.preferred_id).then_some(extension.preferred_id)
            })
        };
        let mut agreed = Self { mid: id_of(uri::MID), ..Self::default() };
        // A number stands for one thing.
        agreed.transport_cc = id_of(uri::TRANSPORT_CC).filter(|id| agreed.mid != Some(*id));
        agreed.playout_delay = id_of(uri::PLAYOUT_DELAY)
            .filter(|id| kind == MediaKind::Video && ![agreed.mid, agreed.transport_cc].contains(&Some(*id)));
        agreed
    }

    fn parameters(self) -> Vec<RtpHeaderExtensionParameters> {
        [
            (self.mid, uri::MID),
            (self.transport_cc, uri::TRANSPORT_CC),
            (self.playout_delay, uri::PLAYOUT_DELAY),
        ]
        .into_iter()
        .filter_map(|(id, uri)| {
            let parameters = Parameters::new();
            Some(RtpHeaderExtensionParameters { uri: uri.to_owned(), id: id?, encrypt: false, parameters })
        })
        .collect()
    }
}

/// What a layer is sent as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedCodec {
    /// The codec that is sent: the track's own, but Opus for AAC.
    pub codec: Codec,
    /// Such as `video/H264`.
    pub mime_type: &'static str,
    /// RTP payload type.
    pub payload_type: u8,
    /// Payload type of retransmissions (RFC 4588), where the viewer takes them.
    pub rtx: Option<u8>,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels as in `a=rtpmap`, of a codec for sound.
    pub channels: Option<u8>,
    /// Format parameters as the viewer knows them.
    pub parameters: Parameters,
    /// Feedback to expect.
    pub feedback: Feedback,
}

/// What a producer is sent with to one viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What the producer is of.
    pub kind: MediaKind,
    /// For each layer what it is sent as; `None` for one whose codec the viewer lacks. At least one is there.
    pub layers: Vec<Option<AgreedCodec>>,
    /// The header extensions that packets may carry.
    pub extensions: Extensions,
}

/// Decides how a producer, given by the formats of its layers, is sent to a viewer of these capabilities.
///
/// Profiles of H.264 only order what a viewer takes, they rule nothing out: cameras send what they send, and browsers
/// play more than they say; packetization mode 1 is a must. Of H.265 and AV1 the viewer must know the profile. AAC is
/// matched as Opus, which it becomes on its way.
///
/// The capabilities may be anything at all; that they are sound is for [`RtpCapabilities::validate`] to say.
///
/// # Errors
/// The viewer can receive none of the layers.
pub fn match_consumer(layers: &[Arc<TrackFormat>], remote: &RtpCapabilities) -> Result<Match, Unsupported> {
    let is_video = layers.first().is_none_or(|format| format.codec().is_video());
    let kind = if is_video { MediaKind::Video } else { MediaKind::Audio };
    let extensions = Extensions::of(remote, kind);
    let mut agreed: Vec<Option<AgreedCodec>> = Vec::with_capacity(layers.len());
    for format in layers {
        let codec = agree(format, remote, extensions).and_then(|codec| beside(codec, &agreed));
        agreed.push(codec);
    }
    if agreed.iter().all(Option::is_none) {
        let mut codecs: Vec<_> = layers.iter().map(|format| format.codec().encoding_name()).collect();
        codecs.dedup();
        return Err(Unsupported { kind, codecs });
    }
    Ok(Match { kind, layers: agreed, extensions })
}

/// A codec as it can stand beside those of other layers: a number must not mean two things.
fn beside(mut codec: AgreedCodec, agreed: &[Option<AgreedCodec>]) -> Option<AgreedCodec> {
    let others = || agreed.iter().flatten();
    let same = |other: &&AgreedCodec| (other.payload_type, other.codec) == (codec.payload_type, codec.codec);
    if let Some(same) = others().find(same) {
        return Some(same.clone());
    }
    let is_taken =
        |number: u8| others().any(|other| other.payload_type == number || other.rtx == Some(number));
    codec.rtx = codec.rtx.filter(|rtx| !is_taken(*rtx));
    (!is_taken(codec.payload_type)).then_some(codec)
}

/// Whether a viewer of these capabilities can receive any of the layers.
#[must_use]
pub fn can_consume(layers: &[Arc<TrackFormat>], remote: &RtpCapabilities) -> bool {
    match_consumer(layers, remote).is_ok()
}

fn agree(format: &TrackFormat, remote: &RtpCapabilities, extensions: Extensions) -> Option<AgreedCodec> {
    let codec = match format.codec() {
        Codec::Audio(AudioCodec::Aac) if cfg!(feature = "transcode") => Codec::Audio(AudioCodec::Opus),
        codec => codec,
    };
    let known = KNOWN.iter().find(|known| known.codec == codec)?;
    let offered = remote.codecs.iter().filter(|offered| known.is(offered));
    // Of equals the first wins, as the order is the viewer's preference.
    let (_, offered) = offered
        .filter_map(|offered| {
            let distance = format.video().map_or(Some(0), |video| distance(offered, video));
            Some((distance?, offered))
        })
        .min_by_key(|(distance, _)| *distance)?;
    let payload_type = offered.preferred_payload_type.unwrap_or(known.payload_type);
    let mut parameters = offered.parameters.clone();
    if codec == Codec::Audio(AudioCodec::Opus) && format.audio().is_some_and(|audio| audio.channels > 1) {
        // What the sender sends, by which viewers decide to decode both channels (RFC 7587, section 6.1).
        parameters.insert("sprop-stereo".to_owned(), 1.into());
    }
    Some(AgreedCodec {
        codec,
        mime_type: known.mime_type,
        payload_type,
        rtx: known.rtx.and_then(|_| remote.retransmission_of(payload_type, known.kind())),
        clock_rate: known.clock_rate,
        channels: known.channels,
        parameters,
        feedback: Feedback::of(offered, extensions),
    })
}

/// How far a viewer's codec is from what the camera sends, less being better; `None`: it can't be sent as this.
fn distance(offered: &RtpCodecCapability, format: &VideoFormat) -> Option<u8> {
    let text = |name: &str| offered.parameters.get(name).map(ParameterValue::to_text);
    match format.codec {
        // Clients that state no parameters leave it to what comes.
        VideoCodec::H264 if offered.parameters.is_empty() => Some(u8::MAX),
        // Fragments, which large pictures need, are of this mode alone (RFC 6184, section 5.4).
        VideoCodec::H264 if offered.number("packetization-mode") != Some(1) => None,
        VideoCodec::H264 => {
            Some(profile::h264(text("profile-level-id").as_deref(), format.profile_level_id()))
        }
        VideoCodec::H265 => profile::h265(text("profile-id").as_deref(), format),
        VideoCodec::Av1 => {
            let stated = ["profile", "level-idx", "tier"].map(text);
            profile::av1(stated.each_ref().map(Option::as_deref), format)
        }
        _ => Some(0),
    }
}

impl ParameterValue {
    /// The text, also of a number: clients that read SDP themselves make a number of whatever looks like one.
    fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.to_string().into(),
        }
    }
}

impl Known {
    /// Whether a codec of a viewer is this one.
    fn is(&self, offered: &RtpCodecCapability) -> bool {
        let channels = self.channels.map(|_| offered.channels.unwrap_or(1));
        offered.mime_type.eq_ignore_ascii_case(self.mime_type)
            && offered.clock_rate == self.clock_rate
            && offered.preferred_payload_type.is_none_or(|payload_type| payload_type <= 127)
            && channels == self.channels
    }
}

impl RtpCapabilities {
    /// The payload type of retransmissions of another payload type.
    fn retransmission_of(&self, payload_type: u8, kind: MediaKind) -> Option<u8> {
        let rtx = self.codecs.iter().find(|codec| {
            codec.media().is_some_and(|(of, name)| of == kind && name.eq_ignore_ascii_case("rtx"))
                && codec.number("apt") == Some(i64::from(payload_type))
        })?;
        rtx.preferred_payload_type.filter(|rtx| *rtx <= 127 && *rtx != payload_type)
    }
}

impl RtpCodecCapability {
    /// What the codec is of and its name, by the MIME type.
    pub(super) fn media(&self) -> Option<(MediaKind, &str)> {
        let (kind, name) = self.mime_type.split_once('/')?;
        let kind = if kind.eq_ignore_ascii_case("video") {
            MediaKind::Video
        } else if kind.eq_ignore_ascii_case("audio") {
            MediaKind::Audio
        } else {
            return None;
        };
        (!name.is_empty()).then_some((kind, name))
    }

    fn number(&self, parameter: &str) -> Option<i64> {
        self.parameters.get(parameter)?.as_number()
    }
}

/// What a viewer is told of a stream that was matched: `mid` is its name on the transport, where it has one. Streams of
/// one `cname` are played in sync.
#[must_use]
pub fn consumer_parameters(
    matched: &Match,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    cname: &str,
    mid: Option<&str>,
) -> RtpParameters {
    let mut codecs: Vec<RtpCodecParameters> = Vec::new();
    for agreed in matched.layers.iter().flatten() {
        if codecs.iter().any(|codec| codec.payload_type == agreed.payload_type) {
            continue;
        }
        codecs.push(RtpCodecParameters {
            mime_type: agreed.mime_type.to_owned(),
            payload_type: agreed.payload_type,
            clock_rate: agreed.clock_rate,
            channels: agreed.channels,
            parameters: agreed.parameters.clone(),
            rtcp_feedback: agreed.feedback.kinds(),
        });
        if let Some(rtx) = agreed.rtx.filter(|_| rtx_ssrc.is_some()) {
            codecs.push(RtpCodecParameters {
                mime_type: format!("{}/rtx", matched.kind),
                payload_type: rtx,
                clock_rate: agreed.clock_rate,
                channels: None,
                parameters: [("apt".to_owned(), i64::from(agreed.payload_type).into())].into(),
                rtcp_feedback: Vec::new(),
            });
        }
    }
    let has_rtx = matched.layers.iter().flatten().any(|agreed| agreed.rtx.is_some());
    let rtx = rtx_ssrc.filter(|_| has_rtx).map(|ssrc| RtxEncoding { ssrc });
    RtpParameters {
        mid: mid.map(str::to_owned),
        codecs,
        header_extensions: matched.extensions.parameters(),
        encodings: vec![RtpEncodingParameters { ssrc, rtx }],
        rtcp: RtcpParameters { cname: cname.to_owned(), reduced_size: true, mux: true },
    }
}
