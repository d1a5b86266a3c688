//! A viewer's offer, read.

use super::{Fingerprint, MAX_BODY, is_ice_credential, is_plain_text};
use rtc::sdp::description::common::Attribute;
use rtc::sdp::description::media::MediaDescription;
use rtc::sdp::description::session::SessionDescription;
use std::io::Cursor;
use vas_core::Secret;

/// The most media sections that are looked at.
const MAX_SECTIONS: usize = 64;

/// Why an offer can't be used. No message repeats any part of the offer, which holds a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    /// More than 64 KiB.
    #[error("the offer is larger than 64 KiB")]
    TooLarge,
    /// Not a session description.
    #[error("the body is no SDP; send the text of an RTCPeerConnection's local description")]
    NotSdp,
    /// No media sections.
    #[error("the offer has no media section; add a transceiver of direction recvonly")]
    NoMedia,
    /// More media sections than are looked at.
    #[error("the offer has more than {MAX_SECTIONS} media sections")]
    TooManySections,
    /// No ICE user name fragment or password.
    #[error("the offer has no a=ice-ufrag and a=ice-pwd, without which no connection can be checked")]
    NoIceCredentials,
    /// No SHA-256 fingerprint.
    #[error(
        "the offer has no sha-256 a=fingerprint, without which the viewer's certificate can't be checked"
    )]
    NoFingerprint,
    /// The viewer insists on being the DTLS server, which this side is.
    #[error("the offer says a=setup:passive; this server is the passive side, offer actpass or active")]
    Passive,
}

/// What a section is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data channels or anything else that is not sent here.
    Other,
}

/// The way media goes, seen from the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Both ways.
    SendRecv,
    /// From the viewer.
    SendOnly,
    /// To the viewer.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// A codec of a section, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedCodec {
    /// RTP payload type, 0 to 127.
    pub(crate) payload_type: u8,
    /// Encoding name as offered; compare without case.
    pub(crate) name: String,
    /// RTP clock rate in Hz.
    pub(crate) clock_rate: u32,
    /// Channels; 1 where nothing is said.
    pub(crate) channels: u8,
    /// Format parameters as offered; empty where there are none.
    pub(crate) fmtp: String,
    /// Feedback that the viewer can give, such as `nack pli`.
    pub(crate) rtcp_fb: Vec<String>,
    /// Payload type of retransmissions of this one (RFC 4588).
    pub(crate) rtx: Option<u8>,
}

impl OfferedCodec {
    /// A format parameter by its name, which is compared without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.fmtp, name)
    }
}

fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = fmtp.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// A header extension that a viewer may receive (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedExtension {
    /// Its number, 1 to 255; from 15 on it needs the two-byte form.
    pub(crate) id: u8,
    /// What it is.
    pub(crate) uri: String,
    /// The viewer says that it would only receive it, which the answer must mirror (section 6).
    pub(crate) receive_only: bool,
}

/// A media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedMedia {
    /// What it is of.
    pub(crate) kind: MediaKind,
    /// The media type as offered, such as `video`.
    pub(crate) media: String,
    /// Its name within the offer.
    pub(crate) mid: Option<String>,
    /// Transport protocol, such as `UDP/TLS/RTP/SAVPF`.
    pub(crate) protocol: String,
    /// The formats as offered.
    pub(crate) formats: Vec<String>,
    /// The way media goes.
    pub(crate) direction: Direction,
    /// Codecs, best first; retransmission formats are at the codec that they belong to.
    pub(crate) codecs: Vec<OfferedCodec>,
    /// Header extensions that the viewer may receive.
    pub(crate) extensions: Vec<OfferedExtension>,
    /// RTP and RTCP may share a port.
    pub(crate) rtcp_mux: bool,
    /// RTCP packets need not be compound (RFC 5506).
    pub(crate) rtcp_rsize: bool,
    /// The section is offered as unused.
    pub(crate) rejected: bool,
}

impl OfferedMedia {
    /// Whether something can be sent on it: the viewer would receive, over SRTP on a single port.
    pub(crate) fn can_receive(&self) -> bool {
        !self.rejected
            && self.rtcp_mux
            && self.kind != MediaKind::Other
            && self.protocol.contains("RTP/SAVP")
            && matches!(self.direction, Direction::RecvOnly | Direction::SendRecv)
    }

