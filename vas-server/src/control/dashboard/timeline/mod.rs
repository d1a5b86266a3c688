//! The timeline: what was recorded when, how much moved, and what happened, for several streams at once.
//!
//! A tile is a stretch of time in equal buckets that are aligned to the Unix epoch, so that all who look at the same
//! time ask the same questions. Short buckets are made from the groups of the recordings; long ones from sums that the
//! index gives, so that a month costs no more than an hour.

mod activity;
mod coarse;
mod lane;
mod spans;
mod sums;

pub(crate) use lane::{Gap, Happening, Lane};
pub(super) use sums::Sums;

use super::super::ControlError;
use super::super::captures::CaptureError;
use super::super::recording::NotRecording;
use vas_core::model::WallRange;
use vas_core::ports::IndexError;
use vas_core::{ErrorKind, HasKind, WallTime};
use vas_record::library::LibraryError;

/// Buckets of a tile at most.
pub(crate) const MAX_BUCKETS: usize = 1_024;
/// Buckets of no more than this, in microseconds, are made from groups: each is then a few of them.
const FINE: i64 = 60_000_000;
/// What ended so long ago, in microseconds, changes no more: files are closed and counted within it.
pub(crate) const SETTLED: i64 = 120_000_000;

/// A stretch of time in equal buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// From the start of the first bucket to the end of the last.
    pub(crate) range: WallRange,
    /// The length of a bucket in microseconds; never 0.
    pub(crate) width: i64,
    /// Buckets.
    pub(crate) count: usize,
}

impl Tile {
    /// The buckets of `width` microseconds, counted from the Unix epoch, that `range` has part in.
    pub(crate) fn aligned(range: WallRange, width: i64) -> Self {
        let width = width.max(1);
        let start = range.start.as_unix_micros().div_euclid(width);
        let end = range.end.as_unix_micros().saturating_add(width - 1).div_euclid(width).max(start);
        let at = |bucket: i64| WallTime::from_unix_micros(bucket.saturating_mul(width));
        let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        Self { range: WallRange::new(at(start), at(end)), width, count }
    }

    /// Whether nothing that is recorded from now on belongs to it.
    pub(crate) const fn is_past(&self, now: WallTime) -> bool {
        now.micros_since(self.range.end) > SETTLED
    }

    const fn is_fine(&self) -> bool {
        self.width <= FINE
    }
}

/// Why there is no timeline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TimelineError {
    /// There is no such stream, or the database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Bookmarks or snapshots can't be read.
    #[error(transparent)]
    Captures(#[from] CaptureError),
    /// There is no storage.
    #[error(transparent)]
    Storage(#[from] NotRecording),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// So did the library.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl HasKind for TimelineError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Control(error) => error.kind(),
            Self::Captures(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Library(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_on_a_grid() {
        let at = |millis: i64| WallTime::from_unix_micros(millis * 1_000);
        let tile = Tile::aligned(WallRange::new(at(1_500), at(3_001)), 1_000_000);
        assert_eq!((tile.range, tile.count), (WallRange::new(at(1_000), at(4_000)), 3));
        assert_eq!(Tile::aligned(tile.range, 1_000_000), tile);
        assert_eq!(Tile::aligned(WallRange::new(at(-500), at(0)), 1_000_000).range.start, at(-1_000));
        assert!(tile.is_past(at(200_000)) && !tile.is_past(at(100_000)));
    }
}
