//! What recorded media is called in playlists.

use super::media_url::{MediaUrls, Purpose};
use uuid::Uuid;
use vas_core::model::Recording;
use vas_core::{RecordingId, WallTime};
use vas_record::hls::FileNames;
use vas_record::hls::vod::TsSegment;

/// Something that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// A file.
    File(RecordingId),
    /// A stretch of a file as MPEG-TS.
    Ts(TsSegment),
}

/// The mark of a file whose key pictures alone are left. Its bytes are others than before, so that it must have another
/// name.
const THINNED: &str = "key";

impl Recorded {
    /// The recording it lies in.
    pub(super) const fn recording(self) -> RecordingId {
        match self {
            Self::File(id) => id,
            Self::Ts(segment) => segment.recording,
        }
    }

    fn label(self, thinned: bool) -> (String, &'static str) {
        let mark = if thinned { format!(".{THINNED}") } else { String::new() };
        match self {
            Self::File(id) => (format!("{id}{mark}"), "mp4"),
            Self::Ts(TsSegment { recording, first, last }) => {
                (format!("{recording}.{first}.{last}{mark}"), "ts")
            }
        }
    }

    /// What a label stands for, and whether in a thinned file.
    pub(super) fn parse(label: &str, extension: &str) -> Option<(Self, bool)> {
        let mut parts: Vec<_> = label.split('.').collect();
        let thinned = parts.last() == Some(&THINNED);
        if thinned {
            parts.pop();
        }
        let recorded = match (&parts[..], extension) {
            (&[id], "mp4") => Self::File(id.parse().ok()?),
            (&[id, first, last], "ts") => Self::Ts(TsSegment {
                recording: id.parse().ok()?,
                first: first.parse().ok()?,
                last: last.parse().ok()?,
            }),
            _ => return None,
        };
        Some((recorded, thinned))
    }
}

/// Names what was recorded for one playlist.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordedNames<'a> {
    pub(super) urls: &'a MediaUrls,
    /// The stream or device under whose path the media is.
    pub(super) of: Uuid,
    /// What stands before names.
    pub(super) folder: &'static str,
    /// The files of the playlist.
    pub(super) files: &'a [Recording],
    pub(super) now: WallTime,
}

impl RecordedNames<'_> {
    fn name(&self, recorded: Recorded, thinned: bool) -> String {
        let (label, extension) = recorded.label(thinned);
        let name = self.urls.at(self.now, Purpose::Recorded, self.of, &label, extension);
        format!("{}{name}", self.folder)
    }
}

impl FileNames for RecordedNames<'_> {
    fn file(&self, recording: &Recording) -> String {
        self.name(Recorded::File(recording.id), recording.thinned)
    }

    fn ts(&self, segment: &TsSegment) -> String {
        let file = self.files.iter().find(|file| file.id == segment.recording);
        self.name(Recorded::Ts(*segment), file.is_some_and(|file| file.thinned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_from_its_label() {
        let recording = RecordingId::random();
        for recorded in [Recorded::File(recording), Recorded::Ts(TsSegment { recording, first: 3, last: 8 })]
        {
            for thinned in [false, true] {
                let (label, extension) = recorded.label(thinned);
                assert_eq!(Recorded::parse(&label, extension), Some((recorded, thinned)), "{label}");
            }
        }
        let id = recording.to_string();
        for (label, extension) in [
            (id.as_str(), "ts"),
            ("key", "mp4"),
            ("..", "mp4"),
            (&format!("{id}.1.2"), "mp4"),
            (&format!("{id}.1.99999999999"), "ts"),
            (&format!("{id}.1.2.other"), "ts"),
        ] {
            assert_eq!(Recorded::parse(label, extension), None, "{label}");
        }
    }
}
