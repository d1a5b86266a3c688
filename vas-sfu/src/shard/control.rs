//! What one connection may send: transport-wide numbers, the estimate of its bandwidth, pacing and probes.

use crate::bwe::{Estimator, EstimatorConfig, NetworkState, Pacer, Probe};
use crate::layers::Budget;
use crate::packetize::MAX_PAYLOAD;
use crate::rtcp::TransportFeedback;
use std::time::{Duration, Instant};

/// Bytes that a near viewer is sent as fast as it goes before its first feedback has come.
const NEAR_WINDOW: usize = 32 * MAX_PAYLOAD;
/// A viewer whose handshake took no longer for a round trip is near.
const NEAR: Duration = Duration::from_millis(40);
/// What is believed of a network that nothing is known of, in bits per second: a small layer's worth.
const START_BPS: u64 = 600_000;
/// What a far viewer is sent at that tells nothing, in bits per second.
const UNTOLD_BPS: u64 = 20_000_000;
/// The longest queue in the network that is waited out at a time.
const MAX_REST: Duration = Duration::from_millis(400);
/// From this rate on, in bits per second, what the network carries within so many milliseconds makes no queue worth
/// speaking of when it leaves faster.
const AMPLE_BPS: u64 = 4_000_000;
const LITTLE_MS: u64 = 80;
/// Bytes of UDP and IPv4 headers.
const HEADERS: usize = 28;

/// The congestion control of one connection.
#[derive(Debug)]
pub(crate) struct Control {
    estimator: Estimator,
    pacer: Pacer,
    /// The number of the next packet.
    next: u16,
    /// Whether the viewer tells of each packet.
    transport_wide: bool,
    /// Bytes left before the first feedback must have come.
    window: usize,
    /// What waits is of the past: it is not worth a queue in the network.
    catching_up: bool,
    /// It leaves at the rate that the network carries.
    gentle: bool,
    probe: Option<ActiveProbe>,
}

#[derive(Debug)]
struct ActiveProbe {
    left: usize,
    /// Bytes a millisecond.
    rate: usize,
    /// Bytes that may leave now; below 0 after a packet that was more than a millisecond's.
    credit: i64,
}

impl Control {
    pub(crate) fn new(transport_wide: bool, round_trip: Option<Duration>, now: Instant) -> Self {
        let mut estimator = Estimator::new(EstimatorConfig {
            start_bps: START_BPS,
            transport_wide,
            ..EstimatorConfig::default()
        });
        let near = round_trip.filter(|round_trip| *round_trip <= NEAR);
        if let Some(round_trip) = near {
            estimator.hint_round_trip(round_trip.min(NEAR / 2));
        }
        // What is far is not flooded with what is of the past before it has told what it can take.
        let rate = match (near, transport_wide) {
            (Some(_), _) => estimator.pacing_rate(),
            (None, false) => UNTOLD_BPS,
            (None, true) => estimator.estimate(),
        };
        let pacer = Pacer::new(rate, now);
        let window = match (near, transport_wide) {
            // Who tells nothing is served at an even rate whatever happens: reports alone are too slow to pace by.
            (_, false) => usize::MAX,
            (Some(_), true) => NEAR_WINDOW,
            (None, true) => 0,
        };
        Self {
            estimator,
            pacer,
            next: rand::random(),
            transport_wide,
            window,
            catching_up: false,
            gentle: false,
            probe: None,
        }
    }

    /// The number of the next packet.
    pub(super) const fn next(&self) -> u16 {
        self.next
    }

    /// Packets of media have left: `count` of about `size` bytes each.
    pub(super) fn sent(&mut self, count: usize, size: usize, now: Instant) {
        self.count(count, size, now);
        let bytes = count * (size + HEADERS);
        self.pacer.spend(bytes);
        if self.window > 0 && self.window < usize::MAX {
            self.window = self.window.saturating_sub(bytes);
            if self.window == 0 && !self.estimator.is_measured() {
                self.pacer.set_rate(self.estimator.estimate(), now);
            }
        }
    }

    /// A packet that only a probe is sent for has left.
    pub(super) fn padded(&mut self, size: usize, now: Instant) {
        self.count(1, size, now);
        if let Some(probe) = &mut self.probe {
            probe.left = probe.left.saturating_sub(size + HEADERS);
            probe.credit -= (size + HEADERS) as i64;
            if probe.left == 0 {
                self.probe = None;
            }
        }
    }

