//! Presentation times without jumps, of a camera whose clock may jump.

use std::num::NonZeroU32;
use std::time::Instant;

/// A step back by more than this, in seconds, is a jump and no reordering.
const MAX_BACKWARD: f64 = 1.0;

/// A step forward past the time that went by, by more than this, in seconds, is a jump.
const MAX_AHEAD: f64 = 10.0;

/// Places the timestamps of one track on a line without jumps: where the camera's clock starts over or leaps, the line
/// goes on by the time that really went by.
#[derive(Debug)]
pub struct Timeline {
    rate: f64,
    shift: i64,
    last: Option<(i64, Instant)>,
    jumps: u64,
}

impl Timeline {
    /// A line of a clock of `rate` Hz that nothing lies on yet.
    #[must_use]
    pub fn new(rate: NonZeroU32) -> Self {
        Self { rate: f64::from(rate.get()), shift: 0, last: None, jumps: 0 }
    }

    /// Jumps passed over so far.
    #[must_use]
    pub const fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Where `ticks`, of about the present time, lie on the line; changes nothing.
    #[must_use]
    pub const fn locate(&self, ticks: i64) -> i64 {
        ticks.saturating_add(self.shift)
    }

    /// The place of the unwrapped timestamp `ticks` of a unit that arrived at `received`.
    pub fn place(&mut self, ticks: i64, received: Instant) -> i64 {
        let mut placed = self.locate(ticks);
        if let Some((last, at)) = self.last {
            let elapsed = received.saturating_duration_since(at).as_secs_f64();
            let step = placed.saturating_sub(last) as f64 / self.rate;
            if step < -MAX_BACKWARD || step > elapsed + MAX_AHEAD {
                placed = last.saturating_add(((elapsed * self.rate) as i64).max(1));
                self.shift = placed.saturating_sub(ticks);
                self.jumps += 1;
            }
        }
        self.last = Some((placed, received));
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const RATE: NonZeroU32 = NonZeroU32::new(90_000).unwrap();

    #[test]
    fn goes_on_over_jumps_and_keeps_reordering_and_pauses() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut line = Timeline::new(RATE);
        // Reordered pictures keep their places, and so does a picture after a pause.
        for (ticks, millis) in [(0, 0), (10_800, 40), (3_600, 80), (7_200, 120), (7_200 + 900_000, 10_120)] {
            assert_eq!(line.place(ticks, at(millis)), ticks);
        }
        assert_eq!(line.jumps(), 0);
        // The clock starts over: 40 ms later is 40 ms later.
        assert_eq!(line.place(50, at(10_160)), 907_200 + 3_600);
        assert_eq!(line.place(3_650, at(10_200)), 907_200 + 7_200);
        // The clock leaps by an hour.
        assert_eq!(line.place(3_650 + 3_600 * 90_000, at(10_240)), 907_200 + 10_800);
        assert_eq!(line.jumps(), 2);
    }

    proptest! {
        #[test]
        fn steps_are_bounded_whatever_comes(all in proptest::collection::vec(any::<i64>(), 1..50)) {
            let start = Instant::now();
            let mut line = Timeline::new(RATE);
            let mut last = line.place(all[0], start);
            for (n, &ticks) in all.iter().enumerate() {
                let placed = line.place(ticks, start + Duration::from_millis(40 * n as u64));
                prop_assert!(i128::from(placed) - i128::from(last) <= 90_000 * 11);
                prop_assert!(i128::from(placed) - i128::from(last) >= -90_001);
                last = placed;
            }
        }
    }
}
