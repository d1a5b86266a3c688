//! From access units to chunks.
//!
//! ```text
//! AccessUnit --push--> Segmenter --> Section, Chunk, Chunk ... Section, Chunk ...
//! ```
//!
//! A chunk ends before each key picture, before it would last longer than the bound, and before a hole. A run, told by a
//! new section, ends where the source starts over or the format of a track changes.

mod wall;

pub use crate::mux::fmp4::MediaOrigin;
pub use wall::{Placed, WallLine};

use crate::mux::fmp4::{self, Fmp4Writer, MuxError};
use crate::segment::{Chunk, Section};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use vas_core::media::{AccessUnit, StreamDesc, Track};
use vas_core::model::GapReason;
use vas_core::{TrackId, WallTime};

/// Chunks of one run that begin later than the one before ends by more than this, in ticks of 90 kHz, come after a hole.
/// Times of sound are rounded.
const ROUNDING: i64 = 90;

/// How a stream is cut.
#[derive(Clone, Copy, Debug)]
pub struct SegmenterConfig {
    /// The longest that a chunk may last; one picture that lasts longer is a chunk of its own.
    pub part: Duration,
    /// The end of what is recorded already: no chunk is placed before it.
    pub not_before: Option<WallTime>,
    /// What the media times of a run are counted from.
    pub origin: MediaOrigin,
}

impl Default for SegmenterConfig {
    /// Half a second, nothing recorded yet, each run from 0.
    fn default() -> Self {
        Self { part: Duration::from_millis(500), not_before: None, origin: MediaOrigin::default() }
    }
}

/// What comes out of a [`Segmenter`].
#[derive(Clone, Debug)]
pub enum Output {
    /// The section of the chunks to come. A chunk follows at once.
    Section(Arc<Section>),
    /// The next chunk.
    Chunk(Chunk),
}

/// Cuts a stream into chunks. It holds what belongs to the chunk that is being made, and no clock: it is driven by the
/// units alone.
#[derive(Debug)]
pub struct Segmenter {
    /// In ticks of 90 kHz.
    part: i64,
    origin: MediaOrigin,
    wall: WallLine,
    run: Option<Run>,
    /// What is missing before the next chunk.
    missing: Missing,
    /// What is missing before the next unit of the leading track.
    skipped: Missing,
    /// The newest formats by the units of this session, which may be behind or ahead of the stream's description.
    formats: Vec<Track>,
    epoch: Option<u32>,
    /// Tracks that were said to be left out.
    named: Vec<TrackId>,
}

/// What is missing at a place.
#[derive(Debug, Default)]
struct Missing {
    gap: Option<GapReason>,
    lost: u32,
}

/// A run that is being made.
#[derive(Debug)]
struct Run {
    writer: Fmp4Writer,
    section: Arc<Section>,
    /// Tracks that are not in it.
    left_out: Vec<Track>,
    announced: bool,
    /// A track has another format, or is new: a run with it starts at the next key picture.
    outdated: bool,
    /// Media time at the end of the last chunk.
    end: Option<i64>,
}

impl Segmenter {
    /// A segmenter of one stream that waits for its first key picture.
    #[must_use]
    pub fn new(config: SegmenterConfig) -> Self {
        let part = i64::try_from(config.part.as_micros() * 9 / 100).unwrap_or(i64::MAX);
        Self {
            part: part.max(1),
            origin: config.origin,
            wall: WallLine::new(config.not_before),
            run: None,
            missing: Missing { gap: Some(GapReason::Started), lost: 0 },
            skipped: Missing::default(),
            formats: Vec::new(),
            epoch: None,
            named: Vec::new(),
        }
    }

