//! Beginnings: the cached group of pictures for a viewer that joins, has lost the picture or gets another layer.

use super::header::ticks;
use super::{Congestion, Control, MAX_WAIT_MS, START_PACE, Sender, bytes_in};
use crate::frame::{Frame, TICKS_PER_MS};
use crate::ortc::MediaKind;
use crate::shard::stream::FrameRing;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Ticks between cached frames at the start, where playout-delay is zero: they are shown as fast as they decode.
pub(super) const COMPRESSED_STEP: u32 = TICKS_PER_MS;
/// Between two replays for one viewer.
pub(super) const REPLAY_INTERVAL: Duration = Duration::from_millis(300);
/// The same while no report has shown that anything arrives: the burst may have met a viewer without keys.
const REPLAY_INTERVAL_UNSEEN: Duration = Duration::from_millis(100);
/// The longest time between two replays for a viewer that keeps asking.
pub(super) const MAX_REPLAY_INTERVAL: Duration = Duration::from_secs(5);
/// A viewer that has not asked for so long is trusted anew.
const REPLAY_FORGIVEN: Duration = Duration::from_secs(10);
/// Packets of a group that are sent to start a viewer; it waits for the next key picture where there are more.
pub(super) const MAX_GROUP: usize = 4_096;
/// Milliseconds of the present rate that the cached group of a larger layer may take; else its next key picture is waited
/// for, with the smaller one shown meanwhile.
const UP_MS: usize = 300;
/// The same of a smaller layer: the larger one has no room any more.
const DOWN_MS: usize = 1_000;
/// The longest step between the timestamps of two layers, in microseconds.
const MAX_STEP_MICROS: i64 = 10_000_000;

impl Sender {
    /// Starts from the cached group of pictures, if there is one; else the next key picture starts it.
    pub(crate) fn start(&mut self, ring: &FrameRing, now: Instant, control: Option<&Control>) {
        // Sound starts with the next packet.
        if self.started || self.setup.paused || self.setup.kind == MediaKind::Audio {
            return;
        }
        let Some(newest) = ring.group().last() else { return };
        if !fits(ring, control, MAX_WAIT_MS) {
            return;
        }
        let count = ring.group().len() as u32;
        let live = newest.timestamp.wrapping_add(self.shift);
        let before = live.wrapping_sub(COMPRESSED_STEP * count);
        if self.packets > 0 && (before.wrapping_sub(self.last_timestamp) as i32) < 0 {
            // It was sent more than that already: the group follows what it has, as in a replay.
            self.place_group(ring, self.last_timestamp, 1);
        } else if self.packets > 0 || self.setup.extensions.playout_delay.is_some() {
            self.place_group(ring, before, COMPRESSED_STEP);
        } else {
            for frame in ring.group() {
                self.enqueue(frame.clone(), frame.timestamp.wrapping_add(self.shift));
            }
        }
        self.live = Some((live, newest.captured));
        self.catching_up = true;
        self.pace = START_PACE;
        self.started = true;
        self.last_replay = now;
    }

    /// Queues the cached group with timestamps `step` apart, after `base`.
    fn place_group(&mut self, ring: &FrameRing, base: u32, step: u32) {
        for (n, frame) in ring.group().enumerate() {
            self.enqueue(frame.clone(), base.wrapping_add(step * (n as u32 + 1)));
        }
    }

    /// The layer to begin with: the one asked for, else the smallest where the viewer will tell soon whether its link
    /// carries more, else the best.
    pub(crate) fn first_layer(&self) -> usize {
        let setup = &self.setup;
        let usable = |at: &usize| setup.layers.get(*at).is_some_and(|layer| layer.codec.is_some());
        if let Some(pinned) = setup.wanted.layer.filter(usable) {
            return pinned;
        }
        let mut usable = (0..setup.layers.len()).filter(usable);
        let told = matches!(setup.extensions.congestion, Congestion::TransportWide(_));
        if told { usable.next_back() } else { usable.next() }.unwrap_or(0)
    }

