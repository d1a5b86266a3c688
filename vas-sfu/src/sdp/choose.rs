//! Which of the offered codecs a stream is sent as.

use super::offer::{OfferedCodec, OfferedMedia};
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{VideoCodec, VideoFormat};

/// The feedback that a viewer offers and this side understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    /// Lost packets are named (RFC 4585, section 6.2.1).
    pub(crate) nack: bool,
    /// Lost pictures are told (RFC 4585, section 6.3.1).
    pub(crate) pli: bool,
    /// Pictures to start from are asked for (RFC 5104, section 4.3.1).
    pub(crate) fir: bool,
}

impl Feedback {
    fn of(codec: &OfferedCodec) -> Self {
        let offers = |wanted: &str| {
            let wanted = wanted.split(' ');
            codec.rtcp_fb.iter().any(|offered| offered.split_whitespace().eq(wanted.clone()))
        };
        Self { nack: offers("nack"), pli: offers("nack pli"), fir: offers("ccm fir") }
    }

    /// The values of `a=rtcp-fb` after the payload type.
    pub(crate) fn values(self) -> impl Iterator<Item = &'static str> {
        [(self.nack, "nack"), (self.pli, "nack pli"), (self.fir, "ccm fir")]
            .into_iter()
            .filter_map(|(offered, value)| offered.then_some(value))
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
    /// Format parameters as offered, for the answer; empty where there are none.
    pub(crate) fmtp: String,
    /// Feedback to expect.
    pub(crate) feedback: Feedback,
}

/// Chooses among a section's codecs for a stream of this format; `None`: there is none in common.
///
/// Levels are not compared: browsers decode beyond the level that they state, and a camera can't be asked for less.
pub(crate) fn choose_video(section: &OfferedMedia, format: &VideoFormat) -> Option<ChosenCodec> {
    let name = format.codec.encoding_name();
    let clock_rate = VIDEO_CLOCK.get();
    let offered = section
        .codecs
        .iter()
        .filter(|codec| codec.name.eq_ignore_ascii_case(name) && codec.clock_rate == clock_rate);
    // Of equals the first wins, as the offer's order is the viewer's preference.
    let codec = match format.codec {
        VideoCodec::H264 => offered
            .filter(|codec| codec.fmtp.is_empty() || codec.parameter("packetization-mode") == Some("1"))
            .min_by_key(|codec| h264_distance(codec, format)),
        VideoCodec::H265 => offered.min_by_key(|codec| h265_profile(codec) != Some(h265_profile_of(format))),
        // Nothing packetises these.
        _ => None,
    }?;
    Some(ChosenCodec {
        payload_type: codec.payload_type,
        rtx: codec.rtx,
        name,
        clock_rate,
        fmtp: codec.fmtp.clone(),
        feedback: Feedback::of(codec),
    })
}

/// A profile of H.264 by `profile_idc` and constraint flags, as far as offers tell them apart (RFC 6184, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    Other(u8),
}

impl Profile {
    /// By the six hexadecimal digits of `profile-level-id`.
    fn of(profile_level_id: &str) -> Option<Self> {
        let id = u32::from_str_radix(profile_level_id, 16).ok().filter(|_| profile_level_id.len() == 6)?;
        let [_, profile_idc, constraints, _] = id.to_be_bytes();
        let set = |flags: u8| constraints & flags == flags;
        Some(match profile_idc {
            // constraint_set1_flag: a Baseline stream that Main decoders read, which is Constrained Baseline.
            0x42 if set(0x40) => Self::ConstrainedBaseline,
            0x42 => Self::Baseline,
            0x4d if set(0x80) => Self::ConstrainedBaseline,
            0x4d => Self::Main,
            0x58 if set(0xc0) => Self::ConstrainedBaseline,
            0x64 if set(0x0c) => Self::ConstrainedHigh,
            0x64 => Self::High,
            other => Self::Other(other),
        })
    }
}

/// How far an offered H.264 format is from what the camera sends; less is better.
fn h264_distance(codec: &OfferedCodec, format: &VideoFormat) -> u8 {
    // GStreamer's client writes no parameters where the application gave none, and takes all modes and profiles.
    if codec.fmtp.is_empty() {
        return 4;
    }
    // Without the parameter it is Baseline (RFC 6184, section 8.1).
    let offered = codec.parameter("profile-level-id").map_or(Some(Profile::Baseline), Profile::of);
    let sent = Profile::of(format.profile_level_id());
    match (offered, sent) {
        (Some(offered), Some(sent)) if offered == sent => 0,
        (Some(Profile::High | Profile::ConstrainedHigh), Some(Profile::High | Profile::ConstrainedHigh)) => 1,
        // What every browser offers, and plays in whatever 8-bit 4:2:0 profile the pictures are.
        (Some(Profile::ConstrainedBaseline), _) => 2,
        _ => 3,
    }
}

/// The profile of an offered H.265 format (RFC 7798, section 7.1): Main where nothing is said.
fn h265_profile(codec: &OfferedCodec) -> Option<u8> {
    codec.parameter("profile-id").map_or(Some(1), |id| id.parse().ok())
}

/// The profile of a camera's H.265 stream: the digits after `hvc1.`, and the letter before them where there is one.
fn h265_profile_of(format: &VideoFormat) -> u8 {
    let parameters = format.rfc6381.strip_prefix("hvc1.").unwrap_or("");
    let profile = parameters.split('.').next().unwrap_or("");
    profile.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap_or(1)
}
