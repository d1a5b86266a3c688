//! The samples of one track: their place in the file's time, their durations and their flags.

use super::{MuxError, Start};
use bytes::Bytes;
use std::num::NonZeroU32;
use std::sync::Arc;
use vas_core::media::{
    AccessUnit, AudioCodec, Codec, Track, TrackFormat, UnitKind, VideoCodec, h264, h265, nal,
};
use vas_core::model::recording::MEDIA_CLOCK;
use vas_core::{MediaTime, TrackId, WallTime};

/// Bytes that are counted for a sample on top of its payload: its entry here and in the `moof`.
const SAMPLE_COST: usize = 96;
/// Samples of an AAC frame.
const AAC_FRAME: u32 = 1_024;
/// Packets per second that a lone packet of other sound is taken to be one of.
const GUESSED_PACKETS: u32 = 50;
/// Pictures per second that a lone picture is taken to be one of.
const GUESSED_FPS: u32 = 25;
/// A sample that is longer than this, in seconds, and than `HOLE_FACTOR` times the one before is followed by a hole.
const HOLE_SECONDS: u32 = 2;
const HOLE_FACTOR: u32 = 4;
/// A sample that is longer than this, in seconds, is followed by a hole in any case.
const MAX_SAMPLE_SECONDS: u32 = 10;

/// Sample flags (section 8.8.3.1).
mod flags {
    /// `sample_depends_on` = 2: an I picture, or sound. A sync sample.
    pub(super) const SYNC: u32 = 2 << 24;
    /// `sample_depends_on` = 1 and `sample_is_non_sync_sample`.
    pub(super) const DELTA: u32 = 1 << 24 | 1 << 16;
    /// `sample_is_depended_on` = 2 on top: no other sample needs it.
    pub(super) const DISPOSABLE: u32 = DELTA | 2 << 22;
}

/// A sample whose payload waits to be copied.
#[derive(Debug)]
pub(super) struct Sample {
    /// In the file's time.
    pub(super) dts: i64,
    /// In ticks; 0 until the next sample tells it.
    pub(super) duration: u32,
    /// Presentation less decoding time, in ticks.
    pub(super) offset: i32,
    pub(super) flags: u32,
    /// Bytes of the sample in the file.
    pub(super) size: u32,
    captured: WallTime,
    lost_before: u32,
    data: Bytes,
}

impl Sample {
    const fn end(&self) -> i64 {
        self.dts + self.duration as i64
    }
}

/// What the samples are that the next chunk takes from its leading track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked {
    /// Where they begin in the file's time, in ticks of 90 kHz.
    pub(crate) media: i64,
    /// How long they last, in ticks of 90 kHz.
    pub(crate) duration: u32,
    /// UTC of the capture of what is shown at `media`.
    pub(crate) captured: WallTime,
    /// How many there are.
    pub(crate) samples: usize,
    /// Packets known to be lost before or among them.
    pub(crate) lost: u32,
    /// The first one is a sync sample.
    pub(crate) key: bool,
}

/// What is taken from the media times to get the file's.
#[derive(Clone, Copy, Debug)]
struct Origin {
    pts: i64,
    dts: i64,
}

/// One track of the file.
#[derive(Debug)]
pub(super) struct TrackWriter {
    id: TrackId,
    number: u32,
    format: Arc<TrackFormat>,
    rate: NonZeroU32,
    origin: Option<Origin>,
    /// Decoding starts, or starts again, with a key picture.
    starting: bool,
    /// Pictures that are shown before this were sent after the key picture that decoding started with and refer to
    /// others before it.
    first_shown: i64,
    /// The newest sample, whose duration is not known yet.
    held: Option<Sample>,
    /// Where the newest complete sample ends in the file's time.
    end: i64,
    ready: Vec<Sample>,
    /// How many of the ready ones the next chunk takes.
    marked: usize,
    pending: usize,
    last_duration: u32,
}

impl TrackWriter {
    /// `number`: the `track_ID` in the file.
    pub(super) fn new(number: u32, track: &Track) -> Self {
        let rate = track.format.clock_rate();
        let last_duration = match track.format.codec() {
            Codec::Video(_) => rate.get() / GUESSED_FPS,
            Codec::Audio(AudioCodec::Aac) => AAC_FRAME,
            Codec::Audio(_) => rate.get() / GUESSED_PACKETS,
        };
        Self {
            id: track.id,
            number,
            format: track.format.clone(),
            rate,
            origin: None,
            starting: true,
            first_shown: i64::MIN,
            held: None,
            end: 0,
            ready: Vec::new(),
            marked: 0,
            pending: 0,
            last_duration,
        }
    }