    /// The number of a header extension, where it is offered.
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|extension| extension.uri == uri).map(|extension| extension.id)
    }

    /// The same, where the one-byte form can carry it (RFC 8285, section 4.2).
    pub(crate) fn short_extension(&self, uri: &str) -> Option<u8> {
        self.extension(uri).filter(|id| (1..=14).contains(id))
    }
}

/// A viewer's offer.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// ICE user name fragment of the section that media goes on.
    pub(crate) ice_ufrag: String,
    /// ICE password of the same section.
    pub(crate) ice_pwd: Secret,
    /// SHA-256 fingerprints of the viewer's certificates; at least one, of which one must match.
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// Names of the sections that share one transport, in the group's order.
    pub(crate) bundle: Vec<String>,
    /// The media sections in order; at least one.
    pub(crate) sections: Vec<OfferedMedia>,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// The text is too large or no SDP, or something is missing that a connection needs.
    pub(crate) fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_BODY {
            return Err(OfferError::TooLarge);
        }
        if !is_plain_text(text) {
            return Err(OfferError::NotSdp);
        }
        let session =
            SessionDescription::unmarshal(&mut Cursor::new(text)).map_err(|_| OfferError::NotSdp)?;
        match session.media_descriptions.len() {
            0 => return Err(OfferError::NoMedia),
            1..=MAX_SECTIONS => {}
            _ => return Err(OfferError::TooManySections),
        }
        let level = |media| Level { session: &session.attributes, media };
        let sections: Vec<OfferedMedia> = session
            .media_descriptions
            .iter()
            .map(|media| read_section(media, level(&media.attributes)))
            .collect();
        let bundle: Vec<String> = values(&session.attributes, "group")
            .find_map(|group| group.strip_prefix("BUNDLE"))
            .map(|mids| mids.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default();

        // Where sections are not bundled, the transport is that of the one which a camera is answered on: the first
        // for pictures that can be. Bundled ones agree, or leave it to the first of the group (RFC 9143, section 7).
        let usable = |kind| sections.iter().position(|section| section.can_receive() && section.kind == kind);
        let first = usable(MediaKind::Video).or_else(|| usable(MediaKind::Audio)).unwrap_or(0);
        let place = |mid: &String| sections.iter().position(|section| section.mid.as_ref() == Some(mid));
        let bundled = sections[first].mid.as_ref().is_some_and(|mid| bundle.contains(mid));
        let tagged = bundle.first().and_then(place).filter(|_| bundled).unwrap_or(first);
        let [own, tagged] = [first, tagged].map(|place| level(&session.media_descriptions[place].attributes));
        let transport = if own.has("ice-ufrag") { own } else { tagged };

        let credential = |name| transport.value(name).filter(|value| is_ice_credential(value));
        let (Some(ufrag), Some(pwd)) = (credential("ice-ufrag"), credential("ice-pwd")) else {
            return Err(OfferError::NoIceCredentials);
        };
        let fingerprints: Vec<Fingerprint> =
            transport.all("fingerprint").filter_map(|value| value.parse().ok()).collect();
        if fingerprints.is_empty() {
            return Err(OfferError::NoFingerprint);
        }
        // Of the two parts in the DTLS handshake (RFC 5763, section 5) this side takes one alone.
        if transport.value("setup") == Some("passive") {
            return Err(OfferError::Passive);
        }
        Ok(Self { ice_ufrag: ufrag.to_owned(), ice_pwd: Secret::new(pwd), fingerprints, bundle, sections })
    }

    /// Whether a section shares the group's transport.
    pub(crate) fn is_bundled(&self, section: &OfferedMedia) -> bool {
        section.mid.as_ref().is_some_and(|mid| self.bundle.contains(mid))
    }
}

/// The values of all attributes of a name; a flag's is empty.
fn values<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |a| a.key == name).map(|a| a.value.as_deref().unwrap_or(""))
}

/// The attributes of a section, which stand before those of the session.
#[derive(Clone, Copy)]
struct Level<'a> {
    session: &'a [Attribute],
    media: &'a [Attribute],
}

