//! An MP4 file replayed in a loop, in real time.

mod file;

pub use file::ReplayError;

use super::pace::Pace;
use super::source::SourceHandle;
use file::{Movie, Sample};
use std::path::Path;
use std::time::{Duration, Instant};
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::media::{AccessUnit, Track};
use vas_core::{MediaTime, SharedClock, StreamId, TaskScope};

/// Publishes an MP4 file with an H.264 track, and with its AAC track where it has one, as `stream`: over and over,
/// in real time, with media time that goes on from one pass to the next. Must be called within a tokio runtime.
///
/// # Errors
/// The file can't be read or has nothing to replay; another source has the stream.
pub fn replay(
    hub: &StreamHub,
    stream: StreamId,
    path: &Path,
    scope: &TaskScope,
    clock: &SharedClock,
) -> Result<SourceHandle, ReplayError> {
    let movie = Movie::open(path)?;
    let writer = hub.publish(stream, movie.desc())?;
    let start = clock.now();
    let name = path.display().to_string();
    SourceHandle::start(stream, scope, clock, move |pace| {
        if let Err(error) = (Replay { movie, writer }).run(start, pace) {
            tracing::error!(file = name, %error, "a replayed file stopped");
        }
    })
    .map_err(ReplayError::Thread)
}

struct Replay {
    movie: Movie,
    writer: StreamWriter,
}

impl Replay {
    fn run(mut self, start: Instant, pace: &Pace) -> Result<(), ReplayError> {
        let tracks = self.writer.desc().tracks.clone();
        let mut pass = start;
        for passes in 0_u32.. {
            let offset = self.movie.duration() * passes;
            for n in 0..self.movie.len() {
                let place = self.movie.place(n);
                if self.writer.is_closed() || !pace.wait(pass + place.due) {
                    return Ok(());
                }
                let sample = self.movie.read(n)?;
                // Negative times, of pictures before the edit list's start, belong before this pass.
                let shown = add_micros(pass, sample.pts_micros);
                let unit = unit(&tracks[place.track], sample, offset, pace, shown);
                self.writer.push(unit);
            }
            pass += self.movie.duration();
            // A machine that slept goes on from now instead of making up for it.
            let now = pace.clock.now();
            if now.saturating_duration_since(pass) > self.movie.duration() {
                pass = now;
            }
        }
        Ok(())
    }
}

fn add_micros(point: Instant, micros: i64) -> Instant {
    let distance = Duration::from_micros(micros.unsigned_abs());
    if micros >= 0 { point + distance } else { point.checked_sub(distance).unwrap_or(point) }
}

fn unit(track: &Track, sample: Sample, offset: Duration, pace: &Pace, shown: Instant) -> AccessUnit {
    let rate = track.format.clock_rate();
    let passed = offset.as_nanos() * u128::from(rate.get()) / 1_000_000_000;
    let passed = i64::try_from(passed).unwrap_or(i64::MAX);
    let time = |ticks: MediaTime| MediaTime::new(ticks.rescale(rate).ticks().saturating_add(passed), rate);
    AccessUnit {
        track: track.id,
        seq: 0,
        epoch: 0,
        pts: time(sample.pts),
        dts: time(sample.dts),
        received: pace.clock.wall(),
        captured: pace.wall_at(shown),
        kind: sample.kind,
        lost_before: 0,
        format: track.format.clone(),
        data: sample.data,
    }
}
