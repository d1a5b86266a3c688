//! Which of the offered codecs a stream is sent as.

use super::offer::{OfferedCodec, OfferedMedia};
use crate::ortc::{Feedback, uri};
use crate::profile;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{AudioCodec, AudioFormat, VideoCodec, VideoFormat};

/// The feedback that a viewer offers for a codec.
fn feedback_of(section: &OfferedMedia, codec: &OfferedCodec) -> Feedback {
    let offers = |wanted: &str| {
        let wanted = wanted.split(' ');
        codec.rtcp_fb.iter().any(|offered| offered.split_whitespace().eq(wanted.clone()))
    };
    let transport_cc = section.short_extension(uri::TRANSPORT_CC).is_some() && offers("transport-cc");
    Feedback {
        nack: offers("nack"),
        pli: offers("nack pli"),
        fir: offers("ccm fir"),
        transport_cc,
        remb: !transport_cc && offers("goog-remb"),
    }
}

/// A codec of the offer that a stream is sent as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChosenCodec {
    /// RTP payload type.
    pub(crate) payload_type: u8,
    /// Payload type of retransmissions, where they are offered.
    pub(crate) rtx: Option<u8>,
    /// Encoding name, as in `a=rtpmap`.
    pub(crate) name: &'static str,
    /// RTP clock rate in Hz.
    pub(crate) clock_rate: u32,
    /// Channels; 1 of pictures.
    pub(crate) channels: u8,
    /// Format parameters as offered, for the answer; empty where there are none.
    pub(crate) fmtp: String,
    /// Feedback to expect.
    pub(crate) feedback: Feedback,
}

/// Chooses among a section's codecs for a stream of this format; `None`: there is none in common.
pub(crate) fn choose_video(section: &OfferedMedia, format: &VideoFormat) -> Option<ChosenCodec> {
    let name = format.codec.encoding_name();
    let clock_rate = VIDEO_CLOCK.get();
    let offered = section
        .codecs
        .iter()
        .filter(|codec| codec.name.eq_ignore_ascii_case(name) && codec.clock_rate == clock_rate);
    // Of equals the first wins, as the offer's order is the viewer's preference.
    let (_, codec) = offered
        .filter_map(|codec| Some((distance(codec, format)?, codec)))
        .min_by_key(|(distance, _)| *distance)?;
    Some(ChosenCodec::new(section, codec, name))
}

/// Chooses among a section's codecs for sound of this format; `None`: there is none in common.
pub(crate) fn choose_audio(section: &OfferedMedia, format: &AudioFormat) -> Option<ChosenCodec> {
    let name = format.codec.encoding_name();
    // Opus is always offered with two channels (RFC 7587, section 7).
    let channels = if format.codec == AudioCodec::Opus { 2 } else { format.channels };
    let codec = section.codecs.iter().find(|codec| {
        codec.name.eq_ignore_ascii_case(name)
            && codec.clock_rate == format.clock_rate.get()
            && codec.channels == channels
    })?;
    // Lost sound is not sent again: it would come too late.
    Some(ChosenCodec { rtx: None, ..ChosenCodec::new(section, codec, name) })
}

impl ChosenCodec {
    fn new(section: &OfferedMedia, codec: &OfferedCodec, name: &'static str) -> Self {
        Self {
            payload_type: codec.payload_type,
            rtx: codec.rtx,
            name,
            clock_rate: codec.clock_rate,
            channels: codec.channels,
            fmtp: codec.fmtp.clone(),
            feedback: feedback_of(section, codec),
        }
    }
}

/// How far an offered format of the stream's codec is from what the camera sends, less being better; `None`: it can't
/// be sent as this.
fn distance(codec: &OfferedCodec, format: &VideoFormat) -> Option<u8> {
    match format.codec {
        // GStreamer's client writes no parameters where the application gave none, and takes all modes and profiles.
        VideoCodec::H264 if codec.fmtp.is_empty() => Some(u8::MAX),
        // Fragments, which large pictures need, are of this mode alone (RFC 6184, section 5.4).
        VideoCodec::H264 if codec.parameter("packetization-mode") != Some("1") => None,
        VideoCodec::H264 => {
            Some(profile::h264(codec.parameter("profile-level-id"), format.profile_level_id()))
        }
        VideoCodec::H265 => profile::h265(codec.parameter("profile-id"), format),
        VideoCodec::Av1 => {
            profile::av1(["profile", "level-idx", "tier"].map(|name| codec.parameter(name)), format)
        }
        // There is one kind of it. `max-fs` and `max-fr` (RFC 7741, section 6.1) are of the nature of levels.
        VideoCodec::Vp8 => Some(0),
        _ => None,
    }
}
