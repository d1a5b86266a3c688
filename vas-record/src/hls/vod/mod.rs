//! HLS of recorded time: which groups of which files are played, as segments.
//!
//! ```text
//! rows of the index, a range --Plan::new--> Plan --playlist----> byte ranges of the stored files (CMAF)
//!                                             `----ts_playlist-> stretches of files, computed when asked for
//! ```
//!
//! Where players don't decode a recording's sound, its segments in the CMAF form are computed, too
//! (feature `transcode`: `playable`).

#[cfg(feature = "transcode")]
pub mod playable;
mod playlist;

use crate::hls::text::SECOND;
use std::ops::Range;
use uuid::Uuid;
use vas_core::model::recording::{Group, Recording, RecordingState, WallRange};
use vas_core::{RecordingId, WallTime};

/// A segment ends before the first key picture after this much of it, in ticks of 90 kHz.
const WANTED: u64 = 6 * SECOND;
/// A group of pictures that makes a segment longer than this, in ticks, is cut.
const LONGEST: u64 = 12 * SECOND;
/// Jitter of a camera's clock that is no break, in ticks.
const TOLERANCE: u64 = SECOND / 4;

/// Names a stretch of a recording, from which its MPEG-TS form and its playable form can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// The recording.
    pub recording: RecordingId,
    /// Number of the first group in its table, counted from 0.
    pub first: u32,
    /// Number of the last group.
    pub last: u32,
}

impl Stretch {
    /// The bytes of the file of `recording` that it is made of; `None` where the table has no such groups, or more of
    /// them than a segment has.
    #[must_use]
    pub fn bytes(&self, recording: &Recording) -> Option<Range<u64>> {
        let groups = recording.groups.as_slice().get(self.first as usize..=self.last as usize)?;
        let (first, last) = (groups.first()?, groups.last()?);
        let length = u64::try_from(last.media_end().saturating_sub(first.media)).ok()?;
        // One group may be longer than that by itself.
        (groups.len() == 1 || length <= LONGEST).then(|| first.offset..last.end_offset())
    }
}

/// One segment of a plan.
#[derive(Clone, Copy, Debug)]
struct Segment<'a> {
    recording: &'a Recording,
    /// Numbers of the first and the last group.
    first: usize,
    last: usize,
    groups: &'a [Group],
    /// Its times do not go on from the segment before.
    discontinuity: bool,
    /// Its run is that of the segment before.
    same_run: bool,
    /// UTC does not go on from the segment before, though its times may.
    dated: bool,
}

impl Segment<'_> {
    fn head(&self) -> &Group {
        &self.groups[0]
    }

    fn tail(&self) -> &Group {
        &self.groups[self.groups.len() - 1]
    }

    /// In ticks of 90 kHz.
    fn duration(&self) -> u64 {
        u64::try_from(self.tail().media_end().saturating_sub(self.head().media)).unwrap_or(0)
    }

    /// UTC at its end, taking the camera's clock to be right for so long.
    fn wall_end(&self) -> WallTime {
        self.head().wall.add_micros(i64::try_from(self.duration() * 100 / 9).unwrap_or(i64::MAX))
    }
}

/// What is played of a range: segments of about six seconds, none across two files.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    range: WallRange,
    segments: Vec<Segment<'a>>,
    /// There will be no more.
    ended: bool,
}

impl<'a> Plan<'a> {
    /// The plan of `range` out of `files`, in the order of their starts, those being deleted left out. It starts at the
    /// key picture at or before the start of the range.
    ///
    /// `ended`: nothing more will be recorded in the range. Otherwise the last segment of an open file is left out while
    /// it may still grow.
    #[must_use]
    pub fn new(files: &'a [Recording], range: WallRange, ended: bool) -> Self {
        let mut plan = Self { range, segments: Vec::new(), ended };
        for recording in files.iter().filter(|file| file.state != RecordingState::Deleting) {
            let known = plan.segments.len();
            plan.add(recording);
            if !ended && recording.state == RecordingState::Open && plan.segments.len() > known {
                plan.segments.pop();
            }
        }
        plan
    }

    fn add(&mut self, recording: &'a Recording) {
        let groups = recording.groups.as_slice();
        if groups.last().is_none_or(|last| last.wall_end() <= self.range.start) {
            return;
        }
        let starts = |group: &Group| group.key && group.wall <= self.range.start;
        let begin = groups.iter().rposition(starts).unwrap_or(0);
        let end = groups.iter().position(|group| group.wall >= self.range.end).unwrap_or(groups.len());
        let mut first = begin;
        for next in begin + 1..=end {
            if next == end || ends_before(&groups[first..next], &groups[next]) {
                self.push(recording, first, next - 1);
                first = next;
            }
        }
    }

    fn push(&mut self, recording: &'a Recording, first: usize, last: usize) {
        /// A difference of UTC that is said, in microseconds; less is the rounding of the tables.
        const DRIFT: i64 = 20_000;
        let groups = &recording.groups.as_slice()[first..=last];
        let head = &groups[0];
        let (same_run, discontinuity, dated) = match self.segments.last() {
            None => (false, false, true),
            Some(before) => {
                let same_run = before.recording.run == recording.run;
                let goes_on = same_run
                    && !head.gap.is_some_and(|gap| gap.is_loss())
                    && head.media.abs_diff(before.tail().media_end()) <= TOLERANCE;
                let drift = head.wall.micros_since(before.wall_end()).saturating_abs();
                (same_run, !goes_on, !goes_on || drift > DRIFT)
            }
        };
        self.segments.push(Segment { recording, first, last, groups, discontinuity, same_run, dated });
    }

    /// Whether nothing is played.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The segments, as their computed forms are named.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> {
        self.segments.iter().map(stretch)
    }

    /// The runs that are played, each once in a row.
    pub fn runs(&self) -> impl Iterator<Item = Uuid> {
        self.segments.iter().filter(|segment| !segment.same_run).map(|segment| segment.recording.run)
    }
}

fn stretch(segment: &Segment<'_>) -> Stretch {
    let number = |index| u32::try_from(index).unwrap_or(u32::MAX);
    Stretch { recording: segment.recording.id, first: number(segment.first), last: number(segment.last) }
}

/// Whether a segment of `groups` is to end before `next`.
fn ends_before(groups: &[Group], next: &Group) -> bool {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
    let lasts = |until: i64| u64::try_from(until.saturating_sub(first.media)).unwrap_or(0);
    next.gap.is_some_and(|gap| gap.is_loss())
        || next.media.abs_diff(last.media_end()) > TOLERANCE
        || (next.key && lasts(last.media_end()) >= WANTED)
        || lasts(next.media_end()) > LONGEST
}
