//! One direction of a lossy network, without sockets or a clock of its own: datagrams go in with the time, and come
//! out when they are due.
//!
//! A datagram may be lost; then it waits for the bottleneck's line, where the queue is full it is dropped; then it
//! travels.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

/// What a bottleneck counts for each datagram beside its payload: the headers of IPv4 and UDP.
pub(crate) const HEADERS: usize = 28;
/// Datagrams on their way at the same time; beyond, they are lost.
const MAX_FLYING: usize = 1 << 16;
/// The length of one entry of [`Counters::loads`].
const SLOT: Duration = Duration::from_millis(100);
/// Entries of [`Counters::loads`]: an hour.
const MAX_SLOTS: usize = 36_000;

/// What one direction does to datagrams. The default is a perfect line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Link {
    /// Share of datagrams that are lost, 0 to 1, each by itself.
    pub(crate) loss: f64,
    /// Time on the way.
    pub(crate) delay: Duration,
    /// Further time, evenly spread from nothing to this. Datagrams stay in order for it.
    pub(crate) jitter: Duration,
    /// Share of datagrams that take `late_by` longer than the others and may be overtaken, 0 to 1.
    pub(crate) late: f64,
    /// How much longer they take.
    pub(crate) late_by: Duration,
    /// The narrowest part of the way, if any is narrow.
    pub(crate) bottleneck: Option<Bottleneck>,
}

/// A line with a bounded queue in front of it, which drops what comes when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bottleneck {
    /// Bits per second, with the headers of IP and UDP.
    pub(crate) rate: u64,
    /// Bytes that may wait, with the headers.
    pub(crate) queue: usize,
}

impl Bottleneck {
    /// A line of so many bits per second whose queue holds what the line carries in `time`.
    pub(crate) fn new(rate: u64, time: Duration) -> Self {
        Self { rate, queue: (rate as f64 / 8.0 * time.as_secs_f64()) as usize }
    }

    /// Time that the line takes for a datagram.
    fn span(&self, size: usize) -> Duration {
        Duration::from_nanos((size + HEADERS) as u64 * 8 * 1_000_000_000 / self.rate.max(1))
    }
}

/// What happened in one direction so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    /// Datagrams that came in.
    pub(crate) offered: u64,
    /// Datagrams that went out.
    pub(crate) passed: u64,
    /// Datagrams lost at random or in a black hole.
    pub(crate) lost: u64,
    /// Datagrams dropped by a full queue.
    pub(crate) overflowed: u64,
    /// The most bytes that waited in the queue, with headers.
    pub(crate) queue_max: usize,
    /// Bytes that came in, with headers, in each [`SLOT`] since the first datagram.
    pub(crate) loads: Vec<u64>,
}

impl Counters {
    /// The most bytes that came in within a second.
    pub(crate) fn busiest_second(&self) -> u64 {
        let second = (1_000 / SLOT.as_millis()) as usize;
        let whole = self.loads.windows(second).map(|slots| slots.iter().sum()).max();
        whole.unwrap_or_else(|| self.loads.iter().sum())
    }
}

/// The state of one direction.
#[derive(Debug)]
pub(super) struct Way<T> {
    link: Link,
    /// What is lost, and how long the rest takes; apart, so that the same datagrams are lost whatever else is set.
    losses: Random,
    times: Random,
    pub(super) black_hole: bool,
    pub(super) counters: Counters,
    first: Option<Instant>,
    waiting: VecDeque<(T, usize)>,
    waiting_bytes: usize,
    /// When the line has sent the first of those that wait.
    sent: Option<Instant>,
    flying: BinaryHeap<Reverse<Flying<T>>>,
    /// Number of the next datagram to fly, so that those due at the same time stay in order.
    number: u64,
    /// When the last datagram that keeps the order is due.
    last: Option<Instant>,
}

#[derive(Debug)]
struct Flying<T> {
    due: Instant,
    number: u64,
    datagram: T,
}

