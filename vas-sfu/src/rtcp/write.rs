//! Writing reports (RFC 3550, section 6).

use super::{VERSION, packet_type};

/// SDES item type of the canonical name (section 6.5.1).
const CNAME: u8 = 1;

/// Appends a compound packet of a sender report without report blocks (section 6.4.1) and an SDES packet with the
/// canonical name, of which 255 bytes are sent at most. `ntp` is UTC as an NTP timestamp and `rtp` the same moment in
/// the stream's RTP clock; `packets` and payload `octets` sent count modulo 2^32.
pub(crate) fn write_sender_report(
    buffer: &mut Vec<u8>,
    ssrc: u32,
    ntp: u64,
    rtp: u32,
    packets: u32,
    octets: u32,
    cname: &str,
) {
    write_header(buffer, 0, packet_type::SENDER_REPORT, 6);
    for word in [ssrc, (ntp >> 32) as u32, ntp as u32, rtp, packets, octets] {
        buffer.extend_from_slice(&word.to_be_bytes());
    }
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    // A chunk is SSRC, item type, length and text, ended by one to four zero bytes on a word's boundary.
    let item = 2 + cname.len();
    let padded = (item / 4 + 1) * 4;
    write_header(buffer, 1, packet_type::SOURCE_DESCRIPTION, 1 + padded as u16 / 4);
    buffer.extend_from_slice(&ssrc.to_be_bytes());
    buffer.extend_from_slice(&[CNAME, cname.len() as u8]);
    buffer.extend_from_slice(cname);
    buffer.resize(buffer.len() + padded - item, 0);
}

/// Appends a BYE packet for one stream; it stands after a report in a compound packet, or alone where the peer takes
/// reduced-size RTCP.
pub(crate) fn write_bye(buffer: &mut Vec<u8>, ssrc: u32) {
    write_header(buffer, 1, packet_type::BYE, 1);
    buffer.extend_from_slice(&ssrc.to_be_bytes());
}

/// The header that all packets share; `words` is the number of 32-bit words after it.
fn write_header(buffer: &mut Vec<u8>, count: u8, packet_type: u8, words: u16) {
    buffer.extend_from_slice(&[(VERSION << 6) | count, packet_type]);
    buffer.extend_from_slice(&words.to_be_bytes());
}
