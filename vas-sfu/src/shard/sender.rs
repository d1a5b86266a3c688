//! One producer on its way to one viewer: sequence numbers, timestamps, pacing, retransmission.
//!
//! The payloads are the producer's and shared; only headers and seals are a viewer's own.

use super::stream::FrameRing;
use super::wire::{Path, Sent as Outcome, Wire};
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
/// The longest time between two replays for a viewer that keeps asking.
const MAX_REPLAY_INTERVAL: Duration = Duration::from_secs(5);
/// A viewer that has not asked for so long is trusted anew.
const REPLAY_FORGIVEN: Duration = Duration::from_secs(10);
/// Packets of a group that are sent to start a viewer; it waits for the next key picture where there are more.
const MAX_GROUP: usize = MAX_QUEUED / 2;
/// Retransmissions a second besides one for each packet sent.
const RTX_ALLOWANCE: u32 = 512;
/// Lost packets looked up for each that may be sent again: most of those asked for are held.
const LOOKUPS_PER_RTX: u32 = 4;

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
    /// Timestamp and time of capture of the newest live picture, for reports.
    live: Option<(u32, WallTime)>,
    started: bool,
    frames: u32,
    queue: VecDeque<Queued>,
    queued: usize,
    pace: u16,
    history: VecDeque<Sent>,
    wants_replay: bool,
    last_replay: Instant,
    /// Replays in a row, each asked for soon after the one before.
    replays: u32,
    seen_report: bool,
    rtx_left: u32,
    lookups_left: u32,
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
            live: None,
            started: false,
            frames: 0,
            queue: VecDeque::new(),
            queued: 0,
            pace: START_PACE,
            history: VecDeque::new(),
            wants_replay: false,
            last_replay: now,
            replays: 0,
            seen_report: false,
            rtx_left: RTX_ALLOWANCE,
            lookups_left: LOOKUPS_PER_RTX * RTX_ALLOWANCE,
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
        if self.setup.paused != paused {
            self.setup.paused = paused;
            self.restart();
        }
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
        let Some(newest) = ring.group().last() else { return };
        if !group_fits(ring) {
            return;
        }
        let count = ring.group().len() as u32;
        let before = newest.timestamp.wrapping_sub(COMPRESSED_STEP * count);
        if self.packets > 0 && (before.wrapping_sub(self.last_timestamp) as i32) < 0 {
            // It was sent more than that already: the group follows what it has, as in a replay.
            self.place_group(ring, self.last_timestamp, 1);
        } else if self.packets > 0 || self.setup.playout_delay.is_some() {
            self.place_group(ring, before, COMPRESSED_STEP);
        } else {
            for frame in ring.group() {
                self.enqueue(frame.clone(), frame.timestamp);
            }
        }
        self.live = Some((newest.timestamp, newest.captured));
        self.pace = self.start_pace();
        self.started = true;
        self.last_replay = now;
    }

    /// Queues the cached group with timestamps `step` apart, after `base`.
    fn place_group(&mut self, ring: &FrameRing, base: u32, step: u32) {
        for (n, frame) in ring.group().enumerate() {
            self.enqueue(frame.clone(), base.wrapping_add(step * (n as u32 + 1)));
        }
    }

    /// Packets a millisecond for a group: twice what the viewer says it can receive, where it says so.
    fn start_pace(&self) -> u16 {
        let bits_per_second = self.setup.shared.counters.estimate.load(Ordering::Relaxed);
        let packets = 2 * bits_per_second / (8 * 1_000 * MAX_PAYLOAD as u64);
        if bits_per_second == 0 { START_PACE } else { packets.clamp(1, u64::from(START_PACE)) as u16 }
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
        self.live = Some((frame.timestamp, frame.captured));
        let packets = frame.run.len();
        let at_once = if frame.key { BURST } else { DELTA_BURST };
        if self.queue.is_empty() && packets <= at_once {
            let sent = self.transmit(frame, 0, packets, frame.timestamp, outlet);
            if sent < packets {
                self.pace = START_PACE;
                self.enqueue_rest(frame.clone(), sent, frame.timestamp);
            } else {
                self.frames = self.frames.saturating_add(1);
            }
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
        self.enqueue_rest(frame, 0, timestamp);
    }

    fn enqueue_rest(&mut self, frame: Arc<Frame>, next: usize, timestamp: u32) {
        self.queued += frame.run.len() - next;
        self.last_timestamp = timestamp;
        self.queue.push_back(Queued { frame, next: next as u16, timestamp });
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
            let sent = self.transmit(&head.frame, from, count, head.timestamp, outlet);
            self.queued -= sent;
            // A full buffer is tried again in the next millisecond.
            budget = if sent < count { 0 } else { budget - count };
            if from + sent < head.frame.run.len() {
                head.next = (from + sent) as u16;
                self.queue.push_front(head);
            } else {
                self.frames = self.frames.saturating_add(1);
            }
        }
    }

    /// The viewer has lost the picture. The cached group is sent again, since cameras can rarely be asked for a key
    /// picture; its timestamps lie between the last one sent and the next live one, so that they never run backwards.
    fn replay(&mut self, ring: &FrameRing, now: Instant) {
        let since = now.saturating_duration_since(self.last_replay);
        if since > REPLAY_FORGIVEN {
            self.replays = 0;
        }
        let first = if self.seen_report { REPLAY_INTERVAL } else { REPLAY_INTERVAL_UNSEEN };
        let interval = (first * (1 << self.replays.min(8))).min(MAX_REPLAY_INTERVAL);
        if !self.started || !self.queue.is_empty() || !group_fits(ring) {
            // A group is on its way already, or the next key picture starts one.
            self.wants_replay = false;
            return;
        }
        if since < interval {
            return;
        }
        self.wants_replay = false;
        self.last_replay = now;
        self.replays += 1;
        let count = ring.group().len() as u32;
        let step = (ring.interval() / (count + 2)).clamp(1, COMPRESSED_STEP);
        self.place_group(ring, self.last_timestamp, step);
        self.pace = self.start_pace();
        self.setup.shared.counters.replays.fetch_add(1, Ordering::Relaxed);
    }

    /// Seals and sends packets `from..from + count` of a frame, in as few system calls as their sizes allow. Gives how
    /// many were sent; fewer when the system's buffer is full.
    fn transmit<W: Wire>(
        &mut self,
        frame: &Frame,
        from: usize,
        count: usize,
        timestamp: u32,
        outlet: &mut Outlet<'_, W>,
    ) -> usize {
        let run = &frame.run;
        let end = from + count;
        let mut header = Header::new(&self.setup, timestamp.wrapping_add(self.timestamp_offset), self.frames);
        let max_segments = outlet.wire.max_segments(outlet.path);
        self.last_timestamp = timestamp;
        let mut at = from;
        while at < end {
            let segments = run.segments_from(at, max_segments.min(end - at)).max(1);
            let before = (self.next, self.octets);
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
            let segment = header.bytes().len() + run.payload(at).len() + outlet.srtp.overhead();
            debug_assert!(segment <= MAX_PACKET);
            match outlet.wire.send(outlet.path, outlet.scratch, segment) {
                Outcome::Taken => {}
                Outcome::Failed => {
                    let unsent = &self.setup.shared.counters.unsent;
                    unsent.fetch_add(segments as u64, Ordering::Relaxed);
                }
                Outcome::Full => {
                    // Nothing has left this machine, so the indexes are as good as unused.
                    (self.next, self.octets) = before;
                    break;
                }
            }
            self.remember(before.0, frame.index, at, segments, timestamp);
            self.packets += segments as u64;
            at += segments;
        }
        at - from
    }

    fn remember(&mut self, first: u64, frame: u64, packet: usize, count: usize, timestamp: u32) {
        let sent = Sent { first, frame, packet: packet as u16, count: count as u16, timestamp };
        if let Some(last) = self.history.back_mut()
            && last.frame == frame
            && last.timestamp == timestamp
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

    /// Sends the packets that a viewer misses again on the retransmission stream (RFC 4588, section 4), as far as the
    /// allowances of this second reach.
    pub(crate) fn retransmit<W: Wire>(
        &mut self,
        lost: impl Iterator<Item = u16>,
        ring: &FrameRing,
        outlet: &mut Outlet<'_, W>,
    ) {
        let mut asked = 0;
        for sequence in lost {
            asked += 1;
            if self.rtx_left > 0 && self.lookups_left > 0 {
                self.lookups_left -= 1;
                self.retransmit_one(sequence, ring, outlet);
            }
        }
        self.setup.shared.counters.nacks.fetch_add(asked, Ordering::Relaxed);
    }

    fn retransmit_one<W: Wire>(&mut self, sequence: u16, ring: &FrameRing, outlet: &mut Outlet<'_, W>) {
        let Some((ssrc, payload_type)) = self.setup.rtx else { return };
        let Some(index) = self.index_of(sequence) else { return };
        let at = self.history.partition_point(|sent| sent.first <= index);
        let Some(sent) = at.checked_sub(1).and_then(|at| self.history.get(at)) else { return };
        let offset = index - sent.first;
        let Some(frame) = ring.get(sent.frame).filter(|_| offset < u64::from(sent.count)) else { return };
        self.rtx_left -= 1;
        let packet = usize::from(sent.packet) + offset as usize;
        let timestamp = sent.timestamp.wrapping_add(self.timestamp_offset);
        let mut header = Header::plain(ssrc, payload_type, timestamp);
        header.set(self.next_rtx as u16, packet + 1 == frame.run.len());
        outlet.scratch.clear();
        let payload: [&[u8]; 2] = [&sequence.to_be_bytes(), frame.run.payload(packet)];
        if outlet.srtp.seal(outlet.scratch, header.bytes(), &payload, ssrc, self.next_rtx).is_ok() {
            self.next_rtx += 1;
            let _ = outlet.wire.send(outlet.path, outlet.scratch, outlet.scratch.len());
            self.setup.shared.counters.retransmitted.fetch_add(1, Ordering::Relaxed);
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
        self.lookups_left = LOOKUPS_PER_RTX * self.rtx_left;
    }

    /// Appends a sender report (RFC 3550, section 6.4.1) to `out`; nothing before the first packet.
    pub(crate) fn write_report(&self, out: &mut Vec<u8>, now: WallTime) {
        let Some((timestamp, captured)) = self.live.filter(|_| self.packets > 0) else { return };
        let elapsed = now.micros_since(captured).clamp(0, 10_000_000) as u64;
        let ticks = (elapsed * u64::from(TICKS_PER_MS) / 1_000) as u32;
        let rtp = timestamp.wrapping_add(self.timestamp_offset).wrapping_add(ticks);
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

/// Whether the cached group can be sent at once to a viewer.
fn group_fits(ring: &FrameRing) -> bool {
    ring.group().map(|frame| frame.run.len()).sum::<usize>() <= MAX_GROUP
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