impl<T> Way<T> {
    /// A perfect line whose chances follow from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            link: Link::default(),
            losses: Random(seed),
            times: Random(!seed),
            black_hole: false,
            counters: Counters::default(),
            first: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            sent: None,
            flying: BinaryHeap::new(),
            number: 0,
            last: None,
        }
    }

    /// Changes what it does to datagrams that come from now on; those that wait leave at the new rate.
    pub(super) fn set(&mut self, now: Instant, link: Link) {
        self.advance(now);
        self.link = link;
        self.sent = None;
        self.send_next(now);
        self.advance(now);
    }

    /// Takes a datagram of `size` bytes.
    pub(super) fn offer(&mut self, now: Instant, datagram: T, size: usize) {
        self.count(now, size);
        let unlucky = self.losses.chance(self.link.loss);
        if self.black_hole || unlucky {
            self.counters.lost += 1;
            return;
        }
        self.advance(now);
        let Some(bottleneck) = self.link.bottleneck else {
            return self.fly(now, datagram);
        };
        if self.waiting_bytes + size + HEADERS > bottleneck.queue {
            self.counters.overflowed += 1;
            return;
        }
        self.waiting.push_back((datagram, size));
        self.waiting_bytes += size + HEADERS;
        self.counters.queue_max = self.counters.queue_max.max(self.waiting_bytes);
        if self.sent.is_none() {
            self.send_next(now);
        }
    }

    /// The next datagram that has arrived by `now`.
    pub(super) fn take(&mut self, now: Instant) -> Option<T> {
        self.advance(now);
        if self.flying.peek()?.0.due > now {
            return None;
        }
        self.counters.passed += 1;
        self.flying.pop().map(|next| next.0.datagram)
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let arrival = self.flying.peek().map(|next| next.0.due);
        arrival.into_iter().chain(self.sent).min()
    }

    /// Lets go what the line has sent by `now`.
    fn advance(&mut self, now: Instant) {
        while let Some(sent) = self.sent.filter(|sent| *sent <= now) {
            self.sent = None;
            if let Some((datagram, size)) = self.waiting.pop_front() {
                self.waiting_bytes -= size + HEADERS;
                self.fly(sent, datagram);
            }
            // From when the line was free, not from when that was seen.
            self.send_next(sent);
        }
    }

    fn send_next(&mut self, from: Instant) {
        let Some((_, size)) = self.waiting.front() else { return };
        self.sent = Some(self.link.bottleneck.map_or(from, |line| from + line.span(*size)));
    }

    fn fly(&mut self, from: Instant, datagram: T) {
        if self.flying.len() >= MAX_FLYING {
            self.counters.lost += 1;
            return;
        }
        let Link { delay, jitter, late, late_by, .. } = self.link;
        let due = from + delay + jitter.mul_f64(self.times.next());
        let due = if self.times.chance(late) {
            due + late_by
        } else {
            let due = self.last.map_or(due, |last| due.max(last));
            self.last = Some(due);
            due
        };
        self.flying.push(Reverse(Flying { due, number: self.number, datagram }));
        self.number += 1;
    }

    fn count(&mut self, now: Instant, size: usize) {
        let counters = &mut self.counters;
        counters.offered += 1;
        let first = *self.first.get_or_insert(now);
        let slot = (now.duration_since(first).as_nanos() / SLOT.as_nanos()) as usize;
        if slot < MAX_SLOTS {
            if counters.loads.len() <= slot {
                counters.loads.resize(slot + 1, 0);
            }
            counters.loads[slot] += (size + HEADERS) as u64;
        }
    }
}

impl<T> Ord for Flying<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl<T> PartialOrd for Flying<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Flying<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Flying<T> {}

