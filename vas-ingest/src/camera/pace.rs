//! Waiting in a thread of its own, by the monotonic clock.

use std::time::{Duration, Instant};
use vas_core::{SharedClock, TaskScope, WallTime};

/// Longest sleep at a time, so that a camera stops promptly.
const SLICE: Duration = Duration::from_millis(20);

/// The pace of a source.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) scope: TaskScope,
    pub(super) clock: SharedClock,
}

impl Pace {
    /// Sleeps until `due`; returns at once when that has passed. `false`: the source is to stop.
    pub(super) fn wait(&self, due: Instant) -> bool {
        loop {
            if self.scope.is_cancelled() {
                return false;
            }
            let left = due.saturating_duration_since(self.clock.now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    /// UTC of a point of the monotonic clock, by what both clocks say now.
    pub(super) fn wall_at(&self, point: Instant) -> WallTime {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let (before, after) = (now.saturating_duration_since(point), point.saturating_duration_since(now));
        wall.add_micros(micros(after) - micros(before))
    }
}

/// The time of `count` units of `per_second` a second, without the error that adding up rounded steps makes.
pub(super) fn span(count: u64, per_second: u32) -> Duration {
    let nanos = u128::from(count) * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
