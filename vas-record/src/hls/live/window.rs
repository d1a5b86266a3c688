//! What a live stream's segments are, and which of them are kept.

use super::{LiveConfig, ticks};
use crate::hls::multivariant::VariantInfo;
use crate::hls::text::SECOND;
use crate::segment::{Chunk, Section};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::WallTime;

/// Segments at the start of a window end with the first key picture after a second, so that playing can begin early.
const QUICK_SEGMENTS: u64 = 3;
/// Shortest segment that ends early to begin the next one with a key picture, in ticks.
const SHORTEST: u64 = SECOND;
/// Share of the part target, in percent, that every part must have but for the last one of a segment (rfc8216bis,
/// section 4.4.4.9).
const FULL_PART: u64 = 85;

/// The bytes of one segment, without a copy.
#[derive(Clone, Debug)]
pub struct SegmentMedia {
    /// What describes it.
    pub section: Arc<Section>,
    /// Its chunks in order.
    pub chunks: Vec<Bytes>,
}

/// A part: one chunk, or as many short ones as fit into the length of a part.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) chunks: Vec<Bytes>,
    /// In ticks of 90 kHz.
    pub(super) duration: u64,
    /// Holds a key picture.
    pub(super) key: bool,
}

/// A segment, whole or growing.
#[derive(Debug)]
pub(super) struct Segment {
    /// Media Sequence Number.
    pub(super) sequence: u64,
    /// Its times do not go on from the segment before.
    pub(super) discontinuity: bool,
    /// The number of the first segment that uses the same section, which names the section.
    pub(super) map: u64,
    pub(super) section: Arc<Section>,
    pub(super) wall: WallTime,
    /// In ticks of 90 kHz.
    pub(super) duration: u64,
    pub(super) bytes: u64,
    pub(super) pictures: u64,
    /// Decoding can start with it.
    pub(super) independent: bool,
    pub(super) parts: Vec<Part>,
    /// The last of them may still grow, and is not shown.
    pub(super) held: bool,
}

impl Segment {
    /// Adds a chunk of `duration` ticks to the last part where that may grow, of `bound` ticks at most; or else as a part.
    fn add(&mut self, chunk: &Chunk, duration: u64, bound: u64) {
        self.duration += duration;
        self.bytes += chunk.data.len() as u64;
        self.pictures += u64::from(chunk.pictures);
        let length = match self.parts.last_mut() {
            Some(part) if self.held && part.duration + duration <= bound => {
                part.chunks.push(chunk.data.clone());
                part.duration += duration;
                part.key |= chunk.key;
                part.duration
            }
            _ => {
                self.parts.push(Part { chunks: vec![chunk.data.clone()], duration, key: chunk.key });
                duration
            }
        };
        // Where another chunk like this one has room, it is waited for.
        self.held = length + duration <= bound;
    }

    /// The parts that are shown.
    pub(super) fn shown(&self) -> &[Part] {
        &self.parts[..self.parts.len() - usize::from(self.held)]
    }
}

