//! Consumers: one producer on one transport.

use crate::layers::Thinning;
use crate::ortc::{MediaKind, RtpParameters};
use crate::producer::Producer;
use crate::shard::{LegCommand, Wanted};
use crate::transport::TransportInner;
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
    pub(crate) thinned: AtomicU64,
    pub(crate) switches: AtomicU64,
    /// What the viewer last reported: 256ths of packets lost, jitter and round trip in microseconds, and its estimate
    /// of bits per second.
    pub(crate) fraction_lost: AtomicU64,
    pub(crate) jitter_micros: AtomicU64,
    pub(crate) round_trip_micros: AtomicU64,
    pub(crate) queue_micros: AtomicU64,
    pub(crate) estimate: AtomicU64,
}

/// What a consumer's handles and its shard share.
#[derive(Debug)]
pub(crate) struct ConsumerShared {
    pub(crate) id: ConsumerId,
    pub(crate) counters: ConsumerCounters,
    layers: watch::Sender<LayerState>,
    closed: watch::Sender<Option<ConsumerCloseReason>>,
}

impl ConsumerShared {
    pub(crate) fn new() -> Self {
        Self {
            id: ConsumerId::random(),
            counters: ConsumerCounters::default(),
            layers: watch::Sender::default(),
            closed: watch::Sender::new(None),
        }
    }

    /// Tells of the layer that is sent.
    pub(crate) fn set_layers(&self, state: LayerState) {
        self.layers.send_if_modified(|known| {
            // The estimate alone is no news: it moves all the time.
            let news = (known.current, known.thinning) != (state.current, state.thinning);
            *known = state;
            news
        });
    }

    pub(crate) fn set_closed(&self, reason: ConsumerCloseReason) {
        self.closed.send_if_modified(|state| state.replace(reason).is_none());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }
}

/// Which layer a viewer gets, and how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerState {
    /// The layer's place among those of the producer; `None` until something is sent.
    pub current: Option<usize>,
    /// What is left out of it for want of bandwidth.
    pub thinning: Thinning,
    /// What the viewer's connection is believed to carry, in bits per second; `None` while nothing is known of it.
    pub estimate_bps: Option<u64>,
}

/// Which layer a viewer would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreferredLayer {
    /// This one, by its place among those of the producer, and no other, whatever the bandwidth.
    pub layer: Option<usize>,
    /// Width and height in pixels that the picture is shown at: no layer larger than needed for that is sent.
    pub size: Option<(u32, u32)>,
}

impl PreferredLayer {
    pub(crate) const fn wanted(self) -> Wanted {
        Wanted { layer: self.layer, size: self.size }
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
    /// Pictures left out for want of bandwidth.
    pub thinned: u64,
    /// Times that another layer took over.
    pub switches: u64,
    /// Share of packets that the viewer missed lately, 0 to 1, before repair.
    pub loss: f64,
    /// Jitter of arrival at the viewer, in milliseconds.
    pub jitter_ms: f64,
    /// Round trip to the viewer in milliseconds; 0 until it is known.
    pub round_trip_ms: f64,
    /// For how long packets wait in the network on their way to the viewer, in milliseconds.
    pub queue_ms: f64,
    /// What the viewer's connection is believed to carry, in bits per second; 0 while nothing is known of it.
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
    parameters: RtpParameters,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Consumer {
    pub(crate) fn new(
        shared: Arc<ConsumerShared>,
        transport: &Arc<TransportInner>,
        producer: Producer,
        parameters: RtpParameters,
    ) -> Self {
        producer.consumer_added();
        let transport = transport.clone();
        Self { inner: Arc::new(Inner { shared, transport, producer, parameters }) }
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

    /// Whether it is of pictures or of sound.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.inner.producer.kind()
    }

    /// What is sent, as the viewer must know it.
    #[must_use]
    pub fn rtp_parameters(&self) -> &RtpParameters {
        &self.inner.parameters
    }

    /// Follows which layer the viewer gets.
    #[must_use]
    pub fn watch_layers(&self) -> watch::Receiver<LayerState> {
        self.inner.shared.layers.subscribe()
    }

    /// Says which layer the viewer would have. It gets the best one within that which its bandwidth allows.
    pub fn set_preferred_layer(&self, preferred: PreferredLayer) {
        self.inner.transport.command(LegCommand::SetWanted(self.id(), preferred.wanted()));
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
            thinned: read(&counters.thinned),
            switches: read(&counters.switches),
            loss: read(&counters.fraction_lost) as f64 / 256.0,
            jitter_ms: read(&counters.jitter_micros) as f64 / 1_000.0,
            round_trip_ms: read(&counters.round_trip_micros) as f64 / 1_000.0,
            queue_ms: read(&counters.queue_micros) as f64 / 1_000.0,
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
        self.producer.consumer_removed();
        self.transport.consumer_closed();
    }
}
