//! Consumers: one producer on one transport.

use crate::frame::TICKS_PER_MS;
use crate::producer::Producer;
use crate::shard::LegCommand;
use crate::transport::{TransportInner, WebRtcTransport};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

vas_core::uuid_id! {
    /// A consumer.
    ConsumerId
}

/// Why a consumer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsumerCloseReason {
    Requested,
    Producer,
    Transport,
}

/// What is counted of a consumer, by its shard.
#[derive(Debug, Default)]
pub(crate) struct ConsumerCounters {
    pub(crate) packets: AtomicU64,
    pub(crate) octets: AtomicU64,
    pub(crate) unsent: AtomicU64,
    pub(crate) overflows: AtomicU64,
    pub(crate) nacks: AtomicU64,
    pub(crate) retransmitted: AtomicU64,
    pub(crate) key_requests: AtomicU64,
    pub(crate) replays: AtomicU64,
    /// What the viewer last reported: 256ths of packets lost, jitter in RTP ticks, round trip in microseconds, and
    /// its estimate of bits per second.
    pub(crate) fraction_lost: AtomicU64,
    pub(crate) jitter: AtomicU64,
    pub(crate) round_trip_micros: AtomicU64,
    pub(crate) estimate: AtomicU64,
}

/// What a consumer's handles and its shard share.
#[derive(Debug)]
pub(crate) struct ConsumerShared {
    pub(crate) id: ConsumerId,
    pub(crate) counters: ConsumerCounters,
    closed: watch::Sender<Option<ConsumerCloseReason>>,
}

impl ConsumerShared {
    pub(crate) fn new() -> Self {
        Self {
            id: ConsumerId::random(),
            counters: ConsumerCounters::default(),
            closed: watch::Sender::new(None),
        }
    }

    pub(crate) fn set_closed(&self, reason: ConsumerCloseReason) {
        self.closed.send_if_modified(|state| state.replace(reason).is_none());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }
}

/// Figures of a consumer; packets and octets are as of the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ConsumerStats {
    /// RTP packets sent, without retransmissions.
    pub packets: u64,
    /// Bytes of RTP payload in them.
    pub octets: u64,
    /// Packets that could not be sent. What only meets a full buffer is sent later and does not count.
    pub unsent: u64,
    /// Times that so much waited for the viewer that it had to start anew.
    pub overflows: u64,
    /// Packets that the viewer reported as lost.
    pub nacks: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Requests for a key picture (PLI and FIR).
    pub key_requests: u64,
    /// Cached groups of pictures sent again on such requests.
    pub replays: u64,
    /// Share of packets that the viewer missed lately, 0 to 1, before repair.
    pub loss: f64,
    /// Jitter of arrival at the viewer, in milliseconds.
    pub jitter_ms: f64,
    /// Round trip to the viewer in milliseconds; 0 until it is known.
    pub round_trip_ms: f64,
    /// What the viewer believes it can receive, in bits per second; 0 where it does not say.
    pub estimate_bps: u64,
}

/// One producer on its way to one viewer. Dropping the last handle ends it.
#[derive(Clone)]
#[must_use = "a consumer ends when its last handle is dropped"]
pub struct Consumer {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<ConsumerShared>,
    transport: Arc<TransportInner>,
    producer: Producer,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Consumer {
    pub(crate) fn new(shared: Arc<ConsumerShared>, transport: &WebRtcTransport, producer: Producer) -> Self {
        producer.shared().consumer_added();
        Self { inner: Arc::new(Inner { shared, transport: transport.inner().clone(), producer }) }
    }

    /// The consumer's id.
    #[must_use]
    pub fn id(&self) -> ConsumerId {
        self.inner.shared.id
    }

    /// The producer it consumes.
    pub fn producer(&self) -> &Producer {
        &self.inner.producer
    }

    /// Sends nothing until it is resumed.
    pub fn pause(&self) {
        self.set_paused(true);
    }

    /// Sends again, from the cached group of pictures on.
    pub fn resume(&self) {
        self.set_paused(false);
    }

    fn set_paused(&self, paused: bool) {
        self.inner.transport.command(LegCommand::SetPaused(self.id(), paused));
    }

    /// Ends it.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.shared.is_closed()
    }

    /// Completes when it has ended, for whatever reason. Cancel-safe.
    pub async fn closed(&self) {
        let mut closed = self.inner.shared.closed.subscribe();
        // An error would mean that the sender is gone, which `self` holds.
        let _ = closed.wait_for(Option::is_some).await;
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> ConsumerStats {
        let counters = &self.inner.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ConsumerStats {
            packets: read(&counters.packets),
            octets: read(&counters.octets),
            unsent: read(&counters.unsent),
            overflows: read(&counters.overflows),
            nacks: read(&counters.nacks),
            retransmitted: read(&counters.retransmitted),
            key_requests: read(&counters.key_requests),
            replays: read(&counters.replays),
            loss: read(&counters.fraction_lost) as f64 / 256.0,
            jitter_ms: read(&counters.jitter) as f64 / f64::from(TICKS_PER_MS),
            round_trip_ms: read(&counters.round_trip_micros) as f64 / 1_000.0,
            estimate_bps: read(&counters.estimate),
        }
    }
}

impl Inner {
    fn close(&self) {
        if !self.shared.is_closed() {
            self.transport.command(LegCommand::RemoveConsumer(self.shared.id));
            self.shared.set_closed(ConsumerCloseReason::Requested);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
        self.producer.shared().consumer_removed();
        self.transport.consumer_closed();
    }
}
