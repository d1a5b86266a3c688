//! A network, a camera and a viewer in virtual time.

use super::{Estimator, EstimatorConfig, Pacer};
use crate::layers::{Budget, Choice, Demand, LayerRate, Steering, Thinning, Wish, allocate};
use crate::rtcp::{Rtcp, packets};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes of a full packet with all headers.
const PACKET: usize = 1_240;
/// What waits for longer at the sender is thrown away.
const MAX_BACKLOG_MS: u64 = 1_500;

/// Numbers that look random and are the same in each run.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// From 0 to 1.
    pub(super) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A link with a queue.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) bps: f64,
    /// Milliseconds of traffic that the queue holds.
    pub(super) queue_ms: i64,
    /// One way, in microseconds.
    pub(super) delay: i64,
    pub(super) jitter: i64,
    pub(super) loss: f64,
    /// Traffic of others.
    pub(super) cross_bps: f64,
    /// Every so many microseconds the receiver stands still for so many, and then takes all that came meanwhile.
    pub(super) stalls: Option<(i64, i64)>,
    /// Whether jitter changes the order of packets.
    pub(super) reorders: bool,
    pub(super) busy_until: f64,
    pub(super) last_arrival: i64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            bps: 1e9,
            queue_ms: 300,
            delay: 20_000,
            jitter: 0,
            loss: 0.0,
            cross_bps: 0.0,
            stalls: None,
            reorders: false,
            busy_until: 0.0,
            last_arrival: 0,
        }
    }
}

impl Link {
    fn tick(&mut self, now: i64) {
        self.busy_until = self.busy_until.max(now as f64) + self.cross_bps * 1e3 / self.bps;
    }

    /// Microseconds that a packet waits.
    fn backlog(&self, now: i64) -> i64 {
        (self.busy_until as i64 - now).max(0)
    }

    fn send(&mut self, now: i64, bytes: usize, dice: &mut Dice) -> Option<i64> {
        if self.backlog(now) > self.queue_ms * 1_000 || dice.roll() < self.loss {
            return None;
        }
        self.busy_until = self.busy_until.max(now as f64) + bytes as f64 * 8e6 / self.bps;
        let mut arrival = self.busy_until as i64 + self.delay + (self.jitter as f64 * dice.roll()) as i64;
        if let Some((interval, length)) = self.stalls {
            arrival = arrival.max(arrival / interval * interval + length);
        }
        if !self.reorders {
            arrival = arrival.max(self.last_arrival);
        }
        self.last_arrival = self.last_arrival.max(arrival);
        Some(arrival)
    }
}

/// A layer of the camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Video {
    pub(super) bps: u64,
    pub(super) height: u32,
    pub(super) fps: u64,
    pub(super) group_ms: u64,
    pub(super) key_bytes: usize,
}

impl Video {
    pub(super) const MAIN: Self =
        Self { bps: 1_500_000, height: 1_080, fps: 25, group_ms: 2_000, key_bytes: 50_000 };
    pub(super) const SUB: Self =
        Self { bps: 250_000, height: 360, fps: 25, group_ms: 2_000, key_bytes: 12_000 };

    /// Bytes of the picture that is taken in this millisecond, if one is, and whether it is a key picture.
    fn picture(&self, ms: u64) -> Option<(usize, bool)> {
        let interval = 1_000 / self.fps;
        if !ms.is_multiple_of(interval) {
            return None;
        }
        let key = (ms % self.group_ms) < interval;
        let group = (self.bps * self.group_ms / 8_000) as usize;
        let others = (self.group_ms / interval) as usize - 1;
        Some((if key { self.key_bytes } else { group.saturating_sub(self.key_bytes) / others.max(1) }, key))
    }

    fn rate(&self) -> LayerRate {
        LayerRate { bps: Some(self.bps), width: self.height * 16 / 9, height: self.height, usable: true }
    }
}

/// What a tenth of a second looked like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) ms: u64,
    pub(super) estimate: u64,
    pub(super) choice: Choice,
    /// Milliseconds that the link's queue takes to empty.
    pub(super) queue_ms: i64,
    /// Whether the estimator saw nothing wrong.
    pub(super) normal: bool,
}

