//! What was recorded in long stretches of time: from sums where nothing is missing, from the files' own times where
//! something is.

use super::spans::{JOINED, Spans};
use super::{Sums, Tile, TimelineError};
use crate::db::Filled;
use vas_core::DeviceId;
use vas_core::model::WallRange;
use vas_record::library::Library;

/// Files that are looked at one by one for a lane at most: what is recorded on events has a gap in every stretch.
const MAX_LOOKED_AT: u64 = 2_000;
/// Files that may be open at a time or were closed while the question was answered.
const MAX_OPEN: u64 = 64;

/// What was recorded of a layer in a tile.
pub(super) async fn recorded(
    sums: &Sums,
    library: &Library,
    device: DeviceId,
    layer: u8,
    tile: &Tile,
) -> Result<Spans, TimelineError> {
    let start = tile.range.start;
    // What reaches into the tile from before it.
    let before = WallRange::new(start, start.add_micros(1));
    let before = library.heads(device, Some(layer), before, 1).await?;
    let filled = sums.of(device, layer, tile).await?;
    let first = before.first().map(|head| head.span).filter(|span| span.start < start);
    let Plan { mut known, unclear } = plan(tile, first, &filled);
    for stretch in unclear {
        let heads = library.heads(device, Some(layer), stretch, MAX_LOOKED_AT).await?;
        known.extend(heads.iter().map(|head| head.span));
    }
    // Files that are being written are in no sum.
    let newest = known.iter().map(|span| span.end).max().unwrap_or(start).max(start);
    if newest < tile.range.end {
        let rest = WallRange::new(newest, tile.range.end);
        let heads = library.heads(device, Some(layer), rest, MAX_OPEN).await?;
        known.extend(heads.iter().map(|head| head.span));
    }
    Ok(Spans::of(known).clipped(tile.range))
}

/// What sums tell.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// What was recorded without a break.
    known: Vec<WallRange>,
    /// Where something is missing, and the files must be asked where.
    unclear: Vec<WallRange>,
}

/// `first`: what reaches into the tile from before it.
fn plan(tile: &Tile, first: Option<WallRange>, filled: &[Option<Filled>]) -> Plan {
    let mut plan = Plan { known: first.into_iter().collect(), unclear: Vec::new() };
    let mut end = first.map(|span| span.end);
    let mut looked_at = 0;
    for (bucket, filled) in filled.iter().enumerate() {
        let Some(filled) = filled else { continue };
        let start = tile.bucket_start(bucket);
        // Files of one layer share no time, so that lengths which add up to the whole leave no room for a gap.
        let whole = end.is_some_and(|end| filled.end.micros_since(end) - filled.micros <= JOINED);
        let before = end.replace(filled.end);
        if whole {
            plan.known.push(WallRange::new(before.unwrap_or(start), filled.end));
        } else if looked_at + filled.files <= MAX_LOOKED_AT {
            looked_at += filled.files;
            let stretch = WallRange::new(start, start.add_micros(tile.width));
            match plan.unclear.last_mut() {
                Some(last) if last.end == stretch.start => last.end = stretch.end,
                _ => plan.unclear.push(stretch),
            }
        } else {
            // How much is right; where in the stretch it lies is not looked up.
            let rough = WallRange::new(filled.end.add_micros(-filled.micros).max(start), filled.end);
            plan.known.push(rough);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::WallTime;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_micros(seconds * 1_000_000)
    }

    fn span(from: i64, to: i64) -> WallRange {
        WallRange::new(at(from), at(to))
    }

    #[test]
    fn only_where_something_is_missing_files_are_asked() {
        let tile = Tile::aligned(span(3_600, 4 * 3_600), 3_600_000_000);
        let sum = |seconds: i64, end| Filled { micros: seconds * 1_000_000, end: at(end), files: 60 };
        let all = [Some(sum(3_600, 7_230)), Some(sum(3_500, 10_830)), Some(sum(3_600, 14_430))];
        let plan = plan(&tile, Some(span(3_570, 3_630)), &all);
        assert_eq!(plan.known, [span(3_570, 3_630), span(3_630, 7_230), span(10_830, 14_430)]);
        assert_eq!(plan.unclear, [span(7_200, 10_800)]);
    }

    #[test]
    fn files_are_asked_so_many_and_no_more() {
        let tile = Tile::aligned(span(0, 3 * 3_600), 3_600_000_000);
        let some = |end| Some(Filled { micros: 600_000_000, end: at(end), files: 1_000 });
        let plan = plan(&tile, None, &[some(3_000), some(6_000), some(9_000)]);
        assert_eq!(plan.unclear, [span(0, 7_200)]);
        assert_eq!(plan.known, [span(8_400, 9_000)]);
    }
}
