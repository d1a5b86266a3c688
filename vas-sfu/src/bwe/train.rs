//! What a run of packets, sent faster than the estimate, shows of the network.
//!
//! A picture leaves as a run of packets, a key picture as a long one: each asks the network what it can carry, at no
//! cost. The answer is a lower bound: so many bytes arrived within the time in which they were sent plus the time that
//! the last one waited, and no faster than the receiver saw them come. Jitter and other traffic make it smaller, never
//! larger.

/// Packets after the first that an answer takes.
const MIN_PACKETS: u32 = 5;
/// The least time that bytes are taken to arrive in, in microseconds: a few packets prove no high rate.
const MIN_SPAN: i64 = 10_000;
/// The longest run.
const MAX_SPAN: i64 = 300_000;
/// A pause that ends a run unless its rate is above the estimate all the same.
const PAUSE: i64 = 3_000;
/// How far above the estimate a run must be sent to tell anything.
const FASTER: f64 = 1.25;

/// A packet that has arrived; times in microseconds of either clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) sent: i64,
    pub(super) arrived: i64,
    /// How long it waited in the network.
    pub(super) queued: i64,
    pub(super) bytes: u32,
    pub(super) probe: bool,
}

/// A run of packets so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Train {
    first: Arrival,
    last_sent: i64,
    last_arrived: i64,
    /// After the first packet.
    bytes: u64,
    packets: u32,
}

impl Train {
    const fn begin(first: Arrival) -> Self {
        Self { first, last_sent: first.sent, last_arrived: first.arrived, bytes: 0, packets: 0 }
    }

    /// Adds a packet, in the order of sending, to the run or begins another one with it. Gives the rate in bits per
    /// second that the run has shown, once it is long enough and faster than `estimate`.
    pub(super) fn push(train: &mut Option<Self>, packet: Arrival, estimate: f64) -> Option<f64> {
        let Some(run) = train.as_mut().filter(|run| run.takes(&packet, estimate)) else {
            *train = Some(Self::begin(packet));
            return None;
        };
        run.bytes += u64::from(packet.bytes);
        run.packets += 1;
        run.last_sent = packet.sent;
        run.last_arrived = run.last_arrived.max(packet.arrived);
        let sending = run.last_sent - run.first.sent;
        if run.packets < MIN_PACKETS || rate(run.bytes, sending.max(1)) < FASTER * estimate {
            return None;
        }
        let span = (sending + packet.queued).max(run.last_arrived - run.first.arrived).max(MIN_SPAN);
        Some(rate(run.bytes, span))
    }

    fn takes(&self, packet: &Arrival, estimate: f64) -> bool {
        let span = packet.sent - self.first.sent;
        packet.probe == self.first.probe
            && span < MAX_SPAN
            && (packet.sent - self.last_sent <= PAUSE
                || rate(self.bytes + u64::from(packet.bytes), span) >= FASTER * estimate)
    }
}

fn rate(bytes: u64, micros: i64) -> f64 {
    (8 * bytes) as f64 * 1e6 / micros as f64
}