/// Everything together.
#[derive(Debug)]
pub(super) struct World {
    pub(super) link: Link,
    pub(super) videos: Vec<Video>,
    pub(super) estimator: Estimator,
    pub(super) samples: Vec<Sample>,
    /// Whether feedback gets lost.
    pub(super) deaf: bool,
    /// Whether each second feedback message overtakes the one before.
    pub(super) swaps: bool,
    pub(super) probes: u32,
    pub(super) ms: u64,
    start: Instant,
    dice: Dice,
    pacer: Pacer,
    steering: Steering,
    /// Bytes of packets that wait at the sender.
    waiting: VecDeque<usize>,
    waiting_bytes: usize,
    sending: Choice,
    dropping: bool,
    padding: (f64, f64),
    sequence: u16,
    arrivals: Vec<(i64, u16)>,
    reported: u16,
    feedback: Vec<(i64, Vec<u8>)>,
    pub(super) sent: u64,
    pub(super) lost: u64,
}

impl World {
    pub(super) fn new(videos: &[Video], link: Link, seed: u64) -> Self {
        let start = Instant::now();
        let estimator = Estimator::new(EstimatorConfig::default());
        Self {
            link,
            videos: videos.to_vec(),
            pacer: Pacer::new(estimator.pacing_rate(), start),
            estimator,
            samples: Vec::new(),
            deaf: false,
            swaps: false,
            probes: 0,
            ms: 900,
            start,
            dice: Dice(0x1234_5678_9abc_def1 ^ (seed << 20)),
            steering: Steering::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            sending: Choice::default(),
            dropping: false,
            padding: (0.0, 0.0),
            sequence: 65_000,
            arrivals: Vec::new(),
            reported: 65_000,
            feedback: Vec::new(),
            sent: 0,
            lost: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.ms)
    }

    pub(super) fn run(&mut self, seconds: u64) -> &[Sample] {
        let from = self.samples.len();
        for _ in 0..seconds * 1_000 {
            self.step();
            self.ms += 1;
        }
        &self.samples[from..]
    }

    fn step(&mut self) {
        let (ms, us, now) = (self.ms, self.ms as i64 * 1_000, self.now());
        self.link.tick(us);
        let due: Vec<_> = self.feedback.extract_if(.., |(at, _)| *at <= us).collect();
        for (_, message) in due {
            for packet in packets(&message) {
                let Rtcp::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
                self.estimator.on_feedback(&feedback, now);
            }
        }
        if ms.is_multiple_of(100) {
            self.allocate(now);
            self.report(us);
        }
        self.take_picture();
        self.send(now, us);
    }

    fn allocate(&mut self, now: Instant) {
        let rates: Vec<LayerRate> = self.videos.iter().map(Video::rate).collect();
        let budget = Budget {
            bps: self.estimator.estimate(),
            measured: self.estimator.is_measured(),
            probed: self.estimator.is_probed(now),
            congested: self.estimator.state(now) != super::NetworkState::Normal,
        };
        let mut demands = [Demand::new(&rates, Wish::default(), self.steering)];
        let wanted = allocate(budget, &mut demands, now);
        self.steering = demands[0].steering();
        if let Some(probe) = wanted.and_then(|wanted| self.estimator.probe(now, wanted)) {
            self.padding = (f64::from(probe.bytes), probe.rate_bps as f64 / 8_000.0);
            self.probes += 1;
        }
        self.pacer.set_rate(self.estimator.pacing_rate(), now);
        self.samples.push(Sample {
            ms: self.ms,
            estimate: budget.bps,
            choice: self.steering.choice(),
            queue_ms: self.link.backlog(self.ms as i64 * 1_000) / 1_000,
            normal: !budget.congested,
        });
    }

