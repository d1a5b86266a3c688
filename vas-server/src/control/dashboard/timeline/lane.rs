//! One stream's part of a timeline.

use super::activity::Activity;
use super::spans::Spans;
use super::{Sums, Tile, TimelineError, coarse};
use crate::control::{Control, HISTORY_KEPT};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use vas_core::model::{Bookmark, GapReason, Recording, StreamState, WallRange};
use vas_core::ports::{BookmarkFilter, Page, SnapshotFilter};
use vas_core::{DeviceId, StreamId, WallTime};
use vas_record::library::{Library, LibraryError};

/// Lanes that are made at the same time: as many as the database has readers.
const AT_ONCE: usize = 4;
/// Bookmarks, snapshots and gaps of a lane at most.
const MAX_MARKS: u64 = 500;
const MAX_GAPS: usize = 200;
const ALL_TIME: WallRange =
    WallRange::new(WallTime::from_unix_micros(i64::MIN), WallTime::from_unix_micros(i64::MAX));

/// One stream's part of a timeline.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    /// The stream.
    pub(crate) stream: StreamId,
    /// Its device, whose recordings these are.
    pub(crate) device: DeviceId,
    /// What was recorded, of either layer.
    pub(crate) ranges: Vec<WallRange>,
    /// How much of each bucket was recorded, from 0 to 255.
    pub(crate) coverage: Vec<u8>,
    /// How much moved in each bucket; `None` where that is not known.
    pub(crate) activity: Option<Vec<u8>>,
    /// Why something is missing, where the recordings tell.
    pub(crate) gaps: Vec<Gap>,
    /// What people marked.
    pub(crate) bookmarks: Vec<Bookmark>,
    /// What happened.
    pub(crate) happenings: Vec<Happening>,
    /// Where the oldest recording that is kept begins.
    pub(crate) retained_from: Option<WallTime>,
}

/// A stretch without a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Where.
    pub(crate) span: WallRange,
    /// Why, as the recording after it tells.
    pub(crate) reason: GapReason,
}

/// What happened in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    /// The first time.
    pub(crate) at: WallTime,
    /// What.
    pub(crate) kind: &'static str,
    /// How often.
    pub(crate) count: u32,
}

impl Control {
    /// The lanes of these streams, in their order.
    ///
    /// # Errors
    /// [`TimelineError`].
    pub(crate) async fn timeline(
        &self,
        streams: Vec<StreamId>,
        tile: Tile,
    ) -> Result<Vec<Lane>, TimelineError> {
        let lanes = stream::iter(streams).map(|stream| self.lane(stream, tile));
        lanes.buffered(AT_ONCE).try_collect().await
    }

    async fn lane(&self, stream: StreamId, tile: Tile) -> Result<Lane, TimelineError> {
        let device = self.stream(stream).await?.device.id;
        let engine = self.recordings().engine()?;
        let library = engine.library();
        let oldest = library.heads(device, None, ALL_TIME, 1).await?;
        let recorded = recorded(self.dashboard().sums(), library, device, &tile).await?;
        Ok(Lane {
            stream,
            device,
            coverage: recorded.spans.coverage(&tile),
            ranges: recorded.spans.as_slice().to_vec(),
            activity: recorded.activity,
            gaps: recorded.gaps,
            bookmarks: self.marks(device, tile.range).await?,
            happenings: self.happenings(stream, device, &tile).await?,
            retained_from: oldest.first().map(|head| head.span.start),
        })
    }

    /// Bookmarks that share time with a range.
    async fn marks(&self, device: DeviceId, range: WallRange) -> Result<Vec<Bookmark>, TimelineError> {
        let longest = i64::try_from(crate::control::captures::LONGEST_BOOKMARK.as_micros() * 2);
        let filter = BookmarkFilter {
            device: Some(device),
            start_after: Some(range.start.add_micros(-longest.unwrap_or(0))),
            start_before: Some(range.end),
            ..BookmarkFilter::default()
        };
        let (mut found, _) = self.captures().bookmarks(&filter, Page { offset: 0, limit: MAX_MARKS }).await?;
        found.retain(|bookmark| bookmark.span.overlaps(range));
        found.sort_by_key(|bookmark| bookmark.center);
        Ok(found)
    }

    async fn happenings(
        &self,
        stream: StreamId,
        device: DeviceId,
        tile: &Tile,
    ) -> Result<Vec<Happening>, TimelineError> {
        let filter = SnapshotFilter {
            device: Some(device),
            after: Some(tile.range.start),
            before: Some(tile.range.end),
            ..SnapshotFilter::default()
        };
        let (taken, _) = self.captures().snapshots(&filter, Page { offset: 0, limit: MAX_MARKS }).await?;
        let taken = taken.iter().map(|snapshot| (snapshot.timestamp, "snapshot"));
        let lost = self.history(stream, HISTORY_KEPT).await?;
        let lost = lost.iter().filter(|change| change.to == StreamState::Error);
        Ok(counted(tile, taken.chain(lost.map(|change| (change.at, "camera_lost")))))
    }
}

