//! Asking the network on purpose: a short run of packets faster than the estimate, when more is wanted.

/// A run of packets that the sender is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Bits per second at which to send, media included.
    pub(crate) rate_bps: u64,
    /// Bytes to send beyond media, as padding or as packets sent again.
    pub(crate) bytes: u32,
}

/// How far above what is wanted a probe is sent: its answer is a lower bound.
const ABOVE_WANTED: f64 = 1.5;
/// A probe is no faster than so many times the estimate.
const MAX_FACTOR: f64 = 3.0;
/// The shortest and the longest probe in microseconds; in between, so many times the jitter.
const MIN_SPAN: i64 = 15_000;
const MAX_SPAN: i64 = 100_000;
const SPAN_JITTERS: i64 = 5;
/// A probe that fails leaves a queue of no more than this, in seconds at the estimate.
const MAX_QUEUE: f64 = 0.15;
/// Bytes that an answer takes at least.
const MIN_BYTES: f64 = 7.0 * 1_200.0;
/// A sender that doesn't get it out by then sends media only; the answer takes a round trip and this time longer.
const SEND_TIME: i64 = 500_000;
const ANSWER_TIME: i64 = 1_000_000;
/// How far above the estimate an answer must be for another probe to be worth while at once.
const PROGRESS: f64 = 1.25;
/// A probe sent slower than this part of its rate says nothing.
const TOO_SLOW: f64 = 0.7;
/// Between a probe that found more and the next; between one that didn't and the next, at first and at most.
const AFTER_SUCCESS: i64 = 300_000;
const AFTER_FAILURE: i64 = 5_000_000;
const MAX_AFTER_FAILURE: i64 = 30_000_000;
/// For how long an answer stands for the estimate.
const FRESH: i64 = 5_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// So many bytes are left to send.
    Sending {
        left: i64,
        until: i64,
    },
    /// The last packet has left.
    Waiting {
        last: u64,
        until: i64,
    },
}

/// The control.
#[derive(Debug)]
pub(super) struct Prober {
    phase: Phase,
    rate: f64,
    estimate: f64,
    /// First and last time of sending, and bytes after the first packet.
    sent: Option<(i64, i64)>,
    sent_bytes: u64,
    last_index: u64,
    best: f64,
    next: i64,
    back_off: i64,
    confirmed: Option<i64>,
}

impl Prober {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Idle,
            rate: 0.0,
            estimate: 0.0,
            sent: None,
            sent_bytes: 0,
            last_index: 0,
            best: 0.0,
            next: 0,
            back_off: AFTER_FAILURE,
            confirmed: None,
        }
    }

    /// Begins a probe for `wanted` bits per second unless one is on its way or one has failed of late.
    pub(super) fn begin(&mut self, wanted: f64, estimate: f64, jitter: i64, now: i64) -> Option<Probe> {
        if self.phase != Phase::Idle || now < self.next {
            return None;
        }
        let rate = (ABOVE_WANTED * wanted).min(MAX_FACTOR * estimate);
        let span = (SPAN_JITTERS * jitter).clamp(MIN_SPAN, MAX_SPAN) as f64 / 1e6;
        let bytes = (rate * span / 8.0).min(estimate * MAX_QUEUE / 8.0).max(MIN_BYTES);
        self.phase = Phase::Sending { left: bytes as i64, until: now + SEND_TIME };
        (self.rate, self.estimate) = (rate, estimate);
        (self.sent, self.sent_bytes, self.best) = (None, 0, 0.0);
        Some(Probe { rate_bps: rate as u64, bytes: bytes as u32 })
    }

    /// Whether a packet that leaves now is part of a probe.
    pub(super) fn takes(&self, now: i64) -> bool {
        matches!(self.phase, Phase::Sending { until, .. } if now < until)
    }

    /// A packet of the probe has left.
    pub(super) fn on_sent(&mut self, index: u64, bytes: u16, now: i64, round_trip: i64) {
        let Phase::Sending { left, until } = &mut self.phase else { return };
        *left -= i64::from(bytes);
        self.last_index = index;
        match &mut self.sent {
            None => self.sent = Some((now, now)),
            Some((_, last)) => {
                *last = now;
                self.sent_bytes += u64::from(bytes);
            }
        }
        if *left <= 0 || now >= *until {
            self.phase = Phase::Waiting { last: index, until: now + round_trip + ANSWER_TIME };
        }
    }

    /// Packets of the probe have arrived at so many bits per second.
    pub(super) const fn measured(&mut self, rate: f64) {
        self.best = self.best.max(rate);
    }

    /// Bits per second at which the probe has arrived, once feedback has come on the packet `newest` or the time for it
    /// is over.
    pub(super) fn conclude(&mut self, newest: u64, now: i64, round_trip: i64) -> Option<f64> {
        match self.phase {
            Phase::Sending { until, .. } if now >= until => {
                if self.sent.is_none() {
                    // Nobody sent it; the network is not to blame.
                    self.phase = Phase::Idle;
                    self.next = now + ANSWER_TIME;
                } else {
                    self.phase =
                        Phase::Waiting { last: self.last_index, until: now + round_trip + ANSWER_TIME };
                }
                None
            }
            Phase::Waiting { last, until } if newest >= last || now >= until => {
                self.phase = Phase::Idle;
                self.judge(now);
                Some(self.best)
            }
            _ => None,
        }
    }

    fn judge(&mut self, now: i64) {
        if self.best > PROGRESS * self.estimate {
            self.next = now + AFTER_SUCCESS;
            self.back_off = AFTER_FAILURE;
            self.confirmed = Some(now);
            return;
        }
        let (first, last) = self.sent.unwrap_or((now, now));
        let sent = (8 * self.sent_bytes) as f64 * 1e6 / (last - first).max(1) as f64;
        if sent < TOO_SLOW * self.rate {
            self.next = now + ANSWER_TIME;
        } else {
            self.fail(now);
        }
    }

    /// The network has been seen to carry more than before, so asking may be worth while again.
    pub(super) fn encourage(&mut self, now: i64) {
        self.back_off = AFTER_FAILURE;
        self.next = self.next.min(now + AFTER_SUCCESS);
    }

    /// The estimate has just fallen: what was asked before counts no more, and asking has to wait.
    pub(super) fn discourage(&mut self, now: i64) {
        self.confirmed = None;
        self.next = self.next.max(now + AFTER_FAILURE);
        if self.sent.is_some() && self.phase != Phase::Idle {
            // The probe itself was too much.
            self.fail(now);
        }
        self.phase = Phase::Idle;
    }

    fn fail(&mut self, now: i64) {
        self.next = now + self.back_off;
        self.back_off = (2 * self.back_off).min(MAX_AFTER_FAILURE);
    }

    /// Whether an answer of late stands for the estimate.
    pub(super) fn is_fresh(&self, now: i64) -> bool {
        self.confirmed.is_some_and(|at| now - at < FRESH)
    }
}
