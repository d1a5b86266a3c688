//! The answer to a viewer's offer, written.
//!
//! It is the answer of an ICE-lite peer that waits for the DTLS handshake and sends: one transport, all candidates at
//! once, every accepted section `sendonly`.

use super::offer::{MediaKind, OfferedMedia};
use super::{ChosenCodec, Fingerprint, Offer};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use vas_core::Secret;

/// Type preference of host candidates on UDP (RFC 8445, section 5.1.2.2).
const UDP_PREFERENCE: u32 = 126;
/// The same on TCP, which is tried when UDP does not get through (RFC 6544, section 4.2).
const TCP_PREFERENCE: u32 = 90;
/// Direction preference of passive host candidates (RFC 6544, section 4.2), in the upper three bits of the local one.
const PASSIVE: u32 = 4 << 13;

/// An address at which viewers reach this side: a host candidate of component 1 (RFC 8839, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Groups candidates of one base and protocol.
    pub(crate) foundation: u32,
    /// Higher is tried first.
    pub(crate) priority: u32,
    /// The address.
    pub(crate) address: SocketAddr,
    /// TCP, to which the viewer connects (RFC 6544); else UDP.
    pub(crate) tcp: bool,
}

impl Candidate {
    /// The UDP candidate at `place` in the order of preference (RFC 8445, section 5.1.2.1).
    pub(crate) fn host(place: usize, address: SocketAddr) -> Self {
        let place = u16::try_from(place).unwrap_or(u16::MAX);
        let local_preference = u32::from(u16::MAX - place);
        // 256 less the component, of which there is one: RTP and RTCP share it.
        let priority = (UDP_PREFERENCE << 24) | (local_preference << 8) | 255;
        Self { foundation: u32::from(place) + 1, priority, address, tcp: false }
    }

    /// The TCP candidate at `place` in the order of preference, to which viewers connect (RFC 6544, section 4.2).
    pub(crate) fn passive_tcp(place: usize, address: SocketAddr) -> Self {
        let place = u32::try_from(place).unwrap_or(u32::MAX).min(8_191);
        let priority = (TCP_PREFERENCE << 24) | ((PASSIVE | (8_191 - place)) << 8) | 255;
        // Beyond those of UDP: candidates of two protocols never share a foundation (RFC 8445, section 5.1.1.3).
        Self { foundation: (1 << 16) + place + 1, priority, address, tcp: true }
    }

    /// The address without its port; of a socket for both kinds, IPv4 as such.
    const fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

impl fmt::Display for Candidate {
    /// As an attribute's text: `candidate:` and its value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, priority, address, tcp } = self;
        let (protocol, tcp_type) = if *tcp { ("tcp", " tcptype passive") } else { ("udp", "") };
        let (ip, port) = (self.ip(), address.port());
        write!(f, "candidate:{foundation} 1 {protocol} {priority} {ip} {port} typ host{tcp_type}")
    }
}

/// A stream that is sent on a section of the offer.
#[derive(Clone, Debug)]
pub(crate) struct AnswerStream<'a> {
    /// The section's place in the offer.
    pub(crate) section: usize,
    /// The codecs that it may be sent in, each once, and all that was agreed on with them.
    pub(crate) codecs: &'a [ChosenCodec],
    /// SSRC of the stream.
    pub(crate) ssrc: u32,
    /// SSRC of its retransmissions; written where the codec has a payload type for them.
    pub(crate) rtx_ssrc: Option<u32>,
    /// Canonical name (RFC 3550, section 6.5.1); a token.
    pub(crate) cname: &'a str,
    /// Names of the media stream and of the track in it (RFC 8830); tokens.
    pub(crate) msid: (&'a str, &'a str),
    /// Header extensions in use: number and URI, as the section offers them.
    pub(crate) extensions: &'a [(u8, &'a str)],
}

/// What an answer says beside what follows from the offer.
#[derive(Clone, Debug)]
pub(crate) struct AnswerParams<'a> {
    /// A number for the session, below 2^63 (RFC 9429, section 5.2.1).
    pub(crate) session_id: u64,
    /// This side's ICE user name fragment.
    pub(crate) ice_ufrag: &'a str,
    /// This side's ICE password.
    pub(crate) ice_pwd: &'a Secret,
    /// Fingerprint of this side's certificate.
    pub(crate) fingerprint: Fingerprint,
    /// All addresses of this side.
    pub(crate) candidates: &'a [Candidate],
    /// The streams; sections without one are rejected.
    pub(crate) streams: &'a [AnswerStream<'a>],
}

impl Offer {
    /// Writes the answer: the offer's sections in their order, rejected where no stream is sent on them. A second
    /// stream outside of the first one's group is rejected too, as there is one transport.
    pub(crate) fn answer(&self, params: &AnswerParams<'_>) -> String {
        let first =
            params.streams.iter().map(|stream| stream.section).find(|&place| place < self.sections.len());
        let bundled = |place: usize| self.is_bundled(&self.sections[place]);
        let shares = |place| first.is_some_and(|first| first == place || (bundled(first) && bundled(place)));
        let stream_on = |place| params.streams.iter().find(|stream| stream.section == place && shares(place));
        let streams: Vec<Option<&AnswerStream<'_>>> = (0..self.sections.len()).map(stream_on).collect();
        let accepted = |mid: &String| {
            let mut both = self.sections.iter().zip(&streams);
            both.any(|(section, stream)| stream.is_some() && section.mid.as_ref() == Some(mid))
        };
        let group: Vec<&String> = self.bundle.iter().filter(|mid| accepted(mid)).collect();
        // The candidates stand in the section that tags the group; a browser looks for them nowhere else.
        let tagged = match group.first() {
            Some(mid) => self.sections.iter().position(|section| section.mid.as_ref() == Some(mid)),
            None => streams.iter().position(Option::is_some),
        };
        let mut lines = Lines { text: String::with_capacity(2_048) };
        lines.session(params, &group);
        for (place, (section, stream)) in self.sections.iter().zip(streams).enumerate() {
            match stream {
                None => lines.rejected(section),
                Some(stream) => {
                    lines.accepted(section, stream, params);
                    lines.transport(params, tagged == Some(place));
                    lines.stream(section, stream);
                }
            }
        }
        lines.text
    }
}

