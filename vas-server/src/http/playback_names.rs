//! What recorded media is called in playlists.

use super::media_url::{MediaUrls, Purpose};
use uuid::Uuid;
use vas_core::model::Recording;
use vas_core::{RecordingId, WallTime};
use vas_record::hls::FileNames;
use vas_record::hls::vod::Stretch;

/// Something that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// A file.
    File(RecordingId),
    /// The initialisation section of a file's playable form.
    PlayableInit(RecordingId),
    /// A stretch of a file in its playable form.
    Playable(Stretch),
    /// A stretch of a file as MPEG-TS.
    Ts(Stretch),
}

/// The mark of a file whose key pictures alone are left. Its bytes are others than before, so that it must have another
/// name.
const THINNED: &str = "key";
/// The mark of an initialisation section.
const INIT: &str = "init";

impl Recorded {
    /// The recording it lies in.
    pub(super) const fn recording(self) -> RecordingId {
        match self {
            Self::File(id) | Self::PlayableInit(id) => id,
            Self::Playable(stretch) | Self::Ts(stretch) => stretch.recording,
        }
    }

    fn label(self, thinned: bool) -> (String, &'static str) {
        let mark = if thinned { format!(".{THINNED}") } else { String::new() };
        match self {
            Self::File(id) => (format!("{id}{mark}"), "mp4"),
            Self::PlayableInit(id) => (format!("{id}.{INIT}{mark}"), "mp4"),
            Self::Playable(Stretch { recording, first, last }) => {
                (format!("{recording}.{first}.{last}{mark}"), "m4s")
            }
            Self::Ts(Stretch { recording, first, last }) => {
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
            (&[id, INIT], "mp4") => Self::PlayableInit(id.parse().ok()?),
            (&[id, first, last], "ts" | "m4s") => {
                let recording = id.parse().ok()?;
                let stretch = Stretch { recording, first: first.parse().ok()?, last: last.parse().ok()? };
                if extension == "ts" { Self::Ts(stretch) } else { Self::Playable(stretch) }
            }
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
    fn is_thinned(&self, stretch: &Stretch) -> bool {
        self.files.iter().any(|file| file.id == stretch.recording && file.thinned)
    }

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

    fn playable_init(&self, recording: &Recording) -> String {
        self.name(Recorded::PlayableInit(recording.id), recording.thinned)
    }

    fn playable(&self, stretch: &Stretch) -> String {
        self.name(Recorded::Playable(*stretch), self.is_thinned(stretch))
    }

    fn ts(&self, stretch: &Stretch) -> String {
        self.name(Recorded::Ts(*stretch), self.is_thinned(stretch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_from_its_label() {
        let recording = RecordingId::random();
        let stretch = Stretch { recording, first: 3, last: 8 };
        for recorded in [
            Recorded::File(recording),
            Recorded::PlayableInit(recording),
            Recorded::Playable(stretch),
            Recorded::Ts(stretch),
        ] {
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
