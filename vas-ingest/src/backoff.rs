//! How long to wait before a failed source is tried again: exponential with jitter.

use rand::Rng;
use std::time::Duration;

/// Bounds of the wait between attempts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// The shortest wait. Default 1 s.
    pub min: Duration,
    /// The longest wait. Default 60 s.
    pub max: Duration,
    /// A session that delivered media for so long starts over at the shortest wait. Default 60 s.
    pub reset_after: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(1),
            max: Duration::from_secs(60),
            reset_after: Duration::from_secs(60),
        }
    }
}

impl BackoffConfig {
    /// Waits between `min` and `max`; the history is forgotten after a minute of media.
    #[must_use]
    pub fn between(min: Duration, max: Duration) -> Self {
        Self { min, max, ..Self::default() }
    }
}

/// The waits of one source.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    config: BackoffConfig,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(config: BackoffConfig) -> Self {
        Self { config, failures: 0 }
    }

    /// Draws the next waits from these bounds.
    pub(crate) const fn set_config(&mut self, config: BackoffConfig) {
        self.config = config;
    }

    /// Failures in a row so far.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The range of the next wait: its upper end doubles with each failure in a row.
    fn range(&self) -> (Duration, Duration) {
        let min = self.config.min;
        let doubled = min.saturating_mul(1_u32 << self.failures.saturating_add(1).min(30));
        (min, doubled.min(self.config.max).max(min))
    }

    /// The wait after another failure of a session that had delivered media for `media`. Drawn anew from the whole
    /// range each time, so that cameras that went down together don't come back together.
    pub(crate) fn next(&mut self, media: Duration) -> Duration {
        if media >= self.config.reset_after {
            self.failures = 0;
        }
        let (low, high) = self.range();
        self.failures = self.failures.saturating_add(1);
        rand::rng().random_range(low..=high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_upper_end_doubles_to_its_bound_and_starts_over_after_media() {
        let mut backoff = Backoff::new(BackoffConfig::default());
        let mut ends = Vec::new();
        for _ in 0..8 {
            ends.push(backoff.range().1.as_secs());
            backoff.next(Duration::from_secs(59));
        }
        assert_eq!(ends, [2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.next(Duration::from_secs(60));
        assert_eq!(backoff.range().1.as_secs(), 4);
    }

    proptest! {
        #[test]
        fn waits_stay_in_bounds(min in 0_u64..5_000, more in 0_u64..100_000, failures in 0_u32..200) {
            let config = BackoffConfig::between(Duration::from_millis(min), Duration::from_millis(min + more));
            let mut backoff = Backoff { config, failures };
            let wait = backoff.next(Duration::ZERO);
            prop_assert!(config.min <= wait && wait <= config.max);
        }
    }
}
