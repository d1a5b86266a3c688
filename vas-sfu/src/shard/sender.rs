//! One producer on its way to one viewer: sequence numbers, timestamps, pacing, retransmission.
//!
//! The payloads are the producer's and shared; only headers and seals are a viewer's own.

use super::stream::FrameRing;
use super::wire::{Path, Wire};
use crate::consumer::ConsumerShared;
use crate::frame::{Frame, TICKS_PER_MS};
use crate::packetize::MAX_PAYLOAD;
use crate::producer::ProducerShared;
use crate::rtcp::{self, ReportBlock};
use crate::srtp::{MAX_OVERHEAD, Srtp};
use rand::Rng;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vas_core::WallTime;

/// Packets a millisecond while a viewer starts: about 95 Mb/s.
const START_PACE: u16 = 10;
/// Packets of a key picture that leave at once; larger ones are spread, for they come to all viewers together.
const BURST: usize = 16;
/// The same of other pictures: what one send holds.
const DELTA_BURST: usize = 44;
/// Milliseconds over which a large key picture is spread.
const SPREAD_MS: usize = 8;
/// Packets a millisecond that no pace exceeds: about 600 Mb/s.
const MAX_PACE: usize = 64;
/// Packets that may wait for a viewer; beyond, it starts anew at a key picture.
const MAX_QUEUED: usize = 8_192;
/// Sent runs that can be asked for again: several seconds.
const HISTORY: usize = 256;
/// Frames that carry the playout-delay extension; browsers keep its last value.
const PLAYOUT_DELAY_FRAMES: u32 = 100;
/// Ticks between cached frames at the start, where playout-delay is zero: they are shown as fast as they decode.
const COMPRESSED_STEP: u32 = TICKS_PER_MS;
/// Between two replays for one viewer.
const REPLAY_INTERVAL: Duration = Duration::from_millis(300);
/// The same while no report has shown that anything arrives: the burst may have met a viewer without keys.
const REPLAY_INTERVAL_UNSEEN: Duration = Duration::from_millis(100);
/// Retransmissions a second besides one for each packet sent.
const RTX_ALLOWANCE: u32 = 512;

/// What was negotiated for a consumer.
#[derive(Clone, Debug)]
pub(crate) struct SenderSetup {
    pub(crate) producer: Arc<ProducerShared>,
    pub(crate) shared: Arc<ConsumerShared>,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// SSRC and payload type of retransmissions (RFC 4588).
    pub(crate) rtx: Option<(u32, u8)>,
    /// Id of the playout-delay header extension (RFC 8285 one-byte form).
    pub(crate) playout_delay: Option<u8>,
    pub(crate) cname: String,
    pub(crate) paused: bool,
}

/// Packets on their way.
#[derive(Debug)]
struct Queued {
    frame: Arc<Frame>,
    next: u16,
    timestamp: u32,
}

/// A run of packets that was sent, for retransmission.
#[derive(Clone, Copy, Debug)]
struct Sent {
    first: u64,
    frame: u64,
    packet: u16,
    count: u16,
    timestamp: u32,
}

/// What sending needs of the connection.
pub(crate) struct Outlet<'a, W: Wire> {
    pub(crate) srtp: &'a mut Srtp,
    pub(crate) wire: &'a mut W,
    pub(crate) path: &'a Path,
    /// Scratch space, shared by all connections of a shard.
    pub(crate) scratch: &'a mut Vec<u8>,
}

/// The state of one consumer within its shard.
#[derive(Debug)]
pub(crate) struct Sender {
    setup: SenderSetup,
    /// Index of the next packet (RFC 3711, section 3.3.1); its low 16 bits are the sequence number.
    next: u64,
    next_rtx: u64,
    timestamp_offset: u32,
    last_timestamp: u32,
    last_captured: Option<WallTime>,
    started: bool,
    frames: u32,
    queue: VecDeque<Queued>,
    queued: usize,
    pace: u16,
    history: VecDeque<Sent>,
    wants_replay: bool,
    last_replay: Instant,
    seen_report: bool,
    rtx_left: u32,
    packets: u64,
    octets: u64,
}

