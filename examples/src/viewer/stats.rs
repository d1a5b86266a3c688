//! What a viewer has counted.

use std::time::{Duration, Instant};

/// The counters of one viewer since its first packet.
///
/// `expected` = `packets` + `recovered` + `lost`, whatever was repeated or came out of order.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ViewerStats {
    /// Distinct packets that came in their first transmission.
    pub packets: u64,
    /// RTP bytes received: UDP payloads of packets and repairs, duplicates included.
    pub bytes: u64,
    /// Packets the server has sent, by its sequence numbers.
    pub expected: u64,
    /// Packets that came only as a repair (RFC 4588).
    pub recovered: u64,
    /// Packets that have not come at all, so far.
    pub lost: u64,
    /// Packets that came again, also as a repair that was not needed.
    pub duplicates: u64,
    /// Packets that came after a newer one, in their first transmission.
    pub reordered: u64,
    /// Pictures, counted by the marker bit.
    pub pictures: u64,
    /// Pictures that a player would have shown: whole, in order, from a keyframe on. This, and what follows from
    /// it, is counted where every packet is decrypted.
    pub shown: u64,
    /// When the last of them was, or is going to be.
    pub shown_at: Option<Instant>,
    /// Times that the picture stood still for 150 ms longer than usual and three times as long (webrtc-stats,
    /// `freezeCount`).
    pub freezes: u64,
    /// How long it did in all.
    pub frozen: Duration,
    /// How long the player holds back punctual pictures at present, so that late ones are in time too: as long as
    /// the last seconds had it, within the bounds of the playout-delay extension.
    pub held: Duration,
    /// NACK messages sent.
    pub nacks: u64,
    /// Packets asked for in them, each as often as it was asked for.
    pub nacked: u64,
    /// Repair packets received, needed or not.
    pub repairs: u64,
    /// Picture loss indications sent.
    pub keyframe_requests: u64,
    /// Packets decrypted, and so authenticated.
    pub authenticated: u64,
    /// RTP and RTCP packets that failed authentication.
    pub rejected: u64,
    /// Packets of an unknown payload type or source, too old, or cut short.
    pub ignored: u64,
    /// RTP and RTCP packets that came before the keys.
    pub early: u64,
    /// Sender reports received.
    pub sender_reports: u64,
    /// Packets that were decrypted and had no room in the event queue.
    pub undelivered: u64,
    /// Interarrival jitter (RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// Whether SRTP runs on AES-128-GCM; unset before the handshake is complete.
    pub gcm: Option<bool>,
    /// When the answer was accepted.
    pub answered_at: Option<Instant>,
    /// When a check was answered.
    pub reachable_at: Option<Instant>,
    /// When the DTLS handshake was complete.
    pub connected_at: Option<Instant>,
    /// When the first packet came.
    pub first_packet_at: Option<Instant>,
    /// When the last packet of the first whole keyframe came.
    pub first_keyframe_at: Option<Instant>,
}
