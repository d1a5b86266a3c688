//! What is taken of a publisher's offer: one track of pictures, one of sound at most, one codec each.
//!
//! The answer names no more than this, so that nothing else is sent. RFC 9725, section 4.4.

use super::error::WhipError;
use crate::sdp::{Direction, MediaKind, Offer, OfferedCodec, OfferedMedia};
use rtc::interceptor::{NackGeneratorBuilder, ReceiverReportBuilder, Registry, Slot};
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_simulcast_extension_headers, configure_twcc_receiver_only,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_RTX, MediaEngine};
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use rtc::shared::error::Result;
use std::time::Duration;
use vas_core::media::VideoCodec;

/// The video codecs that are taken.
const VIDEO: [VideoCodec; 3] = [VideoCodec::H264, VideoCodec::Vp8, VideoCodec::Av1];

/// How often missing packets are asked for, and how often each: for as long as they are waited for, about.
const NACK_EVERY: Duration = Duration::from_millis(50);
const MAX_NACKS: u16 = 6;

/// What is taken of an offer.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) video: VideoCodec,
    pub(super) video_parameters: OfferedCodec,
    pub(super) audio: Option<OfferedCodec>,
}

/// Chooses from an offer.
///
/// H.264 is taken where it is offered, since every viewer and recorder has it; else the publisher's first choice. A
/// publisher that wants another codec offers that one alone.
pub(super) fn choose(offer: &Offer) -> std::result::Result<Chosen, WhipError> {
    let refuse = |why| Err(WhipError::NotAcceptable(why));
    let (mut video, mut audio) = (None, None);
    for section in offer.sections.iter().filter(|section| !section.rejected) {
        let place = match section.kind {
            MediaKind::Video => &mut video,
            MediaKind::Audio => &mut audio,
            MediaKind::Other => return refuse("only pictures and sound are taken; leave data channels out"),
        };
        if place.replace(section).is_some() {
            return refuse("a device takes one track of pictures and one of sound");
        }
        if !can_send(section) {
            return refuse("each section must be sendonly or sendrecv, over SRTP, with rtcp-mux");
        }
    }
    let Some(video) = video else { return refuse("it has no pictures") };
    let Some((codec, parameters)) = choose_video(video) else {
        return refuse(
            "its pictures are in no codec that is taken: H264 with packetization-mode 1, VP8 or AV1",
        );
    };
    let audio = match audio.map(choose_audio) {
        Some(None) => return refuse("its sound is in no codec that is taken: opus"),
        other => other.flatten().cloned(),
    };
    Ok(Chosen { video: codec, video_parameters: parameters.clone(), audio })
}

fn can_send(section: &OfferedMedia) -> bool {
    section.rtcp_mux
        && section.protocol.contains("RTP/SAVP")
        && matches!(section.direction, Direction::SendOnly | Direction::SendRecv)
}

fn choose_video(section: &OfferedMedia) -> Option<(VideoCodec, &OfferedCodec)> {
    let usable = section.codecs.iter().filter_map(|offered| {
        let codec = *VIDEO.iter().find(|codec| offered.name.eq_ignore_ascii_case(codec.encoding_name()))?;
        let fits = match codec {
            VideoCodec::H264 => offered.parameter("packetization-mode") == Some("1"),
            // Profile 1 and 2 have more chroma or depth than browsers decode.
            VideoCodec::Av1 => matches!(offered.parameter("profile"), None | Some("0")),
            _ => true,
        };
        (fits && offered.clock_rate == 90_000).then_some((codec, offered))
    });
    usable.min_by_key(|(codec, _)| *codec != VideoCodec::H264)
}

fn choose_audio(section: &OfferedMedia) -> Option<&OfferedCodec> {
    section.codecs.iter().find(|codec| {
        codec.name.eq_ignore_ascii_case("opus") && (codec.clock_rate, codec.channels) == (48_000, 2)
    })
}

impl Chosen {
    /// Tells the library of what was chosen and of nothing else; gives the interceptors that feedback needs: NACK,
    /// transport-wide congestion control, receiver reports.
    pub(super) fn register(&self, engine: &mut MediaEngine) -> Result<Registry> {
        let video = &self.video_parameters;
        let mime_type = format!("video/{}", self.video.encoding_name());
        engine.register_codec(parameters(video, &mime_type, 0), RtpCodecKind::Video)?;
        if let Some(payload_type) = video.rtx {
            let rtp_codec = RTCRtpCodec {
                mime_type: MIME_TYPE_RTX.to_owned(),
                clock_rate: video.clock_rate,
                channels: 0,
                sdp_fmtp_line: format!("apt={}", video.payload_type),
                rtcp_feedback: Vec::new(),
            };
            engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Video)?;
        }
        if let Some(audio) = &self.audio {
            engine.register_codec(parameters(audio, MIME_TYPE_OPUS, 2), RtpCodecKind::Audio)?;
        }
        // With them come the extensions that name the section of a packet.
        configure_simulcast_extension_headers(engine)?;
        let requests = NackGeneratorBuilder::new()
            .with_interval(NACK_EVERY)
            .with_max_nacks_per_packet(MAX_NACKS)
            .build();
        let registry = Registry::new()
            .with(Slot::NackGenerator, requests)
            .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build());
        configure_twcc_receiver_only(registry, engine)
    }
}

fn parameters(offered: &OfferedCodec, mime_type: &str, channels: u16) -> RTCRtpCodecParameters {
    let feedback = |text: &String| {
        let (typ, parameter) = text.split_once(' ').unwrap_or((text, ""));
        matches!((typ, parameter), ("nack", "" | "pli") | ("transport-cc", ""))
            .then(|| RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() })
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate: offered.clock_rate,
            channels,
            sdp_fmtp_line: offered.fmtp.clone(),
            rtcp_feedback: offered.rtcp_fb.iter().filter_map(feedback).collect(),
        },
        payload_type: offered.payload_type,
    }
}