/// Chances that are the same each time (SplitMix64).
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// From 0 up to, but not including, 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, share: f64) -> bool {
        self.next() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Offers `count` datagrams of `size` bytes, `pace` apart; gives when each that arrived did, in microseconds.
    fn send(link: Link, count: u64, size: usize, pace: Duration) -> (Vec<(u64, u128)>, Way<u64>) {
        let start = Instant::now();
        let mut way = Way::new(7);
        way.set(start, link);
        let mut arrived = Vec::new();
        let mut take = |way: &mut Way<u64>, until: Instant| {
            while let Some(due) = way.due().filter(|due| *due <= until) {
                while let Some(number) = way.take(due) {
                    arrived.push((number, due.duration_since(start).as_micros()));
                }
            }
        };
        for number in 0..count {
            let now = start + pace * number as u32;
            take(&mut way, now);
            way.offer(now, number, size);
        }
        take(&mut way, start + Duration::from_secs(3_600));
        (arrived, way)
    }

    #[test]
    fn a_perfect_line_changes_nothing() {
        let (arrived, way) = send(Link::default(), 100, 1_000, MS);
        let expected: Vec<_> = (0..100).map(|number| (number, u128::from(number) * 1_000)).collect();
        assert_eq!(arrived, expected);
        assert_eq!((way.counters.offered, way.counters.passed), (100, 100));
    }

    #[test]
    fn delay_is_added() {
        let (arrived, _) = send(Link { delay: 50 * MS, ..Link::default() }, 100, 1_000, MS);
        assert!(arrived.iter().all(|(number, at)| *at == (u128::from(*number) + 50) * 1_000), "{arrived:?}");
    }

    #[test]
    fn jitter_keeps_the_order_and_its_bounds() {
        let link = Link { delay: 50 * MS, jitter: 20 * MS, ..Link::default() };
        let (arrived, _) = send(link, 10_000, 100, MS);
        assert_eq!(arrived.len(), 10_000);
        assert!(arrived.is_sorted_by_key(|(number, _)| *number));
        // So far apart that none waits for the one before.
        let (arrived, _) = send(link, 10_000, 100, 25 * MS);
        let times: Vec<_> = arrived.iter().map(|(number, at)| at - u128::from(*number) * 25_000).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!((50_000..50_100).contains(least) && (69_900..=70_000).contains(most), "{least} {most}");
        let mean = times.iter().sum::<u128>() / 10_000;
        assert!((59_500..60_500).contains(&mean), "{mean}");
    }

    #[test]
    fn late_datagrams_are_overtaken() {
        let link = Link { late: 0.1, late_by: 5 * MS, ..Link::default() };
        let (arrived, _) = send(link, 10_000, 100, MS);
        let late = arrived.iter().filter(|(number, at)| *at == (u128::from(*number) + 5) * 1_000).count();
        assert!((850..1_150).contains(&late), "{late}");
        assert!(!arrived.is_sorted_by_key(|(number, _)| *number));
        assert_eq!(arrived.len(), 10_000);
    }

    /// Within four standard deviations of what is set, and the same datagrams each time.
    #[test]
    fn loss_is_binomial_and_repeats() {
        for share in [0.01, 0.05, 0.3] {
            let (count, link) = (100_000, Link { loss: share, ..Link::default() });
            let (arrived, way) = send(link, count, 100, MS);
            let deviation = (count as f64 * share * (1.0 - share)).sqrt();
            let off = (way.counters.lost as f64 - count as f64 * share).abs();
            assert!(off < 4.0 * deviation, "{share}: {}", way.counters.lost);
            // Losses are independent: as many follow a loss as follow anything.
            let pairs = arrived.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 2).count() as f64;
            let expected = count as f64 * share * share * (1.0 - share);
            assert!((pairs - expected).abs() < 5.0 * expected.sqrt(), "{share}: {pairs}, not {expected}");
            assert_eq!(send(link, count, 100, MS).0, arrived);
        }
    }

    #[test]
    fn a_bottleneck_passes_its_rate_and_drops_the_rest() {
        let line = Bottleneck::new(500_000, 200 * MS);
        // 1.5 times the rate: (722 + 28) bytes each 8 ms are 750 kb/s.
        let (arrived, way) = send(Link { bottleneck: Some(line), ..Link::default() }, 10_000, 722, 8 * MS);
        let span = arrived.last().unwrap().1 as f64 / 1e6;
        let rate = arrived.len() as f64 * 750.0 * 8.0 / span;
        assert!((rate / 500_000.0 - 1.0).abs() < 0.005, "{rate}");
        assert_eq!(line.queue, 12_500);
        let Counters { offered, passed, overflowed, queue_max, .. } = way.counters;
        assert_eq!(passed + overflowed, offered);
        assert!(queue_max <= line.queue && queue_max > line.queue - 750, "{queue_max}");
        let longest = arrived.iter().map(|(number, at)| at - u128::from(*number) * 8_000).max().unwrap();
        assert!((185_000..=200_000).contains(&longest), "{longest} us in the queue");
    }

    #[test]
    fn a_bottleneck_does_nothing_to_less_than_its_rate() {
        let line = Bottleneck::new(500_000, 200 * MS);
        let (arrived, way) = send(Link { bottleneck: Some(line), ..Link::default() }, 1_000, 722, 20 * MS);
        assert_eq!((arrived.len(), way.counters.queue_max), (1_000, 750));
        assert!(arrived.iter().all(|(number, at)| *at == u128::from(*number) * 20_000 + 12_000));
    }

    #[test]
    fn what_waits_leaves_when_the_bottleneck_is_lifted() {
        let start = Instant::now();
        let mut way = Way::new(1);
        let line = Bottleneck::new(8_000, Duration::from_secs(10));
        way.set(start, Link { bottleneck: Some(line), ..Link::default() });
        for number in 0..5 {
            way.offer(start, number, 972);
        }
        assert_eq!(way.due(), Some(start + 1_000 * MS));
        assert_eq!(way.take(start + 1_000 * MS), Some(0));
        assert_eq!(way.take(start + 1_500 * MS), None);
        way.set(start + 1_500 * MS, Link::default());
        let rest: Vec<_> = std::iter::from_fn(|| way.take(start + 1_500 * MS)).collect();
        assert_eq!((rest, way.due()), (vec![1, 2, 3, 4], None));
    }

    #[test]
    fn loads_are_counted_by_time() {
        let (_, way) = send(Link::default(), 30, 972, 50 * MS);
        assert_eq!(way.counters.loads, [2_000; 15]);
        assert_eq!(way.counters.busiest_second(), 20_000);
        let short = Counters { loads: vec![1, 2], ..Counters::default() };
        assert_eq!(short.busiest_second(), 3);
    }

    #[test]
    fn a_black_hole_swallows_everything() {
        let now = Instant::now();
        let mut way = Way::new(1);
        way.black_hole = true;
        way.offer(now, 1, 100);
        assert_eq!((way.take(now), way.counters.lost), (None, 1));
        way.black_hole = false;
        way.offer(now, 2, 100);
        assert_eq!(way.take(now), Some(2));
    }
}
