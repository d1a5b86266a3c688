//! Samples of the camera's rate to 48 kHz, a little faster or slower as wanted.

use super::RATE;
use super::config::TranscodeError;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// Frames (samples of all channels) that come out at a time: 20 ms.
pub(super) const CHUNK: usize = 960;
/// The most that the speed may differ from the nominal.
pub(super) const MAX_SPEED: f64 = 0.06;
/// The most that the speed changes within a chunk, along a straight line. A glide of 0.05 % in 20 ms is no step to
/// the ear.
const MAX_CHANGE: f64 = 0.000_5;
/// Taps of the filter: the delay is half of them, and the band is flat to 0.87 of what the lower rate can carry.
const TAPS: usize = 128;
/// Phases of the filter between two samples; the error of what lies between them is below that of 16-bit samples.
const PHASES: usize = 256;

/// A resampler with a queue in front.
pub(super) struct Resampler {
    inner: Async<f32>,
    channels: usize,
    /// Frames that the filter has not taken, interleaved.
    queue: Vec<f32>,
    /// Frames out for each frame in, at nominal speed.
    nominal: f64,
    /// Input frames that were pushed and not played yet, filter's delay included.
    unplayed: f64,
    /// Present ratio by the nominal one, at the end of the last chunk.
    ratio: f64,
    /// The same at the end of the chunk to come, and what is aimed at.
    next: f64,
    aim: f64,
}

/// Input frames between the first that comes out of a new filter and the first pushed: half the filter, but for the
/// step that rubato makes before its first frame.
fn delay(ratio: f64) -> f64 {
    TAPS as f64 / 2.0 - 1.0 / ratio
}

impl Resampler {
    /// From `rate` Hz.
    pub(super) fn new(rate: u32, channels: usize) -> Result<Self, TranscodeError> {
        let nominal = f64::from(RATE) / f64::from(rate);
        let parameters = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2)
            .oversampling_factor(PHASES)
            .interpolation(SincInterpolationType::Linear);
        let bound = 1.0 + 2.0 * MAX_SPEED;
        let inner = Async::new_sinc(nominal, bound, &parameters, CHUNK, channels, FixedAsync::Output)
            .map_err(|error| TranscodeError::Setup(error.to_string()))?;
        let unplayed = delay(nominal);
        Ok(Self { inner, channels, queue: Vec::new(), nominal, unplayed, ratio: 1.0, next: 1.0, aim: 1.0 })
    }

    /// Appends frames, interleaved.
    pub(super) fn push(&mut self, samples: &[f32]) {
        self.queue.extend_from_slice(samples);
        self.unplayed += (samples.len() / self.channels) as f64;
    }

    /// Appends `count` frames of silence, into which the last frame fades.
    pub(super) fn push_silence(&mut self, count: usize, last: [f32; 2]) {
        // About 3 ms at the usual rates.
        const FADE: usize = 128;
        for n in 0..count {
            let level = FADE.saturating_sub(n) as f32 / FADE as f32;
            self.queue.extend(last.iter().take(self.channels).map(|sample| sample * level));
        }
        self.unplayed += count as f64;
    }

    /// How long after the next frame that comes out the next one pushed will, in frames out.
    pub(super) fn ahead(&self) -> f64 {
        self.unplayed * self.nominal * self.ratio
    }

    /// Frames in for `frames` out.
    pub(super) fn input_of(&self, frames: f64) -> usize {
        (frames / (self.nominal * self.ratio)).round().max(0.0) as usize
    }

    /// Aims at `1 + speed` frames out for each that would come at nominal speed; approached over the next chunks.
    pub(super) fn steer(&mut self, speed: f64) {
        self.aim = 1.0 + speed.clamp(-MAX_SPEED, MAX_SPEED);
    }

    /// Frames out for each frame in, by the nominal.
    #[cfg(test)]
    pub(super) const fn speed(&self) -> f64 {
        self.ratio
    }

    /// Takes out a chunk, interleaved; `false` when there is not enough for one.
    ///
    /// # Panics
    /// `out` has not room for [`CHUNK`] frames.
    pub(super) fn pull(&mut self, out: &mut [f32]) -> bool {
        let needed = self.inner.input_frames_next();
        let queued = self.queue.len() / self.channels;
        if queued < needed {
            return false;
        }
        let input = InterleavedSlice::new(&self.queue[..], self.channels, queued);
        let output = InterleavedSlice::new_mut(out, self.channels, CHUNK);
        let (Ok(input), Ok(mut output)) = (input, output) else {
            unreachable!("both slices have room for the frames they are said to have");
        };
        self.inner
            .process_into_buffer(&input, &mut output, None)
            .expect("there are as many frames as it asked for");
        self.queue.drain(..needed * self.channels);
        // What rubato adds up frame by frame: steps that go from 1 / ratio to 1 / next.
        let (from, to) = (1.0 / self.ratio, 1.0 / self.next);
        self.unplayed -= (CHUNK as f64 * (from + to) / 2.0 + (to - from) / 2.0) / self.nominal;
        self.ratio = self.next;
        self.next += (self.aim - self.next).clamp(-MAX_CHANGE, MAX_CHANGE);
        self.inner.set_resample_ratio_relative(self.next, true).expect("the ratio stays within its bound");
        true
    }

    /// Forgets all that was pushed. The speed stays.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.inner.reset();
        self.next = self.ratio;
        self.inner.set_resample_ratio_relative(self.ratio, false).expect("the ratio stays within its bound");
        self.unplayed = delay(self.nominal * self.ratio);
    }
}
