//! Reading compound and reduced-size RTCP (RFC 3550, section 6.1; RFC 5506).

use super::transport::TransportFeedback;
use super::{ReportBlock, VERSION, packet_type};

/// Feedback message types of transport feedback (RFC 4585, section 6.2;
/// draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).
mod transport_format {
    pub(super) const NACK: u8 = 1;
    pub(super) const TRANSPORT_WIDE: u8 = 15;
}

/// Feedback message types of payload feedback (RFC 4585, section 6.3; RFC 5104, section 4.3).
mod payload_format {
    pub(super) const PICTURE_LOSS: u8 = 1;
    pub(super) const FULL_INTRA_REQUEST: u8 = 4;
    pub(super) const APPLICATION: u8 = 15;
}

/// Bytes of the header that all packets share.
const HEADER: usize = 4;

/// One RTCP packet, read in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rtcp<'a> {
    /// A receiver's report, or a sender's, whose own stream nobody here receives.
    Report {
        /// Of streams it receives.
        reports: Reports<'a>,
    },
    /// Packets are missing.
    Nack {
        /// The stream they are missing of.
        media_ssrc: u32,
        /// Their sequence numbers.
        lost: Lost<'a>,
    },
    /// The decoder has lost its pictures and needs one that it can start from.
    PictureLoss {
        /// The stream.
        media_ssrc: u32,
    },
    /// The receiver asks for pictures to start from.
    FullIntraRequest {
        /// The requests.
        requests: IntraRequests<'a>,
    },
    /// The receiver's estimate of what it can receive (REMB).
    Bandwidth {
        /// Bits per second over all streams named.
        bitrate: u64,
        /// The streams.
        ssrcs: Ssrcs<'a>,
    },
    /// Which packets of the connection have arrived, and when.
    TransportFeedback(TransportFeedback<'a>),
    /// A packet of no use here.
    Other,
}

/// The packets of a datagram. A packet that is malformed or goes past the end ends the iteration: where one length
/// is wrong, so is the start of the next.
pub(crate) const fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets { rest: datagram }
}

/// Iterator over the packets of a datagram, made by [`packets`].
#[derive(Clone, Debug)]
pub(crate) struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Rtcp<'a>;

    fn next(&mut self) -> Option<Rtcp<'a>> {
        let packet = self.read();
        if packet.is_none() {
            self.rest = &[];
        }
        packet
    }
}

impl<'a> Packets<'a> {
    fn read(&mut self) -> Option<Rtcp<'a>> {
        let &[first, packet_type, high, low] = self.rest.first_chunk::<HEADER>()?;
        if first >> 6 != VERSION {
            return None;
        }
        let words = usize::from(u16::from_be_bytes([high, low]));
        let (packet, rest) = self.rest.split_at_checked(HEADER + 4 * words)?;
        self.rest = rest;
        let mut body = &packet[HEADER..];
        if first & 0x20 != 0 {
            // The last byte counts the padding, itself included.
            let padding = usize::from(*body.last()?);
            if padding == 0 {
                return None;
            }
            body = body.get(..body.len().checked_sub(padding)?)?;
        }
        read_body(packet_type, first & 0x1f, body)
    }
}

/// Reads a packet's body; `count` is the five-bit field of the header, a number of blocks or a message format.
fn read_body(packet_type: u8, count: u8, body: &[u8]) -> Option<Rtcp<'_>> {
    match packet_type {
        packet_type::SENDER_REPORT => {
            let (_, rest) = split_words::<6>(body)?;
            Some(Rtcp::Report { reports: Reports::new(rest, count)? })
        }
        packet_type::RECEIVER_REPORT => {
            let (_, rest) = split_words::<1>(body)?;
            Some(Rtcp::Report { reports: Reports::new(rest, count)? })
        }
        packet_type::TRANSPORT_FEEDBACK => {
            let ([_, media_ssrc], message) = split_words::<2>(body)?;
            Some(match count {
                transport_format::NACK => Rtcp::Nack { media_ssrc, lost: Lost::new(message) },
                transport_format::TRANSPORT_WIDE => {
                    Rtcp::TransportFeedback(TransportFeedback::read(message)?)
                }
                _ => Rtcp::Other,
            })
        }
        packet_type::PAYLOAD_FEEDBACK => {
            let ([_, media_ssrc], message) = split_words::<2>(body)?;
            Some(match count {
                payload_format::PICTURE_LOSS => Rtcp::PictureLoss { media_ssrc },
                payload_format::FULL_INTRA_REQUEST => {
                    Rtcp::FullIntraRequest { requests: IntraRequests { entries: message.as_chunks().0 } }
                }
                payload_format::APPLICATION => read_remb(message)?,
                _ => Rtcp::Other,
            })
        }
        _ => Some(Rtcp::Other),
    }
}

