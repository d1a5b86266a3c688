//! What a player would show of the packets that come: whole pictures in order, from a keyframe on, and how long the
//! picture stood still.
//!
//! As browsers do, it holds back punctual pictures for as long as others have been late, but no longer than the
//! playout-delay extension says.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Packets that wait for one that is missing; past it the oldest are given up.
const MAX_WAITING: usize = 8192;
/// How long a late picture is remembered.
const MEMORY: Duration = Duration::from_secs(10);
/// Pictures that are remembered, should they come faster than a camera's.
const MAX_OFFSETS: usize = 1024;
const TICKS_PER_SECOND: f64 = 90_000.0;
/// Pictures of which the usual time between two is taken (webrtc-stats, `freezeCount`).
const USUAL_OF: usize = 30;
/// A freeze is longer than the usual time by this, and longer than three of them.
const FREEZE: Duration = Duration::from_millis(150);

/// A packet that has not been shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// It holds the parameter sets that a keyframe begins with.
    pub(super) begins_keyframe: bool,
}

/// The pictures of one stream on a screen.
#[derive(Debug, Default)]
pub(super) struct Playback {
    waiting: BTreeMap<u64, Piece>,
    /// The packet that goes on from the last picture shown.
    next: Option<u64>,
    pub(super) shown: u64,
    pub(super) freezes: u64,
    pub(super) frozen: Duration,
    pub(super) shown_at: Option<Instant>,
    /// The times between the last pictures.
    usual: VecDeque<Duration>,
    pub(super) held: Duration,
    /// Bounds of `held`, where the sender has told them.
    bounds: Option<(Duration, Duration)>,
    /// The newest timestamp without wrap-around, and how long after its time by the sender's clock each of the last
    /// pictures was whole, in seconds from an arbitrary start.
    timestamp: Option<(u32, i64)>,
    origin: Option<Instant>,
    offsets: VecDeque<(Instant, f64)>,
}

impl Playback {
    /// Takes the value of the playout-delay header extension: twelve bits each of least and most, in 10 ms.
    pub(super) fn set_playout_delay(&mut self, [first, second, third]: [u8; 3]) {
        let bound = |value: u16| Duration::from_millis(u64::from(value) * 10);
        let least = bound(u16::from(first) << 4 | u16::from(second >> 4));
        let most = bound(u16::from(second & 0x0F) << 8 | u16::from(third));
        self.bounds = Some((least, most.max(least)));
    }

