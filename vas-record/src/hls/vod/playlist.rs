//! The texts of playlists of recorded time.

use super::{LONGEST, Plan, Segment, ts_segment};
use crate::hls::names::FileNames;
use crate::hls::text::{Date, SECOND, rounded_seconds, written};
use m3u8_rs::{ByteRange, ExtTag, Map, MediaPlaylist, MediaPlaylistType, MediaSegment, Start};

/// The version that has `EXT-X-MAP` in playlists of whole pictures (rfc8216bis, section 8), and the one of fractions.
const CMAF_VERSION: usize = 7;
const TS_VERSION: usize = 3;

impl Plan<'_> {
    /// The playlist over byte ranges of the stored files.
    #[must_use]
    pub fn playlist(&self, names: &dyn FileNames) -> String {
        self.write(CMAF_VERSION, |segment| {
            let (head, tail) = (segment.head(), segment.tail());
            let uri = names.file(segment.recording);
            // One section serves all files of a run: a player does not begin anew with each of them.
            let map = (!segment.same_run).then(|| Map {
                uri: uri.clone(),
                byte_range: Some(ByteRange { length: segment.recording.init_len.into(), offset: Some(0) }),
                ..Map::default()
            });
            let length = tail.end_offset() - head.offset;
            let byte_range = Some(ByteRange { length, offset: Some(head.offset) });
            MediaSegment { uri, map, byte_range, ..MediaSegment::default() }
        })
    }

    /// The playlist of MPEG-TS segments.
    #[must_use]
    pub fn ts_playlist(&self, names: &dyn FileNames) -> String {
        self.write(TS_VERSION, |segment| MediaSegment {
            uri: names.ts(&ts_segment(segment)),
            ..MediaSegment::default()
        })
    }

    fn write(&self, version: usize, media: impl Fn(&Segment<'_>) -> MediaSegment) -> String {
        let segments = self.segments.iter().map(|segment| {
            let date = ExtTag {
                tag: "X-PROGRAM-DATE-TIME".to_owned(),
                rest: Some(Date(segment.head().wall).to_string()),
            };
            MediaSegment {
                duration: (segment.duration() as f64 / SECOND as f64) as f32,
                discontinuity: segment.discontinuity,
                unknown_tags: if segment.dated { vec![date] } else { Vec::new() },
                ..media(segment)
            }
        });
        let longest = self.segments.iter().map(|segment| rounded_seconds(segment.duration())).max();
        // What will be added to a playlist that goes on must fit what it says now.
        let floor = if self.ended { 1 } else { rounded_seconds(LONGEST) };
        let playlist = MediaPlaylist {
            version: Some(version),
            independent_segments: self.ended && self.segments.iter().all(|segment| segment.head().key),
            target_duration: longest.unwrap_or(1).max(floor),
            playlist_type: Some(if self.ended { MediaPlaylistType::Vod } else { MediaPlaylistType::Event }),
            start: self.start(),
            segments: segments.collect(),
            end_list: self.ended,
            ..MediaPlaylist::default()
        };
        written(|out| playlist.write_to(out))
    }

    /// Where playing starts: at the wanted instant, of which the first segment may begin earlier.
    fn start(&self) -> Option<Start> {
        let first = self.segments.first()?;
        let early = self.range.start.micros_since(first.head().wall);
        (early > 0 && self.range.start < first.wall_end()).then(|| Start {
            time_offset: early as f64 / 1e6,
            precise: Some(true),
            ..Start::default()
        })
    }
}
