//! What feedback has told of arrivals so far.

use super::acked::Acked;
use super::queue::Queue;

/// Microseconds of the unit of arrival times.
pub(super) const ARRIVAL_UNIT: i64 = 250;
/// Units of arrival times in one of the reference time.
const UNITS_PER_REFERENCE: i64 = 256;
/// Arrivals that go so far from our own time, in microseconds, come from a clock that was set.
const CLOCK_SET: i64 = 10_000_000;
/// A queue that stands for less than this, in microseconds, beyond what jitter explains, is none.
pub(super) const QUEUE: i64 = 15_000;
const MAX_JITTER: i64 = 25_000;

/// What feedback has told so far.
#[derive(Debug)]
pub(super) struct Receiver {
    /// The last reference time as read, and without wrap-around in units of arrival times.
    reference: u32,
    pub(super) unwrapped: i64,
    /// First and last feedback.
    pub(super) begun: i64,
    pub(super) heard: i64,
    /// The newest packet that feedback has named.
    pub(super) newest: u64,
    pub(super) acked: Acked,
    pub(super) queue: Queue,
    /// What the last run of packets has shown, and when.
    pub(super) shown: Option<(f64, i64)>,
    /// The receiver's clock before ours when it was first seen.
    offset: i64,
}

impl Receiver {
    pub(super) fn new(reference: u32, now: i64) -> Self {
        let unwrapped = i64::from(reference) * UNITS_PER_REFERENCE;
        let at = unwrapped * ARRIVAL_UNIT;
        Self {
            reference,
            unwrapped,
            begun: now,
            heard: now,
            newest: 0,
            acked: Acked::new(at),
            queue: Queue::new(at),
            shown: None,
            offset: at - now,
        }
    }

    /// Whether packets wait for longer than jitter explains.
    pub(super) fn queue_stands(&self, jitter: i64) -> bool {
        self.queue.standing() > QUEUE + jitter.min(MAX_JITTER)
    }

    /// Takes a reference time in.
    pub(super) const fn unwrap(&mut self, reference: u32) {
        // 24 bits with a sign: up to the top of 32, and back with the sign kept.
        let step = (reference.wrapping_sub(self.reference) << 8).cast_signed() >> 8;
        self.unwrapped += step as i64 * UNITS_PER_REFERENCE;
        self.reference = reference;
    }

    /// Whether the receiver's clock, or what it says of it, has made a step.
    pub(super) const fn has_new_clock(&self, now: i64) -> bool {
        (self.unwrapped * ARRIVAL_UNIT - now - self.offset).abs() > CLOCK_SET
    }

    /// Begins anew with another clock.
    pub(super) fn set_clock(&mut self, now: i64) {
        self.unwrapped = i64::from(self.reference) * UNITS_PER_REFERENCE;
        let at = self.unwrapped * ARRIVAL_UNIT;
        self.offset = at - now;
        self.acked.restart(at);
        self.queue = Queue::new(at);
    }
}
