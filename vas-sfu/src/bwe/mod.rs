//! What a viewer's network carries, estimated by the sender from its feedback (after draft-ietf-rmcat-gcc-02 and
//! what browsers do today), without sockets, timers and clocks.
//!
//! Two controls bound the rate: [`delay`] looks at the trend of the time that groups of packets take ([`aimd`] makes a
//! rate of it), [`loss`] at the part that is lost. Both start from what arrives ([`acked`]).
//!
//! A camera sends what it sends: mostly less than the network carries, so that nothing is learned from what arrives.
//! Three things differ from a browser's estimator for that reason. Every run of packets faster than the estimate is a
//! measurement ([`train`]): the cached group that starts a viewer finds its network's rate, key pictures find that
//! it has recovered. Growing delay lowers the estimate only while a queue really stands ([`queue`]), for a fall to
//! what arrives would be a fall below what is needed. And a [`Probe`] is sent only when a higher layer wants it.
//!
//! The sender uses it so:
//!
//! ```text
//! let mut estimator = Estimator::new(EstimatorConfig::default());
//! let mut pacer = Pacer::new(estimator.pacing_rate(), now);
//!
//! // For each packet, with the number in its transport-wide extension; bytes with UDP and IP headers. Viewers without
//! // the extension count their packets all the same, with numbers that go nowhere.
//! estimator.on_sent(number, bytes, now);
//! // For each RTCP packet.
//! match packet {
//!     Rtcp::TransportFeedback(feedback) => estimator.on_feedback(&feedback, now),
//!     Rtcp::Bandwidth { bitrate, .. } => estimator.on_remb(bitrate, now),
//!     Rtcp::Report { .. } => estimator.on_receiver_report(fraction_lost, round_trip, now),
//! }
//! // Each millisecond with packets waiting: send as long as `pacer.allow(now) > 0`, and `pacer.spend(bytes)`.
//! // Each 100 ms or so:
//! pacer.set_rate(estimator.pacing_rate(), now);
//! let wanted = layers::allocate(budget, &mut demands, now); // of video: audio's share goes on top
//! if let Some(probe) = wanted.and_then(|wanted| estimator.probe(now, wanted)) {
//!     // Spread `probe.bytes` of retransmitted packets over the next milliseconds, at `probe.rate_bps` together with
//!     // media. Whatever is given to `on_sent` meanwhile is part of the probe.
//! }
//! ```
//!
//! Memory: 1.2 kB, and 4 kB more once a packet was sent. No allocation after that.

mod acked;
mod aimd;
mod delay;
mod history;
mod loss;
mod pacer;
mod probe;
mod queue;
mod receiver;
mod train;

#[cfg(test)]
mod scenarios;
#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;

use crate::rtcp::TransportFeedback;
use aimd::Aimd;
use delay::{Delay, Usage};
use history::{History, SentPacket};
use loss::Loss;
pub(crate) use pacer::Pacer;
pub(crate) use probe::Probe;
use probe::Prober;
use receiver::{ARRIVAL_UNIT, Receiver};
use std::time::{Duration, Instant};
use train::{Arrival, Train};