    /// A track of samples that were read from another file, all of which the next chunk takes.
    #[cfg(feature = "transcode")]
    pub(super) fn of_samples(
        number: u32,
        format: TrackFormat,
        samples: Vec<crate::read::Sample>,
        captured: WallTime,
    ) -> Self {
        let track = Track { id: TrackId(u8::try_from(number).unwrap_or(u8::MAX)), format: Arc::new(format) };
        let mut writer = Self::new(number, &track);
        let kind = |sample: &crate::read::Sample| match (sample.key, sample.disposable) {
            (true, _) => flags::SYNC,
            (false, false) => flags::DELTA,
            (false, true) => flags::DISPOSABLE,
        };
        writer.ready = samples
            .into_iter()
            .map(|sample| Sample {
                dts: sample.dts,
                duration: sample.duration,
                offset: i32::try_from(sample.pts.saturating_sub(sample.dts)).unwrap_or(0),
                flags: kind(&sample),
                // What was read has no parameter sets any more.
                size: sample.data.len() as u32,
                captured,
                lost_before: 0,
                data: sample.data,
            })
            .collect();
        writer.pending = writer.ready.iter().map(|sample| sample.data.len() + SAMPLE_COST).sum();
        writer.marked = writer.ready.len();
        writer
    }

    pub(super) const fn id(&self) -> TrackId {
        self.id
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn is_video(&self) -> bool {
        self.format.video().is_some()
    }

    /// Bytes held for this track.
    pub(super) const fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn check_format(&self, format: &Arc<TrackFormat>) -> Result<(), MuxError> {
        if Arc::ptr_eq(&self.format, format) || self.format == *format {
            Ok(())
        } else {
            Err(MuxError::FormatChanged(self.id))
        }
    }

    /// Whether decoding of the track can start with `unit`.
    pub(super) fn can_start_with(&self, unit: &AccessUnit) -> bool {
        !self.is_video() || unit.is_key()
    }

    /// What comes next has no relation to the newest sample, which gets a usual duration.
    pub(super) const fn interrupt(&mut self) {
        self.starting = true;
    }

    /// Adds a unit of a file that starts at `start`. Returns the bytes it keeps, 0 for a unit that is passed over.
    pub(super) fn push(&mut self, unit: &AccessUnit, start: Start) -> Result<usize, MuxError> {
        let out_of_range = MuxError::TimeOutOfRange(self.id);
        if self.starting && !self.can_start_with(unit) {
            return Ok(0);
        }
        let (pts, dts) = (unit.pts.rescale(self.rate).ticks(), unit.dts.rescale(self.rate).ticks());
        let origin = match self.origin {
            Some(origin) => origin,
            None => {
                if unit.captured < start.captured {
                    return Ok(0);
                }
                let lead = i128::from(unit.captured.micros_since(start.zero));
                let lead = lead * i128::from(self.rate.get()) / 1_000_000;
                let lead = i64::try_from(lead).map_err(|_| out_of_range.clone())?;
                let from = |time: i64| time.checked_sub(lead).ok_or(out_of_range.clone());
                Origin { pts: from(pts)?, dts: from(dts)? }
            }
        };
        let size = self.size_of(&unit.data);
        let place = |time: i64, origin: i64| time.checked_sub(origin).ok_or(out_of_range.clone());
        let (pts, mut dts) = (place(pts, origin.pts)?, place(dts, origin.dts)?);
        if size == 0 || (!self.starting && pts < self.first_shown) {
            return Ok(0);
        }
        dts = dts.max(self.held.as_ref().map_or(self.end, |held| held.dts + 1));
        let offset = pts.checked_sub(dts).and_then(|offset| i32::try_from(offset).ok());
        let sample = Sample {
            dts,
            duration: 0,
            offset: offset.ok_or(out_of_range.clone())?,
            flags: sample_flags(unit.kind),
            size: u32::try_from(size).map_err(|_| MuxError::ChunkFull)?,
            captured: unit.captured,
            lost_before: unit.lost_before,
            data: unit.data.clone(),
        };
        if let Some(held) = &self.held {
            let duration = u32::try_from(dts - held.dts).map_err(|_| out_of_range)?;
            if self.starting || duration > self.longest() {
                self.complete(duration.min(self.last_duration));
            } else {
                self.complete(duration);
                self.last_duration = duration;
            }
        }
        if self.starting && self.is_video() {
            self.first_shown = pts;
        }
        self.starting = false;
        self.origin = Some(origin);
        self.held = Some(sample);
        let cost = unit.data.len() + SAMPLE_COST;
        self.pending += cost;
        Ok(cost)
    }

    /// The longest duration, in ticks, that the next sample may have.
    fn longest(&self) -> u32 {
        let seconds = |seconds: u32| self.rate.get().saturating_mul(seconds);
        let usual = self.last_duration.saturating_mul(HOLE_FACTOR);
        usual.clamp(seconds(HOLE_SECONDS), seconds(MAX_SAMPLE_SECONDS))
    }

    /// Completes the newest sample without a successor.
    pub(super) fn release(&mut self) {
        self.complete(self.last_duration);
    }

    fn complete(&mut self, duration: u32) {
        if let Some(held) = self.held.take() {
            let sample = Sample { duration, ..held };
            self.end = sample.end();
            self.ready.push(sample);
        }
    }

    /// The complete samples up to the first hole.
    fn whole(&self) -> &[Sample] {
        let holes = self.ready.windows(2).position(|pair| pair[0].end() != pair[1].dts);
        &self.ready[..holes.map_or(self.ready.len(), |at| at + 1)]
    }

    /// Whether a hole follows the complete samples.
    pub(super) fn ends_with_hole(&self) -> bool {
        let whole = self.whole();
        let next = self.ready.get(whole.len()).or(self.held.as_ref());
        whole.last().zip(next).is_some_and(|(last, next)| last.end() != next.dts)
    }

    /// How long the complete samples last up to the first hole, and how long the newest one is expected to last; in
    /// ticks of 90 kHz.
    pub(super) fn lasting(&self) -> (i64, i64) {
        let whole = self.whole();
        let length = whole.first().zip(whole.last()).map_or(0, |(first, last)| last.end() - first.dts);
        (self.to_media(length), self.to_media(self.last_duration.into()))
    }

    /// Marks the complete samples up to the first hole for the next chunk; no more than last `most` ticks of 90 kHz,
    /// but at least one.
    pub(super) fn mark(&mut self, most: Option<i64>) {
        let whole = self.whole();
        self.marked = match (whole.first(), most) {
            (Some(first), Some(most)) => {
                let fits = |sample: &&Sample| self.to_media(sample.end() - first.dts) <= most;
                whole.iter().take_while(fits).count().max(1)
            }
            _ => whole.len(),
        };
    }

    /// The samples that the next chunk takes.
    pub(super) fn marked(&self) -> &[Sample] {
        &self.ready[..self.marked]
    }

    /// What these are; `None`: there are none.
    pub(super) fn describe_marked(&self) -> Option<Marked> {
        let (first, last) = self.marked().first().zip(self.marked().last())?;
        let offset = i64::from(first.offset) * 1_000_000 / i64::from(self.rate.get());
        let media = self.to_media(first.dts);
        Some(Marked {
            media,
            // The difference of rounded ends, so that chunks join without a tick between them.
            duration: u32::try_from(self.to_media(last.end()) - media).unwrap_or(u32::MAX),
            captured: first.captured.add_micros(-offset),
            samples: self.marked,
            lost: self.marked().iter().fold(0, |lost, sample| lost.saturating_add(sample.lost_before)),
            key: first.flags == flags::SYNC,
        })
    }

    /// Copies the payloads of the marked samples to `out` and forgets the samples.
    pub(super) fn take_marked(&mut self, out: &mut Vec<u8>) {
        let is_set = self.parameter_set_test();
        for sample in self.ready.drain(..self.marked) {
            self.pending -= sample.data.len() + SAMPLE_COST;
            if sample.size as usize == sample.data.len() {
                out.extend_from_slice(&sample.data);
            } else if let Some(is_set) = is_set {
                for unit in nal::units(&sample.data).filter(|unit| !is_set(unit)) {
                    out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
                    out.extend_from_slice(unit);
                }
            }
        }
        self.marked = 0;
    }

    fn to_media(&self, ticks: i64) -> i64 {
        MediaTime::new(ticks, self.rate).rescale(MEDIA_CLOCK).ticks()
    }

    /// Bytes that `data` takes in the file. A length that points past the end ends the sample before it.
    fn size_of(&self, data: &[u8]) -> usize {
        let Some(is_set) = self.parameter_set_test() else { return data.len() };
        nal::units(data).filter(|unit| !is_set(unit)).map(|unit| nal::LENGTH_SIZE + unit.len()).sum()
    }

    /// Tells the units apart that `avc1` and `hvc1` keep in the sample entry alone (ISO/IEC 14496-15, sections 5.4.2.1
    /// and 8.4.1.1); `None` where samples have no such units.
    fn parameter_set_test(&self) -> Option<fn(&[u8]) -> bool> {
        match self.format.video()?.codec {
            VideoCodec::H264 => Some(|unit| {
                use h264::nal_type::{PPS, SPS};
                matches!(h264::nal_unit_type(unit), SPS | PPS)
            }),
            VideoCodec::H265 => Some(|unit| {
                use h265::nal_type::{PPS, SPS, VPS};
                matches!(h265::nal_unit_type(unit), VPS | SPS | PPS)
            }),
            _ => None,
        }
    }
}

/// The flags of a unit. Recovery points are marked as sync samples too: in a stream with open groups they are the
/// only places where playback can start.
const fn sample_flags(kind: UnitKind) -> u32 {
    match kind {
        UnitKind::Key(_) | UnitKind::Audio => flags::SYNC,
        UnitKind::Delta { disposable: false, .. } => flags::DELTA,
        UnitKind::Delta { disposable: true, .. } => flags::DISPOSABLE,
    }
}
