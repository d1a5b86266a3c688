//! RTP headers (RFC 3550, section 5.1) with one-byte header extensions (RFC 8285, section 4.2).

use crate::frame::TICKS_PER_MS;
use crate::packetize::MAX_PAYLOAD;
use crate::srtp::MAX_OVERHEAD;
use vas_core::WallTime;

/// Bytes of the longest RTP header written here: the fixed part, the head of the extensions and two words of them.
pub(super) const MAX_HEADER: usize = 12 + 4 + 8;
/// Bytes of the longest packet.
pub(super) const MAX_PACKET: usize = MAX_HEADER + MAX_PAYLOAD + MAX_OVERHEAD;

/// How a viewer tells what reaches it, for which each packet carries something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Congestion {
    /// By receiver reports alone.
    #[default]
    Reports,
    /// Transport-wide: a sequence number over all streams of the connection
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01); the id of its extension.
    TransportWide(u8),
    /// The viewer estimates (REMB), by the time at which packets left; the id of the abs-send-time extension.
    SendTime(u8),
}

/// The extensions that were agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// Id of playout-delay.
    pub(crate) playout_delay: Option<u8>,
    pub(crate) congestion: Congestion,
}

/// A header under way; only sequence numbers and the marker change within a frame.
pub(super) struct Header {
    bytes: [u8; MAX_HEADER],
    length: usize,
    /// Where the transport-wide sequence number stands; 0: nowhere.
    transport_at: usize,
}

impl Header {
    pub(super) fn new(ssrc: u32, payload_type: u8, timestamp: u32) -> Self {
        let mut bytes = [0; MAX_HEADER];
        bytes[0] = 0x80;
        bytes[1] = payload_type;
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        Self { bytes, length: 12, transport_at: 0 }
    }

    /// Adds what each packet of a viewer carries, and its playout delay where that is to be told, in units of 10 ms.
    pub(super) fn extend(
        &mut self,
        extensions: Extensions,
        playout_delay: Option<u16>,
        now: impl FnOnce() -> WallTime,
    ) {
        let mut at = 16;
        match extensions.congestion {
            Congestion::Reports => {}
            Congestion::TransportWide(id) => {
                self.bytes[at] = (id << 4) | 1;
                self.transport_at = at + 1;
                at += 3;
            }
            Congestion::SendTime(id) => {
                // 24 bits of seconds, 18 of them behind the point: the middle of an NTP timestamp.
                let time = ((now().to_ntp() >> 14) as u32).to_be_bytes();
                self.bytes[at] = (id << 4) | 2;
                self.bytes[at + 1..at + 4].copy_from_slice(&time[1..]);
                at += 4;
            }
        }
        if let (Some(id), Some(delay)) = (extensions.playout_delay, playout_delay) {
            // Twelve bits of least and twelve of most delay.
            let delay = u32::from(delay.min(0xfff));
            let both = (delay << 12) | delay;
            self.bytes[at] = (id << 4) | 2;
            self.bytes[at + 1..at + 4].copy_from_slice(&both.to_be_bytes()[1..]);
            at += 4;
        }
        if at > 16 {
            let words = (at - 16).div_ceil(4);
            self.bytes[0] |= 0x10;
            self.bytes[12..16].copy_from_slice(&[0xbe, 0xde, 0, words as u8]);
            self.length = 16 + 4 * words;
        }
    }

    pub(super) fn set(&mut self, sequence: u16, marker: bool) {
        self.bytes[1] = (self.bytes[1] & 0x7f) | (u8::from(marker) << 7);
        self.bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
    }

    /// Sets the number over all streams of the connection, where it is carried.
    pub(super) fn set_transport(&mut self, sequence: u16) {
        if self.transport_at > 0 {
            self.bytes[self.transport_at..self.transport_at + 2].copy_from_slice(&sequence.to_be_bytes());
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// RTP ticks that pass in so many microseconds, on a clock of `ticks_per_ms`.
pub(super) const fn ticks(micros: u64, ticks_per_ms: u32) -> u32 {
    (micros * ticks_per_ms as u64 / 1_000) as u32
}

const _: () =
    assert!(TICKS_PER_MS == 90 && MAX_PACKET + 2 + 8 + 40 <= 1_280, "every IPv6 path carries a packet");
