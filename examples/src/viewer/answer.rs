//! Reads a server's SDP answer, as far as a viewer of one video section needs it (RFC 8866, RFC 8829, RFC
//! 8839).

use std::net::{IpAddr, SocketAddr};

use super::config::ViewerConfig;
use super::dtls::Role;
use super::error::AnswerError;
use super::keyframe::Codec;
use super::offer::{self, PLAYOUT_DELAY, TRANSPORT_CC};

/// More candidates than any server lists; checks go to the first ones.
const MAX_CANDIDATES: usize = 16;

/// What a payload type of the answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Media(Codec),
    /// Retransmissions of the given payload type.
    Repair(u8),
}

/// The usable part of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) ufrag: String,
    pub(super) password: String,
    /// The viewer's part in the handshake (RFC 5763, section 5).
    pub(super) role: Role,
    /// The SHA-256 fingerprint of the server's certificate.
    pub(super) fingerprint: [u8; 32],
    /// Where to send checks, by falling priority.
    pub(super) candidates: Vec<SocketAddr>,
    /// By payload type.
    pub(super) payloads: Box<[Option<Payload>; 128]>,
    /// The media source, where the answer names it.
    pub(super) ssrc: Option<u32>,
    pub(super) nack: bool,
    pub(super) reduced_size: bool,
    /// The header extension id of transport-wide sequence numbers, where the server takes feedback on them.
    pub(super) transport_cc: Option<u8>,
    /// The header extension id of the playout delay, where the server uses it.
    pub(super) playout_delay: Option<u8>,
}

/// Reads `sdp` as the answer to the offer of `config`.
pub(super) fn parse(config: &ViewerConfig, sdp: &str) -> Result<Answer, AnswerError> {
    if !sdp.starts_with("v=0") {
        return Err(AnswerError::NotSdp);
    }
    let sections = Sections::split(sdp).ok_or(AnswerError::Rejected)?;
    let fields: Vec<&str> = sections.media_line.split_ascii_whitespace().collect();
    let [_, port, _, listed @ ..] = fields.as_slice() else { return Err(AnswerError::Unusable("m= line")) };
    if *port == "0" {
        return Err(AnswerError::Rejected);
    }
    let role = match sections.value("setup").ok_or(AnswerError::Missing("a=setup"))? {
        "passive" => Role::Client,
        "active" => Role::Server,
        _ => return Err(AnswerError::Unusable("a=setup (it has to be active or passive)")),
    };
    let payloads = payloads(config, &sections, listed)?;
    let feedback = |wanted: &str| {
        sections.values("rtcp-fb").any(|value| {
            value.split_once(' ').is_some_and(|(payload_type, kind)| {
                kind == wanted
                    && (payload_type == "*"
                        || payload_type
                            .parse()
                            .is_ok_and(|pt: usize| matches!(payloads.get(pt), Some(Some(_)))))
            })
        })
    };
    let extension = |wanted: &str| {
        sections.values("extmap").find_map(|value| {
            let (id, uri) = value.split_once(' ')?;
            (uri.trim() == wanted).then(|| id.split('/').next()?.parse().ok())?
        })
    };
    let transport_cc = extension(TRANSPORT_CC).filter(|_| config.transport_cc && feedback("transport-cc"));
    Ok(Answer {
        ufrag: sections.value("ice-ufrag").ok_or(AnswerError::Missing("a=ice-ufrag"))?.to_owned(),
        password: sections.value("ice-pwd").ok_or(AnswerError::Missing("a=ice-pwd"))?.to_owned(),
        role,
        fingerprint: fingerprint(&sections)?,
        candidates: candidates(&sections)?,
        ssrc: source(&sections, &payloads),
        nack: config.nack && feedback("nack"),
        reduced_size: sections.has_flag("rtcp-rsize"),
        transport_cc,
        playout_delay: extension(PLAYOUT_DELAY).filter(|_| config.playout_delay),
        payloads,
    })
}

/// The session's lines and those of the first video section.
struct Sections<'a> {
    media_line: &'a str,
    media: Vec<&'a str>,
    session: Vec<&'a str>,
}