/// Reads an application layer feedback message, which REMB is one of.
fn read_remb(message: &[u8]) -> Option<Rtcp<'_>> {
    let Some((identifier, rest)) = message.split_first_chunk::<4>() else {
        return Some(Rtcp::Other);
    };
    if identifier != b"REMB" {
        return Some(Rtcp::Other);
    }
    // Eight bits of count, six of exponent, eighteen of mantissa.
    let ([fields], rest) = split_words::<1>(rest)?;
    let (count, exponent, mantissa) = (fields >> 24, (fields >> 18) & 0x3f, fields & 0x3_ffff);
    let bitrate = u64::try_from(u128::from(mantissa) << exponent).unwrap_or(u64::MAX);
    Some(Rtcp::Bandwidth { bitrate, ssrcs: Ssrcs::new(rest, count as u8)? })
}

/// The first `N` 32-bit words, and what follows them.
fn split_words<const N: usize>(bytes: &[u8]) -> Option<([u32; N], &[u8])> {
    let (words, rest) = bytes.split_at_checked(4 * N)?;
    let words = words.as_chunks::<4>().0;
    Some((std::array::from_fn(|index| u32::from_be_bytes(words[index])), rest))
}

/// Report blocks of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reports<'a> {
    blocks: &'a [[u8; 24]],
}

impl<'a> Reports<'a> {
    fn new(bytes: &'a [u8], count: u8) -> Option<Self> {
        Some(Self { blocks: bytes.as_chunks().0.get(..usize::from(count))? })
    }
}

impl Iterator for Reports<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let block = take_first(&mut self.blocks)?;
        let ([ssrc, lost, highest_sequence, jitter, last_sender_report, delay], _) = split_words(block)?;
        Some(ReportBlock {
            ssrc,
            fraction_lost: block[4],
            // 24 bits with a sign: up to the top of 32, and back with the sign kept.
            cumulative_lost: (lost << 8).cast_signed() >> 8,
            highest_sequence,
            jitter,
            last_sender_report,
            delay,
        })
    }
}

/// Sequence numbers of a NACK, in the receiver's order (RFC 4585, section 6.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost<'a> {
    pairs: &'a [[u8; 4]],
    /// The number that bit 0 of `following` comes after.
    base: u16,
    following: u16,
}

impl<'a> Lost<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { pairs: bytes.as_chunks().0, base: 0, following: 0 }
    }
}

impl Iterator for Lost<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.following == 0 {
            let [pid_high, pid_low, mask_high, mask_low] = *take_first(&mut self.pairs)?;
            self.base = u16::from_be_bytes([pid_high, pid_low]);
            self.following = u16::from_be_bytes([mask_high, mask_low]);
            return Some(self.base);
        }
        let bit = self.following.trailing_zeros();
        self.following &= self.following - 1;
        Some(self.base.wrapping_add(bit as u16 + 1))
    }
}

/// A request for a picture to start from (RFC 5104, section 4.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntraRequest {
    /// The stream.
    pub(crate) ssrc: u32,
    /// The request's number; the same one again repeats the request.
    pub(crate) sequence: u8,
}

/// Requests of a FIR packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IntraRequests<'a> {
    entries: &'a [[u8; 8]],
}

impl Iterator for IntraRequests<'_> {
    type Item = IntraRequest;

    fn next(&mut self) -> Option<IntraRequest> {
        let &[a, b, c, d, sequence, ..] = take_first(&mut self.entries)?;
        Some(IntraRequest { ssrc: u32::from_be_bytes([a, b, c, d]), sequence })
    }
}

/// A list of streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ssrcs<'a> {
    words: &'a [[u8; 4]],
}

impl<'a> Ssrcs<'a> {
    fn new(bytes: &'a [u8], count: u8) -> Option<Self> {
        Some(Self { words: bytes.as_chunks().0.get(..usize::from(count))? })
    }
}

impl Iterator for Ssrcs<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        take_first(&mut self.words).map(|word| u32::from_be_bytes(*word))
    }
}

pub(super) fn take_first<'a, T>(items: &mut &'a [T]) -> Option<&'a T> {
    let (first, rest) = items.split_first()?;
    *items = rest;
    Some(first)
}
