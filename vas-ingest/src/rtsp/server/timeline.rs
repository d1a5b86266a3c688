//! From media time to RTP time, for one track of one session.
//!
//! RTP time starts at a random base (RFC 3550, section 5.1), which stands for one instant of capture that all
//! tracks of the session share: so the `rtptime` of each is known before its first packet (RFC 2326, section
//! 12.33). From a track's first unit on, presentation times alone count. A source that starts anew begins
//! its media time anew; RTP time then goes on by the time of capture.

use std::num::NonZeroU32;
use vas_core::WallTime;
use vas_core::media::AccessUnit;

#[derive(Debug)]
pub(super) struct Timeline {
    base: u32,
    rate: NonZeroU32,
    /// The instant of capture that `base` stands for; from the first PLAY on.
    origin: Option<WallTime>,
    anchor: Option<Anchor>,
    newest: Newest,
}

/// Where the media time of the present epoch lies.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    epoch: u32,
    pts: i64,
    ticks: i64,
}

/// The unit latest in time so far.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    captured: WallTime,
    ticks: i64,
}

impl Timeline {
    pub(super) fn new(base: u32, rate: NonZeroU32) -> Self {
        Self { base, rate, origin: None, anchor: None, newest: Newest::default() }
    }

    pub(super) const fn rate(&self) -> NonZeroU32 {
        self.rate
    }

    /// Says where time starts, unless it has been said before.
    pub(super) fn start(&mut self, origin: WallTime) {
        if self.origin.is_none() {
            self.origin = Some(origin);
            self.newest = Newest { captured: origin, ticks: 0 };
        }
    }

    /// The RTP time of an instant of capture, by what is known so far.
    pub(super) fn at(&self, captured: WallTime) -> u32 {
        self.wrap(self.ticks_at(captured))
    }

    /// The RTP time of a unit; `None`: it lies before the start, as sound before the first picture does and
    /// pictures that refer to others before it.
    pub(super) fn place(&mut self, unit: &AccessUnit) -> Option<u32> {
        let pts = unit.pts.rescale(self.rate).ticks();
        let ticks = match self.anchor {
            Some(anchor) if anchor.epoch == unit.epoch => {
                anchor.ticks.saturating_add(pts.saturating_sub(anchor.pts))
            }
            anchor => {
                let by_capture = self.ticks_at(unit.captured);
                let ticks = if anchor.is_some() { by_capture.max(self.newest.ticks + 1) } else { by_capture };
                if ticks >= 0 {
                    self.anchor = Some(Anchor { epoch: unit.epoch, pts, ticks });
                }
                ticks
            }
        };
        if ticks < 0 {
            return None;
        }
        if ticks >= self.newest.ticks {
            self.newest = Newest { captured: unit.captured, ticks };
        }
        Some(self.wrap(ticks))
    }

    fn ticks_at(&self, captured: WallTime) -> i64 {
        let micros = i128::from(captured.micros_since(self.newest.captured));
        let ticks = (micros * i128::from(self.rate.get())).div_euclid(1_000_000);
        self.newest.ticks.saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    const fn wrap(&self, ticks: i64) -> u32 {
        self.base.wrapping_add(ticks as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::testing::{delta_picture, key_picture};

    fn timeline(origin: WallTime) -> Timeline {
        let mut timeline = Timeline::new(u32::MAX - 100, NonZeroU32::new(90_000).unwrap());
        timeline.start(origin);
        timeline
    }

    #[test]
    fn time_starts_at_the_origin_and_follows_presentation_time() {
        let first = key_picture(10);
        let mut timeline = timeline(first.captured);
        let base = timeline.at(first.captured);
        assert_eq!(timeline.place(&first), Some(base));
        assert_eq!(timeline.place(&delta_picture(12)), Some(base.wrapping_add(7200)));
        assert_eq!(timeline.place(&delta_picture(11)), Some(base.wrapping_add(3600)), "reordered");
        assert_eq!(timeline.place(&delta_picture(9)), None, "before the start");
        assert_eq!(timeline.at(delta_picture(13).captured), base.wrapping_add(3 * 3600));
    }

    #[test]
    fn a_source_that_starts_anew_is_continued_by_the_time_of_capture() {
        let mut timeline = timeline(key_picture(0).captured);
        let base = timeline.place(&key_picture(0)).unwrap();
        timeline.place(&delta_picture(1)).unwrap();
        let mut anew = key_picture(0);
        anew.epoch = 1;
        anew.captured = key_picture(25).captured;
        assert_eq!(timeline.place(&anew), Some(base.wrapping_add(25 * 3600)));
        let mut next = delta_picture(1);
        next.epoch = 1;
        assert_eq!(timeline.place(&next), Some(base.wrapping_add(26 * 3600)));
        // A clock that was set back must not turn time round.
        let mut back = key_picture(5);
        (back.epoch, back.captured) = (2, key_picture(0).captured);
        assert_eq!(timeline.place(&back), Some(base.wrapping_add(26 * 3600 + 1)));
    }
}