    fn count(&mut self, count: usize, size: usize, now: Instant) {
        for _ in 0..count {
            self.estimator.on_sent(self.next, (size + HEADERS) as u16, now);
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Bytes that may leave now; none while a frame before is being paid for.
    pub(super) fn allowance(&mut self, now: Instant) -> usize {
        self.pacer.allow(now)
    }

    /// Whether a packet that the viewer misses may leave now. It goes before those that wait, for what the viewer has of
    /// its picture is of no use without it; but it is paid for like them.
    pub(super) fn lends(&mut self, now: Instant) -> bool {
        self.pacer.lends(now)
    }

    /// Bytes of padding that a probe wants in this millisecond.
    pub(super) fn padding(&mut self) -> usize {
        self.probe.as_mut().map_or(0, |probe| {
            probe.credit += probe.rate as i64;
            usize::try_from(probe.credit).unwrap_or(0).min(probe.left)
        })
    }

    /// The probe can't be made, for there is nothing to send.
    pub(super) fn give_up_probe(&mut self) {
        self.probe = None;
    }

    /// Bytes that so many milliseconds carry at the rate of pacing.
    pub(super) fn bytes_in(&self, ms: usize) -> usize {
        let rate = if self.window == 0 && !self.estimator.is_measured() {
            self.estimator.estimate()
        } else {
            self.estimator.pacing_rate()
        };
        rate as usize / 8_000 * ms
    }

    fn paced(&mut self, now: Instant) {
        if self.window != usize::MAX && self.estimator.is_measured() {
            let rate = if self.gentle { self.estimator.estimate() } else { self.estimator.pacing_rate() };
            self.pacer.set_rate(rate, now);
        }
    }

    /// So many bytes wait of a cached group or behind it. They leave at the rate that the network carries, but for the
    /// last of them where it carries much; live pictures leave faster.
    pub(super) fn set_catching_up(&mut self, bytes: usize, now: Instant) {
        self.catching_up = bytes > 0;
        let estimate = self.estimator.estimate();
        let little = if estimate < AMPLE_BPS { 0 } else { estimate / 8_000 * LITTLE_MS };
        let gentle = bytes as u64 > little;
        if self.gentle != gentle {
            self.gentle = gentle;
            self.paced(now);
        }
    }

    /// What the viewer tells of packets.
    pub(super) fn feedback(&mut self, feedback: &TransportFeedback<'_>, now: Instant) {
        let before = self.estimator.state(now);
        self.estimator.on_feedback(feedback, now);
        self.paced(now);
        if before == NetworkState::Normal && self.estimator.state(now) != NetworkState::Normal {
            // What is sent meanwhile would stand behind the queue, or be dropped where that is full: it arrives no later
            // when it leaves after the queue has gone.
            self.pacer.rest(self.estimator.newest_delay().min(MAX_REST), now);
            self.probe = None;
        }
    }

    /// What the viewer believes that it can receive.
    pub(super) fn remb(&mut self, bps: u64, now: Instant) {
        self.estimator.on_remb(bps, now);
        if self.window == usize::MAX {
            self.window = 0;
        }
        self.paced(now);
    }

    /// What the viewer reports of a stream.
    pub(super) fn report(&mut self, fraction_lost: u8, round_trip: Option<Duration>, now: Instant) {
        self.estimator.on_receiver_report(fraction_lost, round_trip, now);
        self.paced(now);
    }

    /// Asks for a probe where `wanted` bits per second are more than is known of the link.
    pub(super) fn probe(&mut self, wanted: u64, now: Instant) {
        // A cached group on its way is a measurement itself, and leaves the network no room for another.
        if self.probe.is_none()
            && self.transport_wide
            && !self.catching_up
            && let Some(Probe { rate_bps, bytes }) = self.estimator.probe(now, wanted)
        {
            self.probe = Some(ActiveProbe {
                left: bytes as usize,
                rate: (rate_bps / 8_000).max(1) as usize,
                credit: 0,
            });
        }
    }

    pub(super) const fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// What there is to share out among the consumers; `None` before a viewer that will tell has told.
    pub(super) fn budget(&self, now: Instant) -> Option<Budget> {
        let measured = self.estimator.is_measured();
        if self.transport_wide && !measured {
            return None;
        }
        Some(Budget {
            // Who never tells anything is sent what it asks for.
            bps: if measured { self.estimator.estimate() } else { u64::MAX >> 8 },
            // Reports alone say too little to leave anything out for them.
            measured: measured && self.transport_wide,
            probed: self.estimator.is_probed(now),
            congested: measured && self.estimator.state(now) != NetworkState::Normal,
        })
    }

    /// For how long packets wait in the network, and how long feedback takes.
    pub(super) fn delays(&self) -> (Duration, Option<Duration>) {
        (self.estimator.queue_delay(), self.estimator.round_trip())
    }

    /// From sending a packet to feedback that it has arrived; zero while that is not known.
    pub(super) fn time_to_answer(&self) -> Duration {
        self.estimator.round_trip().unwrap_or_default()
    }

    /// What is believed of the link, in bits per second; `None` while nothing is known of it.
    pub(super) fn estimate(&self) -> Option<u64> {
        self.estimator.is_measured().then(|| self.estimator.estimate())
    }
}