/// A description under way.
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        write!(self.text, "{line}\r\n").expect("a String takes all text");
    }

    fn session(&mut self, params: &AnswerParams<'_>, group: &[&String]) {
        self.line(format_args!("v=0"));
        self.line(format_args!("o=- {} 1 IN IP4 127.0.0.1", params.session_id));
        self.line(format_args!("s=-"));
        self.line(format_args!("t=0 0"));
        self.line(format_args!("a=ice-lite"));
        if !group.is_empty() {
            let mids: Vec<&str> = group.iter().map(|mid| mid.as_str()).collect();
            self.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
        }
        self.line(format_args!("a=msid-semantic: WMS *"));
    }

    /// A section that nothing is sent on (RFC 8829, section 5.3.1).
    fn rejected(&mut self, section: &OfferedMedia) {
        self.line(format_args!("m={} 0 {} {}", section.media, section.protocol, section.formats.join(" ")));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.mid(section);
        if section.kind != MediaKind::Other {
            self.line(format_args!("a=inactive"));
        }
    }

    fn accepted(&mut self, section: &OfferedMedia, stream: &AnswerStream<'_>, params: &AnswerParams<'_>) {
        let numbers = stream.codecs.iter().flat_map(|codec| [Some(codec.payload_type), codec.rtx]);
        let numbers: Vec<String> = numbers.flatten().map(|number| number.to_string()).collect();
        // The addresses are in the candidates; these are the port and address that stand for none
        // (RFC 8840, section 4.1.1), of a kind that this side has.
        self.line(format_args!("m={} 9 {} {}", section.media, section.protocol, numbers.join(" ")));
        let ipv6_alone = !params.candidates.is_empty() && params.candidates.iter().all(|c| c.ip().is_ipv6());
        self.line(format_args!("c=IN {}", if ipv6_alone { "IP6 ::" } else { "IP4 0.0.0.0" }));
        self.mid(section);
        self.line(format_args!("a=sendonly"));
        self.line(format_args!("a=rtcp-mux"));
        // WHEP wants it in every section (section "SDP Bundle"); whoever does not know it passes over it.
        self.line(format_args!("a=rtcp-mux-only"));
        if section.rtcp_rsize {
            self.line(format_args!("a=rtcp-rsize"));
        }
    }

    fn mid(&mut self, section: &OfferedMedia) {
        if let Some(mid) = &section.mid {
            self.line(format_args!("a=mid:{mid}"));
        }
    }

    fn transport(&mut self, params: &AnswerParams<'_>, with_candidates: bool) {
        self.line(format_args!("a=ice-ufrag:{}", params.ice_ufrag));
        self.line(format_args!("a=ice-pwd:{}", params.ice_pwd.expose()));
        self.line(format_args!("a=fingerprint:{}", params.fingerprint));
        self.line(format_args!("a=setup:passive"));
        if !with_candidates {
            return;
        }
        for candidate in params.candidates {
            self.line(format_args!("a={candidate}"));
        }
        self.line(format_args!("a=end-of-candidates"));
    }

    fn codec(&mut self, codec: &ChosenCodec) {
        let ChosenCodec { payload_type, rtx, name, clock_rate, channels, fmtp, feedback } = codec;
        let channels = if *channels > 1 { format!("/{channels}") } else { String::new() };
        self.line(format_args!("a=rtpmap:{payload_type} {name}/{clock_rate}{channels}"));
        if !fmtp.is_empty() {
            self.line(format_args!("a=fmtp:{payload_type} {fmtp}"));
        }
        for (kind, parameter) in feedback.values() {
            let space = if parameter.is_empty() { "" } else { " " };
            self.line(format_args!("a=rtcp-fb:{payload_type} {kind}{space}{parameter}"));
        }
        if let Some(rtx) = rtx {
            self.line(format_args!("a=rtpmap:{rtx} rtx/{clock_rate}"));
            self.line(format_args!("a=fmtp:{rtx} apt={payload_type}"));
        }
    }

    fn stream(&mut self, section: &OfferedMedia, stream: &AnswerStream<'_>) {
        for codec in stream.codecs {
            self.codec(codec);
        }
        for (id, uri) in stream.extensions {
            let receive_only =
                section.extensions.iter().any(|offered| offered.id == *id && offered.receive_only);
            self.line(format_args!("a=extmap:{id}{} {uri}", if receive_only { "/sendonly" } else { "" }));
        }
        let (ssrc, cname) = (stream.ssrc, stream.cname);
        self.line(format_args!("a=msid:{} {}", stream.msid.0, stream.msid.1));
        self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
        let has_rtx = stream.codecs.iter().any(|codec| codec.rtx.is_some());
        if let Some(rtx_ssrc) = stream.rtx_ssrc.filter(|_| has_rtx) {
            self.line(format_args!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
            self.line(format_args!("a=ssrc:{rtx_ssrc} cname:{cname}"));
        }
    }
}