    /// Takes the next unit of the stream that `desc` describes, and adds to `out` what it completes.
    pub fn push(&mut self, unit: &AccessUnit, desc: &Arc<StreamDesc>, out: &mut Vec<Output>) {
        if self.epoch != Some(unit.epoch) {
            self.end_run(GapReason::SourceLost, out);
            self.formats.clear();
            self.epoch = Some(unit.epoch);
        }
        self.note_format(unit);
        let outdated = self.run.as_ref().is_some_and(|run| run.outdated);
        if outdated && may_start(unit, desc) {
            self.end_run(GapReason::FormatChanged, out);
        }
        // A second try where the unit doesn't belong to the run: it may start the next one.
        for _ in 0..2 {
            if self.run.is_none() {
                self.run = self.start(unit, desc);
            }
            let Some(run) = &mut self.run else {
                self.skip(unit);
                return;
            };
            match run.writer.add(unit) {
                Ok(true) => {
                    self.cut_where_due(unit, out);
                    return;
                }
                Ok(false) => {
                    self.skip(unit);
                    return;
                }
                Err(MuxError::UnknownTrack(_)) => {
                    let known = |track: &Track| track.id == unit.track && track.format == unit.format;
                    run.outdated |= !run.left_out.iter().any(known);
                    return;
                }
                // Sound waits for the next key picture, so that no picture is lost for it.
                Err(MuxError::FormatChanged(_)) if run.writer.has_video() && !unit.is_video() => {
                    run.outdated = true;
                    return;
                }
                Err(MuxError::ChunkFull) => self.cut_all(out),
                Err(MuxError::FormatChanged(_)) => self.end_run(GapReason::FormatChanged, out),
                Err(_) => self.end_run(GapReason::SourceLost, out),
            }
        }
        self.skip(unit);
    }

    /// The subscription fell behind: units before the next one are missing, and what comes goes on at a key picture.
    pub fn lagged(&mut self, missed: u64) {
        tracing::warn!(missed, "the segmenter fell behind its stream; a gap is recorded");
        self.skipped.gap.get_or_insert(GapReason::Lagged);
        if let Some(run) = &mut self.run {
            run.writer.interrupt();
        }
    }

    /// The source has fallen silent: cuts all that was pushed, up to the newest picture, whose successor may never come. The
    /// run goes on with the next key picture, after a gap.
    pub fn pause(&mut self, out: &mut Vec<Output>) {
        if let Some(run) = &mut self.run {
            run.writer.release();
            run.writer.interrupt();
            self.skipped.gap.get_or_insert(GapReason::Silence);
            self.cut_all(out);
        }
    }

    /// Ends the run with all that was pushed. What is pushed after it starts another one.
    pub fn flush(&mut self, out: &mut Vec<Output>) {
        self.end_run(GapReason::Started, out);
    }

    fn note_format(&mut self, unit: &AccessUnit) {
        match self.formats.iter_mut().find(|track| track.id == unit.track) {
            Some(track) if Arc::ptr_eq(&track.format, &unit.format) => {}
            Some(track) => track.format = unit.format.clone(),
            None => self.formats.push(Track { id: unit.track, format: unit.format.clone() }),
        }
    }

    /// A run of all tracks that MP4 carries; `None` until a unit comes that it can start with.
    fn start(&mut self, unit: &AccessUnit, desc: &StreamDesc) -> Option<Run> {
        if !may_start(unit, desc) {
            return None;
        }
        let newest =
            |track: &Track| self.formats.iter().find(|seen| seen.id == track.id).unwrap_or(track).clone();
        let mut tracks: Vec<_> = desc.tracks.iter().map(newest).collect();
        if !tracks.iter().any(|track| track.id == unit.track) {
            tracks.push(Track { id: unit.track, format: unit.format.clone() });
        }
        let mut left_out = Vec::new();
        tracks.retain(|track| match Fmp4Writer::new(&StreamDesc { tracks: vec![track.clone()] }) {
            Ok(_) => true,
            Err(error) => {
                if !self.named.contains(&track.id) {
                    self.named.push(track.id);
                    tracing::warn!(track = %track.id, %error, "a track is left out of recordings and HLS");
                }
                left_out.push(track.clone());
                false
            }
        });
        let desc = StreamDesc { tracks };
        let writer = Fmp4Writer::with_origin(&desc, self.origin).ok()?;
        let (width, height) = desc.video().map_or((0, 0), |(_, video)| (video.width, video.height));
        let section = Section {
            run: Uuid::now_v7(),
            init: writer.init_section(),
            codecs: fmp4::codecs(&desc),
            width,
            height,
            epoch: unit.epoch,
            desc: Arc::new(desc),
        };
        let section = Arc::new(section);
        Some(Run { writer, section, left_out, announced: false, outdated: false, end: None })
    }