impl Sender {
    pub(crate) fn new(setup: SenderSetup, now: Instant) -> Self {
        let mut rng = rand::rng();
        Self {
            setup,
            // In the lower half, so that both ends agree that no wrap has happened yet.
            next: u64::from(rng.random::<u16>() >> 1),
            next_rtx: u64::from(rng.random::<u16>() >> 1),
            timestamp_offset: rng.random(),
            last_timestamp: 0,
            last_captured: None,
            started: false,
            frames: 0,
            queue: VecDeque::new(),
            queued: 0,
            pace: START_PACE,
            history: VecDeque::new(),
            wants_replay: false,
            last_replay: now,
            seen_report: false,
            rtx_left: RTX_ALLOWANCE,
            packets: 0,
            octets: 0,
        }
    }

    pub(crate) const fn setup(&self) -> &SenderSetup {
        &self.setup
    }

    /// Whether packets wait or a replay is due: the shard then calls [`Self::pump`] each millisecond.
    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty() || self.wants_replay
    }

    /// Pauses or resumes; who resumes starts anew.
    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.setup.paused = paused;
        self.restart();
    }

    /// Forgets what waits; sending begins again with a group of pictures.
    fn restart(&mut self) {
        self.queue.clear();
        self.queued = 0;
        self.started = false;
        self.wants_replay = false;
    }

    /// Starts from the cached group of pictures, if there is one; else the next key picture starts it.
    pub(crate) fn start(&mut self, ring: &FrameRing, now: Instant) {
        if self.started || self.setup.paused {
            return;
        }
        let group = ring.group();
        let count = group.len();
        let Some(live) = ring.group().last().map(|frame| frame.timestamp) else { return };
        for (n, frame) in group.enumerate() {
            let timestamp = if self.setup.playout_delay.is_some() {
                live.wrapping_sub(COMPRESSED_STEP * (count - 1 - n) as u32)
            } else {
                frame.timestamp
            };
            self.enqueue(frame.clone(), timestamp);
        }
        self.pace = START_PACE;
        self.started = true;
        self.last_replay = now;
    }

    /// A frame has arrived from the producer.
    pub(crate) fn live<W: Wire>(&mut self, frame: &Arc<Frame>, outlet: &mut Outlet<'_, W>) {
        if self.setup.paused {
            return;
        }
        if frame.discontinuity && !frame.key {
            self.restart();
        }
        if !self.started {
            if !frame.key {
                return;
            }
            self.started = true;
        }
        let packets = frame.run.len();
        let at_once = if frame.key { BURST } else { DELTA_BURST };
        if self.queue.is_empty() && packets <= at_once {
            self.transmit(frame, 0, packets, frame.timestamp, outlet);
            self.frames = self.frames.saturating_add(1);
            return;
        }
        if self.queued + packets > MAX_QUEUED {
            self.setup.shared.counters.overflows.fetch_add(1, Ordering::Relaxed);
            self.restart();
            return;
        }
        if self.queue.is_empty() {
            self.pace = packets.div_ceil(SPREAD_MS).clamp(BURST, MAX_PACE) as u16;
        }
        self.enqueue(frame.clone(), frame.timestamp);
    }

    fn enqueue(&mut self, frame: Arc<Frame>, timestamp: u32) {
        self.queued += frame.run.len();
        self.last_timestamp = timestamp;
        self.last_captured = Some(frame.captured);
        self.queue.push_back(Queued { frame, next: 0, timestamp });
    }

    /// Sends what a millisecond's pace allows, and begins a replay that is due.
    pub(crate) fn pump<W: Wire>(&mut self, ring: &FrameRing, now: Instant, outlet: &mut Outlet<'_, W>) {
        if self.wants_replay {
            self.replay(ring, now);
        }
        let mut budget = usize::from(self.pace);
        while budget > 0
            && let Some(mut head) = self.queue.pop_front()
        {
            let from = usize::from(head.next);
            let count = (head.frame.run.len() - from).min(budget);
            budget -= count;
            self.queued -= count;
            self.transmit(&head.frame, from, count, head.timestamp, outlet);
            if from + count < head.frame.run.len() {
                head.next = (from + count) as u16;
                self.queue.push_front(head);
            } else {
                self.frames = self.frames.saturating_add(1);
            }
        }
    }

    /// The viewer has lost the picture. The cached group is sent again, since cameras can rarely be asked for a key
    /// picture; its timestamps lie between the last one sent and the next live one, so that they never run backwards.
    fn replay(&mut self, ring: &FrameRing, now: Instant) {
        let interval = if self.seen_report { REPLAY_INTERVAL } else { REPLAY_INTERVAL_UNSEEN };
        if !self.started || !self.queue.is_empty() {
            // A group is on its way already, or the next key picture starts one.
            self.wants_replay = false;
            return;
        }
        if now.saturating_duration_since(self.last_replay) < interval {
            return;
        }
        self.wants_replay = false;
        self.last_replay = now;
        let count = ring.group().len() as u32;
        let step = (ring.interval() / (count + 2)).max(1);
        let base = self.last_timestamp;
        for (n, frame) in ring.group().enumerate() {
            self.enqueue(frame.clone(), base.wrapping_add(step * (n as u32 + 1)));
        }
        self.pace = START_PACE;
        self.setup.shared.counters.replays.fetch_add(1, Ordering::Relaxed);
    }

    /// Seals and sends packets `from..from + count` of a frame, in as few system calls as their sizes allow.
    fn transmit<W: Wire>(
        &mut self,
        frame: &Frame,
        from: usize,
        count: usize,
        timestamp: u32,
        outlet: &mut Outlet<'_, W>,
    ) {
        let run = &frame.run;
        let end = from + count;
        let mut header = Header::new(&self.setup, timestamp.wrapping_add(self.timestamp_offset), self.frames);
        let max_segments = outlet.wire.max_segments();
        self.remember(frame.index, from, count, timestamp);
        self.last_timestamp = timestamp;
        self.last_captured = Some(frame.captured);
        let mut at = from;
        while at < end {
            let segments = run.segments_from(at, max_segments.min(end - at)).max(1);
            outlet.scratch.clear();
            for packet in at..at + segments {
                header.set(self.next as u16, packet + 1 == run.len());
                let payload = run.payload(packet);
                let sealed =
                    outlet.srtp.seal(outlet.scratch, header.bytes(), &[payload], self.setup.ssrc, self.next);
                debug_assert!(sealed.is_ok(), "sealing fails only on lengths that are excluded here");
                self.next += 1;
                self.octets += payload.len() as u64;
            }
            self.packets += segments as u64;
            let segment = header.bytes().len() + run.payload(at).len() + outlet.srtp.overhead();
            debug_assert!(segment <= MAX_PACKET);
            if !outlet.wire.send(outlet.path, outlet.scratch, segment) {
                let dropped = &self.setup.shared.counters.unsent;
                dropped.fetch_add(segments as u64, Ordering::Relaxed);
            }
            at += segments;
        }
    }

    fn remember(&mut self, frame: u64, packet: usize, count: usize, timestamp: u32) {
        let sent = Sent { first: self.next, frame, packet: packet as u16, count: count as u16, timestamp };
        if let Some(last) = self.history.back_mut()
            && last.frame == frame
            && last.timestamp == timestamp
            && last.packet + last.count == sent.packet
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

    /// Sends a packet again on the retransmission stream (RFC 4588, section 4).
    pub(crate) fn retransmit<W: Wire>(
        &mut self,
        sequence: u16,
        ring: &FrameRing,
        outlet: &mut Outlet<'_, W>,
    ) {
        let counters = &self.setup.shared.counters;
        counters.nacks.fetch_add(1, Ordering::Relaxed);
        let Some((ssrc, payload_type)) = self.setup.rtx else { return };
        let Some(index) = self.index_of(sequence) else { return };
        let at = self.history.partition_point(|sent| sent.first <= index);
        let Some(sent) = at.checked_sub(1).and_then(|at| self.history.get(at)) else { return };
        let offset = index - sent.first;
        let Some(frame) = ring.get(sent.frame).filter(|_| offset < u64::from(sent.count)) else { return };
        if self.rtx_left == 0 {
            return;
        }
        self.rtx_left -= 1;
        let packet = usize::from(sent.packet) + offset as usize;
        let timestamp = sent.timestamp.wrapping_add(self.timestamp_offset);
        let mut header = Header::plain(ssrc, payload_type, timestamp);
        header.set(self.next_rtx as u16, packet + 1 == frame.run.len());
        outlet.scratch.clear();
        let payload: [&[u8]; 2] = [&sequence.to_be_bytes(), frame.run.payload(packet)];
        if outlet.srtp.seal(outlet.scratch, header.bytes(), &payload, ssrc, self.next_rtx).is_ok() {
            self.next_rtx += 1;
            outlet.wire.send(outlet.path, outlet.scratch, outlet.scratch.len());
            counters.retransmitted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The viewer asks for a key picture.
    pub(crate) fn request_key(&mut self) {
        self.setup.shared.counters.key_requests.fetch_add(1, Ordering::Relaxed);
        self.wants_replay = true;
    }

    /// The viewer's report about this stream, come at `now`.
    pub(crate) fn report(&mut self, block: &ReportBlock, now: WallTime) {
        self.seen_report = true;
        let counters = &self.setup.shared.counters;
        counters.fraction_lost.store(u64::from(block.fraction_lost), Ordering::Relaxed);
        counters.jitter.store(u64::from(block.jitter), Ordering::Relaxed);
        if block.last_sender_report != 0 {
            // In units of 1/65,536 s (RFC 3550, section 6.4.1); a clock that stepped meanwhile gives nonsense.
            let middle = (now.to_ntp() >> 16) as u32;
            let round_trip = middle.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay);
            if round_trip < 10 << 16 {
                counters
                    .round_trip_micros
                    .store((u64::from(round_trip) * 1_000_000) >> 16, Ordering::Relaxed);
            }
        }
    }

    /// The viewer's estimate of what it can receive.
    pub(crate) fn bandwidth(&self, bits_per_second: u64) {
        self.setup.shared.counters.estimate.store(bits_per_second, Ordering::Relaxed);
    }

    /// Whether a report or request about `ssrc` is about this sender.
    pub(crate) fn owns(&self, ssrc: u32) -> bool {
        self.setup.ssrc == ssrc || self.setup.rtx.is_some_and(|(rtx, _)| rtx == ssrc)
    }

    /// Once a second: allowances are renewed and counters published.
    pub(crate) fn each_second(&mut self) {
        let counters = &self.setup.shared.counters;
        let before = counters.packets.swap(self.packets, Ordering::Relaxed);
        counters.octets.store(self.octets, Ordering::Relaxed);
        self.rtx_left = RTX_ALLOWANCE + self.packets.saturating_sub(before) as u32;
    }

    /// Appends a sender report (RFC 3550, section 6.4.1) to `out`; nothing before the first packet.
    pub(crate) fn write_report(&self, out: &mut Vec<u8>, now: WallTime) {
        let Some(captured) = self.last_captured.filter(|_| self.packets > 0) else { return };
        let elapsed = now.micros_since(captured).clamp(0, 10_000_000) as u64;
        let ticks = (elapsed * u64::from(TICKS_PER_MS) / 1_000) as u32;
        let rtp = self.last_timestamp.wrapping_add(self.timestamp_offset).wrapping_add(ticks);
        rtcp::write_sender_report(
            out,
            self.setup.ssrc,
            now.to_ntp(),
            rtp,
            self.packets as u32,
            self.octets as u32,
            &self.setup.cname,
        );
    }
}

/// Bytes of the longest RTP header written here: the fixed part and one word of extensions.
const MAX_HEADER: usize = 12 + 8;
/// Bytes of the longest packet.
const MAX_PACKET: usize = MAX_HEADER + MAX_PAYLOAD + MAX_OVERHEAD;

/// An RTP header (RFC 3550, section 5.1); only sequence number and marker change within a frame.
struct Header {
    bytes: [u8; MAX_HEADER],
    length: usize,
}

impl Header {
    fn plain(ssrc: u32, payload_type: u8, timestamp: u32) -> Self {
        let mut bytes = [0; MAX_HEADER];
        bytes[0] = 0x80;
        bytes[1] = payload_type;
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        Self { bytes, length: 12 }
    }

    /// With playout-delay 0,0 in the first frames: three zero bytes after the id (RFC 8285, section 4.2).
    fn new(setup: &SenderSetup, timestamp: u32, frames: u32) -> Self {
        let mut header = Self::plain(setup.ssrc, setup.payload_type, timestamp);
        if let Some(id) = setup.playout_delay.filter(|_| frames < PLAYOUT_DELAY_FRAMES) {
            header.bytes[0] |= 0x10;
            header.bytes[12..17].copy_from_slice(&[0xbe, 0xde, 0, 1, (id << 4) | 2]);
            header.length = MAX_HEADER;
        }
        header
    }

    fn set(&mut self, sequence: u16, marker: bool) {
        self.bytes[1] = (self.bytes[1] & 0x7f) | (u8::from(marker) << 7);
        self.bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
