//! The texts of playlists of recorded time.

use super::{LONGEST, Plan, Segment, stretch};
use crate::hls::names::FileNames;
use crate::hls::text::{Date, SECOND, rounded_seconds, written};
use m3u8_rs::{ByteRange, ExtTag, Map, MediaPlaylist, MediaPlaylistType, MediaSegment, Start};
use vas_core::model::Recording;

/// The version that has `EXT-X-MAP` in playlists of whole pictures (rfc8216bis, section 8), and the one of fractions.
const CMAF_VERSION: usize = 7;
const TS_VERSION: usize = 3;

/// Whether the CMAF form of a recording is computed.
fn is_computed(recording: &Recording) -> bool {
    #[cfg(feature = "transcode")]
    return super::playable::is_needed(recording);
    #[cfg(not(feature = "transcode"))]
    {
        let _ = recording;
        false
    }
}

impl Plan<'_> {
    /// The playlist over byte ranges of the stored files; over computed segments where players don't decode what is stored.
    #[must_use]
    pub fn playlist(&self, names: &dyn FileNames) -> String {
        // Whether the section in force is the computed one of a recording that is thinned or not; or the stored one.
        let mut section = None;
        self.write(CMAF_VERSION, |segment| {
            let (head, tail) = (segment.head(), segment.tail());
            let computed = is_computed(segment.recording).then_some(segment.recording.thinned);
            // One section serves all files of a run: a player does not begin anew with each of them.
            let is_new = !segment.same_run || section.replace(computed) != Some(computed);
            section = Some(computed);
            if computed.is_some() {
                let uri = names.playable(&stretch(segment));
                let map =
                    is_new.then(|| Map { uri: names.playable_init(segment.recording), ..Map::default() });
                return MediaSegment { uri, map, ..MediaSegment::default() };
            }
            let uri = names.file(segment.recording);
            let map = is_new.then(|| Map {
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
            uri: names.ts(&stretch(segment)),
            ..MediaSegment::default()
        })
    }

    fn write(&self, version: usize, mut media: impl FnMut(&Segment<'_>) -> MediaSegment) -> String {
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