    /// What was known to be lost before a unit that is not kept is lost before the next one.
    const fn skip(&mut self, unit: &AccessUnit) {
        if unit.is_video() {
            self.skipped.lost = self.skipped.lost.saturating_add(unit.lost_before);
        }
    }

    /// Cuts what `unit`, which was just added, completes.
    fn cut_where_due(&mut self, unit: &AccessUnit, out: &mut Vec<Output>) {
        while let Some(run) = &self.run {
            let (ready, next) = run.writer.lasting();
            let ends = unit.is_key() || run.writer.ends_with_hole() || ready.saturating_add(next) > self.part;
            if ready == 0 || !ends {
                break;
            }
            self.cut((ready > self.part).then_some(self.part), out);
        }
        // What was cut lies before what is missing.
        let skipped = std::mem::take(&mut self.skipped);
        self.missing.lost = self.missing.lost.saturating_add(skipped.lost);
        // What was lost says more than that the format changed.
        self.missing.gap = self.missing.gap.filter(|gap| gap.is_loss()).or(skipped.gap).or(self.missing.gap);
    }

    fn cut_all(&mut self, out: &mut Vec<Output>) {
        while self.cut(Some(self.part), out) {}
    }

    /// Makes a chunk of what is complete, of `most` ticks of 90 kHz at most; false where nothing is.
    fn cut(&mut self, most: Option<i64>, out: &mut Vec<Output>) -> bool {
        let Some(run) = &mut self.run else { return false };
        let mut placed = None;
        let place =
            |marked: &fmp4::Marked| placed.insert(self.wall.place(marked.media, marked.captured)).wall;
        let taken = run.writer.take_chunk_with(most, place);
        let (Some((marked, data)), Some(placed)) = (taken, placed) else { return false };
        let missing = std::mem::take(&mut self.missing);
        let hole = run.end.is_some_and(|end| marked.media.saturating_sub(end) > ROUNDING);
        let gap = missing
            .gap
            .or(hole.then_some(GapReason::Silence))
            .or(placed.jumped.then_some(GapReason::ClockJump));
        run.end = Some(marked.media.saturating_add(marked.duration.into()));
        if !std::mem::replace(&mut run.announced, true) {
            out.push(Output::Section(run.section.clone()));
        }
        out.push(Output::Chunk(Chunk {
            section: run.section.clone(),
            data,
            media: marked.media,
            duration: marked.duration,
            wall: placed.wall,
            key: marked.key,
            pictures: u16::try_from(marked.samples).unwrap_or(u16::MAX),
            lost: marked.lost.saturating_add(missing.lost),
            gap,
        }));
        true
    }

    /// Ends the run, if there is one, with all that was pushed; the next one comes after a gap for this reason.
    fn end_run(&mut self, reason: GapReason, out: &mut Vec<Output>) {
        if let Some(run) = &mut self.run {
            run.writer.release();
            self.cut_all(out);
            if let Some(end) = self.run.take().and_then(|run| run.end) {
                self.wall.restart(end);
            }
            self.missing.gap.get_or_insert(reason);
        }
    }
}

/// Whether a run can start with `unit`: with a key picture where there are pictures.
fn may_start(unit: &AccessUnit, desc: &StreamDesc) -> bool {
    unit.is_key() || (desc.video().is_none() && !unit.is_video())
}