/// The round trip while none is known, and the longest that is believed, in microseconds.
const DEFAULT_ROUND_TRIP: i64 = 200_000;
const MAX_ROUND_TRIP: i64 = 10_000_000;
/// Weight of a new round trip.
const ROUND_TRIP_WEIGHT: f64 = 0.2;
/// What is kept of a rate that a run of media or a probe has shown.
const TRAIN_SHARE: f64 = 0.9;
const PROBE_SHARE: f64 = 0.95;
/// For how long a run tells what the network carries at the moment, in microseconds.
const SHOWN_FRESH: i64 = 500_000;
/// A run of media raises the estimate by this factor at most, once feedback has come for a while.
const TRAIN_FACTOR: f64 = 2.0;
/// For how long after the first feedback runs raise the estimate without that limit, in microseconds.
const START: i64 = 2_000_000;
/// A run that raises the estimate by this factor makes probing worth while.
const ENCOURAGING: f64 = 1.3;
/// Feedback that stays away for so long and two round trips is lost; then this part of the estimate is kept, each time
/// as long again.
const SILENCE: i64 = 1_000_000;
const SILENCE_STEP: i64 = 500_000;
const SILENCE_SHARE: f64 = 0.85;
/// For how long, beyond a round trip, growing queues are told of after the estimate has fallen.
const OVERUSING: i64 = 500_000;
/// Queues must have been short for so long before a little loss counts as harmless.
const CALM: i64 = 5_000_000;
/// For how long a receiver's own estimate bounds ours.
const REMB_FRESH: i64 = 5_000_000;
/// For how long transport-wide feedback makes receiver reports redundant.
const FEEDBACK_FRESH: i64 = 10_000_000;
/// Of an estimate far above what is sent, loss cuts what was tried: so many times the rate.
const TRIED_FACTOR: f64 = 1.5;
/// The estimate from receiver reports alone: what was tried, so many times, beside the start.
const REPORTED_FACTOR: f64 = 2.0;
/// Over how long the rate of sending is taken, in microseconds.
const SENT_PERIOD: i64 = 1_000_000;
/// Live media leaves so many times faster than the estimate.
const PACING_FACTOR: f64 = 2.5;
/// Bounds of pacing in bits per second: a picture of a slow stream takes no seconds, and no viewer fills the wire.
const MIN_PACING: f64 = 300_000.0;
const MAX_PACING: f64 = 600_000_000.0;
/// A viewer at so short a distance, in microseconds, starts at this rate while nothing else is known of its network; a
/// viewer that gives no feedback keeps it as long as nothing is lost.
const NEAR: i64 = 20_000;
const FAST_PACING: f64 = 95_000_000.0;

/// Start and bounds of an estimate, in bits per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EstimatorConfig {
    /// Before there is feedback. The group of pictures that starts a viewer soon finds more.
    pub(crate) start_bps: u64,
    /// Never less than this.
    pub(crate) min_bps: u64,
    /// Never more than this.
    pub(crate) max_bps: u64,
    /// Whether transport-wide feedback was negotiated.
    pub(crate) transport_wide: bool,
}

impl Default for EstimatorConfig {
    fn default() -> Self {
        Self { start_bps: 1_000_000, min_bps: 50_000, max_bps: 200_000_000, transport_wide: true }
    }
}

/// What the network suffers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkState {
    /// Nothing.
    Normal,
    /// Queues grow, or feedback stays away.
    Overusing,
    /// More than a tenth of the packets is lost.
    Lossy,
}

/// The estimate of one connection.
#[derive(Debug)]
pub(crate) struct Estimator {
    config: EstimatorConfig,
    /// When the first packet was sent: zero of our times.
    epoch: Option<Instant>,
    history: Option<History>,
    estimate: f64,
    aimd: Aimd,
    loss: Loss,
    delay: Delay,
    prober: Prober,
    train: Option<Train>,
    /// What is known of arrivals; nothing before the first feedback.
    receiver: Option<Receiver>,
    /// Smoothed, in microseconds.
    round_trip: Option<i64>,
    remb: Option<(f64, i64)>,
    /// Whether receiver reports have come, for viewers without other feedback.
    reported: bool,
    /// Bits per second sent of late; bytes sent and since when.
    sent_rate: Option<f64>,
    sent_bytes: u64,
    sent_since: i64,
    /// When feedback is overdue on what has left since the last, and whether it was lately.
    overdue: Option<i64>,
    silent: bool,
}

impl Estimator {
    pub(crate) const fn new(config: EstimatorConfig) -> Self {
        let start = config.start_bps as f64;
        Self {
            config,
            epoch: None,
            history: None,
            estimate: start,
            aimd: Aimd::new(start),
            loss: Loss::new(),
            delay: Delay::new(),
            prober: Prober::new(),
            train: None,
            receiver: None,
            round_trip: None,
            remb: None,
            reported: false,
            sent_rate: None,
            sent_bytes: 0,
            sent_since: 0,
            overdue: None,
            silent: false,
        }
    }

    /// Tells of a round trip that was measured elsewhere, as in the handshake, while feedback has told none.
    pub(crate) fn hint_round_trip(&mut self, round_trip: Duration) {
        self.round_trip.get_or_insert(limited_micros(round_trip));
    }

