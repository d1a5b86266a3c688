//! Decoding times for streams that give presentation times alone, as RTP does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Derives decoding times where a camera reorders pictures.
///
/// With at most N pictures reordered (from the SPS), the decoding time of the i-th unit is the (i - N)th smallest
/// presentation time: it rises steadily and never passes the unit's own presentation time. No unit is held back
/// for it. The first N units, which have no such predecessor, are spread before the first presentation time.
#[derive(Clone, Debug)]
pub struct DtsEstimator {
    reorder: usize,
    pending: BinaryHeap<Reverse<i64>>,
    first: Option<i64>,
    units: u64,
    last: Option<i64>,
    step: i64,
}

impl DtsEstimator {
    /// For a stream that reorders at most `reorder` pictures; `step` is the guessed duration of a picture in ticks,
    /// used for the first units alone.
    #[must_use]
    pub fn new(reorder: u8, step: i64) -> Self {
        let reorder = usize::from(reorder);
        Self {
            reorder,
            pending: BinaryHeap::with_capacity(reorder + 1),
            first: None,
            units: 0,
            last: None,
            step: step.max(1),
        }
    }

    /// The decoding time of the next unit in decoding order, whose presentation time is `pts`; both in ticks.
    /// Never above `pts` for a stream that keeps its promise, and always above the one before.
    pub fn next(&mut self, pts: i64) -> i64 {
        if self.reorder == 0 {
            return pts;
        }
        let first = *self.first.get_or_insert(pts);
        self.pending.push(Reverse(pts));
        let early = self.reorder as u64 - self.units.min(self.reorder as u64);
        self.units += 1;
        let dts = if early > 0 {
            first - self.step * i64::try_from(early).unwrap_or(i64::MAX)
        } else {
            // The heap holds the reorder + 1 newest in output order; the smallest is the one looked for.
            self.pending.pop().map_or(pts, |Reverse(smallest)| smallest)
        };
        let dts = self.last.map_or(dts, |last| dts.max(last + 1));
        self.last = Some(dts);
        dts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn orders_an_ibbp_stream() {
        let mut dts = DtsEstimator::new(2, 10);
        let pts = [0, 30, 10, 20, 60, 40, 50];
        let got: Vec<_> = pts.iter().map(|&p| dts.next(p)).collect();
        assert_eq!(got, [-20, -10, 0, 10, 20, 30, 40]);
        assert!(got.iter().zip(pts).all(|(dts, pts)| *dts <= pts));
    }

    #[test]
    fn without_reordering_nothing_changes() {
        let mut dts = DtsEstimator::new(0, 10);
        assert_eq!([5, 15, 25].map(|p| dts.next(p)), [5, 15, 25]);
    }

    proptest! {
        #[test]
        fn rises_and_never_passes_pts(groups in proptest::collection::vec(0_usize..4, 1..60)) {
            // A key picture, then groups: a P picture and its B pictures, which precede it in output.
            let mut pts = vec![0];
            let mut start = 10_i64;
            for b_pictures in groups {
                pts.push(start + 10 * b_pictures as i64);
                pts.extend((0..b_pictures).map(|i| start + 10 * i as i64));
                start += 10 * (b_pictures as i64 + 1);
            }
            let mut estimator = DtsEstimator::new(3, 10);
            let mut last = i64::MIN;
            for p in pts {
                let dts = estimator.next(p);
                prop_assert!(dts > last && dts <= p);
                last = dts;
            }
        }
    }
}
