//! One producer on its way to one viewer: sequence numbers, timestamps, layers, pacing.
//!
//! The payloads are the producer's and shared; only headers and seals are a viewer's own.

mod header;
mod repair;
mod start;

pub(crate) use header::{Congestion, Extensions};

use super::control::Control;
use super::stream::FrameRing;
use super::wire::{Path, Sent as Outcome, Wire};
use crate::consumer::{ConsumerShared, LayerState};
use crate::frame::Frame;
use crate::layers::Thinning;
use crate::ortc::MediaKind;
use crate::packetize::MAX_PAYLOAD;
use crate::producer::LayerShared;
use crate::rtcp::{self, ReportBlock};
use crate::srtp::Srtp;
use header::{Header, MAX_PACKET, ticks};
use rand::Rng;
use repair::{Allowance, Repaired, Sent};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vas_core::media::Codec;
use vas_core::{SharedClock, WallTime};

/// Packets of a key picture that leave at once; larger ones are spread, for they come to all viewers together.
const BURST: usize = 16;
/// The same of other pictures: what one send holds.
const DELTA_BURST: usize = 44;
/// Milliseconds over which a large key picture is spread.
const SPREAD_MS: usize = 8;
/// Packets a millisecond while a viewer starts: about 95 Mb/s.
const START_PACE: u16 = 10;
/// Packets a millisecond that no pace exceeds: about 600 Mb/s.
const MAX_PACE: usize = 64;
/// Bytes that may wait for a viewer; beyond, it starts anew at a key picture.
const MAX_QUEUED: usize = 8_192 * MAX_PAYLOAD;
/// Milliseconds that packets may wait at the present rate; beyond, the viewer goes on at the next key picture.
const MAX_WAIT_MS: usize = 1_500;
/// The same beyond which pictures that no other needs are left out.
const THIN_WAIT_MS: usize = 60;
/// Frames that carry the playout-delay extension after each change; browsers keep its last value.
const PLAYOUT_DELAY_FRAMES: u32 = 100;
/// The longest playout delay that is asked for, in units of 10 ms.
const MAX_PLAYOUT_DELAY: u128 = 40;
/// Reports without need for the present playout delay before it is lowered: about half a minute.
const CALM_REPORTS: u32 = 30;

/// Part of the packets lost, in 1/65,536, from which on pictures wait for repairs: 2 %.
const LOSS_WORTH_WAITING: u32 = 1_310;

/// What of a layer this viewer can take.
#[derive(Clone, Debug)]
pub(crate) struct LayerSetup {
    pub(crate) layer: Arc<LayerShared>,
    /// Payload types of the layer's codec and of its retransmissions; `None`: the viewer can't decode it.
    pub(crate) codec: Option<LayerCodec>,
}

/// The payload types of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerCodec {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    /// Of retransmissions (RFC 4588).
    pub(crate) rtx: Option<u8>,
}

/// Which layer a viewer would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// This one and no other.
    pub(crate) layer: Option<usize>,
    /// Pixels that it is shown at.
    pub(crate) size: Option<(u32, u32)>,
}

/// What was negotiated for a consumer.
#[derive(Clone, Debug)]
pub(crate) struct SenderSetup {
    pub(crate) layers: Vec<LayerSetup>,
    pub(crate) shared: Arc<ConsumerShared>,
    pub(crate) kind: MediaKind,
    /// Ticks of the RTP clock in a millisecond.
    pub(crate) ticks_per_ms: u32,
    pub(crate) ssrc: u32,
    /// SSRC of retransmissions.
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) extensions: Extensions,
    pub(crate) cname: String,
    pub(crate) paused: bool,
    pub(crate) wanted: Wanted,
}

impl SenderSetup {
    fn codec(&self, layer: u8) -> Option<LayerCodec> {
        self.layers.get(usize::from(layer)).and_then(|layer| layer.codec)
    }
}

/// Packets on their way.
#[derive(Debug)]
struct Queued {
    frame: Arc<Frame>,
    next: u16,
    layer: u8,
    timestamp: u32,
}

