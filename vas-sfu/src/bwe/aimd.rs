//! The rate that delay allows: added to while queues are short, multiplied down when they grow
//! (draft-ietf-rmcat-gcc-02, section 5.5).

use super::delay::Usage;

/// What is kept of the rate that arrives, when queues grow.
const DECREASE: f64 = 0.85;
/// Growth in a second where no limit is known: by this factor, or by so many bits per second.
const GROWTH: f64 = 1.08;
const GROWTH_BITS: f64 = 20_000.0;
/// The rate grows to so many times the rate that arrives, and so many bits more: what was not tried is not known.
const UNTRIED_FACTOR: f64 = 1.5;
const UNTRIED_BITS: f64 = 50_000.0;
/// Near the rate that was too much, growth is one packet in each time of reaction.
const PACKET_BITS: f64 = 8.0 * 1_200.0;
const REACTION: f64 = 0.1;
/// How near that is, downwards and upwards.
const NEAR: (f64, f64) = (0.7, 1.2);
/// A decrease shows its effect after a round trip and this time, in microseconds.
const EFFECT: i64 = 150_000;

/// The control.
#[derive(Debug)]
pub(super) struct Aimd {
    rate: f64,
    /// The rate that arrived when queues grew last.
    ceiling: Option<f64>,
    updated: i64,
    decreased: Option<i64>,
}

impl Aimd {
    pub(super) const fn new(rate: f64) -> Self {
        Self { rate, ceiling: None, updated: 0, decreased: None }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether queues grew within the last `micros`.
    pub(super) fn decreased_within(&self, micros: i64, now: i64) -> bool {
        self.decreased.is_some_and(|at| now - at < micros)
    }

    /// A measurement has shown that so much arrives.
    pub(super) fn raise(&mut self, rate: f64) {
        if rate > self.rate {
            self.rate = rate;
            if self.ceiling.is_some_and(|ceiling| rate > ceiling * NEAR.1) {
                self.ceiling = None;
            }
        }
    }

    /// Lowers the rate for another reason than delay.
    pub(super) fn lower(&mut self, rate: f64) {
        self.rate = self.rate.min(rate);
    }

    /// After each feedback: `smooth` is the rate that arrives over seconds, `arrives` what does at the moment.
    pub(super) fn update(
        &mut self,
        usage: Usage,
        smooth: Option<f64>,
        arrives: Option<f64>,
        round_trip: i64,
        now: i64,
    ) {
        let passed = (now - self.updated).clamp(0, 1_000_000) as f64 / 1e6;
        self.updated = now;
        match usage {
            Usage::Over => {
                if self.decreased_within(round_trip + EFFECT, now) {
                    return;
                }
                let arrives = arrives.unwrap_or(self.rate);
                self.ceiling = Some(arrives);
                self.decreased = Some(now);
                self.rate = self.rate.min(DECREASE * arrives);
            }
            Usage::Under => {}
            Usage::Normal => {
                let Some(smooth) = smooth else { return };
                let mut limit = UNTRIED_FACTOR * smooth + UNTRIED_BITS;
                if let Some(ceiling) = self.ceiling.filter(|ceiling| smooth < NEAR.0 * ceiling) {
                    // It was too much, and too little is sent to find out whether it still is.
                    limit = limit.min(ceiling);
                }
                if self.rate >= limit {
                    return;
                }
                let near = self
                    .ceiling
                    .is_some_and(|ceiling| (NEAR.0 * ceiling..NEAR.1 * ceiling).contains(&self.rate));
                let grown = if near {
                    self.rate + PACKET_BITS / (round_trip as f64 / 1e6 + REACTION) * passed
                } else {
                    (self.rate * GROWTH.powf(passed)).max(self.rate + GROWTH_BITS * passed)
                };
                self.rate = grown.min(limit);
            }
        }
    }
}