    /// Sends `layer` from the start, before anything was sent.
    pub(crate) fn begin_with(&mut self, layer: usize) {
        debug_assert_eq!(self.packets, 0, "what is sent is switched, not begun");
        self.layer = layer as u8;
    }

    /// Goes over to `layer` at its next key picture.
    pub(crate) fn aim(&mut self, layer: Option<usize>) {
        self.target = layer.map(|layer| layer as u8);
    }

    /// Goes over to the layer aimed at from its cached group, where that is soon sent. Tells whether it has.
    pub(crate) fn switch_now(&mut self, ring: &FrameRing, now: Instant, control: Option<&Control>) -> bool {
        let Some(target) = self.target() else { return false };
        let Some(newest) = ring.group().last().cloned() else { return false };
        let most = if target > self.layer() { DOWN_MS } else { UP_MS };
        if self.setup.paused || !fits(ring, control, most) {
            return false;
        }
        self.take_over(target, &newest);
        self.restart();
        self.start(ring, now, control);
        true
    }

    /// Makes `layer` the one that is sent, its timestamps such that `frame` follows what was sent last.
    pub(super) fn take_over(&mut self, layer: usize, frame: &Frame) {
        if let Some((timestamp, captured)) = self.live {
            let micros = frame.captured.micros_since(captured).clamp(0, MAX_STEP_MICROS) as u64;
            let step = ticks(micros, self.setup.ticks_per_ms).max(1);
            let mut next = timestamp.wrapping_add(step);
            if (next.wrapping_sub(self.last_timestamp) as i32) <= 0 {
                next = self.last_timestamp.wrapping_add(1);
            }
            self.shift = next.wrapping_sub(frame.timestamp);
        }
        if layer > self.layer() {
            // To a smaller layer for want of bandwidth: what waits of the larger one would only be in the way.
            self.queue.clear();
            self.queued = 0;
            self.catching_up = false;
        }
        self.layer = layer as u8;
        self.target = None;
        self.setup.shared.counters.switches.fetch_add(1, Ordering::Relaxed);
    }

    /// The viewer asks for a key picture.
    pub(crate) fn request_key(&mut self) {
        self.setup.shared.counters.key_requests.fetch_add(1, Ordering::Relaxed);
        self.wants_replay = self.setup.kind == MediaKind::Video;
    }

    /// The viewer has lost the picture. The cached group is sent again, since cameras can rarely be asked for a key
    /// picture; its timestamps lie between the last one sent and the next live one, so that they never run backwards.
    pub(super) fn replay(&mut self, ring: Option<&FrameRing>, now: Instant, control: Option<&Control>) {
        let since = now.saturating_duration_since(self.last_replay);
        if since > REPLAY_FORGIVEN {
            self.replays = 0;
        }
        let first = if self.seen_report { REPLAY_INTERVAL } else { REPLAY_INTERVAL_UNSEEN };
        let interval = (first * (1 << self.replays.min(8))).min(MAX_REPLAY_INTERVAL);
        let ring = ring.filter(|ring| fits(ring, control, MAX_WAIT_MS));
        let Some(ring) = ring.filter(|_| self.started && self.queue.is_empty()) else {
            // A group is on its way already, or the next key picture starts one.
            self.wants_replay = false;
            return;
        };
        if since < interval {
            return;
        }
        self.wants_replay = false;
        self.last_replay = now;
        self.replays += 1;
        let count = ring.group().len() as u32;
        let step = (ring.interval() / (count + 2)).clamp(1, COMPRESSED_STEP);
        self.place_group(ring, self.last_timestamp, step);
        self.catching_up = true;
        self.pace = START_PACE;
        self.setup.shared.counters.replays.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the cached group can be sent within so many milliseconds, and at all.
fn fits(ring: &FrameRing, control: Option<&Control>, ms: usize) -> bool {
    let count = |(packets, bytes), frame: &Arc<Frame>| (packets + frame.run.len(), bytes + frame.run.bytes());
    let (packets, bytes) = ring.group().fold((0, 0), count);
    packets <= MAX_GROUP && bytes <= bytes_in(control, ms)
}
