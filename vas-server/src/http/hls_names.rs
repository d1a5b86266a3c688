//! What the pieces of a live stream are called in its playlists.

use super::media_url::{MediaUrls, Purpose};
use crate::control::recording::Window;
use uuid::Uuid;
use vas_core::{StreamId, WallTime};
use vas_record::hls::Names;

/// The renditions of a stream, in their order, as names say them.
pub(super) const RENDITIONS: [&str; 2] = ["main", "sub"];

/// A piece of a live stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The media playlist of the low-latency form.
    Playlist,
    /// The initialisation section that this segment is the first to use.
    Init(u64),
    /// A segment.
    Segment(u64),
    /// A part of a segment.
    Part(u64, u32),
    /// A segment as MPEG-TS.
    Ts(u64),
}

impl Piece {
    /// Its label, and the ending of its name.
    fn label(self, rendition: u8) -> (String, &'static str) {
        let rendition = RENDITIONS[usize::from(rendition.min(1))];
        match self {
            Self::Playlist => (rendition.to_owned(), "m3u8"),
            Self::Init(section) => (format!("{rendition}.{section}"), "mp4"),
            Self::Segment(sequence) => (format!("{rendition}.{sequence}"), "m4s"),
            Self::Part(sequence, part) => (format!("{rendition}.{sequence}.{part}"), "m4s"),
            // The form that is agreed with clients, which is of the main stream alone.
            Self::Ts(sequence) => (sequence.to_string(), "ts"),
        }
    }

    /// The piece and the rendition that a label stands for.
    pub(super) fn parse(label: &str, extension: &str) -> Option<(Self, u8)> {
        if extension == "ts" {
            return Some((Self::Ts(label.parse().ok()?), 0));
        }
        let mut parts = label.split('.');
        let rendition = parts.next()?;
        let rendition = RENDITIONS.iter().position(|known| *known == rendition)? as u8;
        let piece = match (parts.next(), parts.next(), extension) {
            (None, None, "m3u8") => Self::Playlist,
            (Some(section), None, "mp4") => Self::Init(section.parse().ok()?),
            (Some(sequence), None, "m4s") => Self::Segment(sequence.parse().ok()?),
            (Some(sequence), Some(part), "m4s") => Self::Part(sequence.parse().ok()?, part.parse().ok()?),
            _ => return None,
        };
        parts.next().is_none().then_some((piece, rendition))
    }
}

/// Names the pieces of one rendition.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveNames<'a> {
    pub(super) urls: &'a MediaUrls,
    pub(super) stream: StreamId,
    pub(super) rendition: u8,
    pub(super) window: &'a Window,
    pub(super) now: WallTime,
}

impl LiveNames<'_> {
    /// The name of an MPEG-TS segment.
    pub(super) fn ts(&self, sequence: u64) -> String {
        self.of_segment(Piece::Ts(sequence), sequence)
    }

    fn of_segment(&self, piece: Piece, sequence: u64) -> String {
        let (label, extension) = piece.label(self.rendition);
        let at = self.window.named_at(sequence, self.now);
        self.urls.since(at, Purpose::Live, self.stream.as_uuid(), &label, extension)
    }
}

impl Names for LiveNames<'_> {
    fn init(&self, section: u64) -> String {
        // It is used for as long as the camera changes nothing, so that its name must be renewed now and then.
        let (label, extension) = Piece::Init(section).label(self.rendition);
        self.urls.at(self.now, Purpose::Live, self.stream.as_uuid(), &label, extension)
    }

    fn segment(&self, sequence: u64) -> String {
        self.of_segment(Piece::Segment(sequence), sequence)
    }

    fn part(&self, sequence: u64, part: u32) -> String {
        self.of_segment(Piece::Part(sequence, part), sequence)
    }
}

/// The name of the media playlist of a rendition, as the multivariant playlist has it.
pub(super) fn playlist_name(urls: &MediaUrls, stream: Uuid, rendition: u8, now: WallTime) -> String {
    let (label, extension) = Piece::Playlist.label(rendition);
    urls.at(now, Purpose::Live, stream, &label, extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_read_from_its_label() {
        for rendition in [0, 1] {
            for piece in [
                Piece::Playlist,
                Piece::Init(7),
                Piece::Segment(7),
                Piece::Part(7, 2),
                Piece::Part(u64::MAX, 0),
            ] {
                let (label, extension) = piece.label(rendition);
                assert_eq!(Piece::parse(&label, extension), Some((piece, rendition)), "{label}");
            }
        }
        assert_eq!(Piece::parse("12", "ts"), Some((Piece::Ts(12), 0)));
        for (label, extension) in [
            ("main.1", "m3u8"),
            ("main", "mp4"),
            ("main.1.2.3", "m4s"),
            ("main.99999999999999999999", "m4s"),
            ("main.1.99999999999", "m4s"),
            ("other.1", "m4s"),
            ("main.-1", "m4s"),
            ("x", "ts"),
        ] {
            assert_eq!(Piece::parse(label, extension), None, "{label}");
        }
    }
}
