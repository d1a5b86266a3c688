//! The parsers of what strangers send, as functions of bytes that must return whatever these are: for the fuzzer, which
//! is no part of the API. What they assert holds for any input.

use crate::dtls::hello::ClientHelloAssembly;
use crate::ice::Check;
use crate::packetize::{MAX_PAYLOAD, Packets, packetize};
use crate::rtcp::{self, Rtcp};
use crate::sdp::{Fragment, Offer, choose_audio, choose_video};
use crate::shard::tcp::{Next, frames, next_frame};
use std::net::{Ipv4Addr, SocketAddr};
use vas_core::media::{AccessUnit, TrackFormat};

/// A STUN message on the media port: read and, were its integrity right, answered.
pub fn stun(datagram: &[u8]) {
    let Some(mut check) = Check::parse(datagram) else { return };
    assert!(check.local_ufrag.len() < datagram.len());
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let provider = rtc::crypto::default_provider().expect("a provider is built in");
    // With a password that nobody can know there is never an answer.
    assert!(check.respond("zyxwvutsrqponmlkjihgfedc", from, &*provider).is_none());
}

/// RTCP as it comes out of SRTCP: all packets, with all that they list.
pub fn rtcp(datagram: &[u8]) {
    for packet in rtcp::packets(datagram) {
        let listed = match packet {
            Rtcp::Report { reports } => reports.count(),
            Rtcp::Nack { lost, .. } => lost.count() / 17,
            Rtcp::FullIntraRequest { requests } => requests.count(),
            Rtcp::Bandwidth { ssrcs, .. } => ssrcs.count(),
            // A run of up to 8,191 packets takes two bytes.
            Rtcp::TransportFeedback(feedback) => feedback.statuses().count() / 8_191,
            Rtcp::PictureLoss { .. } | Rtcp::Other => 0,
        };
        assert!(listed <= datagram.len(), "{listed} entries in {} bytes", datagram.len());
    }
}

/// A viewer's SDP offer: read, and matched with streams of these formats.
pub fn offer(text: &str, formats: &[TrackFormat]) {
    let Ok(offer) = Offer::parse(text) else { return };
    for section in &offer.sections {
        for format in formats {
            let chosen = match format {
                TrackFormat::Video(format) => choose_video(section, format),
                TrackFormat::Audio(format) => choose_audio(section, format),
                _ => None,
            };
            let offered =
                |payload_type| section.codecs.iter().any(|codec| codec.payload_type == payload_type);
            assert!(
                chosen.is_none_or(|codec| offered(codec.payload_type)),
                "what was not offered was chosen"
            );
        }
    }
}

/// The body of a PATCH.
pub fn fragment(text: &str) {
    drop(Fragment::parse(text));
}

/// The first datagrams of a DTLS client, each with its length in two bytes before it.
pub fn client_hello(datagrams: &[u8]) {
    let mut assembly = ClientHelloAssembly::default();
    let mut given = 0;
    for datagram in prefixed(datagrams) {
        given += 1;
        if let Some(whole) = assembly.add(datagram) {
            assert_eq!(whole.datagrams.len(), given, "all that was held back is handed on");
            given = 0;
        }
    }
}

/// What comes on a TCP connection of a viewer; cutting it into datagrams and framing these again gives the same.
pub fn tcp(mut bytes: &[u8]) {
    while let Next::Frame(frame) = next_frame(bytes) {
        let framed: Vec<u8> = match frame {
            [] => vec![0, 0],
            frame => {
                frames(frame, frame.len()).flat_map(|(prefix, data)| [&prefix[..], data].concat()).collect()
            }
        };
        assert!(bytes.starts_with(&framed));
        bytes = &bytes[framed.len()..];
    }
}

/// A picture of a camera: cut into payloads that fit into packets.
pub fn picture(unit: &AccessUnit) {
    let run = packetize(unit, &mut Packets::default());
    for index in 0..run.len() {
        assert!((1..=MAX_PAYLOAD).contains(&run.payload(index).len()));
    }
}

/// The payloads of a publisher's packets, each with its length in two bytes before it; `codec` is any number.
#[cfg(feature = "whip")]
pub fn publisher(codec: u8, payloads: &[u8]) {
    crate::whip::depacketize_any(codec, prefixed(payloads));
}

/// The parts of `bytes` that have their lengths before them; the last one may be cut short.
fn prefixed(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&prefix, rest) = bytes.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(prefix)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        bytes = rest;
        Some(part)
    })
}
