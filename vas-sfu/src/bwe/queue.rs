//! How long packets wait in the network: their time on the way, beyond the least seen of late.

/// The least time on the way is that of this period and the one before, in microseconds.
const BASE_PERIOD: i64 = 15_000_000;
/// The same for the queue that stands, and the packets that a period has at least: jitter makes single packets late,
/// a queue makes all of them late.
const RECENT_PERIOD: i64 = 100_000;
const RECENT_PACKETS: u32 = 4;
/// A period of few packets ends after this time all the same.
const RECENT_PERIOD_MAX: i64 = 500_000;

/// The least of the present period and of the one before.
#[derive(Clone, Copy, Debug)]
struct Least {
    now: i64,
    before: i64,
    begun: i64,
    packets: u32,
}

impl Least {
    const fn new(at: i64) -> Self {
        Self { now: i64::MAX, before: i64::MAX, begun: at, packets: 0 }
    }

    fn push(&mut self, value: i64) {
        self.now = self.now.min(value);
        self.packets += 1;
    }

    const fn turn(&mut self, at: i64) {
        *self = Self { before: self.now, ..Self::new(at) };
    }

    fn get(&self) -> i64 {
        self.now.min(self.before)
    }
}

/// Times on the way. They are differences of two clocks that know nothing of each other; only changes mean anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    base: Least,
    recent: Least,
    newest: i64,
}

impl Queue {
    /// Begins at an arrival.
    pub(super) const fn new(at: i64) -> Self {
        Self { base: Least::new(at), recent: Least::new(at), newest: 0 }
    }

    /// Takes a packet's times of departure and arrival, in microseconds of either clock, and gives how long it waited.
    pub(super) fn push(&mut self, sent: i64, arrived: i64) -> i64 {
        let way = arrived - sent;
        if arrived - self.base.begun > BASE_PERIOD {
            self.base.turn(arrived);
        }
        let age = arrived - self.recent.begun;
        if age > RECENT_PERIOD && (self.recent.packets >= RECENT_PACKETS || age > RECENT_PERIOD_MAX) {
            self.recent.turn(arrived);
        }
        self.base.push(way);
        self.recent.push(way);
        self.newest = way - self.base.get();
        self.newest
    }

    /// Microseconds that the newest packet has waited.
    pub(super) const fn newest(&self) -> i64 {
        self.newest
    }

    /// Microseconds that every packet of the last tenths of a second has waited.
    pub(super) fn standing(&self) -> i64 {
        // Nothing has arrived: nothing stands.
        self.recent.get().checked_sub(self.base.get()).unwrap_or(0).max(0)
    }
}
