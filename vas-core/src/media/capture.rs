//! UTC of capture, from the camera's sender reports where they can be believed, never stepped by them.
//!
//! A sender report ties a media time to the camera's clock (RFC 3550, section 6.4.1). Where that clock agrees with
//! this machine's to within what encoding and the network take, it tells when a picture was taken. Elsewhere - no
//! reports, a camera that thinks it is 1970 - capture is arrival, freed of jitter by taking the least delay seen
//! lately. At first, before a second report or many arrivals, the trend of the arrivals tells whether the camera's clock
//! drifts. Whatever the source, the result moves towards it slowly and never leaves this machine's clock.

use crate::time::WallTime;
use std::collections::VecDeque;
use std::num::NonZeroU32;

/// A report is believed where it puts the capture at most this long before the arrival, in microseconds.
const MAX_DELAY: i64 = 3_000_000;
/// And at most this long after it: clocks kept by NTP differ a little.
const MAX_EARLY: i64 = 100_000;
/// The result moves towards its aim by at most 1/20 of the time that goes by: enough for a clock that is off by 1 %.
const SLEW: i64 = 20;
/// Farther than this from the arrival, in microseconds, this machine's clock was stepped or the camera's media time
/// jumped, and the result starts anew.
const MAX_DISTANCE: i64 = 10_000_000;
/// How long a minimum of the delay counts, in microseconds; between one and two times this.
const WINDOW: i64 = 2_000_000;
/// Media needed before the drift of the camera's clock can be told from jitter, in microseconds.
const DRIFT_BASELINE: i64 = 20_000_000;

/// The same before the drift is used to tell how old delays would be now.
const TREND_BASELINE: i64 = 6_000_000;
/// Arrivals of so long are one point of the trend, in microseconds.
const TREND_POINT: i64 = 500_000;
/// Points of the trend at least, and at most.
const TREND_POINTS: std::ops::RangeInclusive<usize> = 4..=20;
/// What the trend adds up to is jitter as far as this, in microseconds.
const TREND_NOISE: f64 = 10_000.0;
/// Media between two reports, in microseconds, from which the rate of the camera's clocks can be told.
const REPORT_BASELINE: i64 = 1_000_000;
/// No clock is off by more than this.
const MAX_SKEW: f64 = 0.02;

/// A delay, and when it was seen.
#[derive(Clone, Copy, Debug)]
struct Delay {
    value: i64,
    at: WallTime,
}

impl Delay {
    /// What it would be at `now` with delays that grow by `growth` microseconds in each.
    fn grown(self, growth: f64, now: WallTime) -> i64 {
        self.value.saturating_add((growth * now.micros_since(self.at) as f64) as i64)
    }
}

/// The trend of the delays at the start of a session: the least squares of the least delays of each half second.
#[derive(Debug)]
struct Trend {
    points: VecDeque<Delay>,
    current: Delay,
    since: WallTime,
    slope: f64,
}

impl Trend {
    const fn new(first: Delay) -> Self {
        Self { points: VecDeque::new(), current: first, since: first.at, slope: 0.0 }
    }

    fn push(&mut self, new: Delay) {
        if new.at.micros_since(self.since) < TREND_POINT {
            if new.value <= self.current.value {
                self.current = new;
            }
            return;
        }
        if self.points.len() == *TREND_POINTS.end() {
            self.points.pop_front();
        }
        self.points.push_back(self.current);
        (self.current, self.since) = (new, new.at);
        self.slope = self.least_squares().clamp(-MAX_SKEW, MAX_SKEW);
    }

    fn least_squares(&self) -> f64 {
        let Some(first) = self.points.front().filter(|_| TREND_POINTS.contains(&self.points.len())) else {
            return 0.0;
        };
        let count = self.points.len() as f64;
        let (mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0);
        for point in &self.points {
            let at = point.at.micros_since(first.at) as f64;
            let value = point.value.saturating_sub(first.value) as f64;
            (x, y, xx, xy) = (x + at, y + value, xx + at * at, xy + at * value);
        }
        let spread = count * xx - x * x;
        if spread > 0.0 { (count * xy - x * y) / spread } else { 0.0 }
    }

    /// By how much delays have grown in `passed` microseconds, beyond what may be jitter.
    fn over(&self, passed: i64) -> i64 {
        let grown = self.slope * passed as f64;
        (grown.signum() * (grown.abs() - TREND_NOISE).max(0.0)) as i64
    }
}

