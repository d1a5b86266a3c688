//! The sound that goes with pictures: it waits until it is known what is shown.

use super::assembly::Stored;
use std::collections::VecDeque;

/// Packets that wait for pictures at most: many minutes of any codec.
const MAX_WAITING: usize = 1 << 16;

/// Packets that wait.
#[derive(Debug, Default)]
pub(super) struct SoundQueue {
    waiting: VecDeque<Stored>,
    /// Where in the clip the first packet that was taken starts, in ticks of the track; before 0 where it is there only
    /// to be decoded.
    pub(super) first: Option<i64>,
}

/// What of the sound belongs to a part, in ticks of the track in the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Where the part starts.
    pub(super) start: i64,
    /// Where it starts in the clip, in ticks of the track.
    pub(super) at: i64,
    /// The first part takes the packet that holds its start, and those of this length before it, which are hidden.
    /// Others, which follow sound, begin with the first whole packet.
    pub(super) pre_roll: Option<i64>,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The part goes on at least up to here; later packets wait.
    Open(i64),
    /// It ends here and another follows: whole packets only.
    Inner(i64),
    /// The clip ends here: the packet that holds the end belongs to it.
    Last(i64),
}

impl SoundQueue {
    pub(super) fn push(&mut self, packet: Stored) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(packet);
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Drops what ends long before `time`: a second and more, so that what has to be decoded first is kept.
    pub(super) fn forget_before(&mut self, time: i64) {
        let is_old = |packet: &Stored| {
            let duration = i64::from(packet.duration).max(1);
            packet.pts.saturating_add(duration.saturating_mul(50)) < time
        };
        while self.waiting.front().is_some_and(is_old) {
            self.waiting.pop_front();
        }
    }

    /// Hands out what is wanted, in order and with its place in the clip, and drops what comes before it.
    pub(super) fn take(&mut self, wanted: Wanted, mut put: impl FnMut(&Stored, i64)) {
        while let Some(packet) = self.waiting.front() {
            let end = packet.pts.saturating_add(packet.duration.into());
            let early = match wanted.pre_roll {
                Some(pre_roll) => end <= wanted.start.saturating_sub(pre_roll),
                None => packet.pts < wanted.start,
            };
            let late = match wanted.end {
                End::Open(until) if !early && end > until => break,
                End::Open(_) => false,
                End::Inner(until) => end > until,
                End::Last(until) => packet.pts >= until,
            };
            if !early && !late {
                let place = wanted.at.saturating_add(packet.pts.saturating_sub(wanted.start));
                self.first.get_or_insert(place);
                put(packet, place);
            }
            self.waiting.pop_front();
        }
    }
}
