//! From an offset to a speed that takes it away.

/// Speed for each second of offset, and for each second of it that lasts for a second: a critically damped loop of
/// 5 s. A clock that is suddenly off by 1 % is off by 20 ms at most before the loop has learnt it.
const PROPORTIONAL: f64 = 0.4;
const INTEGRAL: f64 = 0.04;
/// From about here on, in seconds, an offset counts ever more, so that it does not grow to where it is noticed.
const KNEE: f64 = 0.020;
/// The most speed that is learnt: no clock is that wrong.
const MAX_LEARNT: f64 = 0.03;
/// Beyond this offset, in seconds, nothing is learnt: it is not the clock that put the sound there.
const MAX_LEARNING: f64 = 0.050;

/// A proportional and integral controller.
#[derive(Debug, Default)]
pub(super) struct Servo {
    learnt: f64,
}

impl Servo {
    /// The speed to go at, in parts of the nominal, for sound that comes `late` seconds after it should (negative:
    /// before), `elapsed` seconds after the last call. Positive is slower: more frames out.
    pub(super) fn update(&mut self, late: f64, elapsed: f64) -> f64 {
        if late.abs() < MAX_LEARNING {
            self.learnt = (self.learnt - INTEGRAL * late * elapsed).clamp(-MAX_LEARNT, MAX_LEARNT);
        }
        let urgency = 1.0 + (late / KNEE).powi(2);
        self.learnt - PROPORTIONAL * late * urgency
    }
}
