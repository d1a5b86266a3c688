//! Packets of one stream in the order of their sequence numbers, with a bound on how long a missing one is waited for.
//!
//! What arrives in order passes through at once: only a gap delays anything, and no longer than a retransmission may
//! reasonably take.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A step in sequence numbers that is taken for a new start and no gap; RFC 3550, section A.1 has 3,000.
const MAX_STEP: i64 = 3_000;

/// Extends numbers that wrap, such as RTP's, to ones that don't: each is taken to be the nearest to the last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unwrap<const BITS: u32> {
    last: Option<i64>,
}

impl<const BITS: u32> Unwrap<BITS> {
    /// The extended form of `number`, which becomes the last.
    pub(crate) fn next(&mut self, number: u32) -> i64 {
        let extended = self.locate(number);
        self.last = Some(extended);
        extended
    }

    /// The extended form of `number`; changes nothing.
    pub(crate) fn locate(&self, number: u32) -> i64 {
        let Some(last) = self.last else { return i64::from(number) };
        let half = 1_i64 << (BITS - 1);
        let step = (i64::from(number) - last).rem_euclid(1 << BITS);
        last + if step < half { step } else { step - (1 << BITS) }
    }
}

/// What leaves the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ordered<T> {
    /// The next packet.
    Packet(T),
    /// So many packets are missing here and are waited for no longer.
    Lost(u32),
}

/// The buffer; holds packets only behind a gap.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    sequence: Unwrap<16>,
    /// Extended number of the packet to leave next; `None` before the first one.
    next: Option<i64>,
    held: BTreeMap<i64, (Instant, T)>,
    capacity: usize,
    patience: Duration,
}

impl<T> Reorder<T> {
    /// Holds `capacity` packets at most, and each for `patience` at most.
    pub(crate) const fn new(capacity: usize, patience: Duration) -> Self {
        Self { sequence: Unwrap { last: None }, next: None, held: BTreeMap::new(), capacity, patience }
    }

    /// Takes the packet `number` that arrived at `now`. One that is late or a duplicate is dropped.
    pub(crate) fn push(&mut self, number: u16, now: Instant, packet: T) {
        let extended = self.sequence.locate(number.into());
        match self.next {
            // A sender that started over: what is held belongs to its past.
            Some(next) if (extended - next).abs() > MAX_STEP => {
                self.held.clear();
                self.next = Some(extended);
            }
            Some(next) if extended < next => return,
            Some(_) => {}
            None => self.next = Some(extended),
        }
        self.sequence.next(number.into());
        self.held.entry(extended).or_insert((now, packet));
    }

    /// The next packet in order, or the gap before it when that has been waited for long enough.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Ordered<T>> {
        let next = self.next?;
        let first = self.held.first_entry()?;
        let number = *first.key();
        if number == next {
            self.next = Some(next + 1);
            return Some(Ordered::Packet(first.remove().1));
        }
        let waited = now.saturating_duration_since(first.get().0);
        if waited < self.patience && self.held.len() <= self.capacity {
            return None;
        }
        self.next = Some(number);
        Some(Ordered::Lost(u32::try_from(number - next).unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    fn drain(buffer: &mut Reorder<u16>, now: Instant) -> Vec<Ordered<u16>> {
        std::iter::from_fn(|| buffer.pop(now)).collect()
    }

    #[test]
    fn numbers_are_extended_over_the_wrap_and_back() {
        let mut sequence = Unwrap::<16>::default();
        assert_eq!(
            [65_534, 65_535, 1, 0, 2].map(|n| sequence.next(n)),
            [65_534, 65_535, 65_537, 65_536, 65_538]
        );
    }

    #[test]
    fn order_is_restored_without_waiting_where_nothing_is_missing() {
        let now = Instant::now();
        let mut buffer = Reorder::new(64, PATIENCE);
        let mut out = Vec::new();
        for n in [65_534, 0, 65_535, 1, 1, 0, 2] {
            buffer.push(n, now, n);
            out.extend(drain(&mut buffer, now));
        }
        assert_eq!(out, [65_534, 65_535, 0, 1, 2].map(Ordered::Packet));
    }

    #[test]
    fn a_gap_is_waited_for_and_then_told() {
        let now = Instant::now();
        let mut buffer = Reorder::new(64, PATIENCE);
        for n in [7, 10, 11] {
            buffer.push(n, now, n);
        }
        assert_eq!(drain(&mut buffer, now), [Ordered::Packet(7)]);
        let later = now + PATIENCE;
        assert_eq!(drain(&mut buffer, later), [Ordered::Lost(2), Ordered::Packet(10), Ordered::Packet(11)]);
        // Too late now.
        buffer.push(9, later, 9);
        assert_eq!(drain(&mut buffer, later), []);
    }

    #[test]
    fn a_full_buffer_waits_no_longer() {
        let now = Instant::now();
        let mut buffer = Reorder::new(3, PATIENCE);
        buffer.push(0, now, 0);
        drain(&mut buffer, now);
        for n in 2..6 {
            buffer.push(n, now, n);
        }
        assert_eq!(buffer.pop(now), Some(Ordered::Lost(1)));
    }

    #[test]
    fn a_sender_that_starts_over_is_followed() {
        let now = Instant::now();
        let mut buffer = Reorder::new(64, PATIENCE);
        buffer.push(10, now, 10);
        drain(&mut buffer, now);
        buffer.push(30_000, now, 30_000);
        assert_eq!(drain(&mut buffer, now), [Ordered::Packet(30_000)]);
    }

    proptest! {
        #[test]
        fn whatever_comes_leaves_in_order_and_bounded(numbers in proptest::collection::vec(any::<u16>(), 0..300)) {
            let start = Instant::now();
            let mut buffer = Reorder::new(16, PATIENCE);
            for (n, &number) in numbers.iter().enumerate() {
                let now = start + Duration::from_millis(n as u64);
                buffer.push(number, now, number);
                drain(&mut buffer, now);
                prop_assert!(buffer.held.len() <= 17);
            }
        }

        #[test]
        fn a_shuffle_within_the_window_loses_nothing(start in any::<u16>(), swaps in proptest::collection::vec(0_usize..60, 0..60)) {
            let now = Instant::now();
            let mut numbers: Vec<u16> = (0..64).map(|n| start.wrapping_add(n)).collect();
            // The first one stays: before it nothing is known to be missing.
            for at in swaps {
                numbers.swap(1 + at, 2 + at);
            }
            let mut buffer = Reorder::new(64, PATIENCE);
            let mut out = Vec::new();
            for &number in &numbers {
                buffer.push(number, now, number);
                out.extend(drain(&mut buffer, now));
            }
            prop_assert_eq!(out, (0..64).map(|n| Ordered::Packet(start.wrapping_add(n))).collect::<Vec<_>>());
        }
    }
}