impl<'a> Level<'a> {
    /// All values of an attribute: the section's, or else the session's.
    fn all(self, name: &str) -> impl Iterator<Item = &'a str> {
        let has_own = values(self.media, name).next().is_some();
        values(if has_own { self.media } else { self.session }, name).map(str::trim)
    }

    fn value(self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn has(self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

fn read_section(media: &MediaDescription, level: Level<'_>) -> OfferedMedia {
    let name = &media.media_name;
    OfferedMedia {
        kind: match name.media.as_str() {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => MediaKind::Other,
        },
        media: name.media.clone(),
        mid: values(level.media, "mid").next().filter(|mid| !mid.is_empty()).map(str::to_owned),
        protocol: name.protos.join("/"),
        formats: name.formats.clone(),
        direction: read_direction(level),
        codecs: read_codecs(&name.formats, level.media),
        extensions: read_extensions(level),
        rtcp_mux: level.has("rtcp-mux"),
        rtcp_rsize: level.has("rtcp-rsize"),
        // A section of port 0 that may only be bundled is in use all the same (RFC 9143, section 6).
        rejected: name.port.value == 0 && !level.has("bundle-only"),
    }
}

fn read_direction(level: Level<'_>) -> Direction {
    let find = |attributes: &[Attribute]| {
        attributes.iter().find_map(|attribute| match attribute.key.as_str() {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        })
    };
    find(level.media).or_else(|| find(level.session)).unwrap_or(Direction::SendRecv)
}

/// The extensions that may be sent to the viewer (RFC 8285, section 5); each number counts once.
fn read_extensions(level: Level<'_>) -> Vec<OfferedExtension> {
    let mut extensions: Vec<OfferedExtension> = Vec::new();
    for value in level.all("extmap") {
        let mut words = value.split_whitespace();
        let (Some(number), Some(uri)) = (words.next(), words.next()) else { continue };
        let (number, direction) = number.split_once('/').unwrap_or((number, "sendrecv"));
        let Some(id) = number.parse::<u8>().ok().filter(|&id| id > 0) else { continue };
        let receive_only = direction == "recvonly";
        if (receive_only || direction == "sendrecv") && extensions.iter().all(|known| known.id != id) {
            extensions.push(OfferedExtension { id, uri: uri.to_owned(), receive_only });
        }
    }
    extensions
}

/// The codecs of a section in the order of its formats. Formats without `a=rtpmap` are left out but for the static
/// payload types that browsers know (RFC 3551, section 6).
fn read_codecs(formats: &[String], attributes: &[Attribute]) -> Vec<OfferedCodec> {
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    let mut rtx: Vec<(u8, u8)> = Vec::new();
    let mut seen = [false; 128];
    for format in formats {
        let Ok(payload_type) = format.parse::<u8>() else { continue };
        // Each number once: a long list of the same one must not cost a search each.
        let Some(seen @ false) = seen.get_mut(usize::from(payload_type)) else { continue };
        *seen = true;
        let of = |name| values(attributes, name).filter_map(move |value| about(value, payload_type));
        let fallback = match payload_type {
            0 => Some("PCMU/8000"),
            8 => Some("PCMA/8000"),
            9 => Some("G722/8000"),
            _ => None,
        };
        let Some(map) = of("rtpmap").next().or(fallback) else { continue };
        let mut parts = map.split('/');
        let (Some(name), Some(Ok(clock_rate))) = (parts.next(), parts.next().map(str::parse)) else {
            continue;
        };
        let channels = parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
        let fmtp = of("fmtp").next().unwrap_or("");
        if name.eq_ignore_ascii_case("rtx") {
            rtx.extend(parameter(fmtp, "apt").and_then(|apt| Some((apt.parse().ok()?, payload_type))));
            continue;
        }
        codecs.push(OfferedCodec {
            payload_type,
            name: name.to_owned(),
            clock_rate,
            channels,
            fmtp: fmtp.to_owned(),
            rtcp_fb: of("rtcp-fb").map(str::to_owned).collect(),
            rtx: None,
        });
    }
    for codec in &mut codecs {
        codec.rtx =
            rtx.iter().find(|(of, _)| *of == codec.payload_type).map(|(_, payload_type)| *payload_type);
    }
    codecs
}

/// What an attribute such as `a=fmtp:96 ...` says, when it is about this payload type or, with `*`, about all.
fn about(value: &str, payload_type: u8) -> Option<&str> {
    let (number, rest) = value.split_once(char::is_whitespace)?;
    (number == "*" || number.parse() == Ok(payload_type)).then_some(rest.trim())
}
