//! What a viewer reports to its owner.

use std::collections::VecDeque;

use super::error::CloseReason;
use super::rtp::RtpPacket;

/// Events that wait to be taken: the packets of a keyframe of several megabytes, and then some.
const MAX_EVENTS: usize = 8192;

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is complete; media may come.
    Connected,
    /// A packet, decrypted; only where [`ViewerConfig::deliver`](super::ViewerConfig::deliver) is set.
    Rtp(RtpPacket),
    /// A sender report on any source.
    SenderReport(SenderReport),
    /// The viewer has ended; nothing follows.
    Closed(CloseReason),
}

/// The sender's part of a sender report (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The source reported on.
    pub ssrc: u32,
    /// The wall clock as an NTP timestamp: seconds since 1900 and, in the low 32 bits, the fraction.
    pub ntp: u64,
    /// The media timestamp of the same moment, in ticks of the media clock.
    pub timestamp: u32,
    /// Packets sent so far, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent so far, modulo 2^32.
    pub bytes: u32,
}

/// Queues what may be left out when nobody takes events; false where it was.
pub(super) fn offer(events: &mut VecDeque<Event>, event: Event) -> bool {
    let room = events.len() < MAX_EVENTS;
    if room {
        events.push_back(event);
    }
    room
}