    /// Takes a packet by its sequence number without wrap-around.
    pub(super) fn push(&mut self, now: Instant, extended: u64, piece: Piece) {
        if self.next.is_some_and(|next| extended < next) {
            return;
        }
        self.waiting.insert(extended, piece);
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_first();
        }
        // What is missing before a whole keyframe is not waited for.
        if self.next != Some(extended)
            && let Some(first) = self.keyframe_around(extended)
        {
            self.waiting = self.waiting.split_off(&first);
            self.next = Some(first);
        }
        while let Some(end) = self.next.and_then(|next| self.end_of_picture(next)) {
            let timestamp = self.waiting.get(&(end - 1)).map_or(0, |piece| piece.timestamp);
            self.waiting = self.waiting.split_off(&end);
            self.next = Some(end);
            let at = self.hold(now, timestamp);
            self.show(at);
        }
    }

    /// Where the picture of a packet starts, if it is a keyframe and whole.
    fn keyframe_around(&self, extended: u64) -> Option<u64> {
        let timestamp = self.waiting.get(&extended)?.timestamp;
        let mut first = extended;
        while !self.waiting.get(&first).filter(|piece| piece.timestamp == timestamp)?.begins_keyframe {
            first = first.checked_sub(1)?;
        }
        self.end_of_picture(first).map(|_| first)
    }

    /// Where the next picture starts, if all packets from `first` to a marker are here.
    fn end_of_picture(&self, first: u64) -> Option<u64> {
        let mut expected = first;
        for (&extended, piece) in self.waiting.range(first..) {
            if extended != expected {
                return None;
            }
            expected += 1;
            if piece.marker {
                return Some(expected);
            }
        }
        None
    }

    /// When a picture that is whole now is shown.
    fn hold(&mut self, now: Instant, timestamp: u32) -> Instant {
        let (last, ticks) = self.timestamp.unwrap_or((timestamp, 0));
        let ticks = ticks + i64::from(timestamp.wrapping_sub(last) as i32);
        self.timestamp = Some((timestamp, ticks));
        let origin = *self.origin.get_or_insert(now);
        let offset = now.duration_since(origin).as_secs_f64() - ticks as f64 / TICKS_PER_SECOND;
        while self.offsets.len() == MAX_OFFSETS
            || self.offsets.front().is_some_and(|(at, _)| now.duration_since(*at) > MEMORY)
        {
            self.offsets.pop_front();
        }
        self.offsets.push_back((now, offset));
        let (mut earliest, mut latest) = (offset, offset);
        for (_, offset) in &self.offsets {
            earliest = earliest.min(*offset);
            latest = latest.max(*offset);
        }
        let wanted = Duration::from_secs_f64(latest - earliest);
        self.held = self.bounds.map_or(wanted, |(least, most)| wanted.clamp(least, most));
        now + self.held.saturating_sub(Duration::from_secs_f64(offset - earliest))
    }

    fn show(&mut self, at: Instant) {
        self.shown += 1;
        // Never before the one before, should less be held back than then.
        let at = self.shown_at.map_or(at, |before| before.max(at));
        let Some(before) = self.shown_at.replace(at) else { return };
        let passed = at.duration_since(before);
        if let Some(usual) = self.usual.iter().sum::<Duration>().checked_div(self.usual.len() as u32)
            && passed >= (usual * 3).max(usual + FREEZE)
        {
            self.freezes += 1;
            self.frozen += passed;
        }
        if self.usual.len() == USUAL_OF {
            self.usual.pop_front();
        }
        self.usual.push_back(passed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(40);

    /// Pictures of three packets, every tenth a keyframe.
    fn piece(extended: u64) -> Piece {
        let picture = extended / 3;
        Piece {
            timestamp: picture as u32 * 3600,
            marker: extended % 3 == 2,
            begins_keyframe: extended.is_multiple_of(30),
        }
    }

    /// A player that is to show everything at once.
    fn at_once() -> Playback {
        let mut playback = Playback::default();
        playback.set_playout_delay([0; 3]);
        playback
    }

    fn at(start: Instant, extended: u64) -> Instant {
        start + STEP * (extended / 3) as u32
    }

    #[test]
    fn shows_whole_pictures_from_a_keyframe_on() {
        let (mut playback, start) = (at_once(), Instant::now());
        for extended in 15..90 {
            playback.push(at(start, extended), extended, piece(extended));
        }
        assert_eq!((playback.shown, playback.freezes), (20, 0));
        assert_eq!(playback.shown_at, Some(at(start, 89)));
    }

    #[test]
    fn waits_for_what_is_missing_and_shows_all_of_it_then() {
        let (mut playback, start) = (at_once(), Instant::now());
        for extended in (0..58).filter(|extended| *extended != 40) {
            playback.push(at(start, extended), extended, piece(extended));
        }
        assert_eq!((playback.shown, playback.freezes), (13, 0));
        playback.push(at(start, 58), 40, piece(40));
        assert_eq!((playback.shown, playback.freezes, playback.frozen), (19, 1, STEP * 7));
    }

    #[test]
    fn goes_on_at_a_keyframe_where_a_packet_never_comes() {
        let (mut playback, start) = (at_once(), Instant::now());
        // In the keyframe the middle packet is the last to come.
        let order = (0..60).filter(|extended| *extended != 40).chain([60, 62, 61]).chain(63..90);
        for extended in order {
            playback.push(at(start, extended), extended, piece(extended));
        }
        assert_eq!((playback.shown, playback.freezes, playback.frozen), (23, 1, STEP * 8));
        playback.push(at(start, 90), 40, piece(40));
        assert_eq!(playback.shown, 23);
        assert!(playback.waiting.is_empty());
    }

    #[test]
    fn holds_pictures_back_within_the_bounds() {
        // One picture in twenty comes five pictures late.
        let play = |bounds: Option<[u8; 3]>| {
            let (mut playback, start) = (Playback::default(), Instant::now());
            if let Some(bounds) = bounds {
                playback.set_playout_delay(bounds);
            }
            for extended in (0..3_000).filter(|extended| extended % 60 != 40) {
                playback.push(at(start, extended), extended, piece(extended));
                if extended % 60 == 55 {
                    playback.push(at(start, extended), extended - 15, piece(extended - 15));
                }
            }
            assert_eq!(playback.shown, 1_000);
            (playback.freezes, playback.held)
        };
        assert_eq!(play(Some([0; 3])), (50, Duration::ZERO));
        // The first one comes as a surprise, no later one does.
        assert_eq!(play(None), (1, STEP * 5));
        assert_eq!(play(Some([0, 0, 20])), (1, STEP * 5));
        assert_eq!(play(Some([0, 0, 4])), (50, STEP));
        assert_eq!(play(Some([0x01, 0xE0, 30])), (0, Duration::from_millis(300)));
    }

    #[test]
    fn stays_bounded() {
        let (mut playback, now) = (at_once(), Instant::now());
        for extended in 1..20_000 {
            playback.push(now, extended, Piece { marker: false, ..piece(extended) });
        }
        assert_eq!(playback.waiting.len(), MAX_WAITING);
    }
}
