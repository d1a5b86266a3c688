//! Stretches of recorded time: joined, and counted into the buckets of a tile.

use super::Tile;
use vas_core::WallTime;
use vas_core::model::WallRange;

/// Stretches that lie no further apart are one, in microseconds: less than two pictures of a slow camera.
pub(super) const JOINED: i64 = 500_000;
/// A bucket that lacks no more than this is full, in microseconds: a picture's time.
const FULL: i64 = 50_000;

/// Stretches in their order, none of which meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<WallRange>);

impl Spans {
    /// Joins stretches in any order.
    pub(super) fn of(mut all: Vec<WallRange>) -> Self {
        all.retain(|span| !span.is_empty());
        all.sort_by_key(|span| span.start);
        let mut spans = Self::default();
        for span in all {
            spans.push(span);
        }
        spans
    }

    /// Adds one that begins no earlier than the last.
    pub(super) fn push(&mut self, span: WallRange) {
        match self.0.last_mut() {
            Some(last) if span.start.micros_since(last.end) <= JOINED => last.end = last.end.max(span.end),
            _ => self.0.push(span),
        }
    }

    /// What either has.
    pub(super) fn union(self, other: Self) -> Self {
        if other.0.is_empty() {
            return self;
        }
        Self::of([self.0, other.0].concat())
    }

    /// What lies within `range`.
    pub(super) fn clipped(self, range: WallRange) -> Self {
        let clip = |span: WallRange| WallRange::new(span.start.max(range.start), span.end.min(range.end));
        Self(self.0.into_iter().map(clip).filter(|span| !span.is_empty()).collect())
    }

    pub(super) fn as_slice(&self) -> &[WallRange] {
        &self.0
    }

    /// How much of each bucket is recorded: from 0, nothing, to 255, all of it. A bucket with anything in it has at
    /// least 1, and only a full one has 255.
    pub(super) fn coverage(&self, tile: &Tile) -> Vec<u8> {
        let mut micros = vec![0_i64; tile.count];
        for span in &self.0 {
            tile.each_bucket(*span, |bucket, shared| micros[bucket] += shared);
        }
        let level = |micros: i64| match micros {
            0 => 0,
            some if some >= tile.width - FULL => u8::MAX,
            some => u8::try_from(some.saturating_mul(255) / tile.width).unwrap_or(254).clamp(1, 254),
        };
        micros.into_iter().map(level).collect()
    }
}

impl Tile {
    /// Calls `with` for each bucket that shares time with `span`, with that time in microseconds.
    pub(super) fn each_bucket(&self, span: WallRange, mut with: impl FnMut(usize, i64)) {
        let origin = self.range.start;
        let first = span.start.max(origin).micros_since(origin) / self.width;
        for bucket in usize::try_from(first).unwrap_or(0)..self.count {
            let start = self.bucket_start(bucket);
            let end = start.add_micros(self.width);
            if start >= span.end {
                break;
            }
            let shared = WallRange::new(span.start.max(start), span.end.min(end)).micros();
            if shared > 0 {
                with(bucket, shared);
            }
        }
    }

    /// Where a bucket begins.
    pub(super) fn bucket_start(&self, bucket: usize) -> WallTime {
        let offset = i64::try_from(bucket).unwrap_or(i64::MAX).saturating_mul(self.width);
        self.range.start.add_micros(offset)
    }

    /// The bucket that holds a time.
    pub(super) fn bucket_of(&self, time: WallTime) -> Option<usize> {
        let offset = self.range.contains(time).then(|| time.micros_since(self.range.start) / self.width)?;
        usize::try_from(offset).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> WallTime {
        WallTime::from_unix_micros(millis * 1_000)
    }

    fn span(from: i64, to: i64) -> WallRange {
        WallRange::new(at(from), at(to))
    }

    fn tile(start: i64, width: i64, count: usize) -> Tile {
        Tile::aligned(span(start, start + width * count as i64), width * 1_000)
    }

    #[test]
    fn neighbours_are_one_and_buckets_tell_how_full_they_are() {
        let spans = Spans::of(vec![span(4_000, 5_000), span(0, 1_000), span(1_400, 2_500), span(9, 9)]);
        assert_eq!(spans.as_slice(), [span(0, 2_500), span(4_000, 5_000)]);
        assert_eq!(spans.coverage(&tile(0, 1_000, 6)), [255, 255, 127, 0, 255, 0]);
        assert_eq!(spans.coverage(&tile(4_000, 4_000, 1)), [63]);
        let clipped = spans.clone().clipped(span(2_000, 4_500));
        assert_eq!(clipped.as_slice(), [span(2_000, 2_500), span(4_000, 4_500)]);
        assert_eq!(clipped.union(Spans::of(vec![span(2_400, 4_100)])).as_slice(), [span(2_000, 4_500)]);
        // A trace of footage is not nothing, and a missing trace is not all.
        let long = tile(0, 3_600_000, 1);
        assert_eq!(Spans::of(vec![span(10, 20)]).coverage(&long), [1]);
        assert_eq!(Spans::of(vec![span(1_000, 3_600_000)]).coverage(&long), [254]);
    }

    #[test]
    fn coverage_adds_up() {
        // Starts and lengths that look random and are the same each time.
        let mut seed = 1_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((seed >> 33) % below).unwrap()
        };
        for _ in 0..200 {
            let list = (0..next(30)).map(|_| (next(100_000), 1 + next(5_000)));
            let spans = Spans::of(list.map(|(from, length)| span(from, from + length)).collect());
            let apart = |pair: &[WallRange]| pair[1].start.micros_since(pair[0].end) > JOINED;
            assert!(spans.as_slice().windows(2).all(apart), "{spans:?}");
            let tile = tile(0, 1_000, 110);
            let mut sum = 0;
            for one in spans.as_slice() {
                tile.each_bucket(*one, |_, shared| sum += shared);
            }
            assert_eq!(sum, spans.as_slice().iter().map(|one| one.micros()).sum::<i64>());
        }
    }
}
