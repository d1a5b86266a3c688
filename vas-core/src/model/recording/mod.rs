//! Recordings: one stored file of about a minute each, and the table of what lies where in it.

mod groups;

pub use groups::{Group, GroupBuilder, GroupTable, GroupTableError};

use super::TenantId;
use crate::id::{DeviceId, RecordingId, StreamId};
use crate::time::WallTime;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use uuid::Uuid;

/// Ticks per second of media times in recordings, whatever the tracks' own clocks are.
pub const MEDIA_CLOCK: NonZeroU32 = NonZeroU32::new(90_000).expect("not zero");

/// Why media is missing before a place in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// Recording began here: it was switched on, or the server started.
    Started,
    /// The source went away and came back.
    SourceLost,
    /// The source sent nothing for a while.
    Silence,
    /// The recorder fell behind the hub.
    Lagged,
    /// This machine's clock was set forward; no media is missing.
    ClockJump,
    /// The parameters of the stream changed; no media is missing.
    FormatChanged,
    /// The storage failed or was full.
    Storage,
}

impl GapReason {
    /// Every reason, with the number that stands for it in stored tables. Numbers are never given anew.
    const ALL: [(Self, u8, &'static str); 7] = [
        (Self::Started, 1, "started"),
        (Self::SourceLost, 2, "source_lost"),
        (Self::Silence, 3, "silence"),
        (Self::Lagged, 4, "lagged"),
        (Self::ClockJump, 5, "clock_jump"),
        (Self::FormatChanged, 6, "format_changed"),
        (Self::Storage, 7, "storage"),
    ];

    /// The number that stands for it in stored tables; never 0.
    #[must_use]
    pub fn code(self) -> u8 {
        Self::ALL.iter().find(|(reason, ..)| *reason == self).map_or(1, |(_, code, _)| *code)
    }

    /// The reason of a number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map(|(reason, ..)| *reason)
    }

    /// Its name in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(reason, ..)| *reason == self).map_or("started", |(.., name)| *name)
    }

    /// Whether pictures that the camera took are not there.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        !matches!(self, Self::ClockJump | Self::FormatChanged)
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a recording has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordingState {
    /// Its file is being written, or was when the server died.
    Open,
    /// Its file is whole and durable, and the table tells all of it.
    Complete,
    /// It is being deleted: nobody is shown it any more, its file may be gone already.
    Deleting,
}

impl RecordingState {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Open, "open"), (Self::Complete, "complete"), (Self::Deleting, "deleting")];

    /// Its name in the database and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("open", |(_, name)| name)
    }
}

impl FromStr for RecordingState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state).ok_or(UnknownState)
    }
}

/// A text that names no state of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be open, complete or deleting")]
pub struct UnknownState;

/// A stretch of wall time: `start` belongs to it, `end` doesn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WallRange {
    /// Where it begins.
    pub start: WallTime,
    /// Where it ends.
    pub end: WallTime,
}

impl WallRange {
    /// All that lies from `start` up to `end`.
    #[must_use]
    pub const fn new(start: WallTime, end: WallTime) -> Self {
        Self { start, end }
    }

    /// Its length in microseconds; 0 where `end` does not lie after `start`.
    #[must_use]
    pub const fn micros(self) -> i64 {
        let length = self.end.micros_since(self.start);
        if length > 0 { length } else { 0 }
    }

    /// Whether nothing lies in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.micros() == 0
    }

    /// Whether the two have a moment in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether `time` lies in it.
    #[must_use]
    pub fn contains(self, time: WallTime) -> bool {
        self.start <= time && time < self.end
    }
}

/// What a file is about, apart from how far it has come.
///
/// The file begins with the initialisation section of its run; what follows are chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its id, which names the file too.
    pub id: RecordingId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The device; a recording stays with it when its stream is deleted.
    pub device: DeviceId,
    /// The stream it was recorded from.
    pub stream: StreamId,
    /// 0: the main stream; 1: the sub stream.
    pub layer: u8,
    /// What one initialisation section describes without a break. Media times of one run are one timeline, and its
    /// files have the same section.
    pub run: Uuid,
    /// UTC of its first picture, and of the end of its last one. `end` equals `start` while the first group is open.
    pub span: WallRange,
    /// Bytes of the file, up to the end of the last group.
    pub bytes: u64,
    /// Bytes of the initialisation section at its start.
    pub init_len: u32,
    /// The tracks' codecs as in RFC 6381, with commas between.
    pub codecs: String,
    /// Width of the pictures in pixels; 0: sound alone.
    pub width: u32,
    /// Height of the pictures in pixels.
    pub height: u32,
    /// How far it has come.
    pub state: RecordingState,
    /// The fence of its writer: 1 on a single node.
    pub fence: u64,
    /// Only its key pictures were kept.
    pub thinned: bool,
    /// What lies where.
    pub groups: GroupTable,
}

impl Recording {
    /// The name of its file in a store: the device, the UTC day of its start, its id.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.device, self.span.start, self.id)
    }

    /// Bits per second over its whole length; 0 for an empty one.
    #[must_use]
    pub fn bits_per_second(&self) -> u64 {
        let micros = self.span.micros().unsigned_abs();
        if micros == 0 { 0 } else { (u128::from(self.bytes) * 8_000_000 / u128::from(micros)) as u64 }
    }
}

/// The name of the file of a recording of `device` that starts at `start`.
#[must_use]
pub fn file_name(device: DeviceId, start: WallTime, id: RecordingId) -> String {
    let (year, month, day) = start.utc_date();
    format!("{device}/{year:04}/{month:02}/{day:02}/{id}.mp4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_stand_for_one_reason_each() {
        for (reason, code, name) in GapReason::ALL {
            assert_eq!(
                (GapReason::from_code(code), reason.code(), reason.as_str()),
                (Some(reason), code, name)
            );
        }
        assert_eq!(GapReason::from_code(0), None);
    }

    #[test]
    fn files_lie_by_day() {
        let start = WallTime::from_unix_micros(1_795_305_599_999_999);
        let (device, id) = (DeviceId::random(), RecordingId::random());
        assert_eq!(file_name(device, start, id), format!("{device}/2026/11/21/{id}.mp4"));
        assert_eq!(file_name(device, start.add_micros(1), id), format!("{device}/2026/11/22/{id}.mp4"));
    }
}
