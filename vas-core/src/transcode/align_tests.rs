//! The aligner against sound whose true time is known: a short pulse at each full second.

use super::super::config::Coding;
use super::*;
use crate::MediaTime;
use crate::media::capture::CaptureClock;
use std::num::NonZeroU32;

const START: i64 = 1_700_000_000_000_000;
/// Half the width of a pulse, in seconds.
const PULSE: f64 = 0.001;
/// Frames of a unit.
const UNIT: usize = 1_024;

/// A camera whose sampling clock is off by `drift`.
struct Microphone {
    rate: u32,
    drift: f64,
    taken: usize,
}

impl Microphone {
    const fn new(rate: u32, drift: f64) -> Self {
        Self { rate, drift, taken: 0 }
    }

    /// When the next frame is really taken, in seconds.
    fn time(&self) -> f64 {
        self.taken as f64 / (f64::from(self.rate) * (1.0 + self.drift))
    }

    /// The next unit, one channel, and when it starts.
    fn unit(&mut self) -> (f64, Vec<f32>) {
        let start = self.time();
        let samples = (0..UNIT).map(|_| {
            let off = self.time() - self.time().round();
            self.taken += 1;
            if off.abs() < 6.0 * PULSE { (-(off / PULSE).powi(2)).exp() as f32 } else { 0.0 }
        });
        (start, samples.collect())
    }
}

fn wall(seconds: f64) -> WallTime {
    WallTime::from_unix_micros(START + (seconds * 1e6).round() as i64)
}

fn aligner(rate: u32) -> Aligner {
    Aligner::new(Core { coding: Coding::ALaw, rate, channels: 1 }, 0).unwrap()
}

fn sound(samples: &[f32], captured: f64) -> Sound<'_> {
    Sound { samples, captured: wall(captured), epoch: 0, after_loss: false }
}

/// Listens to what comes out.
#[derive(Default)]
struct Listener {
    stamps: Vec<Stamp>,
    /// When a sample was loud, in seconds of capture, and how loud.
    loud: Vec<(f64, f64)>,
}

impl Listener {
    fn listen(&mut self, aligner: &mut Aligner) {
        let mut chunk = [0.0; CHUNK];
        while let Some(stamp) = aligner.pull(&mut chunk) {
            let start = stamp.captured.micros_since(wall(0.0)) as f64 / 1e6;
            let loud = chunk.iter().enumerate().filter(|(_, sample)| **sample > 0.1);
            self.loud.extend(loud.map(|(n, &s)| (start + n as f64 / f64::from(RATE), f64::from(s))));
            self.stamps.push(stamp);
        }
    }

    /// Where the pulses were heard, but for the first, of which there is only half: the centres of loud parts.
    fn pulses(&self) -> Vec<f64> {
        let groups = self.loud.chunk_by(|(before, _), (after, _)| (after - before).abs() < 0.1);
        groups
            .skip(1)
            .map(|group| {
                let weight: f64 = group.iter().map(|(_, level)| level).sum();
                group.iter().map(|(time, level)| time * level).sum::<f64>() / weight
            })
            .collect()
    }

    /// The largest distance of a pulse from its full second, of those from `first` on.
    fn worst(&self, first: usize) -> f64 {
        let pulses = self.pulses();
        assert!(pulses.len() > first, "{} pulses", pulses.len());
        pulses[first..].iter().map(|time| (time - time.round()).abs()).fold(0.0, f64::max)
    }

    fn assert_continuous(&self) {
        for pair in self.stamps.windows(2) {
            assert_eq!(pair[1].timestamp, pair[0].timestamp + CHUNK as u64);
            assert!((pair[1].captured.micros_since(pair[0].captured) - 20_000).abs() <= 1);
            assert!(!pair[1].starts);
        }
    }
}

#[test]
fn sound_without_drift_stays_where_it_is() {
    for rate in [8_000, 16_000, 44_100, 48_000, 96_000] {
        let (mut aligner, mut microphone) = (aligner(rate), Microphone::new(rate, 0.0));
        let mut listener = Listener::default();
        while microphone.time() < 5.5 {
            let (start, samples) = microphone.unit();
            aligner.push(&sound(&samples, start));
            listener.listen(&mut aligner);
        }
        listener.assert_continuous();
        assert!(listener.stamps[0].starts);
        assert_eq!(listener.stamps[0].timestamp, place_of(listener.stamps[0].captured).unsigned_abs());
        assert!(listener.worst(0) < 0.000_02, "{rate} Hz: {:?}", listener.pulses());
    }
}

#[test]
fn ten_minutes_of_a_clock_that_is_off_by_one_percent() {
    for drift in [0.01, -0.01] {
        let (mut aligner, mut microphone) = (aligner(16_000), Microphone::new(16_000, drift));
        let (mut listener, mut steps) = (Listener::default(), 0.0_f64);
        let mut speed = 1.0;
        while microphone.time() < 600.5 {
            let (start, samples) = microphone.unit();
            assert_ne!(aligner.push(&sound(&samples, start)), Continuity::Silence(0));
            listener.listen(&mut aligner);
            steps = steps.max((aligner.resampler.speed() - speed).abs());
            speed = aligner.resampler.speed();
        }
        listener.assert_continuous();
        let (worst, settled) = (listener.worst(0), listener.worst(60));
        println!("drift {drift}: {:.1} ms at worst, {:.2} ms after a minute", worst * 1e3, settled * 1e3);
        assert!(worst < 0.025 && settled < 0.001, "{worst} {settled}");
        assert!(steps < 0.003, "the speed glides: {steps} in a unit");
    }
}