/// The least delay of the last one to two windows.
#[derive(Debug)]
struct WindowMin {
    previous: Delay,
    current: Delay,
    since: WallTime,
}

impl WindowMin {
    fn push(&mut self, new: Delay, growth: f64) -> bool {
        let turned = new.at.micros_since(self.since) >= WINDOW;
        if turned {
            (self.previous, self.current, self.since) = (self.current, new, new.at);
        } else if new.value <= self.current.grown(growth, new.at) {
            self.current = new;
        }
        turned
    }

    fn get(&self, growth: f64, now: WallTime) -> i64 {
        self.previous.grown(growth, now).min(self.current.grown(growth, now))
    }
}

/// Maps the media time of one track to UTC.
#[derive(Debug)]
pub struct CaptureClock {
    rate: i128,
    /// Media time and camera time of the last report, in microseconds.
    report: Option<(i64, WallTime)>,
    /// By how much more the camera's time runs than its media time does, as two reports have it: what is extrapolated
    /// from a report without this is off by 50 ms after 5 s of a clock that is off by 1 %.
    skew: Option<f64>,
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    /// UTC of media time 0 as it is told, in microseconds.
    base: i64,
    /// Arrival minus media time.
    arrival: WindowMin,
    trend: Trend,
    last: WallTime,
    /// The first whole window's minimum, to tell the drift by.
    anchor: Option<Delay>,
    drift_ppm: Option<f64>,
    /// By how many microseconds arrival minus media time grows in each, once that can be told from two windows.
    growth: Option<f64>,
}

impl CaptureClock {
    /// The clock of a track of `rate` Hz, before anything has arrived.
    #[must_use]
    pub fn new(rate: NonZeroU32) -> Self {
        Self { rate: i128::from(rate.get()), report: None, skew: None, state: None }
    }

    fn micros(&self, ticks: i64) -> i64 {
        i64::try_from(i128::from(ticks) * 1_000_000 / self.rate).unwrap_or(i64::MAX / 2)
    }

    /// Takes a sender report: the unwrapped media time `ticks` was `ntp` on the camera's clock.
    pub fn report(&mut self, ticks: i64, ntp: u64) {
        // A camera without a clock sends zero (RFC 3550, section 6.4.1).
        if ntp == 0 {
            return;
        }
        let (media, camera) = (self.micros(ticks), WallTime::from_ntp(ntp));
        if let Some((last, at)) = self.report {
            let passed = media.saturating_sub(last);
            let skew = camera.micros_since(at).saturating_sub(passed) as f64 / passed.max(1) as f64;
            if passed >= REPORT_BASELINE && skew.abs() <= MAX_SKEW {
                // The first one tells all; then reports that were stamped carelessly are averaged.
                self.skew = Some(self.skew.map_or(skew, |before| (before + skew) / 2.0));
            }
        }
        self.report = Some((media, camera));
    }

    /// How fast the camera's media clock runs against this machine's, in parts per million; `None` until known.
    #[must_use]
    pub fn drift_ppm(&self) -> Option<f64> {
        self.state.as_ref()?.drift_ppm
    }

    /// UTC of the capture of the unit at `ticks`, which arrived at `received`. Never after `received`.
    pub fn captured(&mut self, ticks: i64, received: WallTime) -> WallTime {
        let media = self.micros(ticks);
        let arrival = received.as_unix_micros().saturating_sub(media);
        let believed = self.report.and_then(|(at, camera)| {
            let passed = media.saturating_sub(at);
            let apart = match (self.skew, &self.state) {
                (Some(skew), _) => (passed as f64 * skew) as i64,
                (None, Some(state)) => state.trend.over(passed),
                (None, None) => 0,
            };
            let captured = camera.add_micros(passed.saturating_add(apart));
            (-MAX_EARLY..=MAX_DELAY)
                .contains(&received.micros_since(captured))
                .then(|| captured.as_unix_micros().saturating_sub(media))
        });
        let state =
            self.state.get_or_insert_with(|| State::new(believed.unwrap_or(arrival), arrival, received));
        state.follow(arrival, believed, received);
        let captured = WallTime::from_unix_micros(state.base.saturating_add(media));
        if received.micros_since(captured).abs() > MAX_DISTANCE {
            self.state = Some(State::new(arrival, arrival, received));
            return received;
        }
        captured.min(received)
    }
}

