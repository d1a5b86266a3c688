//! Figures over time: fine for two hours, coarser for two days, coarse for 60.

mod means;
mod sampler;

use crate::control::{Control, ControlError};
use crate::db::{Figures, Sample};
use means::Mean;
use std::collections::BTreeMap;
use uuid::Uuid;
use vas_core::StreamId;

/// Whose samples those of the server are.
const SERVER: Uuid = Uuid::nil();
/// Points in one answer at most.
pub(crate) const MAX_POINTS: i64 = 2_000;
/// Points that are enough to draw, where nobody says how many.
const ENOUGH: i64 = 720;

/// A length of steps.
#[derive(Clone, Copy, Debug)]
struct Tier {
    /// Seconds.
    step: i32,
    /// Seconds that samples are kept.
    kept: i64,
}

/// The finest first. Each is a multiple of the one before.
const TIERS: [Tier; 3] = [
    Tier { step: 10, kept: 2 * 3_600 },
    Tier { step: 60, kept: 48 * 3_600 },
    Tier { step: 900, kept: 60 * 86_400 },
];

/// A figure that is asked for.
pub(crate) type Metric = (&'static str, fn(&Figures) -> Option<f64>);

/// The figures of the server.
pub(crate) const OF_SERVER: [Metric; 8] = [
    ("ingest_kbps", |figures| figures.ingest_kbps),
    ("egress_kbps", |figures| figures.egress_kbps),
    ("viewers", |figures| figures.viewers),
    ("streams_live", |figures| figures.live),
    ("cpu", |figures| figures.cpu),
    ("memory", |figures| figures.memory),
    ("disk_free", |figures| figures.disk_free),
    ("recording_bytes", |figures| figures.recording_bytes),
];

/// The figures of a stream.
pub(crate) const OF_STREAM: [Metric; 5] = [
    ("ingest_kbps", |figures| figures.ingest_kbps),
    ("fps", |figures| figures.fps),
    ("loss", |figures| figures.loss),
    ("viewers", |figures| figures.viewers),
    ("live", |figures| figures.live),
];

/// The points of a chart: Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first point.
    pub(crate) start: i64,
    /// What lies after the last.
    pub(crate) end: i64,
    /// From one to the next.
    pub(crate) step: i64,
    /// The step of the samples that they are made of.
    tier: i32,
}

impl Grid {
    /// The points of a stretch of time, so far apart as asked for or as is enough, and as samples are kept at `now`.
    /// `None`: there would be too many.
    pub(crate) fn new(start: i64, end: i64, asked: Option<i64>, now: i64) -> Option<Self> {
        let wanted = asked.unwrap_or_else(|| (end - start).div_euclid(ENOUGH)).max(1);
        let is_kept = |tier: &&Tier| now - start <= tier.kept;
        let coarsest = TIERS.last()?;
        let fits = TIERS.iter().rev().find(|tier| i64::from(tier.step) <= wanted).unwrap_or(&TIERS[0]);
        let kept = TIERS.iter().find(is_kept).unwrap_or(coarsest);
        let tier = if fits.step >= kept.step { fits } else { kept };
        let unit = i64::from(tier.step);
        let step =
            wanted.div_euclid(unit).max(1) * unit + if wanted > unit && wanted % unit > 0 { unit } else { 0 };
        let (start, end) = (start.div_euclid(step) * step, (end + step - 1).div_euclid(step) * step);
        ((end - start) / step <= MAX_POINTS).then_some(Self { start, end, step, tier: tier.step })
    }

    /// The times of the points.
    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..(self.end - self.start) / self.step).map(move |n| self.start + n * self.step)
    }

    /// The means of the samples at each point.
    fn means(self, samples: &[Sample]) -> Vec<Figures> {
        let mut points: BTreeMap<i64, Mean> = BTreeMap::new();
        for sample in samples {
            points.entry(sample.at.div_euclid(self.step) * self.step).or_default().add(&sample.figures);
        }
        self.times().map(|at| points.get(&at).map(Mean::figures).unwrap_or_default()).collect()
    }
}

impl Control {
    /// The figures of a stream, or of the server, at the points of a grid.
    ///
    /// # Errors
    /// There is no such stream; the database failed.
    pub(crate) async fn figures_over_time(
        &self,
        stream: Option<StreamId>,
        grid: Grid,
    ) -> Result<Vec<Figures>, ControlError> {
        let subject = match stream {
            Some(id) => self.stream(id).await?.stream.id.as_uuid(),
            None => SERVER,
        };
        let limit = (grid.end - grid.start) / i64::from(grid.tier) + 1;
        let samples = self.dashboard().samples();
        let limit = u64::try_from(limit).unwrap_or_default();
        let found = samples.range(subject, grid.tier, grid.start, grid.end, limit).await?;
        Ok(grid.means(&found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;
    const NOW: i64 = 1_795_341_600;

    fn grid(ago: i64, length: i64, step: Option<i64>) -> Option<(i64, i32)> {
        Grid::new(NOW - ago, NOW - ago + length, step, NOW).map(|grid| (grid.step, grid.tier))
    }

    #[test]
    fn steps_are_those_that_are_kept() {
        assert_eq!(grid(HOUR, HOUR, None), Some((10, 10)));
        assert_eq!(grid(24 * HOUR, 24 * HOUR, None), Some((120, 60)));
        assert_eq!(grid(30 * 24 * HOUR, 30 * 24 * HOUR, None), Some((3_600, 900)));
        assert_eq!(grid(HOUR, HOUR, Some(25)), Some((30, 10)));
        assert_eq!(grid(HOUR, HOUR, Some(60)), Some((60, 60)));
        // Fine samples of yesterday are no longer there.
        assert_eq!(grid(24 * HOUR, HOUR, Some(10)), Some((60, 60)));
        assert_eq!(grid(30 * 24 * HOUR, HOUR, Some(10)), Some((900, 900)));
        assert_eq!(grid(47 * HOUR, 47 * HOUR, Some(60)), None);
    }

    #[test]
    fn points_without_samples_are_unknown() {
        let grid = Grid::new(NOW, NOW + 60, Some(20), NOW + 60).unwrap();
        let sample = |at: i64, fps| Sample {
            subject: SERVER,
            step: 10,
            at: NOW + at,
            figures: Figures { fps: Some(fps), ..Figures::default() },
        };
        let means = grid.means(&[sample(0, 10.0), sample(10, 20.0), sample(50, 7.0)]);
        let fps: Vec<_> = means.iter().map(|figures| figures.fps).collect();
        assert_eq!(fps, [Some(15.0), None, Some(7.0)]);
        assert_eq!(grid.times().collect::<Vec<_>>(), [NOW, NOW + 20, NOW + 40]);
    }
}
