//! Producers: pictures or sound of one camera, in one or more layers, for any number of viewers.

mod encode;
mod layer;
mod task;

#[cfg(test)]
pub(crate) use layer::Measured;
pub(crate) use layer::{LayerCommand, LayerId, LayerShared};

use crate::error::ProduceError;
use crate::ortc::MediaKind;
use crate::shard::Routes;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use task::Task;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vas_core::hub::{StartAt, StreamHub};
use vas_core::media::TrackFormat;
use vas_core::{SharedClock, StreamId, TaskScope};

vas_core::uuid_id! {
    /// A producer.
    ProducerId
}

/// Requests of shards that may wait; a shard has few at a time.
const COMMANDS: usize = 1_024;
/// Layers of one producer.
pub(crate) const MAX_LAYERS: usize = 8;

/// What a producer is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerOptions {
    kind: MediaKind,
    layers: Vec<StreamId>,
}

impl ProducerOptions {
    /// The pictures of these streams of the hub, which show the same in different sizes: a camera's main stream first,
    /// then its sub streams. The producer lives as long as the first.
    #[must_use]
    pub fn video(layers: impl IntoIterator<Item = StreamId>) -> Self {
        Self { kind: MediaKind::Video, layers: layers.into_iter().collect() }
    }

    /// The sound of a stream of the hub. AAC, which no browser takes over WebRTC, becomes Opus while somebody listens.
    #[must_use]
    pub fn audio(stream: StreamId) -> Self {
        Self { kind: MediaKind::Audio, layers: vec![stream] }
    }
}

/// Figures of a producer, over all its layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerStats {
    /// Consumers now, connected or not.
    pub consumers: usize,
    /// Frames packetised. A producer without viewers packetises none.
    pub frames: u64,
    /// Packets they made.
    pub packets: u64,
    /// B pictures left out, which browsers can't play over WebRTC.
    pub dropped_b: u64,
    /// Pictures whose presentation runs backwards although they can't be left out: other pictures refer to them.
    /// Such a stream does not play well over WebRTC; the camera's B pictures should be switched off.
    pub reordered: u64,
    /// Units that the producer missed because it fell behind.
    pub missed: u64,
    /// Times that a shard fell so far behind that its viewers had to start anew.
    pub overflows: u64,
    /// Packets of sound that could not be decoded to be made into Opus.
    pub undecodable: u64,
}

/// A layer of a producer, as it is now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProducerLayer {
    /// The stream of the hub.
    pub stream: StreamId,
    /// How it reaches viewers; `None` while its source is not there.
    pub format: Option<Arc<TrackFormat>>,
    /// Bits per second of late; 0 while it is not known.
    pub bitrate_bps: u64,
}

/// A camera's pictures or sound that viewers can consume. Dropping the last handle ends it and all its consumers.
#[derive(Clone)]
#[must_use = "a producer ends when its last handle is dropped"]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    id: ProducerId,
    kind: MediaKind,
    streams: Vec<StreamId>,
    layers: Arc<[Arc<LayerShared>]>,
    consumers: AtomicUsize,
    clock: SharedClock,
    cancel: CancellationToken,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("streams", &self.inner.streams)
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Starts the tasks that serve viewers, one for each layer.
    pub(crate) fn start(
        hub: &StreamHub,
        options: ProducerOptions,
        routes: &Arc<Routes>,
        scope: &TaskScope,
        clock: &SharedClock,
    ) -> Result<Self, ProduceError> {
        if scope.is_cancelled() {
            return Err(ProduceError::Closed);
        }
        let ProducerOptions { kind, layers: streams } = options;
        if streams.is_empty() || streams.len() > MAX_LAYERS {
            return Err(ProduceError::Layers { given: streams.len(), limit: MAX_LAYERS });
        }
        for &stream in &streams {
            // Only to learn whether the stream is there: nothing is read until somebody watches.
            drop(hub.subscribe(stream, StartAt::Next).map_err(|_| ProduceError::NotFound(stream))?);
        }
        let cancel = CancellationToken::new();
        let layers = streams.iter().map(|&stream| {
            let (sender, commands) = mpsc::channel(COMMANDS);
            let shared = Arc::new(LayerShared::new(kind, Some((hub.clone(), stream)), sender));
            let task = Task::new(hub, stream, routes, &shared, commands);
            // The first of two looks that a bit rate is made of.
            shared.measured(clock.now());
            let (stop, scoped) = (cancel.clone(), scope.clone());
            scope.spawn("layer", async move {
                tokio::select! {
                    () = task.run() => {}
                    () = stop.cancelled() => {}
                    () = scoped.cancelled() => {}
                }
            });
            shared
        });
        let layers: Arc<[Arc<LayerShared>]> = layers.collect();
        let consumers = AtomicUsize::new(0);
        let (id, clock) = (ProducerId::random(), clock.clone());
        let inner = Inner { id, kind, streams, layers, consumers, clock, cancel };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The producer's id.
    #[must_use]
    pub fn id(&self) -> ProducerId {
        self.inner.id
    }

    /// Whether it is of pictures or of sound.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.inner.kind
    }

    /// The stream of its first layer.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.inner.streams[0]
    }

    /// Its layers as they are now, in the order in which they were given.
    #[must_use]
    pub fn layers(&self) -> Vec<ProducerLayer> {
        let now = self.inner.clock.now();
        self.inner
            .streams
            .iter()
            .zip(&*self.inner.layers)
            .map(|(&stream, layer)| ProducerLayer {
                stream,
                format: layer.format(),
                bitrate_bps: layer.measured(now).bps,
            })
            .collect()
    }

    /// How its layers reach viewers now.
    pub(crate) fn formats(&self) -> Vec<Option<Arc<TrackFormat>>> {
        self.inner.layers.iter().map(|layer| layer.format()).collect()
    }

    pub(crate) fn shared(&self) -> &Arc<[Arc<LayerShared>]> {
        &self.inner.layers
    }

    pub(crate) fn consumer_added(&self) {
        self.inner.consumers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn consumer_removed(&self) {
        self.inner.consumers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Consumers now, connected or not.
    #[must_use]
    pub fn consumers(&self) -> usize {
        self.inner.consumers.load(Ordering::Relaxed)
    }

    /// Ends it and all its consumers.
    pub fn close(&self) {
        self.inner.cancel.cancel();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.layers[0].is_closed()
    }

    /// Completes when it has ended: closed, or its first stream removed from the hub. Cancel-safe.
    pub async fn closed(&self) {
        let mut closed = self.inner.layers[0].closed.subscribe();
        // An error would mean that the sender is gone, which `self` holds.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut stats = ProducerStats { consumers: self.consumers(), ..ProducerStats::default() };
        for layer in &*self.inner.layers {
            let counters = &layer.counters;
            stats.frames += read(&counters.frames);
            stats.packets += read(&counters.packets);
            stats.dropped_b += read(&counters.dropped_b);
            stats.reordered += read(&counters.reordered);
            stats.missed += read(&counters.missed);
            stats.overflows += read(&counters.overflows);
            stats.undecodable += read(&counters.undecodable);
        }
        stats
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
