//! Whether queues grow: the trend of the time on the way, over groups of packets (draft-ietf-rmcat-gcc-02, sections
//! 5.1 to 5.3, with the trendline filter that took the Kalman filter's place in browsers).

/// Packets sent within this time of the first are one group, in microseconds.
const GROUP: i64 = 5_000;
/// Packets that arrive so close together, sooner than they were sent apart, were held back and released together.
const RELEASED: i64 = 5_000;
/// A group released together lasts no longer than this.
const MAX_RELEASE: i64 = 100_000;
/// Groups whose trend is looked at, and the time that they may span.
const WINDOW: usize = 20;
const MAX_SPAN_MS: f64 = 3_000.0;
/// Groups that a trend takes at least.
const MIN_SAMPLES: usize = 6;
/// Part of the smoothed delay that a new group leaves.
const SMOOTHING: f64 = 0.9;
/// The trend counts as if over at most so many groups, times a gain.
const MAX_DELTAS: u32 = 60;
const GAIN: f64 = 4.0;
/// A trend above the threshold for so long is overuse.
const OVERUSE_MS: f64 = 10.0;
/// How fast the threshold follows the trend, upwards and downwards, for each millisecond.
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
const THRESHOLD_START: f64 = 12.5;
const THRESHOLD_MIN: f64 = 6.0;
const THRESHOLD_MAX: f64 = 600.0;
/// Trends so far above the threshold are no noise that it should follow.
const OUTLIER: f64 = 15.0;
/// Weight of a new group in the measure of jitter.
const JITTER_WEIGHT: f64 = 0.05;
/// Steps of the receiver's clock, or of ours: nothing is learned from them.
const MAX_STEP: i64 = 3_000_000;

/// What the trend tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Queues stay as they are.
    Normal,
    /// Queues grow.
    Over,
    /// Queues shrink.
    Under,
}

/// Packets that left together.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrived: i64,
    last_arrived: i64,
}

impl Group {
    /// Whether a packet is part of it.
    const fn takes(&self, sent: i64, arrived: i64) -> bool {
        let (gap_sent, gap_arrived) = (sent - self.last_sent, arrived - self.last_arrived);
        gap_sent == 0
            || sent - self.first_sent <= GROUP
            || (gap_arrived < gap_sent
                && gap_arrived <= RELEASED
                && arrived - self.first_arrived < MAX_RELEASE)
    }
}

/// The detector.
#[derive(Debug)]
pub(super) struct Delay {
    current: Option<Group>,
    previous: Option<Group>,
    trend: Trend,
    /// Mean deviation of the time between groups, in milliseconds.
    jitter: f64,
}

impl Delay {
    pub(super) const fn new() -> Self {
        Self { current: None, previous: None, trend: Trend::new(), jitter: 0.0 }
    }

    /// Forgets all groups: what follows can't be compared with them.
    pub(super) fn restart(&mut self) {
        (self.current, self.previous) = (None, None);
        self.trend = Trend { threshold: self.trend.threshold, ..Trend::new() };
    }

    /// What the trend of late tells.
    pub(super) const fn usage(&self) -> Usage {
        self.trend.usage
    }

    /// Mean deviation of the time between groups, in microseconds.
    pub(super) fn jitter(&self) -> i64 {
        (self.jitter * 1e3) as i64
    }

    /// Takes a packet, in the order of sending; times in microseconds of either clock.
    pub(super) fn push(&mut self, sent: i64, arrived: i64) {
        let Some(current) = &mut self.current else {
            self.current = Some(Group {
                first_sent: sent,
                last_sent: sent,
                first_arrived: arrived,
                last_arrived: arrived,
            });
            return;
        };
        if current.takes(sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrived = current.last_arrived.max(arrived);
            return;
        }
        let done = *current;
        self.current =
            Some(Group { first_sent: sent, last_sent: sent, first_arrived: arrived, last_arrived: arrived });
        let Some(previous) = self.previous.replace(done) else { return };
        let apart_sent = done.last_sent - previous.last_sent;
        let apart_arrived = done.last_arrived - previous.last_arrived;
        if apart_arrived.abs() > MAX_STEP || apart_sent.abs() > MAX_STEP {
            self.restart();
        } else if apart_arrived >= 0 {
            let deviation = (apart_arrived - apart_sent) as f64 / 1e3;
            self.jitter += JITTER_WEIGHT * (deviation.abs() - self.jitter);
            self.trend.push(deviation, apart_sent as f64 / 1e3, done.last_arrived as f64 / 1e3);
        }
    }
}

