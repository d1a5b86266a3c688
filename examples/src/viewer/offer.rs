//! The SDP offer of a viewer: one receive-only video section, laid out as Chromium does (RFC 8829, RFC 9725).

use std::fmt::Write;

use super::config::ViewerConfig;
use super::keyframe::Codec;

/// ICE credentials: one side's user name fragment and password.
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) password: String,
}

/// A payload type of the offer.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    pub(super) codec: Codec,
    parameters: &'static str,
}

pub(super) const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
pub(super) const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Chromium's numbers, so that a server that confuses the two sides' numbers shows it.
const TRANSPORT_CC_ID: u8 = 4;
const PLAYOUT_DELAY_ID: u8 = 5;

/// Constrained baseline first: what every browser offers and cameras of any profile are sent as; then main
/// and constrained high. Each is followed by its RTX at the next payload type.
const FORMATS: [Format; 4] = [
    Format {
        payload_type: 102,
        codec: Codec::H264,
        parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    },
    Format {
        payload_type: 104,
        codec: Codec::H264,
        parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
    },
    Format {
        payload_type: 106,
        codec: Codec::H264,
        parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f",
    },
    Format {
        payload_type: 108,
        codec: Codec::H265,
        parameters: "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST",
    },
];

/// What `config` offers.
pub(super) fn formats(config: &ViewerConfig) -> impl Iterator<Item = &'static Format> {
    let h265 = config.h265;
    FORMATS.iter().filter(move |format| h265 || format.codec != Codec::H265)
}

/// Writes the offer.
pub(super) fn write(config: &ViewerConfig, credentials: &Credentials, session: u64) -> String {
    let mut payload_types = String::new();
    let mut lines = String::new();
    for Format { payload_type, codec, parameters } in formats(config) {
        let name = match codec {
            Codec::H264 => "H264",
            Codec::H265 => "H265",
        };
        add(&mut payload_types, format_args!(" {payload_type}"));
        add(&mut lines, format_args!("a=rtpmap:{payload_type} {name}/90000\r\n"));
        if config.transport_cc {
            add(&mut lines, format_args!("a=rtcp-fb:{payload_type} transport-cc\r\n"));
        }
        add(&mut lines, format_args!("a=rtcp-fb:{payload_type} ccm fir\r\n"));
        if config.nack {
            add(&mut lines, format_args!("a=rtcp-fb:{payload_type} nack\r\n"));
        }
        add(&mut lines, format_args!("a=rtcp-fb:{payload_type} nack pli\r\n"));
        add(&mut lines, format_args!("a=fmtp:{payload_type} {parameters}\r\n"));
        if config.nack {
            let rtx = payload_type + 1;
            add(&mut payload_types, format_args!(" {rtx}"));
            add(&mut lines, format_args!("a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={payload_type}\r\n"));
        }
    }
    let mut extensions = String::new();
    if config.transport_cc {
        add(&mut extensions, format_args!("a=extmap:{TRANSPORT_CC_ID} {TRANSPORT_CC}\r\n"));
    }
    if config.playout_delay {
        add(&mut extensions, format_args!("a=extmap:{PLAYOUT_DELAY_ID} {PLAYOUT_DELAY}\r\n"));
    }
    let mut candidates = String::new();
    for (at, address) in config.candidates.iter().enumerate() {
        let priority = host_priority(at);
        let (ip, port) = (address.ip(), address.port());
        add(
            &mut candidates,
            format_args!("a=candidate:{} 1 udp {priority} {ip} {port} typ host\r\n", at + 1),
        );
    }
    let Credentials { ufrag, password } = credentials;
    let fingerprint = config.identity.fingerprint();
    format!(
        "v=0\r\n\
         o=- {session} 2 IN IP4 127.0.0.1\r\n\
         s=-\r\n\
         t=0 0\r\n\
         a=group:BUNDLE 0\r\n\
         a=extmap-allow-mixed\r\n\
         a=msid-semantic: WMS\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF{payload_types}\r\n\
         c=IN IP4 0.0.0.0\r\n\
         a=rtcp:9 IN IP4 0.0.0.0\r\n\
         {candidates}\
         a=end-of-candidates\r\n\
         a=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:{password}\r\n\
         a=ice-options:ice2\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:actpass\r\n\
         a=mid:0\r\n\
         {extensions}\
         a=recvonly\r\n\
         a=rtcp-mux\r\n\
         a=rtcp-rsize\r\n\
         {lines}"
    )
}

/// The priority of the host candidate at place `at` (RFC 8445, section 5.1.2.1).
fn host_priority(at: usize) -> u32 {
    (126 << 24) | ((65_535 - at.min(65_535) as u32) << 8) | 255
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("writing to a string does not fail");
}