    /// A packet has left with this transport-wide number; `bytes` with all headers.
    pub(crate) fn on_sent(&mut self, sequence: u16, bytes: u16, now: Instant) {
        let now = micros(*self.epoch.get_or_insert(now), now);
        let probe = self.prober.takes(now);
        let history = self.history.get_or_insert_with(|| History::new(sequence));
        let Some(index) = history.push(sequence, bytes, probe, now) else { return };
        if probe {
            self.prober.on_sent(index, bytes, now, self.round_trip_or_default());
        }
        self.sent_bytes += u64::from(bytes);
        let period = now - self.sent_since;
        if period >= SENT_PERIOD {
            let rate = (8 * self.sent_bytes) as f64 * 1e6 / period as f64;
            self.sent_rate = Some(self.sent_rate.map_or(rate, |before| (before + rate) / 2.0));
            (self.sent_bytes, self.sent_since) = (0, now);
        }
        if self.receiver.is_some() {
            let patience = SILENCE + 2 * self.round_trip_or_default();
            if now >= *self.overdue.get_or_insert(now + patience) {
                self.silent(now);
            }
        }
    }

    /// Transport-wide feedback has come.
    pub(crate) fn on_feedback(&mut self, feedback: &TransportFeedback<'_>, now: Instant) {
        let (Some(epoch), Some(history)) = (self.epoch, &mut self.history) else { return };
        let now = micros(epoch, now);
        let receiver = self.receiver.get_or_insert_with(|| Receiver::new(feedback.reference, now));
        receiver.unwrap(feedback.reference);
        if receiver.has_new_clock(now) {
            receiver.set_clock(now);
            self.delay.restart();
            self.train = None;
        }
        let estimate = self.estimate;
        let (mut arrived, mut found) = (receiver.unwrapped, 0.0_f64);
        let mut newest: Option<SentPacket> = None;
        for (sequence, delta) in feedback.statuses() {
            let Some(delta) = delta else {
                if let Some(index) = history.lose(sequence) {
                    self.loss.count(true);
                    receiver.newest = receiver.newest.max(index);
                }
                continue;
            };
            arrived += i64::from(delta);
            let Some(packet) = history.receive(sequence, now) else { continue };
            if packet.was_lost {
                self.loss.found();
            } else {
                self.loss.count(false);
            }
            let at = arrived * ARRIVAL_UNIT;
            let gap = receiver.newest != 0 && packet.index > receiver.newest + 1;
            if gap {
                // Feedback was lost: what arrived meanwhile is not known.
                receiver.acked.restart(at);
            }
            receiver.acked.push(at, packet.bytes);
            if packet.index < receiver.newest {
                // Reordered on the way: too late to tell of delay.
                continue;
            }
            receiver.newest = packet.index;
            let queued = receiver.queue.push(packet.at, at);
            self.delay.push(packet.at, at);
            let arrival =
                Arrival { sent: packet.at, arrived: at, queued, bytes: packet.bytes, probe: packet.probe };
            if let Some(rate) = Train::push(&mut self.train, arrival, estimate) {
                // What came before the queue was of a network that may have had room then.
                if queued > receiver::QUEUE {
                    receiver.shown = Some((rate, now));
                }
                if packet.probe {
                    self.prober.measured(rate);
                } else {
                    found = found.max(rate);
                }
            }
            newest = Some(packet);
        }
        if let Some(newest) = newest {
            let sample = (now - newest.at).clamp(1, MAX_ROUND_TRIP);
            let before = self.round_trip.unwrap_or(sample);
            self.round_trip = Some(before + (ROUND_TRIP_WEIGHT * (sample - before) as f64) as i64);
        }
        receiver.heard = now;
        if found > 0.0 {
            let limit = if now - receiver.begun < START { f64::INFINITY } else { TRAIN_FACTOR * estimate };
            let raised = (TRAIN_SHARE * found).min(limit);
            self.aimd.raise(raised);
            self.loss.raise(raised, now);
            if raised > ENCOURAGING * estimate {
                self.prober.encourage(now);
            }
        }
        self.control(now);
    }

