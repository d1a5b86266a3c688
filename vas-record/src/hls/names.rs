//! How the things that playlists speak of are called.

use crate::hls::vod::Stretch;
use vas_core::model::recording::Recording;

/// Names the pieces of a live stream. A name stands in a playlist as it is: relative or absolute, percent-encoded,
/// without quotation marks and line breaks.
pub trait Names {
    /// The initialisation section that segment `section` is the first to use.
    fn init(&self, section: u64) -> String;

    /// The segment with this Media Sequence Number.
    fn segment(&self, sequence: u64) -> String;

    /// A part of that segment, counted from 0.
    fn part(&self, sequence: u64, part: u32) -> String;
}

/// Names what is recorded; the same rules hold as for [`Names`].
pub trait FileNames {
    /// A file, of which the playlist names byte ranges.
    fn file(&self, recording: &Recording) -> String;

    /// The initialisation section of a file's playable form.
    fn playable_init(&self, recording: &Recording) -> String;

    /// A stretch of a file in its playable form.
    fn playable(&self, stretch: &Stretch) -> String;

    /// A stretch of a file as MPEG-TS.
    fn ts(&self, stretch: &Stretch) -> String;
}
