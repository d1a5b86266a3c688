//! What arrives: bits per second, by the receiver's clock.

/// Microseconds of a slot.
const SLOT: i64 = 50_000;
/// Slots in the window of the recent rate.
const SLOTS: usize = 8;
/// Seconds after which a change is in the smooth rate for the most part.
const SMOOTHING: f64 = 1.5;

/// The rate of arrivals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    bytes: [u32; SLOTS],
    /// The slot that arrivals go to now, counted from the receiver's zero.
    slot: i64,
    /// Slots that have passed since the start, up to the whole window.
    filled: usize,
    recent: Option<f64>,
    smooth: Option<f64>,
}

impl Acked {
    /// Begins at an arrival.
    pub(super) const fn new(at: i64) -> Self {
        Self { bytes: [0; SLOTS], slot: at.div_euclid(SLOT), filled: 0, recent: None, smooth: None }
    }

    /// Begins anew after a gap in what is known.
    pub(super) fn restart(&mut self, at: i64) {
        *self = Self { smooth: self.smooth, ..Self::new(at) };
    }

    /// Counts an arrival. Times go up, apart from reordering.
    pub(super) fn push(&mut self, at: i64, bytes: u32) {
        let slot = at.div_euclid(SLOT);
        let mut steps = slot - self.slot;
        if steps >= 4 * SLOTS as i64 {
            self.restart(at);
            steps = 0;
        }
        for _ in 0..steps {
            self.advance();
        }
        if steps >= -(self.filled as i64) && steps > -(SLOTS as i64) {
            let index = slot.rem_euclid(SLOTS as i64) as usize;
            self.bytes[index] = self.bytes[index].saturating_add(bytes);
        }
    }

    fn advance(&mut self) {
        self.filled = (self.filled + 1).min(SLOTS);
        if self.filled == SLOTS {
            let bits: u64 = self.bytes.iter().map(|bytes| 8 * u64::from(*bytes)).sum();
            let rate = bits as f64 * 1e6 / (SLOTS as f64 * SLOT as f64);
            let weight = SLOT as f64 / 1e6 / SMOOTHING;
            self.recent = Some(rate);
            self.smooth = Some(self.smooth.map_or(rate, |smooth| smooth + weight * (rate - smooth)));
        }
        self.slot += 1;
        self.bytes[self.slot.rem_euclid(SLOTS as i64) as usize] = 0;
    }

    /// Over the last 400 ms; `None` before as much has passed.
    pub(super) const fn recent(&self) -> Option<f64> {
        self.recent
    }

    /// Over the last seconds; `None` before there is a recent one.
    pub(super) const fn smooth(&self) -> Option<f64> {
        self.smooth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate() {
        let mut acked = Acked::new(7_000);
        for n in 0..40 {
            assert_eq!(acked.recent().is_some(), n > 16, "{n}");
            acked.push(7_000 + n * 25_000, 3_125);
        }
        assert_eq!(acked.recent(), Some(1e6));
        assert_eq!(acked.smooth(), Some(1e6));
        // Silence, and then a step back in time as reordering makes it.
        acked.push(2_000_000, 1);
        assert!(acked.recent().unwrap() < 1_000.0);
        acked.push(1_900_000, 1);
        acked.push(0, 1);
        acked.push(i64::from(u32::MAX), 1);
        assert_eq!(acked.recent(), None);
    }
}