impl<'a> Sections<'a> {
    fn split(sdp: &'a str) -> Option<Self> {
        let mut sections = Self { media_line: "", media: Vec::new(), session: Vec::new() };
        let (mut before_media, mut in_video) = (true, false);
        for line in sdp.lines().map(str::trim_end) {
            if let Some(media_line) = line.strip_prefix("m=") {
                before_media = false;
                in_video = sections.media_line.is_empty() && media_line.starts_with("video ");
                if in_video {
                    sections.media_line = media_line;
                }
            } else if let Some(attribute) = line.strip_prefix("a=") {
                if before_media {
                    sections.session.push(attribute);
                } else if in_video {
                    sections.media.push(attribute);
                }
            }
        }
        (!sections.media_line.is_empty()).then_some(sections)
    }

    /// The values of an attribute: the media section's, then the session's.
    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.media.iter().chain(&self.session).filter_map(move |attribute| {
            let (found, value) = attribute.split_once(':')?;
            (found == name).then_some(value)
        })
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next().filter(|value| !value.is_empty())
    }

    fn has_flag(&self, name: &str) -> bool {
        self.media.iter().chain(&self.session).any(|attribute| *attribute == name)
    }
}

/// The payload types that the answer lists and the offer had. An answer uses the offer's numbers (RFC 3264,
/// section 6.1), but a server with its own is understood where it says what they are.
fn payloads(
    config: &ViewerConfig,
    sections: &Sections<'_>,
    listed: &[&str],
) -> Result<Box<[Option<Payload>; 128]>, AnswerError> {
    let mut payloads = Box::new([None; 128]);
    let listed: Vec<u8> = listed.iter().filter_map(|text| text.parse().ok()).filter(|pt| *pt < 128).collect();
    let name_of = |payload_type: u8| {
        sections.values("rtpmap").find_map(|value| {
            let (found, name) = value.split_once(' ')?;
            (found.parse() == Ok(payload_type)).then_some(name)
        })
    };
    for &payload_type in &listed {
        let codec = match name_of(payload_type) {
            Some(name) if name.eq_ignore_ascii_case("H264/90000") => Some(Codec::H264),
            Some(name) if name.eq_ignore_ascii_case("H265/90000") && config.h265 => Some(Codec::H265),
            Some(_) => None,
            None => offer::formats(config).find(|f| f.payload_type == payload_type).map(|f| f.codec),
        };
        payloads[usize::from(payload_type)] = codec.map(Payload::Media);
    }
    if payloads.iter().all(Option::is_none) {
        return Err(AnswerError::NoCodec);
    }
    for value in sections.values("fmtp") {
        let Some((payload_type, parameters)) = value.split_once(' ') else { continue };
        let Some(repair) = payload_type.parse().ok().filter(|pt| listed.contains(pt)) else { continue };
        let original = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("apt=")?.parse::<u8>().ok());
        if let Some(original) = original
            && name_of(repair).is_some_and(|name| name.to_ascii_lowercase().starts_with("rtx/"))
            && matches!(payloads.get(usize::from(original)), Some(Some(Payload::Media(_))))
        {
            payloads[usize::from(repair)] = Some(Payload::Repair(original));
        }
    }
    Ok(payloads)
}

/// The media source: the first of an FID group (RFC 5576, section 4.2), or the only one named.
fn source(sections: &Sections<'_>, payloads: &[Option<Payload>; 128]) -> Option<u32> {
    if let Some(group) = sections.values("ssrc-group").find_map(|value| value.strip_prefix("FID ")) {
        return group.split_ascii_whitespace().next()?.parse().ok();
    }
    let mut named: Vec<u32> =
        sections.values("ssrc").filter_map(|value| value.split(' ').next()?.parse().ok()).collect();
    named.dedup();
    let repairs = payloads.iter().any(|payload| matches!(payload, Some(Payload::Repair(_))));
    match named.as_slice() {
        [only] => Some(*only),
        // Without a group the order says nothing about which is which.
        [first, ..] if !repairs => Some(*first),
        _ => None,
    }
}

fn fingerprint(sections: &Sections<'_>) -> Result<[u8; 32], AnswerError> {
    let mut found = false;
    for value in sections.values("fingerprint") {
        found = true;
        let Some((algorithm, hex)) = value.split_once(' ') else { continue };
        if !algorithm.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let bytes: Option<Vec<u8>> =
            hex.trim().split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        if let Some(digest) = bytes.and_then(|bytes| bytes.try_into().ok()) {
            return Ok(digest);
        }
    }
    Err(if found {
        AnswerError::Unusable("a=fingerprint (sha-256 is needed)")
    } else {
        AnswerError::Missing("a=fingerprint")
    })
}

