//! Wall time that only goes forward, whatever is done to the machine's clock.

use vas_core::WallTime;

/// A capture time that lies farther than this ahead of what was expected, in microseconds, is a jump of the clock.
const JUMP: i64 = 2_000_000;
/// Otherwise wall time goes faster or slower than media time by at most 1/20, until it agrees with the capture times.
const SLEW: i64 = 20;

/// Where a chunk lies in wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// UTC of its beginning.
    pub wall: WallTime,
    /// The clock jumped forward before it.
    pub jumped: bool,
}

/// Lays the chunks of a recording on a line of wall time that never goes back.
///
/// Capture times are followed where they differ little from what media time makes expect. A clock that was set forward
/// makes the line jump; one that was set back makes it go at 95 % of the media's pace until the two agree again, since
/// time that is recorded already can't be recorded once more.
#[derive(Debug)]
pub struct WallLine {
    /// The end of what is recorded already.
    not_before: Option<WallTime>,
    /// The last place: media time in ticks of 90 kHz, and UTC.
    last: Option<(i64, WallTime)>,
}

impl WallLine {
    /// A line that starts at the first capture time, but not before the end of what is recorded already.
    #[must_use]
    pub const fn new(not_before: Option<WallTime>) -> Self {
        Self { not_before, last: None }
    }

    /// The place of what begins at `media`, in ticks of 90 kHz, and was captured at `captured`. Media times rise.
    pub fn place(&mut self, media: i64, captured: WallTime) -> Placed {
        let (earliest, expected, slack) = match self.last {
            Some((last, wall)) => {
                let advance = micros(media.saturating_sub(last).max(0));
                let slack = advance / SLEW;
                let expected = wall.add_micros(advance);
                (wall.add_micros(advance - slack), Some(expected), slack)
            }
            None => (self.not_before.unwrap_or(captured), self.not_before, i64::MAX),
        };
        let jumped = expected.is_some_and(|expected| captured.micros_since(expected) > JUMP);
        let latest = match expected {
            Some(expected) if !jumped => expected.add_micros(slack),
            _ => captured,
        };
        let wall = captured.max(earliest).min(latest.max(earliest));
        self.last = Some((media, wall));
        Placed { wall, jumped }
    }

    /// What comes next is counted from another origin, and does not begin before the end of the last chunk: `media`, in
    /// ticks of 90 kHz.
    pub fn restart(&mut self, media: i64) {
        if let Some((last, wall)) = self.last.take() {
            self.not_before = Some(wall.add_micros(micros(media.saturating_sub(last).max(0))));
        }
    }
}

fn micros(ticks: i64) -> i64 {
    i64::try_from(i128::from(ticks) * 100 / 9).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: WallTime = WallTime::from_unix_micros(1_795_305_600_000_000);
    /// Half a second.
    const CHUNK: i64 = 45_000;
    const HOUR: i64 = 3_600_000_000;

    /// Places chunk after chunk; `offset` tells by how much the machine's clock is off, in microseconds.
    fn run(line: &mut WallLine, chunks: std::ops::Range<i64>, offset: impl Fn(i64) -> i64) -> Vec<Placed> {
        let captured = |n: i64| START.add_micros(n * 500_000 + offset(n));
        chunks.map(|n| line.place(n * CHUNK, captured(n))).collect()
    }

    #[test]
    fn a_clock_set_back_slows_the_line_until_both_agree() {
        let mut line = WallLine::new(None);
        let placed = run(&mut line, 0..500, |n| if n < 10 { 0 } else { -5_000_000 });
        assert!(placed.iter().all(|placed| !placed.jumped));
        assert!(placed.windows(2).all(|pair| pair[1].wall.micros_since(pair[0].wall) >= 475_000));
        // 5 s are made up for in 100 s.
        assert_eq!(placed[215].wall, START.add_micros(215 * 500_000 - 5_000_000));
        assert!(placed[200].wall > START.add_micros(200 * 500_000 - 5_000_000));
    }

    #[test]
    fn a_clock_set_forward_makes_the_line_jump_once() {
        let mut line = WallLine::new(None);
        let placed = run(&mut line, 0..20, |n| if n < 10 { 0 } else { HOUR });
        let jumps: Vec<_> = (0..20).filter(|&n| placed[n].jumped).collect();
        assert_eq!(jumps, [10]);
        assert_eq!(placed[10].wall, START.add_micros(5_000_000 + HOUR));
    }

    #[test]
    fn a_camera_that_runs_wrong_by_one_percent_is_followed() {
        for percent in [-1, 1] {
            let mut line = WallLine::new(None);
            let placed = run(&mut line, 0..7_200, |n| n * 5_000 * percent);
            for (n, placed) in (0..).zip(&placed) {
                let captured = START.add_micros(n * (500_000 + 5_000 * percent));
                assert!(placed.wall.micros_since(captured).abs() < 50_000 && !placed.jumped, "{n}");
            }
        }
    }

    #[test]
    fn what_is_recorded_already_is_not_recorded_again() {
        let mut line = WallLine::new(Some(START.add_micros(HOUR)));
        let placed = run(&mut line, 0..10, |_| 0);
        assert_eq!(placed[0].wall, START.add_micros(HOUR));
        assert_eq!(placed[9].wall, START.add_micros(HOUR + 9 * 475_000));
        // Another run begins where this one ends.
        line.restart(10 * CHUNK);
        assert_eq!(line.place(0, START).wall, START.add_micros(HOUR + 9 * 475_000 + 500_000));
    }

    proptest! {
        #[test]
        fn never_goes_back(
            steps in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<bool>(), 0_u8..20), 1..60),
            floor in proptest::option::of(any::<i64>()),
        ) {
            let mut line = WallLine::new(floor.map(WallTime::from_unix_micros));
            let (mut media, mut last) = (0_i64, floor.map(WallTime::from_unix_micros));
            for (step, captured, small, restart) in steps {
                let step = if small { step.rem_euclid(200_000) } else { step.saturating_abs() };
                media = media.saturating_add(step);
                let placed = line.place(media, WallTime::from_unix_micros(captured));
                prop_assert!(last.is_none_or(|last| placed.wall >= last));
                last = Some(placed.wall);
                if restart == 0 {
                    line.restart(media);
                    media = 0;
                }
            }
        }

        #[test]
        fn converges_after_any_step(step in -20_000_000_i64..20_000_000) {
            let mut line = WallLine::new(None);
            let placed = run(&mut line, 0..1_000, |n| if n < 10 { 0 } else { step });
            prop_assert_eq!(placed[999].wall, START.add_micros(999 * 500_000 + step));
        }
    }
}