/// The newest media of one stream, cut into segments, bounded in time and bytes. It waits for nothing and knows no
/// clock: what is pushed moves it on.
///
/// Media Sequence Numbers start with the seconds of the first chunk's UTC, so that a window that was given up and made
/// anew counts on above the old one.
#[derive(Debug)]
pub struct LiveWindow {
    config: LiveConfig,
    /// Whole segments, those that are no longer listed first.
    segments: VecDeque<Segment>,
    /// Of these, how many are no longer listed. They are kept for players that hold an older playlist.
    unlisted: usize,
    /// The growing segment; it has a part at least, if not one that is shown.
    open: Option<Segment>,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`.
    discontinuity_sequence: u64,
    /// Segments begun in this window.
    begun: u64,
    /// Bytes of all segments.
    bytes: u64,
    /// `PART-TARGET` in ticks, settled with the first whole segment.
    part_target: Option<u64>,
    /// The longest part so far, in ticks.
    longest_part: u64,
    /// Some segment of this window did not begin with a key picture.
    dependent: bool,
    /// The run of the newest chunk, and the media time at its end.
    expected: Option<(Uuid, i64)>,
}

impl LiveWindow {
    /// Nothing yet.
    #[must_use]
    pub const fn new(config: LiveConfig) -> Self {
        Self {
            config,
            segments: VecDeque::new(),
            unlisted: 0,
            open: None,
            discontinuity_sequence: config.discontinuity,
            begun: 0,
            bytes: 0,
            part_target: None,
            longest_part: 0,
            dependent: false,
            expected: None,
        }
    }

    /// Adds a chunk, the next one of its run or the first one of another.
    pub fn push(&mut self, chunk: &Chunk) {
        // One picture may be shown for longer than a segment may last; what it lasts beyond that is not told.
        let duration = u64::from(chunk.duration).min(self.config.longest());
        let breaks = self.breaks_before(chunk);
        if breaks || self.ends_before(chunk, duration) {
            self.close();
        }
        let bound = ticks(self.config.part);
        let mut open = self.open.take().unwrap_or_else(|| self.begin(chunk, breaks));
        open.add(chunk, duration, bound);
        self.longest_part = open.parts.last().map_or(0, |part| part.duration).max(self.longest_part);
        self.open = Some(open);
        self.bytes += chunk.data.len() as u64;
        self.expected = Some((chunk.section.run, chunk.media.saturating_add(i64::from(chunk.duration))));
        self.trim();
    }

    /// Whether the media times do not go on with `chunk` from what was before it.
    fn breaks_before(&self, chunk: &Chunk) -> bool {
        /// Jitter of a camera's clock that is no break: a quarter of a second.
        const TOLERANCE: u64 = SECOND / 4;
        self.expected.is_some_and(|(run, expected)| {
            run != chunk.section.run
                || chunk.gap.is_some_and(|gap| gap.is_loss())
                || chunk.media.abs_diff(expected) > TOLERANCE
        })
    }

    /// Whether the growing segment is to end before `chunk`, of `duration` ticks.
    fn ends_before(&self, chunk: &Chunk, duration: u64) -> bool {
        let Some(open) = &self.open else { return false };
        let too_long = open.duration + duration > self.config.longest();
        // A quarter of the bytes in one segment would leave too few segments to play from.
        let too_large = open.bytes + chunk.data.len() as u64 > self.config.max_bytes as u64 / 4;
        if too_long || too_large {
            return true;
        }
        if !chunk.key {
            return false;
        }
        // A part before a key picture may come out short, which only the last one of a segment may.
        let part_target = self.part_target.unwrap_or(self.longest_part);
        let short_part = open.parts.last().is_some_and(|part| {
            let grows = open.held && part.duration + duration <= ticks(self.config.part);
            !grows && part.duration * 100 < part_target * FULL_PART
        });
        let early = self.begun <= QUICK_SEGMENTS || !open.independent;
        short_part || (early && open.duration >= SHORTEST) || open.duration >= ticks(self.config.segment)
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.held = false;
        self.dependent |= !open.independent;
        self.segments.push_back(open);
        self.part_target.get_or_insert_with(|| {
            // Parts that are as long as whole pictures allow must reach 85 % of it, so that it lies just above the longest
            // one. None exceeds the bound unless a picture does.
            let (longest, bound) = (self.longest_part, ticks(self.config.part));
            let above = (longest + longest / 25).next_multiple_of(SECOND / 1_000).max(SECOND / 1_000);
            if longest <= bound { above.min(bound) } else { above }
        });
    }

    fn begin(&mut self, chunk: &Chunk, discontinuity: bool) -> Segment {
        let last = self.segments.back();
        let (sequence, map) = match last {
            Some(last) if last.section.run == chunk.section.run => (last.sequence + 1, last.map),
            Some(last) => (last.sequence + 1, last.sequence + 1),
            None => {
                let seconds = u64::try_from(chunk.wall.as_unix_micros() / 1_000_000).unwrap_or(0);
                (seconds, seconds)
            }
        };
        self.begun += 1;
        Segment {
            sequence,
            discontinuity,
            map,
            section: chunk.section.clone(),
            wall: chunk.wall,
            duration: 0,
            bytes: 0,
            pictures: 0,
            independent: chunk.key,
            parts: Vec::new(),
            held: false,
        }
    }

    /// The discontinuity number of the newest segment: that of the first listed one, and one more for each discontinuity
    /// since.
    pub(super) fn newest_discontinuity(&self) -> u64 {
        let since = self.listed().chain(&self.open).filter(|segment| segment.discontinuity).count();
        self.discontinuity_sequence + since as u64
    }

    /// Takes segments off the list, and lets go of those that no player can hold a playlist of any more, or that there
    /// is no room for.
    fn trim(&mut self) {
        let listed = ticks(self.config.listed);
        let mut duration: u64 = self.listed().map(|segment| segment.duration).sum();
        while let Some(first) = self.segments.get(self.unlisted)
            && duration - first.duration >= listed
        {
            duration -= first.duration;
            self.unlist();
        }
        // From its first appearance, a segment is to be had for its own length and that of the longest playlist that
        // names it (section 6.2.2), which is `listed` and less than one segment.
        let kept = listed + 2 * self.config.longest();
        let mut duration: u64 = self.segments.iter().map(|segment| segment.duration).sum();
        while let Some(first) = self.segments.front()
            && self.segments.len() > 1
            && (duration - first.duration >= kept || self.bytes > self.config.max_bytes as u64)
        {
            duration -= first.duration;
            self.bytes -= first.bytes;
            if self.unlisted == 0 {
                self.unlist();
            }
            self.segments.pop_front();
            self.unlisted -= 1;
        }
    }

    fn unlist(&mut self) {
        if let Some(segment) = self.segments.get(self.unlisted) {
            self.discontinuity_sequence += u64::from(segment.discontinuity);
            self.unlisted += 1;
        }
    }

    /// How it is cut.
    #[must_use]
    pub const fn config(&self) -> &LiveConfig {
        &self.config
    }

    /// Whether there is a whole segment, and thus a playlist.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Bytes of media that are kept.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The Media Sequence Number of the newest segment that has parts, and the number of its last part; `None` before the
    /// first part.
    #[must_use]
    pub fn newest(&self) -> Option<(u64, u32)> {
        let open = self.open.as_ref().filter(|open| !open.shown().is_empty());
        let newest = open.or_else(|| self.segments.back())?;
        Some((newest.sequence, count(newest.shown()).checked_sub(1)?))
    }

    /// The segment and part that comes next, which the playlist hints at; `None` before the first chunk.
    pub(super) fn next_part(&self) -> Option<(u64, u32)> {
        self.open.as_ref().map(|open| (open.sequence, count(open.shown())))
    }

    /// Parts of a whole segment that is kept.
    pub(super) fn parts_of(&self, sequence: u64) -> Option<u32> {
        self.find(sequence).map(|segment| count(segment.shown()))
    }

    /// A whole segment that is kept.
    #[must_use]
    pub fn segment(&self, sequence: u64) -> Option<SegmentMedia> {
        let segment = self.find(sequence)?;
        let chunks = segment.parts.iter().flat_map(|part| &part.chunks).cloned().collect();
        Some(SegmentMedia { section: segment.section.clone(), chunks })
    }

    /// The chunks of a part that is kept.
    #[must_use]
    pub fn part(&self, sequence: u64, part: u32) -> Option<Vec<Bytes>> {
        let open = self.open.as_ref().filter(|open| open.sequence == sequence);
        let segment = open.or_else(|| self.find(sequence))?;
        Some(segment.shown().get(part as usize)?.chunks.clone())
    }

    /// The section that segment `section` was the first to use.
    #[must_use]
    pub fn init(&self, section: u64) -> Option<Bytes> {
        let all = self.segments.iter().chain(&self.open);
        all.rev().find(|segment| segment.map == section).map(|segment| segment.section.init.clone())
    }

    /// What a multivariant playlist says of it; `None` before the first whole segment.
    #[must_use]
    pub fn variant(&self) -> Option<VariantInfo> {
        let last = self.segments.back()?;
        let listed: Vec<_> = self.listed().collect();
        let segments = listed.iter().map(|segment| (segment.duration, segment.bytes));
        let (duration, pictures) = listed
            .iter()
            .filter(|segment| segment.section.run == last.section.run)
            .fold((0, 0), |(duration, pictures), segment| {
                (duration + segment.duration, pictures + segment.pictures)
            });
        Some(VariantInfo::measured(
            &last.section,
            segments,
            self.config.target_seconds() * SECOND,
            duration,
            pictures,
        ))
    }

    /// The whole segments on the list.
    pub(super) fn listed(&self) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        self.segments.range(self.unlisted..)
    }

    pub(super) const fn open(&self) -> Option<&Segment> {
        self.open.as_ref()
    }

    /// Whether every segment of the window so far begins with a key picture. What playlists say of all their segments
    /// must not come and go with single ones.
    pub(super) const fn is_independent(&self) -> bool {
        !self.dependent
    }

    pub(super) const fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// `PART-TARGET` in ticks.
    pub(super) fn part_target(&self) -> u64 {
        self.part_target.unwrap_or_else(|| ticks(self.config.part))
    }

    fn find(&self, sequence: u64) -> Option<&Segment> {
        let first = self.segments.front()?.sequence;
        self.segments.get(usize::try_from(sequence.checked_sub(first)?).ok()?)
    }
}

fn count(parts: &[Part]) -> u32 {
    u32::try_from(parts.len()).unwrap_or(u32::MAX)
}