/// What ingest makes of the arrival times and reports of a track.
struct Track {
    clock: CaptureClock,
    rate: NonZeroU32,
    /// Media ticks for each second of true time.
    pace: f64,
    /// When its next report is due, where it sends any.
    next_report: Option<f64>,
}

impl Track {
    fn new(rate: u32, drift: f64, next_report: Option<f64>) -> Self {
        let rate = NonZeroU32::new(rate).unwrap();
        let pace = f64::from(rate.get()) * (1.0 + drift);
        Self { clock: CaptureClock::new(rate), rate, pace, next_report }
    }

    /// When ingest says that what was really captured at `at` was, where it arrived at `arrival`.
    fn captured(&mut self, at: f64, arrival: f64) -> f64 {
        let ticks = |time: f64| MediaTime::new((time * self.pace) as i64, self.rate).ticks();
        if self.next_report.is_some_and(|due| arrival >= due) {
            self.clock.report(ticks(at), wall(at).to_ntp());
            self.next_report = Some(arrival + 5.0);
        }
        self.clock.captured(ticks(at), wall(arrival)).micros_since(wall(0.0)) as f64 / 1e6
    }
}

/// As the two tracks of a camera come out of ingest: with jitter, sender reports at the same time, at different times or
/// never, sound that drifts against the picture.
#[test]
fn lips_and_voice_stay_together_behind_ingest() {
    let reports = [(Some(0.0), Some(0.0)), (Some(0.0), Some(2.5)), (Some(2.5), Some(0.0)), (None, None)];
    for (drift, reports) in [0.01, -0.01].into_iter().flat_map(|drift| reports.map(|at| (drift, at))) {
        let (mut aligner, mut microphone) = (aligner(16_000), Microphone::new(16_000, drift));
        let (mut listener, mut pictures) = (Listener::default(), Vec::new());
        let mut sound_track = Track::new(16_000, drift, reports.0);
        let mut picture_track = Track::new(90_000, 0.0, reports.1);
        let jitter = |n: usize| (n * 7_919 % 10) as f64 / 1e3;
        let mut frame = 0;
        while microphone.time() < 600.5 {
            let (start, samples) = microphone.unit();
            let captured = sound_track.captured(start, start + 0.03 + jitter(microphone.taken / UNIT));
            aligner.push(&sound(&samples, captured));
            listener.listen(&mut aligner);
            while (frame as f64) / 25.0 <= microphone.time() {
                let at = frame as f64 / 25.0;
                let captured = picture_track.captured(at, at + 0.03 + jitter(frame));
                if frame % 25 == 0 {
                    pictures.push(captured);
                }
                frame += 1;
            }
        }
        let pulses = listener.pulses();
        let apart = pulses.iter().map(|pulse| {
            let picture = pictures.iter().min_by(|a, b| (*a - pulse).abs().total_cmp(&(*b - pulse).abs()));
            pulse - picture.unwrap()
        });
        let apart: Vec<f64> = apart.collect();
        // While one track alone has reported, the other one is told to be late by what its packets take; and what a
        // report tells is approached slowly. There is a pulse in each second.
        let both = reports.0.zip(reports.1).map_or(0.0, |(sound, pictures)| sound.max(pictures) * 1.8);
        let worst = apart[both as usize..].iter().fold(0.0_f64, |worst, apart| worst.max(apart.abs()));
        let settled = apart[30..].iter().fold(0.0_f64, |worst, apart| worst.max(apart.abs()));
        println!(
            "drift {drift}, reports {reports:?}: {:.1} ms at worst, {:.1} settled",
            worst * 1e3,
            settled * 1e3
        );
        assert!(apart.len() > 590);
        // The most of it is in the first seconds, before reports or arrivals have told of the drift.
        assert!(worst < 0.040 && settled < 0.010, "{worst} {settled}");
        listener.assert_continuous();
    }
}

#[test]
fn a_lost_unit_becomes_silence_of_its_length() {
    let (mut aligner, mut microphone) = (aligner(48_000), Microphone::new(48_000, 0.0));
    let (mut listener, mut lost) = (Listener::default(), false);
    let mut silence = Vec::new();
    while microphone.time() < 6.5 {
        let (start, samples) = microphone.unit();
        // Two in a row, twenty times.
        if microphone.taken / UNIT % 14 < 2 {
            lost = true;
            continue;
        }
        let sound = Sound { after_loss: std::mem::take(&mut lost), ..sound(&samples, start) };
        match aligner.push(&sound) {
            Continuity::Silence(micros) => silence.push(micros),
            other => assert!(other == Continuity::Follows || listener.stamps.is_empty()),
        }
        listener.listen(&mut aligner);
    }
    assert!(silence.len() > 15);
    assert!(silence.iter().all(|micros| (micros - 42_667).abs() < 100), "{silence:?}");
    listener.assert_continuous();
    assert!(listener.worst(0) < 0.000_5, "{:?}", listener.pulses());
}