/// What sending needs of the connection.
pub(crate) struct Outlet<'a, W: Wire> {
    pub(crate) srtp: &'a mut Srtp,
    pub(crate) wire: &'a mut W,
    pub(crate) path: &'a Path,
    /// Scratch space, shared by all connections of a shard.
    pub(crate) scratch: &'a mut Vec<u8>,
    /// Absent where nothing is known of the viewer's link and nothing is to be learnt.
    pub(crate) control: Option<&'a mut Control>,
    pub(crate) now: Instant,
    pub(crate) clock: &'a SharedClock,
}

impl<W: Wire> Outlet<'_, W> {
    /// Bytes that may leave now.
    fn allowance(&mut self) -> usize {
        let now = self.now;
        self.control.as_mut().map_or(usize::MAX, |control| control.allowance(now))
    }

    /// Whether a packet that is missing may leave now.
    fn lends(&mut self) -> bool {
        let now = self.now;
        self.control.as_mut().is_none_or(|control| control.lends(now))
    }

    fn control(&self) -> Option<&Control> {
        self.control.as_deref()
    }

    /// The time in which an answer may be expected: nothing while no round trip is known.
    fn round_trip(&self) -> Duration {
        self.control().map_or(Duration::ZERO, Control::time_to_answer)
    }
}

/// Bytes that may wait before so many milliseconds of the connection's rate are full.
fn bytes_in(control: Option<&Control>, ms: usize) -> usize {
    control.map_or(MAX_QUEUED, |control| control.bytes_in(ms)).min(MAX_QUEUED)
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
    /// The layer that is sent, and the one that its next key picture takes over from it.
    layer: u8,
    target: Option<u8>,
    /// What is added to the present layer's timestamps, so that they go on where those of the one before ended.
    shift: u32,
    thinning: Thinning,
    /// Timestamp and time of capture of the newest live frame, for reports and for the next layer.
    live: Option<(u32, WallTime)>,
    started: bool,
    /// The playout delay to ask for, in units of 10 ms, and frames that are still to tell it.
    playout_delay: u16,
    announce: u32,
    queue: VecDeque<Queued>,
    /// Bytes of it that have not been sent.
    queued: usize,
    pace: u16,
    history: VecDeque<Sent>,
    wants_replay: bool,
    last_replay: Instant,
    /// Replays in a row, each asked for soon after the one before.
    replays: u32,
    seen_report: bool,
    /// Share of packets that the viewer misses, in 1/65,536, over about its last ten reports.
    loss: u32,
    /// Reports in a row by which it could wait less.
    calm_reports: u32,
    /// What waits began with a cached group: it is of the past, and what came after it waits behind it.
    catching_up: bool,
    allowance: Allowance,
    repaired: Repaired,
    packets: u64,
    octets: u64,
}

/// What a frame led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    /// Nothing beyond itself.
    Same,
    /// The viewer has this layer's frames from now on, and no more of the one before.
    Switched,
}

impl Sender {
    pub(crate) fn new(setup: SenderSetup, now: Instant) -> Self {
        let mut rng = rand::rng();
        Self {
            // In the lower half, so that both ends agree that no wrap has happened yet.
            next: u64::from(rng.random::<u16>() >> 1),
            next_rtx: u64::from(rng.random::<u16>() >> 1),
            timestamp_offset: rng.random(),
            last_timestamp: 0,
            layer: 0,
            target: None,
            shift: 0,
            thinning: Thinning::None,
            live: None,
            started: false,
            playout_delay: 0,
            loss: 0,
            calm_reports: 0,
            catching_up: false,
            announce: PLAYOUT_DELAY_FRAMES,
            queue: VecDeque::new(),
            queued: 0,
            pace: START_PACE,
            history: VecDeque::new(),
            wants_replay: false,
            last_replay: now,
            replays: 0,
            seen_report: false,
            allowance: Allowance::default(),
            repaired: Repaired::default(),
            packets: 0,
            octets: 0,
            setup,
        }
    }

    pub(crate) const fn setup(&self) -> &SenderSetup {
        &self.setup
    }

    /// The layer that is sent now.
    pub(crate) fn layer(&self) -> usize {
        usize::from(self.layer)
    }

