//! The rate that loss allows (draft-ietf-rmcat-gcc-02, section 6).
//!
//! Radio loses packets at random, congestion loses many: up to a tenth is no reason to send less.

/// Above this part of packets lost, congestion is the cause.
const CONGESTION: f64 = 0.10;
/// Below this part, nothing is wrong.
const HARMLESS: f64 = 0.02;
/// How far above the part must be to be no accident, in standard deviations of the count.
const SIGNIFICANCE: f64 = 2.0;
/// Growth of the bound in a second: without loss, and with some that queues have no part in.
const GROWTH: f64 = 1.08;
const GROWTH_LOSSY: f64 = 1.03;
/// Packets that are looked at, at least.
const MIN_PACKETS: u32 = 20;
/// A decrease shows its effect after a round trip and this time, in microseconds.
const EFFECT: i64 = 300_000;
/// How long packets are counted before the part is taken as it stands.
const PERIOD: i64 = 1_000_000;
const MAX_PERIOD: i64 = 4_000_000;
/// For how long the state is lossy after a decrease.
const LOSSY: i64 = 1_000_000;
/// Above so many times the rate that delay allows, the bound has no say any more.
const IRRELEVANT: f64 = 2.0;

/// The control.
#[derive(Debug)]
pub(super) struct Loss {
    lost: u32,
    total: u32,
    since: i64,
    /// Bits per second; infinite: loss bounds nothing.
    bound: f64,
    cut: Option<i64>,
}

impl Loss {
    pub(super) const fn new() -> Self {
        Self { lost: 0, total: 0, since: 0, bound: f64::INFINITY, cut: None }
    }

    pub(super) const fn bound(&self) -> f64 {
        self.bound
    }

    pub(super) fn is_lossy(&self, now: i64) -> bool {
        self.cut.is_some_and(|at| now - at < LOSSY)
    }

    /// Counts a packet whose fate is known.
    pub(super) fn count(&mut self, lost: bool) {
        self.total = self.total.saturating_add(1);
        self.lost = self.lost.saturating_add(u32::from(lost));
    }

    /// A packet counted as lost has arrived after all.
    pub(super) fn found(&mut self) {
        self.lost = self.lost.saturating_sub(1);
    }

    /// A run of packets has arrived at this rate.
    pub(super) fn raise(&mut self, rate: f64, now: i64) {
        if f64::from(self.lost) <= HARMLESS * f64::from(self.total) && !self.is_lossy(now) {
            self.bound = self.bound.max(rate);
        }
    }

    /// After each feedback. `rate` is what is to be cut where too much is lost, but not below `arrives`; `delay` is
    /// the rate that delay allows, `calm` whether queues have been short for a while.
    pub(super) fn update(
        &mut self,
        rate: f64,
        arrives: f64,
        delay: f64,
        calm: bool,
        round_trip: i64,
        now: i64,
    ) {
        if self.total < MIN_PACKETS {
            return;
        }
        let (lost, total) = (f64::from(self.lost), f64::from(self.total));
        let chance = SIGNIFICANCE * (CONGESTION * (1.0 - CONGESTION) * total).sqrt();
        let waiting = self.cut.is_some_and(|at| now - at < round_trip + EFFECT);
        if lost > CONGESTION * total + chance {
            if !waiting {
                self.cut(rate, arrives, lost / total, now);
                self.begin(now);
            }
            return;
        }
        let period = now - self.since;
        if period < PERIOD || (lost > CONGESTION * total && period < MAX_PERIOD) {
            return;
        }
        self.grow(lost / total, period.min(MAX_PERIOD) as f64 / 1e6, calm, delay);
        self.begin(now);
    }

    /// A receiver's report of a part of packets lost, where single packets are not known of.
    pub(super) fn report(&mut self, part: f64, rate: f64, delay: f64, now: i64) {
        if part > CONGESTION {
            self.cut(rate, 0.0, part, now);
        } else {
            let passed = (now - self.since).clamp(0, PERIOD) as f64 / 1e6;
            self.grow(part, passed, true, delay);
        }
        self.begin(now);
    }

    fn begin(&mut self, now: i64) {
        (self.lost, self.total, self.since) = (0, 0, now);
    }

    fn cut(&mut self, rate: f64, arrives: f64, part: f64, now: i64) {
        let before = self.bound.min(rate);
        self.bound = (before * (1.0 - 0.5 * part)).max(arrives.min(before));
        self.cut = Some(now);
    }

    fn grow(&mut self, part: f64, seconds: f64, calm: bool, delay: f64) {
        if part < HARMLESS {
            self.bound *= GROWTH.powf(seconds);
        } else if part < CONGESTION && calm {
            self.bound *= GROWTH_LOSSY.powf(seconds);
        }
        if self.bound > IRRELEVANT * delay {
            self.bound = f64::INFINITY;
        }
    }
}