/// UDP candidates of the RTP component with a literal address (RFC 8839, section 5.1), best first.
fn candidates(sections: &Sections<'_>) -> Result<Vec<SocketAddr>, AnswerError> {
    let mut found: Vec<(u32, SocketAddr)> = sections
        .values("candidate")
        .filter_map(|value| {
            let fields: Vec<&str> = value.split_ascii_whitespace().collect();
            let [_, "1", transport, priority, address, port, "typ", ..] = fields.as_slice() else {
                return None;
            };
            if !transport.eq_ignore_ascii_case("udp") {
                return None;
            }
            let (ip, port): (IpAddr, u16) = (address.parse().ok()?, port.parse().ok()?);
            (port != 0).then_some((priority.parse().ok()?, SocketAddr::new(ip, port)))
        })
        .collect();
    found.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    found.truncate(MAX_CANDIDATES);
    if found.is_empty() {
        return Err(AnswerError::NoCandidate);
    }
    Ok(found.into_iter().map(|(_, address)| address).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::config::Identity;
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n\
        a=rtcp-rsize\r\na=ice-ufrag:U\r\na=ice-pwd:P\r\na=fingerprint:sha-256 FP\r\na=setup:passive\r\n\
        a=candidate:2 1 udp 100 10.0.0.1 18802 typ host\r\na=candidate:1 1 udp 2130706431 127.0.0.1 18802 typ host\r\n\
        a=candidate:3 1 tcp 900 127.0.0.1 9 typ host tcptype passive\r\na=end-of-candidates\r\n\
        a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\na=rtpmap:103 rtx/90000\r\n\
        a=fmtp:103 apt=102\r\na=ssrc:77 cname:cam\r\na=ssrc-group:FID 77 78\r\na=ssrc:78 cname:cam\r\n";

    fn config() -> ViewerConfig {
        ViewerConfig::new(Identity::generate().unwrap())
    }

    fn answer() -> String {
        ANSWER.replace("FP", &["ab"; 32].join(":"))
    }

    #[test]
    fn reads_the_answer_of_an_ice_lite_server() {
        let answer = parse(&config(), &answer()).unwrap();
        assert_eq!((answer.ufrag.as_str(), answer.password.as_str()), ("U", "P"));
        assert_eq!(answer.fingerprint, [0xAB; 32]);
        let addresses: Vec<String> = answer.candidates.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["127.0.0.1:18802", "10.0.0.1:18802"]);
        assert_eq!(answer.payloads[102], Some(Payload::Media(Codec::H264)));
        assert_eq!(answer.payloads[103], Some(Payload::Repair(102)));
        assert_eq!(answer.ssrc, Some(77));
        assert!(answer.nack && answer.reduced_size);
        assert_eq!(answer.transport_cc, None);
    }

    #[test]
    fn says_what_is_wrong() {
        let config = config();
        let with =
            |from: &str, to: &str| parse(&config, &answer().replace(from, to)).unwrap_err().to_string();
        assert_eq!(with("v=0", "{}"), "the answer is no SDP: it has to start with v=0");
        assert_eq!(with("m=video 9", "m=video 0"), "the server refused the video section");
        assert_eq!(with("m=video 9", "m=audio 9"), "the server refused the video section");
        assert_eq!(with("a=ice-pwd:P\r\n", ""), "the answer has no a=ice-pwd");
        assert!(with("setup:passive", "setup:actpass").contains("a=setup"));
        assert!(with("sha-256", "sha-1").contains("a=fingerprint"));
        assert_eq!(with("H264/90000", "VP8/90000"), "the answer takes none of the offered codecs");
        assert!(with(" udp ", " tcp ").contains("no UDP candidate"));
    }

    proptest! {
        #[test]
        fn any_change_is_read_without_panic(
            at in 0..1000_usize,
            byte in any::<u8>(),
            cut in 0..1200_usize,
        ) {
            let mut bytes = answer().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = parse(&config_once(), &String::from_utf8_lossy(&bytes));
        }
    }

    /// One certificate for all cases.
    fn config_once() -> ViewerConfig {
        static CONFIG: std::sync::OnceLock<ViewerConfig> = std::sync::OnceLock::new();
        CONFIG.get_or_init(config).clone()
    }
}
