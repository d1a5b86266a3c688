//! Retransmission on the stream of its own that RFC 4588 (section 4) gives it.

use super::header::Header;
use super::{Outlet, Sender};
use crate::shard::stream::FrameRing;
use crate::shard::wire::{Sent as Outcome, Wire};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Packets sent again that are kept in mind.
const MAX_REPAIRED: usize = 128;
/// Sent runs that can be asked for again: at least 4 s of a camera's frames.
const HISTORY: usize = 128;
/// Retransmissions a second besides one for each packet sent.
pub(super) const RTX_ALLOWANCE: u32 = 512;
/// Lost packets looked up for each that may be sent again: most of those asked for are held.
const LOOKUPS_PER_RTX: u32 = 4;

/// A run of packets that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    first: u64,
    frame: u64,
    packet: u16,
    count: u16,
    layer: u8,
    timestamp: u32,
}

/// What a viewer may still ask for within this second.
#[derive(Debug)]
pub(super) struct Allowance {
    packets: u32,
    pub(super) lookups: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { packets: RTX_ALLOWANCE, lookups: LOOKUPS_PER_RTX * RTX_ALLOWANCE }
    }
}

impl Allowance {
    pub(super) const fn renew(&mut self, sent: u32) {
        self.packets = RTX_ALLOWANCE.saturating_add(sent);
        self.lookups = self.packets.saturating_mul(LOOKUPS_PER_RTX);
    }
}

/// Packets that were sent again of late.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    /// Indexes and times, oldest first.
    of_late: VecDeque<(u64, Instant)>,
}

impl Repaired {
    /// Whether a packet is to be sent again now: not while its last repair may still be on its way.
    fn is_due(&mut self, index: u64, round_trip: Duration, now: Instant) -> bool {
        while let Some((_, at)) = self.of_late.front()
            && (now.saturating_duration_since(*at) >= round_trip || self.of_late.len() >= MAX_REPAIRED)
        {
            self.of_late.pop_front();
        }
        self.of_late.iter().all(|(known, _)| *known != index)
    }

    /// A packet has been sent again.
    fn note(&mut self, index: u64, now: Instant) {
        self.of_late.push_back((index, now));
    }
}

impl Sender {
    pub(super) fn remember(&mut self, first: u64, frame: u64, packet: usize, count: usize, timestamp: u32) {
        let layer = self.layer;
        let sent = Sent { first, frame, packet: packet as u16, count: count as u16, layer, timestamp };
        if let Some(last) = self.history.back_mut()
            && (last.frame, last.layer, last.timestamp) == (frame, layer, timestamp)
            && last.packet + last.count == sent.packet
            && last.first + u64::from(last.count) == first
        {
            last.count += sent.count;
            return;
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(sent);
    }

    /// Index of the packet with this sequence number, among the last 2^16 sent.
    fn index_of(&self, sequence: u16) -> Option<u64> {
        let behind = (self.next as u16).wrapping_sub(sequence);
        if behind == 0 { None } else { self.next.checked_sub(u64::from(behind)) }
    }

    /// Sends the packets that a viewer misses again, as far as the allowances of this second reach. `ring` gives the
    /// frames of a layer.
    pub(crate) fn retransmit<'r, W: Wire>(
        &mut self,
        lost: impl Iterator<Item = u16>,
        ring: &impl Fn(usize) -> Option<&'r FrameRing>,
        outlet: &mut Outlet<'_, W>,
    ) {
        let mut asked = 0;
        for sequence in lost {
            asked += 1;
            if self.allowance.packets > 0 && self.allowance.lookups > 0 {
                self.allowance.lookups -= 1;
                // What the link has no room for now is asked for again.
                if let Some(index) = self.index_of(sequence)
                    && outlet.lends()
                    && self.repaired.is_due(index, outlet.round_trip(), outlet.now)
                    && self.send_again(index, false, ring, outlet).is_some()
                {
                    self.repaired.note(index, outlet.now);
                }
            }
        }
        self.setup.shared.counters.nacks.fetch_add(asked, Ordering::Relaxed);
    }

    /// Whether there is anything to send again.
    pub(crate) fn can_pad(&self) -> bool {
        self.setup.rtx_ssrc.is_some() && !self.history.is_empty() && !self.setup.paused
    }

    /// Sends newest packets again, to learn whether the link carries so many bytes more: padding that may be of use.
    pub(crate) fn pad<'r, W: Wire>(
        &mut self,
        bytes: usize,
        ring: &impl Fn(usize) -> Option<&'r FrameRing>,
        outlet: &mut Outlet<'_, W>,
    ) {
        let (mut left, mut behind, before) = (bytes, 1, self.next_rtx);
        while left > 0
            && let Some(index) = self.next.checked_sub(behind)
            && let Some(size) = self.send_again(index, true, ring, outlet)
        {
            left = left.saturating_sub(size);
            behind += 1;
        }
        if self.next_rtx == before
            && let Some(control) = &mut outlet.control
        {
            control.give_up_probe();
        }
    }

    /// Sends the packet of this index on the stream of retransmissions, on request or as padding; gives its size if it
    /// was held.
    fn send_again<'r, W: Wire>(
        &mut self,
        index: u64,
        padding: bool,
        ring: &impl Fn(usize) -> Option<&'r FrameRing>,
        outlet: &mut Outlet<'_, W>,
    ) -> Option<usize> {
        let ssrc = self.setup.rtx_ssrc?;
        let at = self.history.partition_point(|sent| sent.first <= index);
        let sent = *self.history.get(at.checked_sub(1)?)?;
        let offset = index - sent.first;
        if offset >= u64::from(sent.count) || (self.allowance.packets == 0 && !padding) {
            return None;
        }
        let payload_type = self.setup.codec(sent.layer)?.rtx?;
        let frame = ring(usize::from(sent.layer))?.get(sent.frame)?;
        let packet = usize::from(sent.packet) + offset as usize;
        let mut header = Header::new(ssrc, payload_type, sent.timestamp.wrapping_add(self.timestamp_offset));
        header.extend(self.setup.extensions, None, || outlet.clock.wall());
        header.set(self.next_rtx as u16, packet + 1 == frame.run.len());
        header.set_transport(outlet.control.as_ref().map_or(0, |control| control.next()));
        outlet.scratch.clear();
        let payload: [&[u8]; 2] = [&(index as u16).to_be_bytes(), frame.run.payload(packet)];
        outlet.srtp.seal(outlet.scratch, header.bytes(), &payload, ssrc, self.next_rtx).ok()?;
        let size = outlet.scratch.len();
        if outlet.wire.send(outlet.path, outlet.scratch, size) == Outcome::Full {
            return None;
        }
        self.next_rtx += 1;
        match (&mut outlet.control, padding) {
            (Some(control), true) => control.padded(size, outlet.now),
            (Some(control), false) => control.sent(1, size, outlet.now),
            (None, _) => {}
        }
        if !padding {
            self.allowance.packets -= 1;
            self.setup.shared.counters.retransmitted.fetch_add(1, Ordering::Relaxed);
        }
        Some(size)
    }
}
