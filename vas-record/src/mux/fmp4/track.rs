//! The samples of one track: their place in the file's time, their durations and their flags.

use super::MuxError;
use bytes::Bytes;
use std::num::NonZeroU32;
use std::sync::Arc;
use vas_core::media::{AccessUnit, Track, TrackFormat, UnitKind, VideoCodec, h264, h265, nal};
use vas_core::{TrackId, WallTime};

/// Bytes that are counted for a sample on top of its payload: its entry here and in the `moof`.
const SAMPLE_COST: usize = 64;
/// Samples of an AAC frame.
const AAC_FRAME: u32 = 1_024;
/// Pictures per second that a lone picture is taken to be one of.
const GUESSED_FPS: u32 = 25;

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
    data: Bytes,
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
    /// The newest sample, whose duration is not known yet.
    held: Option<Sample>,
    ready: Vec<Sample>,
    pending: usize,
    last_duration: u32,
}

impl TrackWriter {
    /// `number`: the `track_ID` in the file.
    pub(super) fn new(number: u32, track: &Track) -> Self {
        let rate = track.format.clock_rate();
        let last_duration = match *track.format {
            TrackFormat::Video(_) => rate.get() / GUESSED_FPS,
            _ => AAC_FRAME,
        };
        Self {
            id: track.id,
            number,
            format: track.format.clone(),
            rate,
            origin: None,
            held: None,
            ready: Vec::new(),
            pending: 0,
            last_duration,
        }
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

    /// The samples that are complete.
    pub(super) fn ready(&self) -> &[Sample] {
        &self.ready
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

    /// Adds a unit of a file that starts with what was captured at `start`. Returns the bytes it keeps, 0 for a unit
    /// that is passed over.
    pub(super) fn push(&mut self, unit: &AccessUnit, start: WallTime) -> Result<usize, MuxError> {
        let out_of_range = MuxError::TimeOutOfRange(self.id);
        let (pts, dts) = (unit.pts.rescale(self.rate).ticks(), unit.dts.rescale(self.rate).ticks());
        let origin = match self.origin {
            Some(origin) => origin,
            None => {
                let lead =
                    i128::from(unit.captured.micros_since(start)) * i128::from(self.rate.get()) / 1_000_000;
                if lead < 0 || !self.can_start_with(unit) {
                    return Ok(0);
                }
                let lead = i64::try_from(lead).map_err(|_| out_of_range.clone())?;
                let from = |time: i64| time.checked_sub(lead).ok_or(out_of_range.clone());
                Origin { pts: from(pts)?, dts: from(dts)? }
            }
        };
        let size = self.size_of(&unit.data);
        if size == 0 {
            return Ok(0);
        }
        let place = |time: i64, origin: i64| time.checked_sub(origin).ok_or(out_of_range.clone());
        let (pts, mut dts) = (place(pts, origin.pts)?, place(dts, origin.dts)?);
        if let Some(held) = &self.held {
            dts = dts.max(held.dts + 1);
        }
        let offset = pts.checked_sub(dts).and_then(|offset| i32::try_from(offset).ok());
        let sample = Sample {
            dts,
            duration: 0,
            offset: offset.ok_or(out_of_range.clone())?,
            flags: sample_flags(unit.kind),
            size: u32::try_from(size).map_err(|_| MuxError::ChunkFull)?,
            data: unit.data.clone(),
        };
        if let Some(held) = &self.held {
            let duration = u32::try_from(dts - held.dts).map_err(|_| out_of_range)?;
            self.complete(duration);
        }
        self.origin = Some(origin);
        self.held = Some(sample);
        let cost = unit.data.len() + SAMPLE_COST;
        self.pending += cost;
        Ok(cost)
    }

    /// Completes the newest sample without a successor.
    pub(super) fn release(&mut self) {
        self.complete(self.last_duration);
    }

    fn complete(&mut self, duration: u32) {
        if let Some(held) = self.held.take() {
            self.ready.push(Sample { duration, ..held });
            self.last_duration = duration;
        }
    }

    /// Copies the complete samples to `out` and forgets them.
    pub(super) fn drain_into(&mut self, out: &mut Vec<u8>) {
        let is_set = self.parameter_set_test();
        for sample in self.ready.drain(..) {
            if sample.size as usize == sample.data.len() {
                out.extend_from_slice(&sample.data);
            } else if let Some(is_set) = is_set {
                for unit in nal::units(&sample.data).filter(|unit| !is_set(unit)) {
                    out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
                    out.extend_from_slice(unit);
                }
            }
        }
        self.pending = self.held.as_ref().map_or(0, |held| held.data.len() + SAMPLE_COST);
    }

    /// Bytes that `data` takes in the file. A length that points past the end ends the sample before it.
    fn size_of(&self, data: &[u8]) -> usize {
        let Some(is_set) = self.parameter_set_test() else { return data.len() };
        nal::units(data).filter(|unit| !is_set(unit)).map(|unit| nal::LENGTH_SIZE + unit.len()).sum()
    }

    /// Tells the units apart that `avc1` and `hvc1` keep in the sample entry alone (ISO/IEC 14496-15, sections 5.4.2.1
    /// and 8.4.1.1); `None` for sound.
    fn parameter_set_test(&self) -> Option<fn(&[u8]) -> bool> {
        match self.format.video()?.codec {
            VideoCodec::H265 => Some(|unit| {
                use h265::nal_type::{PPS, SPS, VPS};
                matches!(h265::nal_unit_type(unit), VPS | SPS | PPS)
            }),
            _ => Some(|unit| {
                use h264::nal_type::{PPS, SPS};
                matches!(h264::nal_unit_type(unit), SPS | PPS)
            }),
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
