//! Which packets to ask for again, and when (generic NACK, RFC 4585, section 6.2.1).

use std::time::{Duration, Instant};

/// How many packets may be missing at once; past it the oldest are given up.
const MAX_MISSING: usize = 1024;
/// How often one packet is asked for.
const MAX_REQUESTS: u8 = 10;
/// Repeating sooner than this only makes the server send the same packet twice.
const SHORTEST_RETRY: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Entry {
    extended: u64,
    requests: u8,
    due: Instant,
}

/// The packets that are missing, in order.
#[derive(Debug, Default)]
pub(super) struct Missing {
    entries: Vec<Entry>,
}

impl Missing {
    /// Notes the packets in `range` as missing since `now`.
    pub(super) fn add(&mut self, range: std::ops::Range<u64>, now: Instant) {
        let newest = range.end.saturating_sub(MAX_MISSING as u64).max(range.start)..range.end;
        self.entries.extend(newest.map(|extended| Entry { extended, requests: 0, due: now }));
        let excess = self.entries.len().saturating_sub(MAX_MISSING);
        self.entries.drain(..excess);
    }

    /// The packet has arrived after all.
    pub(super) fn remove(&mut self, extended: u64) {
        if let Ok(at) = self.entries.binary_search_by_key(&extended, |entry| entry.extended) {
            self.entries.remove(at);
        }
    }

    /// When the next request is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.due).min()
    }

    /// The sequence numbers to ask for now, in order; each is due again after a round trip and a half.
    pub(super) fn take_due(&mut self, now: Instant, round_trip: Duration) -> Vec<u16> {
        let retry = (round_trip * 3 / 2).max(SHORTEST_RETRY);
        let mut due = Vec::new();
        self.entries.retain_mut(|entry| {
            if entry.due > now {
                return true;
            }
            if entry.requests == MAX_REQUESTS {
                return false;
            }
            due.push(entry.extended as u16);
            entry.requests += 1;
            entry.due = now + retry;
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_at_once_then_after_a_round_trip_and_gives_up() {
        let mut now = Instant::now();
        let mut missing = Missing::default();
        missing.add(65_535..65_538, now);
        let round_trip = Duration::from_millis(40);
        assert_eq!(missing.take_due(now, round_trip), [65_535, 0, 1]);
        assert!(missing.take_due(now, round_trip).is_empty());
        missing.remove(65_536);
        for _ in 1..MAX_REQUESTS {
            now += Duration::from_millis(60);
            assert_eq!(missing.deadline(), Some(now));
            assert_eq!(missing.take_due(now, round_trip), [65_535, 1]);
        }
        now += Duration::from_millis(60);
        assert!(missing.take_due(now, round_trip).is_empty());
        assert_eq!(missing.deadline(), None);
    }

    #[test]
    fn stays_bounded() {
        let now = Instant::now();
        let mut missing = Missing::default();
        missing.add(0..100_000, now);
        missing.add(100_001..100_010, now);
        assert_eq!(missing.entries.len(), MAX_MISSING);
        assert_eq!(missing.entries.last().map(|entry| entry.extended), Some(100_009));
    }
}
