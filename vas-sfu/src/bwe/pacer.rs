//! How much may leave at a time: a token bucket without a timer of its own.

use std::time::{Duration, Instant};

/// The bucket holds so much of the rate: a picture leaves at once where the network can take it.
const DEPTH: Duration = Duration::from_millis(40);
/// Bytes that the bucket holds at least and at most: two packets, and what one send takes.
const MIN_DEPTH: f64 = 2.0 * 1_280.0;
const MAX_DEPTH: f64 = 64.0 * 1_280.0;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    rate: f64,
    bytes: f64,
    /// Up to when it has been filled; in the future while it rests.
    filled: Instant,
}

impl Pacer {
    /// A full bucket for so many bits per second.
    pub(crate) fn new(rate_bps: u64, now: Instant) -> Self {
        let mut pacer = Self { rate: rate_bps as f64 / 8.0, bytes: 0.0, filled: now };
        pacer.bytes = pacer.depth();
        pacer
    }

    /// Changes the rate, in bits per second.
    pub(crate) fn set_rate(&mut self, rate_bps: u64, now: Instant) {
        self.fill(now);
        self.rate = rate_bps as f64 / 8.0;
        self.bytes = self.bytes.min(self.depth());
    }

    /// Bytes that may leave now.
    pub(crate) fn allow(&mut self, now: Instant) -> usize {
        self.fill(now);
        self.bytes.max(0.0) as usize
    }

    /// So many have left; more than was allowed is made up for by waiting longer.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.bytes = (self.bytes - bytes as f64).max(-self.depth());
    }

    /// Whether less is owed than the bucket holds: what is urgent may leave before what waits.
    pub(crate) fn lends(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.filled <= now && self.bytes > -self.depth()
    }

    /// Lets nothing leave for so long.
    pub(crate) fn rest(&mut self, time: Duration, now: Instant) {
        self.fill(now);
        self.bytes = self.bytes.min(0.0);
        self.filled = now + time;
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.bytes = (self.bytes + self.rate * passed).min(self.depth());
    }

    fn depth(&self) -> f64 {
        (self.rate * DEPTH.as_secs_f64()).clamp(MIN_DEPTH, MAX_DEPTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_time_the_rate_leaves_and_no_more() {
        let start = Instant::now();
        let mut pacer = Pacer::new(1_000_000, start);
        let mut sent = 0;
        for ms in 0..10_000 {
            while pacer.allow(start + Duration::from_millis(ms)) > 0 {
                pacer.spend(1_200);
                sent += 1_200;
            }
        }
        assert!((1_250_000..1_260_000).contains(&sent), "{sent}");
    }

    #[test]
    fn a_pause_saves_up_one_bucket() {
        let start = Instant::now();
        let mut pacer = Pacer::new(8_000_000, start);
        assert_eq!(pacer.allow(start + Duration::from_secs(9)), 40_000);
        pacer.set_rate(800_000, start + Duration::from_secs(9));
        assert_eq!(pacer.allow(start + Duration::from_secs(9)), 4_000);
        pacer.spend(1_000_000);
        assert_eq!(pacer.allow(start + Duration::from_secs(9)), 0);
        assert_eq!(pacer.allow(start + Duration::from_millis(9_050)), 1_000);
    }

    #[test]
    fn what_is_urgent_borrows_and_nothing_leaves_while_it_rests() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // A bucket of 4,000 bytes that is full in 40 ms.
        let mut pacer = Pacer::new(800_000, start);
        pacer.spend(7_999);
        assert_eq!((pacer.allow(start), pacer.lends(start)), (0, true));
        pacer.spend(1_000);
        assert_eq!((pacer.allow(at(0)), pacer.lends(at(0))), (0, false));
        assert_eq!((pacer.allow(at(20)), pacer.lends(at(20))), (0, true));
        pacer.rest(Duration::from_millis(200), at(100));
        assert_eq!((pacer.allow(at(299)), pacer.lends(at(299))), (0, false));
        assert!(pacer.lends(at(300)));
        assert_eq!(pacer.allow(at(320)), 2_000);
    }
}