#[test]
fn a_pause_is_silence_when_it_is_short_and_else_a_jump() {
    for (pause, jumps) in [(0.3, 0), (5.0, 1)] {
        let (mut aligner, mut microphone) = (aligner(48_000), Microphone::new(48_000, 0.0));
        let mut listener = Listener::default();
        while microphone.time() < 10.5 {
            let (start, samples) = microphone.unit();
            if !(2.3..2.3 + pause).contains(&start) {
                aligner.push(&sound(&samples, start));
                listener.listen(&mut aligner);
            }
        }
        assert_eq!(listener.stamps[1..].iter().filter(|stamp| stamp.starts).count(), jumps);
        assert!(listener.worst(0) < 0.000_5, "{:?}", listener.pulses());
        for pair in listener.stamps.windows(2) {
            let step = (pair[1].timestamp - pair[0].timestamp) as i64;
            let captured = pair[1].captured.micros_since(pair[0].captured);
            assert!((captured * TICKS_PER_MS / 1_000 - step).abs() <= 1, "{step} {captured}");
        }
    }
}

#[test]
fn a_new_session_and_a_clock_that_is_set_never_turn_timestamps_back() {
    // The camera comes back 3 s later; this machine's clock is set back by an hour, then forward by a week.
    for (epoch, shift) in [(1, 3.0), (1, 0.0), (1, -0.05), (0, -3_600.0), (0, 604_800.0)] {
        let (mut aligner, mut microphone) = (aligner(48_000), Microphone::new(48_000, 0.0));
        let mut listener = Listener::default();
        while microphone.time() < 6.5 {
            let (start, samples) = microphone.unit();
            let after = start > 3.3;
            let captured = if after { start + shift } else { start };
            aligner.push(&Sound { epoch: if after { epoch } else { 0 }, ..sound(&samples, captured) });
            listener.listen(&mut aligner);
        }
        let steps: Vec<u64> =
            listener.stamps.windows(2).map(|pair| pair[1].timestamp - pair[0].timestamp).collect();
        let jumps: Vec<u64> = steps.into_iter().filter(|&step| step != CHUNK as u64).collect();
        assert!(jumps.len() <= 1 && jumps.iter().all(|&jump| jump <= MAX_JUMP as u64 + 960), "{jumps:?}");
        let last = listener.stamps.last().unwrap().captured.micros_since(wall(0.0)) as f64 / 1e6;
        assert!((last - 6.5 - shift).abs() < 0.1, "{last}");
        // What is captured is told rightly, before and after.
        assert!(listener.worst(0) < 0.06 + 0.000_5, "{:?}", listener.pulses());
    }
}

#[test]
fn a_step_of_the_offset_is_caught_up_with_without_a_break() {
    // 60 ms to either side: less than what counts as a pause or as a clock that was set.
    for step in [0.06, -0.06] {
        let (mut aligner, mut microphone) = (aligner(16_000), Microphone::new(16_000, 0.0));
        let mut listener = Listener::default();
        while microphone.time() < 30.5 {
            let (start, samples) = microphone.unit();
            let moved = if start > 5.0 { start + step } else { start };
            aligner.push(&sound(&samples, moved));
            listener.listen(&mut aligner);
        }
        listener.assert_continuous();
        let pulses = listener.pulses();
        let errors: Vec<f64> =
            pulses[5..].iter().map(|time| (time - step - (time - step).round()).abs()).collect();
        assert!(errors[3..].iter().all(|error| *error < 0.040), "{errors:?}");
        assert!(errors[18..].iter().all(|error| *error < 0.005), "{errors:?}");
    }
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_times_are_aligned_without_panic(
            times in proptest::collection::vec((any::<i64>(), 0_u32..2, any::<bool>(), 0_i64..3), 1..40)
        ) {
            let mut aligner = aligner(8_000);
            let mut chunk = [0.0; CHUNK];
            let samples = [0.5; UNIT];
            let mut last = None;
            let mut time = 0_i64;
            for (jump, epoch, after_loss, size) in times {
                // Small steps as well as any.
                time = if size == 0 { jump } else { time.saturating_add(jump % (200_000 * size)) };
                let captured = WallTime::from_unix_micros(time);
                aligner.push(&Sound { samples: &samples, captured, epoch, after_loss });
                let mut chunks = 0;
                while let Some(stamp) = aligner.pull(&mut chunk) {
                    prop_assert!(last.is_none_or(|last| stamp.timestamp > last));
                    prop_assert!(chunk.iter().all(|sample| sample.abs() < 1.5));
                    last = Some(stamp.timestamp);
                    chunks += 1;
                }
                prop_assert!(chunks < 40, "{chunks} chunks at once");
            }
        }
    }
}