    /// The controls take in what feedback has told.
    fn control(&mut self, now: i64) {
        let round_trip = self.round_trip_or_default();
        let Some(receiver) = &self.receiver else { return };
        let (smooth, recent) = (receiver.acked.smooth(), receiver.acked.recent());
        if let Some(rate) = self.prober.conclude(receiver.newest, now, round_trip) {
            self.aimd.raise(PROBE_SHARE * rate);
        }
        let stands = receiver.queue_stands(self.delay.jitter());
        let usage = match self.delay.usage() {
            Usage::Over if !stands => Usage::Normal,
            usage => usage,
        };
        // A key picture fills a queue on its own: what its packets have shown of the network is more than arrives on
        // average.
        let shown = receiver.shown.filter(|(_, at)| now - at < SHOWN_FRESH).map(|(rate, _)| rate);
        let arrives = recent.or(smooth).map(|rate| rate.max(shown.unwrap_or(0.0)));
        let before = self.aimd.rate();
        self.aimd.update(usage, smooth, arrives, round_trip, now);
        let tried = smooth.map_or(before, |smooth| before.min(TRIED_FACTOR * smooth));
        let certain = smooth.zip(recent).map_or(0.0, |(smooth, recent)| smooth.min(recent));
        let bound = self.loss.bound();
        let calm = !self.aimd.decreased_within(CALM, now);
        self.loss.update(tried, certain.max(self.config.min_bps as f64), before, calm, round_trip, now);
        if self.aimd.rate() < before || self.loss.bound() < bound {
            self.prober.discourage(now);
        }
        (self.overdue, self.silent) = (None, false);
        self.settle(now);
    }

    /// The receiver's own estimate (REMB) has come: it bounds ours while it is fresh, and is ours where the viewer
    /// gives no transport-wide feedback.
    pub(crate) fn on_remb(&mut self, bps: u64, now: Instant) {
        let now = micros(*self.epoch.get_or_insert(now), now);
        self.remb = Some((bps as f64, now));
        if !self.has_feedback(now) {
            self.reported = true;
            self.aimd.raise(bps as f64);
        }
        self.settle(now);
    }

    /// A receiver report has come: the part of packets lost in 256ths, over all streams of the connection, and the
    /// round trip if it tells one. It bounds the estimate where the viewer gives no transport-wide feedback.
    pub(crate) fn on_receiver_report(
        &mut self,
        fraction_lost: u8,
        round_trip: Option<Duration>,
        now: Instant,
    ) {
        let now = micros(*self.epoch.get_or_insert(now), now);
        if self.has_feedback(now) {
            return;
        }
        self.reported = true;
        if let Some(round_trip) = round_trip {
            self.round_trip = Some(limited_micros(round_trip));
        }
        let Some(sent) = self.sent_rate else { return };
        let part = f64::from(fraction_lost) / 256.0;
        let before = self.loss.bound();
        self.loss.report(part, self.aimd.rate().min(TRIED_FACTOR * sent), self.aimd.rate(), now);
        if self.loss.bound() < before && self.loss.bound().is_finite() {
            self.aimd.lower(self.loss.bound());
        } else if part < 0.02 {
            // All of it arrived, so it could be more.
            let limit = self.config.start_bps as f64 + REPORTED_FACTOR * sent;
            self.aimd.raise(sent.max((1.08 * self.aimd.rate()).min(limit)));
        }
        self.settle(now);
    }

