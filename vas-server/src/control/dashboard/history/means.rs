//! Means of figures over stretches of time.

use crate::db::{Figures, Sample};
use std::collections::HashMap;
use uuid::Uuid;

/// Reads and writes each figure in the same order.
type Field = (fn(&Figures) -> Option<f64>, fn(&mut Figures, f64));

const FIELDS: [Field; 10] = [
    (|figures| figures.ingest_kbps, |figures, value| figures.ingest_kbps = Some(value)),
    (|figures| figures.egress_kbps, |figures, value| figures.egress_kbps = Some(value)),
    (|figures| figures.fps, |figures, value| figures.fps = Some(value)),
    (|figures| figures.loss, |figures, value| figures.loss = Some(value)),
    (|figures| figures.viewers, |figures, value| figures.viewers = Some(value)),
    (|figures| figures.live, |figures, value| figures.live = Some(value)),
    (|figures| figures.cpu, |figures, value| figures.cpu = Some(value)),
    (|figures| figures.memory, |figures, value| figures.memory = Some(value)),
    (|figures| figures.disk_free, |figures, value| figures.disk_free = Some(value)),
    (|figures| figures.recording_bytes, |figures, value| figures.recording_bytes = Some(value)),
];

/// Sums of figures and how many of each there were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sums: [(f64, u32); FIELDS.len()],
}

impl Mean {
    pub(super) fn add(&mut self, figures: &Figures) {
        for ((sum, count), (read, _)) in self.sums.iter_mut().zip(FIELDS) {
            if let Some(value) = read(figures).filter(|value| value.is_finite()) {
                *sum += value;
                *count += 1;
            }
        }
    }

    /// Of what was never known the mean is not, either.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for ((sum, count), (_, write)) in self.sums.iter().zip(FIELDS) {
            if *count > 0 {
                // Enough to draw, and short to write.
                write(&mut figures, (sum / f64::from(*count) * 1_000.0).round() / 1_000.0);
            }
        }
        figures
    }
}

/// Means over steps of one length, for many streams.
#[derive(Debug)]
pub(super) struct Means {
    /// Seconds.
    step: i32,
    /// The start of the present step in Unix seconds.
    at: Option<i64>,
    sums: HashMap<Uuid, Mean>,
}

impl Means {
    pub(super) fn new(step: i32) -> Self {
        Self { step, at: None, sums: HashMap::new() }
    }

    /// Adds what was measured at `now`, Unix seconds. Where a step has ended since, its means are given.
    pub(super) fn add(&mut self, now: i64, measured: &[(Uuid, Figures)]) -> Vec<Sample> {
        let at = now - now.rem_euclid(self.step.into());
        let ended = self.at.filter(|before| *before != at);
        let samples = ended.map(|before| self.take(before)).unwrap_or_default();
        self.at = Some(at);
        for (subject, figures) in measured {
            self.sums.entry(*subject).or_default().add(figures);
        }
        samples
    }

    fn take(&mut self, at: i64) -> Vec<Sample> {
        let step = self.step;
        let sums = std::mem::take(&mut self.sums).into_iter();
        sums.map(|(subject, mean)| Sample { subject, step, at, figures: mean.figures() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fps(fps: f64) -> Figures {
        Figures { fps: Some(fps), ..Figures::default() }
    }

    #[test]
    fn steps_end_with_their_means() {
        let (mut means, a, b) = (Means::new(60), Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(means.add(130, &[(a, fps(10.0)), (b, Figures::default())]), []);
        assert_eq!(means.add(170, &[(a, fps(25.0)), (b, fps(f64::NAN))]), []);
        let mut samples = means.add(180, &[(a, fps(1.0))]);
        samples.sort_by_key(|sample| sample.subject);
        let sample = |subject, figures| Sample { subject, step: 60, at: 120, figures };
        assert_eq!(samples, [sample(a, fps(17.5)), sample(b, Figures::default())]);
        // The clock was set back: what is there is told all the same.
        assert_eq!(means.add(30, &[]).len(), 1);
    }

    #[test]
    fn every_figure_has_its_place() {
        let mut mean = Mean::default();
        let all = Figures {
            ingest_kbps: Some(1.0),
            egress_kbps: Some(2.0),
            fps: Some(3.0),
            loss: Some(4.0),
            viewers: Some(5.0),
            live: Some(6.0),
            cpu: Some(7.0),
            memory: Some(8.0),
            disk_free: Some(9.0),
            recording_bytes: Some(10.0),
        };
        mean.add(&all);
        assert_eq!(mean.figures(), all);
    }
}
