//! RTCP: feedback from viewers read in place, reports to them written; no allocation either way.
//!
//! Standards: RFC 3550 section 6 (reports, SDES, BYE), RFC 4585 section 6 (NACK, PLI), RFC 5104 section 4.3.1 (FIR),
//! draft-alvestrand-rmcat-remb-03 (REMB), draft-holmer-rmcat-transport-wide-cc-extensions-01 (transport-wide feedback).

mod read;
mod transport;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use read::{Rtcp, packets};
pub(crate) use transport::TransportFeedback;
pub(crate) use write::{write_bye, write_sender_report};

/// Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(super) const BYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// The protocol version in the first two bits of every packet.
const VERSION: u8 = 2;

/// What a receiver says of one stream (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReportBlock {
    /// The stream.
    pub(crate) ssrc: u32,
    /// Part of the packets lost since the report before, in 256ths.
    pub(crate) fraction_lost: u8,
    /// Packets lost since the start; negative where duplicates outnumber losses.
    pub(crate) cumulative_lost: i32,
    /// The highest sequence number received, its wraps in the upper 16 bits.
    pub(crate) highest_sequence: u32,
    /// Jitter of arrival in ticks of the stream's RTP clock.
    pub(crate) jitter: u32,
    /// The middle 32 bits of the NTP timestamp of the last sender report received; 0: none was.
    pub(crate) last_sender_report: u32,
    /// From the arrival of that report to this one, in units of 1/65,536 s.
    pub(crate) delay: u32,
}