    /// The layer that is to be sent from its next key picture on.
    pub(crate) fn target(&self) -> Option<usize> {
        self.target.map(usize::from)
    }

    /// Whether packets wait or a replay is due: the shard then calls [`Self::pump`] each millisecond.
    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty() || self.wants_replay
    }

    /// Bytes that wait where they are of the past: they are not worth a queue in the network.
    pub(crate) const fn catching_up(&self) -> usize {
        if self.catching_up { self.queued } else { 0 }
    }

    /// Pauses or resumes; who resumes starts anew.
    pub(crate) fn set_paused(&mut self, paused: bool) {
        if self.setup.paused != paused {
            self.setup.paused = paused;
            self.restart();
        }
    }

    pub(crate) const fn set_wanted(&mut self, wanted: Wanted) {
        self.setup.wanted = wanted;
    }

    /// Leaves pictures out, or no longer.
    pub(crate) fn set_thinning(&mut self, thinning: Thinning) {
        if self.thinning == Thinning::KeysOnly && thinning != Thinning::KeysOnly {
            // What was left out is missing: only a key picture can follow.
            self.started = false;
        }
        self.thinning = thinning;
    }

    /// Tells the consumer's handles what is sent.
    pub(crate) fn tell_layers(
        &self,
        estimate_bps: Option<u64>,
        queue: Duration,
        round_trip: Option<Duration>,
    ) {
        let counters = &self.setup.shared.counters;
        let micros = |time: Duration| time.as_micros() as u64;
        counters.queue_micros.store(micros(queue), Ordering::Relaxed);
        if let Some(round_trip) = round_trip {
            counters.round_trip_micros.store(micros(round_trip), Ordering::Relaxed);
        }
        if let Some(estimate) = estimate_bps {
            counters.estimate.store(estimate, Ordering::Relaxed);
        }
        let current = (self.packets > 0).then(|| self.layer());
        self.setup.shared.set_layers(LayerState { current, thinning: self.thinning, estimate_bps });
    }

    /// Forgets what waits; sending begins again with a group of pictures.
    fn restart(&mut self) {
        self.queue.clear();
        self.queued = 0;
        self.catching_up = false;
        self.started = false;
        self.wants_replay = false;
    }

    /// A frame of `layer` has arrived from the producer.
    pub(crate) fn live<W: Wire>(
        &mut self,
        layer: usize,
        frame: &Arc<Frame>,
        outlet: &mut Outlet<'_, W>,
    ) -> Live {
        if self.setup.paused {
            return Live::Same;
        }
        let mut outcome = Live::Same;
        if layer != self.layer() {
            if self.target() != Some(layer) || !frame.key {
                return Live::Same;
            }
            self.take_over(layer, frame);
            outcome = Live::Switched;
        }
        let falls = layer == self.layer() && self.target.is_some_and(|target| target > self.layer);
        if falls && (!self.started || (!self.queue.is_empty() && outlet.allowance() == 0)) {
            // This layer is more than the network carries, and the smaller one begins with its next key picture: what
            // is sent until then would only stand in its way.
            self.restart();
            return outcome;
        }
        if frame.discontinuity && !frame.key {
            self.restart();
        }
        if !self.started {
            if !frame.key {
                return outcome;
            }
            self.started = true;
        }
        let timestamp = frame.timestamp.wrapping_add(self.shift);
        let waits = !self.queue.is_empty();
        if self.leaves_out(frame, waits, outlet) {
            self.setup.shared.counters.thinned.fetch_add(1, Ordering::Relaxed);
            return outcome;
        }
        self.live = Some((timestamp, frame.captured));
        let packets = frame.run.len();
        let at_once = if frame.key && self.setup.kind == MediaKind::Video { BURST } else { DELTA_BURST };
        // A little more than is allowed leaves at once, and is paid for by what comes after.
        if !waits && packets <= at_once && outlet.allowance() >= frame.run.bytes() / 2 {
            let sent = self.transmit(frame, 0, packets, timestamp, outlet);
            if sent < packets {
                self.pace = START_PACE;
                self.enqueue_rest(frame.clone(), sent, timestamp);
            } else {
                self.announce = self.announce.saturating_sub(1);
            }
            return outcome;
        }
        let bytes = frame.run.bytes();
        if self.queued + bytes > bytes_in(outlet.control(), MAX_WAIT_MS).max(bytes) {
            self.setup.shared.counters.overflows.fetch_add(1, Ordering::Relaxed);
            self.restart();
            return outcome;
        }
        if !waits {
            self.pace = packets.div_ceil(SPREAD_MS).clamp(BURST, MAX_PACE) as u16;
        }
        self.enqueue_rest(frame.clone(), 0, timestamp);
        outcome
    }

    /// Whether a picture is left out under pressure: whole pictures that no other needs first, then all but key pictures.
    fn leaves_out<W: Wire>(&self, frame: &Frame, waits: bool, outlet: &Outlet<'_, W>) -> bool {
        match self.thinning {
            _ if frame.key => false,
            Thinning::KeysOnly => true,
            Thinning::NonReference => frame.disposable,
            Thinning::None => {
                frame.disposable && waits && self.queued > bytes_in(outlet.control(), THIN_WAIT_MS)
            }
        }
    }

    fn enqueue(&mut self, frame: Arc<Frame>, timestamp: u32) {
        self.enqueue_rest(frame, 0, timestamp);
    }

    fn enqueue_rest(&mut self, frame: Arc<Frame>, next: usize, timestamp: u32) {
        self.queued += frame.run.bytes_from(next);
        self.last_timestamp = timestamp;
        self.queue.push_back(Queued { frame, next: next as u16, layer: self.layer, timestamp });
    }

    /// Sends what a millisecond's pace and the connection's rate allow, and begins a replay that is due.
    pub(crate) fn pump<W: Wire>(&mut self, ring: Option<&FrameRing>, outlet: &mut Outlet<'_, W>) {
        if self.wants_replay {
            self.replay(ring, outlet.now, outlet.control.as_deref());
        }
        let mut budget = usize::from(self.pace);
        while budget > 0
            && !self.queue.is_empty()
            && let allowed = outlet.allowance().div_ceil(MAX_PAYLOAD)
            && allowed > 0
            && let Some(mut head) = self.queue.pop_front()
        {
            let from = usize::from(head.next);
            let count = (head.frame.run.len() - from).min(budget).min(allowed);
            let present = std::mem::replace(&mut self.layer, head.layer);
            let sent = self.transmit(&head.frame, from, count, head.timestamp, outlet);
            self.layer = present;
            self.queued -= head.frame.run.bytes_from(from) - head.frame.run.bytes_from(from + sent);
            // A full buffer is tried again in the next millisecond.
            budget = if sent < count { 0 } else { budget - count };
            if from + sent < head.frame.run.len() {
                head.next = (from + sent) as u16;
                self.queue.push_front(head);
            } else {
                self.announce = self.announce.saturating_sub(1);
            }
        }
        self.catching_up &= !self.queue.is_empty();
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
        // A layer that the viewer can't decode is never chosen; were it, the frame is as good as sent.
        let Some(codec) = self.setup.codec(self.layer) else { return count };
        let run = &frame.run;
        let end = from + count;
        let mut header =
            Header::new(self.setup.ssrc, codec.payload_type, timestamp.wrapping_add(self.timestamp_offset));
        let playout_delay = (self.announce > 0).then_some(self.playout_delay);
        header.extend(self.setup.extensions, playout_delay, || outlet.clock.wall());
        let max_segments = outlet.wire.max_segments(outlet.path);
        self.last_timestamp = timestamp;
        let mut at = from;
        while at < end {
            let segments = run.segments_from(at, max_segments.min(end - at)).max(1);
            let before = (self.next, self.octets);
            let mut transport = outlet.control.as_ref().map_or(0, |control| control.next());
            outlet.scratch.clear();
            for packet in at..at + segments {
                header.set(self.next as u16, packet + 1 == run.len());
                header.set_transport(transport);
                let payload = run.payload(packet);
                let sealed =
                    outlet.srtp.seal(outlet.scratch, header.bytes(), &[payload], self.setup.ssrc, self.next);
                debug_assert!(sealed.is_ok(), "sealing fails only on lengths that are excluded here");
                self.next += 1;
                transport = transport.wrapping_add(1);
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
            if let Some(control) = &mut outlet.control {
                control.sent(segments, segment, outlet.now);
            }
            self.remember(before.0, frame.index, at, segments, timestamp);
            self.packets += segments as u64;
            at += segments;
        }
        at - from
    }

    /// The viewer's report about this stream, come at `now`.
    pub(crate) fn report(&mut self, block: &ReportBlock, now: WallTime) -> Option<Duration> {
        self.seen_report = true;
        let counters = &self.setup.shared.counters;
        counters.fraction_lost.store(u64::from(block.fraction_lost), Ordering::Relaxed);
        let jitter_micros = u64::from(block.jitter) * 1_000 / u64::from(self.setup.ticks_per_ms);
        counters.jitter_micros.store(jitter_micros, Ordering::Relaxed);
        let mut known = None;
        if block.last_sender_report != 0 {
            // In units of 1/65,536 s (RFC 3550, section 6.4.1); a clock that stepped meanwhile gives nonsense.
            let middle = (now.to_ntp() >> 16) as u32;
            let round_trip = middle.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay);
            if round_trip < 10 << 16 {
                let micros = (u64::from(round_trip) * 1_000_000) >> 16;
                counters.round_trip_micros.store(micros, Ordering::Relaxed);
                known = Some(Duration::from_micros(micros));
            }
        }
        let lost = u32::from(block.fraction_lost) << 8;
        self.loss =
            if lost > self.loss { (self.loss + lost) / 2 } else { self.loss - (self.loss - lost) / 8 };
        self.allow_for_repairs(known);
        known
    }

    /// Lets the viewer hold pictures back for as long as repairs take, where many are needed. It is told at once when it
    /// is to wait longer, which it shows as a short freeze, and only after a while without need that it may wait less.
    fn allow_for_repairs(&mut self, round_trip: Option<Duration>) {
        let Some(round_trip) = round_trip else { return };
        // A repair may be lost in its turn. Few losses are not worth the delay for all pictures.
        let lossy = self.loss > LOSS_WORTH_WAITING;
        let repairs = if lossy { round_trip * 5 / 2 } else { Duration::ZERO };
        let wanted = repairs.as_millis().div_ceil(10).min(MAX_PLAYOUT_DELAY) as u16;
        let present = self.playout_delay;
        self.calm_reports = if wanted < present / 2 { self.calm_reports + 1 } else { 0 };
        if wanted > present + present / 4 || self.calm_reports > CALM_REPORTS {
            self.calm_reports = 0;
            self.playout_delay = wanted;
            self.announce = PLAYOUT_DELAY_FRAMES;
        }
    }

    /// Whether a report or request about `ssrc` is about this sender.
    pub(crate) fn owns(&self, ssrc: u32) -> bool {
        self.setup.ssrc == ssrc || self.setup.rtx_ssrc == Some(ssrc)
    }

    /// Once a second: allowances are renewed and counters published. Gives the payload bytes sent since the last time.
    pub(crate) fn each_second(&mut self) -> u64 {
        let counters = &self.setup.shared.counters;
        let before = counters.packets.swap(self.packets, Ordering::Relaxed);
        let octets = counters.octets.swap(self.octets, Ordering::Relaxed);
        self.allowance.renew(self.packets.saturating_sub(before) as u32);
        self.octets.saturating_sub(octets)
    }

    /// Appends a sender report (RFC 3550, section 6.4.1) to `out`; nothing before the first packet.
    pub(crate) fn write_report(&self, out: &mut Vec<u8>, now: WallTime) {
        let Some((timestamp, captured)) = self.live.filter(|_| self.packets > 0) else { return };
        let elapsed = now.micros_since(captured).clamp(0, 10_000_000) as u64;
        let passed = ticks(elapsed, self.setup.ticks_per_ms);
        let rtp = timestamp.wrapping_add(self.timestamp_offset).wrapping_add(passed);
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

#[cfg(test)]
mod tests;
