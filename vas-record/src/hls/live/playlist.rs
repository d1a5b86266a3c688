//! The texts of live playlists.

use super::LiveWindow;
use super::window::{Part, Segment};
use crate::hls::names::Names;
use crate::hls::text::{Date, SECOND, Seconds};
use std::fmt::{self, Write};

/// How far another rendition of the same camera has come (`EXT-X-RENDITION-REPORT`, rfc8216bis, section 4.4.5.4), so
/// that a player that changes over knows what to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionReport {
    /// Where its playlist is, as seen from this one.
    pub uri: String,
    /// Its newest segment and part, as [`LiveStream::newest`](super::LiveStream::newest) tells them.
    pub newest: (u64, u32),
}

impl LiveWindow {
    /// The low-latency playlist. With `skip`, what is older than the skip boundary is left out where that saves anything
    /// (a delta update, rfc8216bis, section 6.2.5.1).
    #[must_use]
    pub fn playlist(&self, names: &dyn Names, skip: bool, reports: &[RenditionReport]) -> String {
        let mut out = String::with_capacity(4_096);
        Text { window: self, names, out: &mut out }.write(skip, reports).expect(NEVER_FAILS);
        out
    }

    /// The playlist of the whole segments as MPEG-TS, in the form that every player knows (version 3), with the names
    /// that `name` gives their numbers.
    #[must_use]
    pub fn ts_playlist(&self, name: &dyn Fn(u64) -> String) -> String {
        let mut out = String::with_capacity(1_024);
        self.write_ts(name, &mut out).expect(NEVER_FAILS);
        out
    }

    fn write_ts(&self, name: &dyn Fn(u64) -> String, out: &mut String) -> fmt::Result {
        writeln!(out, "#EXTM3U\n#EXT-X-VERSION:3")?;
        self.write_numbers(out)?;
        for segment in self.listed() {
            if segment.discontinuity {
                writeln!(out, "#EXT-X-DISCONTINUITY")?;
            }
            writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(segment.wall))?;
            writeln!(out, "#EXTINF:{},\n{}", Seconds(segment.duration), name(segment.sequence))?;
        }
        Ok(())
    }

    /// Target duration and the numbers of the first listed segment.
    fn write_numbers(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "#EXT-X-TARGETDURATION:{}", self.config().target_seconds())?;
        let first = self.listed().map(|segment| segment.sequence).next();
        let first = first.or_else(|| self.open().map(|open| open.sequence)).unwrap_or_default();
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{first}")?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence())
    }
}

const NEVER_FAILS: &str = "a string takes everything";

struct Text<'a> {
    window: &'a LiveWindow,
    names: &'a dyn Names,
    out: &'a mut String,
}

impl Text<'_> {
    fn write(&mut self, skip: bool, reports: &[RenditionReport]) -> fmt::Result {
        let window = self.window;
        let target = window.config().target_seconds() * SECOND;
        let part_target = window.part_target();
        // The same for all renditions, as far as their parts allow it (section 6.2.4).
        let hold_back = 3 * part_target.max(super::ticks(window.config().part));
        let skip_boundary = 6 * target;

        // Version 9 is that of EXT-X-SKIP (section 8); the full form has the same, so that both can be merged.
        writeln!(self.out, "#EXTM3U\n#EXT-X-VERSION:9")?;
        if window.is_independent() {
            writeln!(self.out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        writeln!(
            self.out,
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},CAN-SKIP-UNTIL={}",
            Seconds(hold_back),
            Seconds(skip_boundary),
        )?;
        writeln!(self.out, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(part_target))?;
        window.write_numbers(self.out)?;

        // How far the end of each segment lies before the end of the playlist.
        let whole: u64 = window.listed().map(|segment| segment.duration).sum();
        let open = window.open().map_or(&[][..], Segment::shown);
        let length = whole + open.iter().map(|part| part.duration).sum::<u64>();
        let ends = window.listed().scan(length, |left, segment| {
            *left -= segment.duration;
            Some((segment, *left))
        });
        let old = ends.clone().take_while(|&(_, left)| skip && left > skip_boundary);
        let (skipped, mut map) =
            old.fold((0, None), |(count, _), (segment, _)| (count + 1, Some(segment.map)));
        if skipped > 0 {
            writeln!(self.out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
        }
        for (segment, left) in ends.skip(skipped) {
            self.write_head(segment, &mut map)?;
            // Section 6.2.2: parts further than three target durations from the end are taken off.
            if left <= 3 * target {
                self.write_parts(segment)?;
            }
            writeln!(self.out, "#EXTINF:{},", Seconds(segment.duration))?;
            writeln!(self.out, "{}", self.names.segment(segment.sequence))?;
        }
        if let Some(open) = window.open().filter(|open| !open.shown().is_empty()) {
            self.write_head(open, &mut map)?;
            self.write_parts(open)?;
        }
        if let Some((sequence, part)) = window.next_part() {
            let name = self.names.part(sequence, part);
            writeln!(self.out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}\"")?;
        }
        for RenditionReport { uri, newest: (sequence, part) } in reports {
            writeln!(self.out, "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={sequence},LAST-PART={part}")?;
        }
        Ok(())
    }

    /// What stands before the parts of a segment. `map`: the section that is in force.
    fn write_head(&mut self, segment: &Segment, map: &mut Option<u64>) -> fmt::Result {
        if segment.discontinuity {
            writeln!(self.out, "#EXT-X-DISCONTINUITY")?;
        }
        if map.replace(segment.map) != Some(segment.map) {
            writeln!(self.out, "#EXT-X-MAP:URI=\"{}\"", self.names.init(segment.map))?;
        }
        writeln!(self.out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(segment.wall))
    }

    fn write_parts(&mut self, segment: &Segment) -> fmt::Result {
        for (number, Part { duration, key, .. }) in (0..).zip(segment.shown()) {
            let name = self.names.part(segment.sequence, number);
            write!(self.out, "#EXT-X-PART:DURATION={},URI=\"{name}\"", Seconds(*duration))?;
            writeln!(self.out, "{}", if *key { ",INDEPENDENT=YES" } else { "" })?;
        }
        Ok(())
    }
}