    /// Queues the picture of this millisecond, if there is one.
    fn take_picture(&mut self) {
        let choice = self.steering.choice();
        let Some(layer) = choice.layer else { return };
        let video = self.videos[layer];
        let Some((mut bytes, mut key)) = video.picture(self.ms) else { return };
        if self.sending.layer != choice.layer {
            // The cached group of the other layer starts it.
            let since = self.ms % video.group_ms;
            (bytes, key) = (video.key_bytes + (video.bps * since / 8_000) as usize, true);
            self.waiting.clear();
            self.waiting_bytes = 0;
        }
        self.dropping &= !key;
        let number = self.ms * video.fps / 1_000;
        let left_out = match choice.thinning {
            Thinning::None => false,
            Thinning::NonReference => !key && number % 2 == 1,
            Thinning::KeysOnly => !key,
        };
        self.sending = choice;
        if left_out || self.dropping {
            return;
        }
        if self.waiting_bytes as u64 * 8_000 > MAX_BACKLOG_MS * self.estimator.pacing_rate() {
            self.dropping = true;
            return;
        }
        self.waiting_bytes += bytes;
        while bytes > 0 {
            self.waiting.push_back(bytes.min(PACKET));
            bytes -= bytes.min(PACKET);
        }
    }

    fn send(&mut self, now: Instant, us: i64) {
        let mut media = 0;
        while self.pacer.allow(now) > 0
            && let Some(bytes) = self.waiting.pop_front()
        {
            self.waiting_bytes -= bytes;
            media += bytes;
            self.pacer.spend(bytes);
            self.packet(bytes, now, us);
        }
        let (left, per_ms) = &mut self.padding;
        if *left > 0.0 {
            // A packet each time as much of the probe's time has passed, media included.
            *left -= (*per_ms - media as f64).max(0.0);
            let due = (*left / PACKET as f64).ceil();
            let before = ((*left + (*per_ms - media as f64).max(0.0)) / PACKET as f64).ceil();
            for _ in 0..(before - due) as u64 {
                self.packet(PACKET, now, us);
            }
        }
    }

    fn packet(&mut self, bytes: usize, now: Instant, us: i64) {
        self.estimator.on_sent(self.sequence, bytes as u16, now);
        self.sent += 1;
        match self.link.send(us, bytes, &mut self.dice) {
            Some(at) => self.arrivals.push((at, self.sequence)),
            None => self.lost += 1,
        }
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// The viewer tells what has arrived.
    fn report(&mut self, us: i64) {
        let mut arrived: Vec<(i64, u16)> = self.arrivals.extract_if(.., |(at, _)| *at <= us).collect();
        arrived.retain(|(_, sequence)| sequence.wrapping_sub(self.reported) < 0x8000);
        let base = self.reported;
        arrived.sort_by_key(|(_, sequence)| sequence.wrapping_sub(base));
        let Some(&(first, _)) = arrived.first() else { return };
        let last = arrived[arrived.len() - 1].1;
        self.reported = last.wrapping_add(1);
        if self.deaf {
            return;
        }
        let message = message(base, first, &arrived);
        let mut at = us + self.link.delay;
        if self.swaps && self.ms.is_multiple_of(200) {
            at += 150_000;
        }
        self.feedback.push((at, message));
    }
}

/// A transport-wide feedback message on all numbers from `base` to the last that has arrived.
pub(crate) fn message(base: u16, first: i64, arrived: &[(i64, u16)]) -> Vec<u8> {
    // The viewer's clock is not ours.
    let ticks = |at: i64| (at + 987_654_321) / 250;
    let reference = ticks(first).div_euclid(256);
    let mut before = reference * 256;
    let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
    for &(at, sequence) in arrived {
        symbols.resize(usize::from(sequence.wrapping_sub(base)), 0_u16);
        let delta = (ticks(at) - before) as i16;
        before = ticks(at);
        if let Ok(small) = u8::try_from(delta) {
            symbols.push(1);
            deltas.push(small);
        } else {
            symbols.push(2);
            deltas.extend(delta.to_be_bytes());
        }
    }
    let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    packet.extend(base.to_be_bytes());
    packet.extend((symbols.len() as u16).to_be_bytes());
    packet.extend(&(reference as u32).to_be_bytes()[1..]);
    packet.push(0);
    for seven in symbols.chunks(7) {
        let bits = seven.iter().fold(0, |bits, symbol| bits << 2 | symbol);
        packet.extend((0xc000 | bits << (2 * (7 - seven.len()))).to_be_bytes());
    }
    packet.extend(deltas);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet
}