/// The line through the smoothed delays, and the threshold for its slope.
#[derive(Debug)]
struct Trend {
    /// Arrival and smoothed delay in milliseconds, the oldest overwritten first.
    samples: [(f64, f64); WINDOW],
    next: usize,
    length: usize,
    deltas: u32,
    delay: f64,
    smoothed: f64,
    last: f64,
    threshold: f64,
    updated: f64,
    over_for: Option<f64>,
    over_count: u32,
    usage: Usage,
}

impl Trend {
    const fn new() -> Self {
        Self {
            samples: [(0.0, 0.0); WINDOW],
            next: 0,
            length: 0,
            deltas: 0,
            delay: 0.0,
            smoothed: 0.0,
            last: 0.0,
            threshold: THRESHOLD_START,
            updated: 0.0,
            over_for: None,
            over_count: 0,
            usage: Usage::Normal,
        }
    }

    /// A group took `deviation` ms longer than the one before, which left `apart` ms earlier.
    fn push(&mut self, deviation: f64, apart: f64, arrived: f64) {
        self.deltas = self.deltas.saturating_add(1);
        self.delay += deviation;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        self.samples[self.next] = (arrived, self.smoothed);
        self.next = (self.next + 1) % WINDOW;
        self.length = (self.length + 1).min(WINDOW);
        while self.length > 1 && arrived - self.oldest().0 > MAX_SPAN_MS {
            self.length -= 1;
        }
        let slope = if self.length >= MIN_SAMPLES { self.slope() } else { None }.unwrap_or(self.last);
        self.judge(slope, apart, arrived);
        self.last = slope;
    }

    fn oldest(&self) -> (f64, f64) {
        self.samples[(self.next + WINDOW - self.length) % WINDOW]
    }

    /// Milliseconds of delay gained in each millisecond: the least squares of the samples.
    fn slope(&self) -> Option<f64> {
        let origin = self.oldest();
        let (mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0);
        for n in 1..=self.length {
            let (x, y) = self.samples[(self.next + WINDOW - n) % WINDOW];
            let (x, y) = (x - origin.0, y - origin.1);
            sum_x += x;
            sum_y += y;
            sum_xx += x * x;
            sum_xy += x * y;
        }
        let count = self.length as f64;
        let spread = count * sum_xx - sum_x * sum_x;
        (spread > 0.0).then(|| (count * sum_xy - sum_x * sum_y) / spread)
    }

    fn judge(&mut self, slope: f64, apart: f64, arrived: f64) {
        let trend = f64::from(self.deltas.min(MAX_DELTAS)) * slope * GAIN;
        if trend > self.threshold {
            // The first one has lasted half its time, as far as anybody knows.
            let over_for = self.over_for.map_or(apart / 2.0, |before| before + apart);
            self.over_for = Some(over_for);
            self.over_count += 1;
            if over_for > OVERUSE_MS && self.over_count > 1 && slope >= self.last {
                self.over_for = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.over_count = 0;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        let excess = trend.abs() - self.threshold;
        if excess <= OUTLIER {
            let speed = if excess < 0.0 { THRESHOLD_DOWN } else { THRESHOLD_UP };
            let passed = (arrived - self.updated).clamp(0.0, 100.0);
            self.threshold = (self.threshold + speed * excess * passed).clamp(THRESHOLD_MIN, THRESHOLD_MAX);
        }
        self.updated = arrived;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds groups 40 ms apart whose time on the way grows by `growth` us each.
    fn after(growth: i64, groups: i64) -> Usage {
        let mut delay = Delay::new();
        for n in 0..groups {
            delay.push(n * 40_000, n * (40_000 + growth));
        }
        delay.usage()
    }

    #[test]
    fn growing_queues_are_overuse_and_shrinking_ones_underuse() {
        assert_eq!(after(0, 100), Usage::Normal);
        assert_eq!(after(100, 100), Usage::Normal, "a clock drifts");
        assert_eq!(after(10_000, 20), Usage::Over);
        assert_eq!(after(-10_000, 40), Usage::Under);
    }

    #[test]
    fn packets_released_together_are_one_group() {
        let mut delay = Delay::new();
        for n in 0..100 {
            // Wireless: held back and released four at a time.
            delay.push(n * 10_000, (n / 4) * 40_000 + 40_000 + n % 4);
        }
        assert_eq!(delay.usage(), Usage::Normal);
        assert!(delay.jitter() < 1_000, "{}", delay.jitter());
    }

    #[test]
    fn a_step_of_a_clock_is_no_trend() {
        let mut delay = Delay::new();
        for n in 0..50 {
            delay.push(n * 40_000, n * 40_000 + if n < 30 { 0 } else { 60_000_000 });
        }
        assert_eq!(delay.usage(), Usage::Normal);
    }
}
