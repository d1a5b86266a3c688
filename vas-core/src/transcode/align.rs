//! Where sound belongs in time: chunks of 20 ms without gaps, kept on the capture timeline.
//!
//! Truth is [`crate::media::AccessUnit::captured`], which pictures have too, so sound that keeps to it keeps to
//! the picture. A camera's sampling clock may run off it by a percent. Each unit shows how far off the sound is, and
//! a slow loop makes the resampler play a little faster or slower; the speed glides and never steps. What speed
//! can't mend is mended at once: a gap becomes silence, a long gap or a clock that was set a jump.

use super::config::{Core, TranscodeError};
use super::resample::{CHUNK, Resampler};
use super::servo::Servo;
use super::{RATE, TICKS_PER_MS};
use crate::WallTime;

/// A gap of more than this, in seconds, is a jump of the timestamps and not silence.
const MAX_SILENCE: f64 = 0.5;
/// A gap of at least this, in seconds, is one although no packet is known to be lost: the camera paused.
const MIN_PAUSE: f64 = 0.080;
/// Sound that comes this much too late, in seconds, is not there by drift: a clock was set back.
const MAX_LATE: f64 = 0.100;
/// Timestamps jump by no more than this: RTP's 32 bits would no longer tell forward from backward.
const MAX_JUMP: i64 = 3_600 * RATE as i64;

/// When a chunk is to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Ticks of 48 kHz, rising by [`CHUNK`] or, at the start of a spurt, by more.
    pub(super) timestamp: u64,
    /// UTC of capture of the first frame.
    pub(super) captured: WallTime,
    /// Whether it does not follow the chunk before.
    pub(super) starts: bool,
}

/// A unit's samples and what is known of their time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sound<'a> {
    /// Interleaved.
    pub(super) samples: &'a [f32],
    /// UTC of capture of the first frame.
    pub(super) captured: WallTime,
    /// The source's session.
    pub(super) epoch: u32,
    /// Whether packets in front of it are lost.
    pub(super) after_loss: bool,
}

/// What became of the sound before a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    /// The unit follows.
    Follows,
    /// Silence of this many microseconds went between.
    Silence(i64),
    /// The timestamps jump, or a clock did.
    Jump,
}

/// The aligner of one stream.
pub(super) struct Aligner {
    resampler: Resampler,
    servo: Servo,
    core: Core,
    /// Ticks by which an encoder delays what is pulled here.
    delay: f64,
    /// The source's session; `None` before the first unit and where nothing follows anything.
    epoch: Option<u32>,
    /// Of the next chunk; `None` before the first unit.
    timestamp: Option<u64>,
    /// The next chunk's place on the capture timeline: ticks since the Unix epoch.
    place: i64,
    starts: bool,
    last: [f32; 2],
    late: f64,
}

/// The place of a point in time, in ticks since the Unix epoch.
fn place_of(time: WallTime) -> i64 {
    // Half the range, so that differences don't overflow either.
    (i128::from(time.as_unix_micros()) * i128::from(TICKS_PER_MS) + 500)
        .div_euclid(1_000)
        .clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX / 2)) as i64
}

/// The point in time of a place, to the nearest microsecond.
fn time_of(place: i64) -> WallTime {
    let micros =
        (i128::from(place) * 1_000 + i128::from(TICKS_PER_MS) / 2).div_euclid(i128::from(TICKS_PER_MS));
    WallTime::from_unix_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

impl Aligner {
    /// For sound of `core`, before an encoder that delays it by `delay` ticks.
    pub(super) fn new(core: Core, delay: u32) -> Result<Self, TranscodeError> {
        Ok(Self {
            resampler: Resampler::new(core.rate, core.channels)?,
            servo: Servo::default(),
            core,
            delay: f64::from(delay),
            epoch: None,
            timestamp: None,
            place: 0,
            starts: true,
            last: [0.0; 2],
            late: 0.0,
        })
    }

    /// Sound of another rate or number of channels follows.
    pub(super) fn change(&mut self, core: Core) -> Result<(), TranscodeError> {
        self.resampler = Resampler::new(core.rate, core.channels)?;
        (self.core, self.epoch, self.servo) = (core, None, Servo::default());
        Ok(())
    }

    /// Ticks by which the first frame that comes out lies before the first one pushed, where nothing is queued.
    pub(super) fn lead(&self) -> u32 {
        (self.resampler.ahead() + self.delay).round() as u32
    }

    /// How much too late the last unit came, in microseconds, before anything was done about it.
    pub(super) fn late_micros(&self) -> i64 {
        (self.late * 1e6) as i64
    }

    /// Takes a unit.
    pub(super) fn push(&mut self, sound: &Sound<'_>) -> Continuity {
        let frames = sound.samples.len() / self.core.channels;
        let expected = place_of(sound.captured);
        // Small differences of large numbers: taken before they become floating point.
        let late = (self.place.saturating_sub(expected) as f64 + self.delay + self.resampler.ahead())
            / f64::from(RATE);
        let unit = frames as f64 / f64::from(self.core.rate);
        let least = if sound.after_loss { unit / 2.0 } else { MIN_PAUSE };
        let continuity = if self.epoch != Some(sound.epoch) || !(-MAX_SILENCE..=MAX_LATE).contains(&late) {
            self.jump(expected);
            self.epoch = Some(sound.epoch);
            Continuity::Jump
        } else if late <= -least {
            let missing = self.resampler.input_of(-late * f64::from(RATE));
            self.resampler.push_silence(missing, self.last);
            self.late = 0.0;
            Continuity::Silence((-late * 1e6) as i64)
        } else {
            self.late = late;
            self.resampler.steer(self.servo.update(late, unit));
            Continuity::Follows
        };
        self.resampler.push(sound.samples);
        for (last, sample) in
            self.last.iter_mut().zip(sound.samples.rchunks(self.core.channels).next().unwrap_or(&[]))
        {
            *last = *sample;
        }
        continuity
    }

    /// The next frame is of `expected`. What is queued, less than two chunks, belongs to another time.
    fn jump(&mut self, expected: i64) {
        self.resampler.clear();
        let place = expected.saturating_sub(self.lead().into());
        self.timestamp = Some(match self.timestamp {
            None => u64::try_from(place).unwrap_or(0),
            // Backwards there is no way: the timestamps go on, and capture alone starts anew.
            Some(next) => {
                let passed = place.saturating_sub(self.place).clamp(0, MAX_JUMP);
                next.saturating_add(passed.unsigned_abs())
            }
        });
        (self.place, self.starts, self.late) = (place, true, 0.0);
    }

    /// Takes out a chunk of [`CHUNK`] frames, interleaved; `None` when there is not enough for one.
    ///
    /// # Panics
    /// `out` has not room for it.
    pub(super) fn pull(&mut self, out: &mut [f32]) -> Option<Stamp> {
        let timestamp = self.timestamp?;
        if !self.resampler.pull(out) {
            return None;
        }
        let stamp =
            Stamp { timestamp, captured: time_of(self.place), starts: std::mem::take(&mut self.starts) };
        self.timestamp = Some(timestamp.saturating_add(CHUNK as u64));
        self.place = self.place.saturating_add(CHUNK as i64);
        Some(stamp)
    }
}

#[cfg(test)]
#[path = "align_tests.rs"]
mod tests;
