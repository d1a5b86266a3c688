//! Counter-offers: what this side offers a viewer whose own offer has nothing that the stream could be sent as
//! (draft-ietf-wish-whep, section "Server Sends Counter-offer").

use super::{MediaKind, Offer};
use std::fmt::Write;

/// `a=setup` of answers here.
const PASSIVE: &str = "a=setup:passive\r\n";
/// What stands there in an offer (RFC 8842, section 5.2).
const EITHER: &str = "a=setup:actpass\r\n";

/// Format parameters of pictures: every profile that cameras send, with levels beyond what they use.
const VIDEO: [(&str, &str); 10] = [
    ("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034"),
    ("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=420034"),
    ("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d0034"),
    ("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640034"),
    ("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c34"),
    ("H265", "profile-id=1;tier-flag=0;level-id=153;tx-mode=SRST"),
    ("H265", "profile-id=2;tier-flag=0;level-id=153;tx-mode=SRST"),
    ("AV1", "profile=0;level-idx=13;tier=0"),
    ("AV1", "profile=1;level-idx=13;tier=0"),
    ("VP8", ""),
];
/// Payload type of the first of them; each has the next one for its retransmissions.
const FIRST_VIDEO: usize = 96;

/// Sound, by payload type.
const AUDIO: [(u8, &str, &str); 4] = [
    (120, "opus/48000/2", "minptime=10;useinbandfec=1"),
    (0, "PCMU/8000", ""),
    (8, "PCMA/8000", ""),
    (9, "G722/8000", ""),
];

const EXTENSIONS: &str = "\
    a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n\
    a=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";

impl Offer {
    /// The offer of a viewer that takes whatever there is, on a section of each kind: its answer describes a stream as
    /// this side would offer it (see [`as_counter_offer`]). It has no credentials that anybody uses.
    pub(crate) fn of_everything(kinds: impl IntoIterator<Item = MediaKind>) -> Self {
        let kinds: Vec<MediaKind> = kinds.into_iter().collect();
        let mids: Vec<String> = (0..kinds.len()).map(|mid| mid.to_string()).collect();
        let mut text = format!(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=ice-ufrag:none\r\n\
             a=ice-pwd:none\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
            mids.join(" "),
            ["00"; 32].join(":")
        );
        for (kind, mid) in kinds.iter().zip(mids) {
            let (name, codecs) =
                if *kind == MediaKind::Video { ("video", video()) } else { ("audio", audio()) };
            let formats: Vec<String> = codecs.iter().map(|codec| codec.0.to_string()).collect();
            let lines: String = codecs.into_iter().map(|codec| codec.1).collect();
            write!(
                text,
                "m={name} 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=recvonly\r\na=rtcp-mux\r\n\
                 a=rtcp-rsize\r\n{EXTENSIONS}{lines}",
                formats.join(" ")
            )
            .expect("a String takes all text");
        }
        Self::parse(&text).expect("what is written here is an offer")
    }
}

/// Payload types with their lines.
fn video() -> Vec<(usize, String)> {
    let codec = |(n, (name, fmtp)): (usize, &(&str, &str))| {
        let payload_type = FIRST_VIDEO + 2 * n;
        let rtx = payload_type + 1;
        let feedback = ["nack", "nack pli", "ccm fir", "transport-cc"];
        let feedback = feedback.map(|kind| format!("a=rtcp-fb:{payload_type} {kind}\r\n")).concat();
        let fmtp = fmtp_line(payload_type, fmtp);
        [
            (payload_type, format!("a=rtpmap:{payload_type} {name}/90000\r\n{fmtp}{feedback}")),
            (rtx, format!("a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={payload_type}\r\n")),
        ]
    };
    VIDEO.iter().enumerate().flat_map(codec).collect()
}

/// The same of sound.
fn audio() -> Vec<(usize, String)> {
    let codec = |(payload_type, map, fmtp): &(u8, &str, &str)| {
        let payload_type = usize::from(*payload_type);
        let fmtp = fmtp_line(payload_type, fmtp);
        let lines =
            format!("a=rtpmap:{payload_type} {map}\r\n{fmtp}a=rtcp-fb:{payload_type} transport-cc\r\n");
        (payload_type, lines)
    };
    AUDIO.iter().map(codec).collect()
}

fn fmtp_line(payload_type: usize, fmtp: &str) -> String {
    if fmtp.is_empty() { String::new() } else { format!("a=fmtp:{payload_type} {fmtp}\r\n") }
}

/// Makes an offer of an answer of this side: the same description, but for who begins the handshake.
pub(crate) fn as_counter_offer(answer: &str) -> String {
    answer.replace(PASSIVE, EITHER)
}

/// Whether an answer to a counter-offer rejects every section (RFC 8829, section 5.3.1); such an answer has nothing
/// else that an answer needs.
pub(crate) fn rejects_everything(answer: &str) -> bool {
    let mut sections = answer.lines().filter_map(|line| line.strip_prefix("m=")).peekable();
    sections.peek().is_some()
        && sections.all(|section| section.split_ascii_whitespace().nth(1) == Some("0"))
        && !answer.lines().any(|line| line.trim_end() == "a=bundle-only")
}
