//! What has been recorded, as a timeline and a calendar show it.

use crate::config::Zone;
use chrono::{Days, NaiveDate};
use vas_core::DeviceId;
use vas_core::model::WallRange;
use vas_core::ports::RecordingHead;
use vas_record::library::{Library, LibraryError};

/// Files whose times lie no further apart are shown as one stretch, in microseconds: less than two pictures of a slow
/// camera.
const JOINED: i64 = 500_000;
/// Files of one layer on one day at most: twice what files of a minute come to, and more than enough for restarts.
const FILES_A_DAY: u64 = 4_096;
const A_DAY: i64 = 86_400_000_000;
/// Days in one answer at most: ten years.
const MAX_DAYS: usize = 3_660;

/// A stretch of time that was recorded without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// 0: the main stream; 1: the sub stream.
    pub(crate) layer: u8,
    /// From its first picture to the end of its last.
    pub(crate) span: WallRange,
    /// Bytes of its files.
    pub(crate) bytes: u64,
    /// Its files.
    pub(crate) files: u64,
    /// Of some of it only the key pictures are left.
    pub(crate) thinned: bool,
}

/// Joins files to stretches. `heads` are in the order of layers and times.
pub(crate) fn stretches(heads: &[RecordingHead]) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    for head in heads {
        let next = Stretch {
            layer: head.layer,
            span: head.span,
            bytes: head.bytes,
            files: 1,
            thinned: head.thinned,
        };
        match all.last_mut() {
            Some(last)
                if last.layer == next.layer && next.span.start.micros_since(last.span.end) <= JOINED =>
            {
                last.span.end = last.span.end.max(next.span.end);
                last.bytes += next.bytes;
                last.files += 1;
                last.thinned |= next.thinned;
            }
            _ => all.push(next),
        }
    }
    all
}

/// What lies on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordedDay {
    /// The day.
    pub(crate) date: NaiveDate,
    /// Files that share time with it.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// The days of `zone` on which anything of a device was recorded, the oldest first.
///
/// # Errors
/// The index failed.
pub(crate) async fn dates(
    library: &Library,
    device: DeviceId,
    zone: Zone,
) -> Result<Vec<RecordedDay>, LibraryError> {
    let usage = library.repo().usage().await?;
    let mut span = usage.iter().filter(|usage| usage.device == device).map(|usage| usage.span).reduce(join);
    // What is being written is not in that. It may have begun the day before.
    for layer in 0..2 {
        if let Some(end) = library.newest_end(device, layer).await? {
            let open = WallRange::new(end.add_micros(-A_DAY), end);
            span = Some(span.map_or(open, |span| join(span, WallRange::new(span.start, end))));
        }
    }
    let Some(span) = span else { return Ok(Vec::new()) };
    let mut days = Vec::new();
    let mut date = zone.date(span.start);
    while zone.start_of(date) < span.end.add_micros(1) && days.len() < MAX_DAYS {
        let day = WallRange::new(zone.start_of(date), zone.end_of(date));
        let heads = library.heads(device, None, day, FILES_A_DAY).await?;
        if !heads.is_empty() {
            let bytes = heads.iter().map(|head| head.bytes).sum();
            days.push(RecordedDay { date, files: heads.len() as u64, bytes });
        }
        let Some(next) = date.checked_add_days(Days::new(1)) else { break };
        date = next;
    }
    Ok(days)
}

fn join(a: WallRange, b: WallRange) -> WallRange {
    WallRange::new(a.start.min(b.start), a.end.max(b.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use vas_core::{RecordingId, WallTime};

    fn head(layer: u8, start: i64, end: i64) -> RecordingHead {
        let at = |seconds: i64| WallTime::from_unix_micros(seconds * 1_000_000);
        RecordingHead {
            id: RecordingId::random(),
            device: DeviceId::random(),
            layer,
            run: Uuid::nil(),
            span: WallRange::new(at(start), at(end)),
            bytes: 10,
            thinned: start == 60,
        }
    }

    #[test]
    fn files_that_go_on_are_one_stretch() {
        let heads = [head(0, 0, 60), head(0, 60, 120), head(0, 130, 140), head(1, 140, 150)];
        let found: Vec<_> = stretches(&heads)
            .iter()
            .map(|s| (s.layer, s.span.micros() / 1_000_000, s.bytes, s.files, s.thinned))
            .collect();
        assert_eq!(found, [(0, 120, 20, 2, true), (0, 10, 10, 1, false), (1, 10, 10, 1, false)]);
        assert!(stretches(&[]).is_empty());
    }
}