/// What happened, by bucket and kind.
fn counted(tile: &Tile, all: impl Iterator<Item = (WallTime, &'static str)>) -> Vec<Happening> {
    let mut counts: BTreeMap<_, Happening> = BTreeMap::new();
    for (at, kind) in all {
        let Some(bucket) = tile.bucket_of(at) else { continue };
        let happening = counts.entry((bucket, kind)).or_insert(Happening { at, kind, count: 0 });
        happening.at = happening.at.min(at);
        happening.count += 1;
    }
    counts.into_values().collect()
}

/// What the recordings themselves say.
#[derive(Debug)]
struct Recorded {
    spans: Spans,
    activity: Option<Vec<u8>>,
    gaps: Vec<Gap>,
}

async fn recorded(
    sums: &Sums,
    library: &Library,
    device: DeviceId,
    tile: &Tile,
) -> Result<Recorded, TimelineError> {
    if tile.is_fine() {
        return Ok(fine(library, device, tile).await?);
    }
    let mut spans = coarse::recorded(sums, library, device, 0, tile).await?;
    if !library.heads(device, Some(1), tile.range, 1).await?.is_empty() {
        spans = spans.union(coarse::recorded(sums, library, device, 1, tile).await?);
    }
    Ok(Recorded { spans, activity: None, gaps: Vec::new() })
}

async fn fine(library: &Library, device: DeviceId, tile: &Tile) -> Result<Recorded, LibraryError> {
    let (mut spans, mut activity, mut gaps) = (Spans::default(), Activity::new(tile), Vec::new());
    for layer in [0, 1] {
        let rows = library.recordings(device, layer, tile.range).await?;
        let stretches = Spans::of(rows.iter().flat_map(stretches).collect());
        if gaps.is_empty() {
            gaps = reasons(&stretches, &rows, tile.range);
        }
        spans = spans.union(stretches);
        rows.iter().for_each(|row| activity.add(tile, row));
    }
    // What one layer lacks the other may have.
    gaps.retain(|gap| spans.as_slice().iter().all(|span| !span.overlaps(gap.span)));
    Ok(Recorded { spans: spans.clipped(tile.range), activity: activity.finish(), gaps })
}

/// The time that a recording's groups cover. Each key picture of a thinned one is shown until the next.
fn stretches(row: &Recording) -> Vec<WallRange> {
    if row.thinned {
        return vec![row.span];
    }
    row.groups.as_slice().iter().map(|group| WallRange::new(group.wall, group.wall_end())).collect()
}

/// The gaps between stretches, with the reason that the group after each tells.
fn reasons(stretches: &Spans, rows: &[Recording], range: WallRange) -> Vec<Gap> {
    let mut told = rows
        .iter()
        .flat_map(|row| row.groups.as_slice())
        .filter_map(|group| group.gap.filter(|reason| reason.is_loss()).map(|reason| (group.wall, reason)));
    let mut next = told.next();
    let mut gaps = Vec::new();
    for pair in stretches.as_slice().windows(2) {
        let span = WallRange::new(pair[0].end, pair[1].start);
        while next.is_some_and(|(at, _)| at < span.end) {
            next = told.next();
        }
        if let Some((at, reason)) = next
            && at == span.end
            && span.overlaps(range)
            && gaps.len() < MAX_GAPS
        {
            gaps.push(Gap { span, reason });
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::model::Group;
    use vas_core::testing::recording::recording;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_micros(seconds * 1_000_000)
    }

    fn row(from: i64, to: i64, gap: Option<GapReason>) -> Recording {
        let mut row = recording(DeviceId::random(), WallRange::new(at(from), at(to)));
        row.groups = (from..to)
            .map(|second| Group {
                offset: 0,
                size: 1,
                media: second * 90_000,
                duration: 90_000,
                wall: at(second),
                pictures: 25,
                key: true,
                gap: gap.filter(|_| second == from),
                lost: 0,
            })
            .collect();
        row
    }

    #[test]
    fn gaps_have_reasons() {
        let rows = [
            row(0, 10, Some(GapReason::Started)),
            row(10, 20, None),
            row(25, 30, Some(GapReason::SourceLost)),
            row(40, 50, None),
        ];
        let spans = Spans::of(rows.iter().flat_map(stretches).collect());
        assert_eq!(spans.as_slice().len(), 3);
        let all = WallRange::new(at(0), at(60));
        let expected = Gap { span: WallRange::new(at(20), at(25)), reason: GapReason::SourceLost };
        assert_eq!(reasons(&spans, &rows, all), [expected]);
        assert_eq!(reasons(&spans, &rows, WallRange::new(at(30), at(60))), []);
    }

    #[test]
    fn what_happens_is_counted_by_bucket() {
        let tile = Tile::aligned(WallRange::new(at(0), at(30)), 10_000_000);
        let all = [
            (at(12), "snapshot"),
            (at(3), "snapshot"),
            (at(11), "snapshot"),
            (at(11), "camera_lost"),
            (at(31), "x"),
        ];
        let found: Vec<_> = counted(&tile, all.into_iter()).iter().map(|h| (h.at, h.kind, h.count)).collect();
        assert_eq!(found, [(at(3), "snapshot", 1), (at(11), "camera_lost", 1), (at(11), "snapshot", 2)]);
    }
}