    /// Whether transport-wide feedback has come of late.
    fn has_feedback(&self, now: i64) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| now - receiver.heard < FEEDBACK_FRESH)
    }

    /// Packets leave and no feedback comes.
    fn silent(&mut self, now: i64) {
        (self.overdue, self.silent) = (Some(now + SILENCE_STEP), true);
        self.aimd.lower(SILENCE_SHARE * self.estimate);
        self.prober.discourage(now);
        self.settle(now);
    }

    /// Makes the estimate of its bounds.
    fn settle(&mut self, now: i64) {
        let remb = self.remb.filter(|(_, at)| now - at < REMB_FRESH).map_or(f64::INFINITY, |(bps, _)| bps);
        let (min, max) = (self.config.min_bps as f64, self.config.max_bps as f64);
        self.aimd.lower(max);
        self.estimate = self.aimd.rate().min(self.loss.bound()).min(remb).clamp(min, max);
    }

    /// Asks the sender for a probe when `wanted_bps` is more than the estimate and the network is at ease; `None`:
    /// not needed, or not now.
    pub(crate) fn probe(&mut self, now: Instant, wanted_bps: u64) -> Option<Probe> {
        let now = micros(self.epoch?, now);
        let receiver = self.receiver.as_ref()?;
        let wanted = (wanted_bps.min(self.config.max_bps)) as f64;
        let stands = receiver.queue_stands(self.delay.jitter());
        if wanted <= self.estimate || stands || self.state_at(now) != NetworkState::Normal {
            return None;
        }
        if self.estimate < self.aimd.rate() {
            // Loss or the receiver's own estimate bounds it, and a probe would change neither.
            return None;
        }
        self.prober.begin(wanted, self.estimate, self.delay.jitter(), now)
    }

    /// Bits per second that the network carries.
    pub(crate) const fn estimate(&self) -> u64 {
        self.estimate as u64
    }

    /// Whether the estimate rests on what the viewer has told: a run of packets, or the rate of some tenths of a second.
    /// Before that it is the start, and no reason to withhold anything.
    pub(crate) fn is_measured(&self) -> bool {
        let told = |receiver: &Receiver| receiver.shown.is_some() || receiver.acked.smooth().is_some();
        self.reported || self.receiver.as_ref().is_some_and(told)
    }

    /// Whether a probe has confirmed the estimate within the last seconds.
    pub(crate) fn is_probed(&self, now: Instant) -> bool {
        self.epoch.is_some_and(|epoch| self.prober.is_fresh(micros(epoch, now)))
    }

    /// From sending a packet to feedback on it, smoothed.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|micros| Duration::from_micros(micros.unsigned_abs()))
    }

    /// How long all packets of the last tenths of a second have waited in the network.
    pub(crate) fn queue_delay(&self) -> Duration {
        let standing = self.receiver.as_ref().map_or(0, |receiver| receiver.queue.standing());
        Duration::from_micros(standing.unsigned_abs())
    }

    /// How long the newest packet has waited in the network, of those that feedback has told of.
    pub(crate) fn newest_delay(&self) -> Duration {
        let newest = self.receiver.as_ref().map_or(0, |receiver| receiver.queue.newest());
        Duration::from_micros(newest.unsigned_abs())
    }

    /// What the network suffers from at the moment.
    pub(crate) fn state(&self, now: Instant) -> NetworkState {
        self.epoch.map_or(NetworkState::Normal, |epoch| self.state_at(micros(epoch, now)))
    }

    fn state_at(&self, now: i64) -> NetworkState {
        let round_trip = self.round_trip_or_default();
        if self.loss.is_lossy(now) {
            NetworkState::Lossy
        } else if self.silent || self.aimd.decreased_within(round_trip + OVERUSING, now) {
            NetworkState::Overusing
        } else {
            NetworkState::Normal
        }
    }

    /// Bits per second at which packets leave: faster than the estimate, so that a live picture arrives soon.
    pub(crate) fn pacing_rate(&self) -> u64 {
        let near = !self.is_measured() && self.round_trip.is_some_and(|micros| micros <= NEAR);
        let blind = !self.config.transport_wide && self.remb.is_none() && self.loss.bound().is_infinite();
        let rate = if near || blind { FAST_PACING } else { PACING_FACTOR * self.estimate };
        rate.clamp(MIN_PACING, MAX_PACING) as u64
    }

    fn round_trip_or_default(&self) -> i64 {
        self.round_trip.unwrap_or(DEFAULT_ROUND_TRIP)
    }
}

/// Microseconds from `epoch` to `now`.
fn micros(epoch: Instant, now: Instant) -> i64 {
    let passed = now.saturating_duration_since(epoch);
    passed.as_secs().cast_signed() * 1_000_000 + i64::from(passed.subsec_micros())
}

/// A round trip as far as it is believed.
fn limited_micros(round_trip: Duration) -> i64 {
    round_trip.as_micros().min(MAX_ROUND_TRIP as u128) as i64
}