impl State {
    const fn new(base: i64, arrival: i64, at: WallTime) -> Self {
        let delay = Delay { value: arrival, at };
        let arrival = WindowMin { previous: delay, current: delay, since: at };
        Self {
            base,
            arrival,
            trend: Trend::new(delay),
            last: at,
            anchor: None,
            drift_ppm: None,
            growth: None,
        }
    }

    fn follow(&mut self, arrival: i64, believed: Option<i64>, received: WallTime) {
        let elapsed = received.micros_since(self.last).clamp(0, 1_000_000);
        self.last = received;
        let delay = Delay { value: arrival, at: received };
        self.trend.push(delay);
        let growth =
            self.growth.unwrap_or_else(|| self.trend.over(2 * WINDOW) as f64 / (2.0 * WINDOW as f64));
        if self.arrival.push(delay, growth) {
            self.measure_drift();
        }
        let aim = believed.unwrap_or_else(|| self.arrival.get(growth, received));
        let most = elapsed / SLEW;
        self.base = self.base.saturating_add(aim.saturating_sub(self.base).clamp(-most, most));
    }

    /// Compares the whole window that has just ended with the first one.
    fn measure_drift(&mut self) {
        let ended = self.arrival.previous;
        let Some(first) = self.anchor else {
            self.anchor = Some(ended);
            return;
        };
        let elapsed = ended.at.micros_since(first.at);
        if elapsed >= TREND_BASELINE {
            let growth = ended.value.saturating_sub(first.value) as f64 / elapsed as f64;
            self.growth = Some(growth.clamp(-MAX_SKEW, MAX_SKEW));
            if elapsed >= DRIFT_BASELINE {
                // A fast media clock makes arrival minus media time shrink.
                self.drift_ppm = Some(growth * -1e6);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: NonZeroU32 = NonZeroU32::new(90_000).unwrap();
    const START: i64 = 1_700_000_000_000_000;
    const FRAME: i64 = 40_000;

    fn wall(micros: i64) -> WallTime {
        WallTime::from_unix_micros(START + micros)
    }

    /// Feeds `frames` pictures at 25 fps; `media(n)` is the media time in microseconds, `jitter(n)` the delay.
    fn run(
        clock: &mut CaptureClock,
        frames: std::ops::Range<i64>,
        media: impl Fn(i64) -> i64,
        jitter: impl Fn(i64) -> i64,
    ) -> Vec<(WallTime, WallTime)> {
        frames
            .map(|n| {
                let received = wall(n * FRAME + jitter(n));
                (clock.captured(media(n) * 9 / 100, received), received)
            })
            .collect()
    }

    #[test]
    fn without_reports_capture_is_arrival_without_jitter() {
        let mut clock = CaptureClock::new(RATE);
        let jitter = |n: i64| if n % 5 == 0 { 0 } else { (n * 7_919) % 15_000 };
        let all = run(&mut clock, 0..500, |n| n * FRAME, jitter);
        for (n, (captured, received)) in all.iter().enumerate().skip(50) {
            assert!(captured <= received);
            assert!((captured.micros_since(wall(n as i64 * FRAME))).abs() <= 20, "picture {n}");
        }
    }

    #[test]
    fn a_believable_report_is_approached_without_a_step() {
        let mut clock = CaptureClock::new(RATE);
        // Captured 300 ms before it arrives; the media time 0 was START - 300 ms on the camera's clock.
        run(&mut clock, 0..25, |n| n * FRAME, |_| 0);
        clock.report(0, wall(-300_000).to_ntp());
        let all = run(&mut clock, 25..500, |n| n * FRAME, |_| 0);
        for pair in all.windows(2) {
            let step = pair[1].0.micros_since(pair[0].0);
            assert!((FRAME - FRAME / 20 - 20..=FRAME).contains(&step), "{step}");
        }
        let (captured, received) = all[all.len() - 1];
        assert!((received.micros_since(captured) - 300_000).abs() < 100);
    }

    #[test]
    fn a_camera_clock_that_is_stepped_by_an_hour_moves_nothing() {
        for hour in [3_600_000_000, -3_600_000_000] {
            let mut clock = CaptureClock::new(RATE);
            clock.report(0, wall(-50_000).to_ntp());
            run(&mut clock, 0..250, |n| n * FRAME, |_| 0);
            clock.report(250 * FRAME * 9 / 100, wall(250 * FRAME - 50_000 + hour).to_ntp());
            let all = run(&mut clock, 250..1_000, |n| n * FRAME, |_| 0);
            for pair in all.windows(2) {
                assert!((pair[1].0.micros_since(pair[0].0) - FRAME).abs() <= FRAME / 20 + 20);
            }
            assert!(all.iter().all(|(captured, received)| received.micros_since(*captured) <= 60_000));
        }
    }

    #[test]
    fn a_clock_that_drifts_by_one_percent_is_followed_and_measured() {
        for ppm in [10_000, -10_000] {
            let mut clock = CaptureClock::new(RATE);
            let media =
                |n: i64| n * FRAME + n * FRAME / 1_000_000 * ppm + n * FRAME % 1_000_000 * ppm / 1_000_000;
            // A day of it, one picture in each second, would be the same; ten minutes cover many windows.
            let all = run(&mut clock, 0..15_000, media, |_| 0);
            for (captured, received) in &all[50..] {
                assert!((0..60_000).contains(&received.micros_since(*captured)));
            }
            let drift = clock.drift_ppm().unwrap();
            assert!((drift - ppm as f64).abs() < 150.0, "{drift}");
        }
    }

    /// What is told of a track is off by less than 25 ms from its first report on, whatever its clock and whenever its
    /// reports come; two tracks of a camera are then apart by less than twice as much, and mostly by far less.
    #[test]
    fn a_clock_that_drifts_is_known_before_the_second_report() {
        for (ppm, first) in
            [10_000, -10_000, 0].into_iter().flat_map(|ppm| [0, 700, 2_500].map(|ms| (ppm, ms)))
        {
            let mut clock = CaptureClock::new(RATE);
            let (mut worst, mut late) = (0, 0);
            for n in 0..15_000 {
                let at = n * FRAME;
                let ticks = (at + at * ppm / 1_000_000) * 9 / 100;
                if at >= first * 1_000 && (at - first * 1_000) % 5_000_000 < FRAME {
                    clock.report(ticks, wall(at).to_ntp());
                }
                let arrived = wall(at + 20_000 + (n * 7_919) % 15_000);
                let off = clock.captured(ticks, arrived).micros_since(wall(at)).abs();
                // What is learnt of a report is approached at one part in 20.
                if at > first * 1_000 + 1_000_000 {
                    worst = worst.max(off);
                }
                if at > first * 1_000 + 7_000_000 {
                    late = late.max(off);
                }
            }
            println!("{ppm} ppm, reports from {first} ms on: {worst} us off at worst, {late} us later on");
            assert!(worst < 25_000 && late < 2_000, "{ppm} ppm, from {first} ms on: {worst} us, {late} us");
        }
    }

    #[test]
    fn media_time_passes_the_wrap_of_rtp_timestamps() {
        let mut clock = CaptureClock::new(RATE);
        let origin = ((1_i64 << 32) - 45_000) * 100 / 9;
        clock.report((1 << 32) - 45_000, wall(-20_000).to_ntp());
        let all = run(&mut clock, 0..100, |n| origin + n * FRAME, |_| 0);
        assert!(
            all.iter().all(|(captured, received)| (received.micros_since(*captured) - 20_000).abs() < 50)
        );
    }

    #[test]
    fn a_step_of_this_machines_clock_is_followed_at_once() {
        let mut clock = CaptureClock::new(RATE);
        run(&mut clock, 0..100, |n| n * FRAME, |_| 0);
        let received = wall(100 * FRAME + 3_600_000_000);
        assert_eq!(clock.captured(100 * FRAME * 9 / 100, received), received);
    }

    proptest! {
        #[test]
        fn any_report_leaves_capture_close_before_arrival(
            reports in proptest::collection::vec((any::<u64>(), any::<i64>()), 0..20),
        ) {
            let mut clock = CaptureClock::new(RATE);
            let mut n = 0;
            for (ntp, ticks) in reports {
                clock.report(ticks, ntp);
                for (captured, received) in run(&mut clock, n..n + 5, |n| n * FRAME, |_| 0) {
                    prop_assert!((0..=MAX_DISTANCE).contains(&received.micros_since(captured)));
                }
                n += 5;
            }
        }
    }
}
