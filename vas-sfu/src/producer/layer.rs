//! Layers: one track of one stream of the hub, packetised once for all viewers.

use crate::ortc::MediaKind;
use crate::shard::FeedKey;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use vas_core::StreamId;
use vas_core::hub::StreamHub;
use vas_core::media::{AudioCodec, AudioFormat, Codec, TrackFormat};

vas_core::uuid_id! {
    /// A layer of a producer.
    LayerId
}

/// How long a measurement of a layer's bit rate and size is believed.
const FRESH: Duration = Duration::from_secs(1);

/// What shards ask of a layer's task.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerCommand {
    /// Send frames to this shard.
    Attach { shard: usize, key: FeedKey },
    /// Send no more.
    Detach { shard: usize, key: FeedKey },
}

/// What is counted of a layer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) frames: AtomicU64,
    pub(super) packets: AtomicU64,
    pub(super) dropped_b: AtomicU64,
    pub(super) reordered: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) overflows: AtomicU64,
    pub(super) undecodable: AtomicU64,
}

/// What a layer needs of a viewer, as last measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bits per second; 0 while it is not known.
    pub(crate) bps: u64,
    /// Width and height in pixels; 0 while they are not known.
    pub(crate) size: (u32, u32),
    /// What it reaches viewers as; `None` while its source is not there.
    pub(crate) codec: Option<Codec>,
}

#[derive(Debug, Default)]
struct Meter {
    since: Option<Instant>,
    bytes: u64,
    measured: Measured,
}

/// What a layer's task, its producer's handles and the shards share.
pub(crate) struct LayerShared {
    pub(crate) id: LayerId,
    pub(crate) kind: MediaKind,
    source: Option<(StreamHub, StreamId)>,
    commands: mpsc::Sender<LayerCommand>,
    meter: Mutex<Meter>,
    pub(super) counters: Counters,
    pub(super) closed: watch::Sender<bool>,
}

impl fmt::Debug for LayerShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerShared").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl LayerShared {
    pub(super) fn new(
        kind: MediaKind,
        source: Option<(StreamHub, StreamId)>,
        commands: mpsc::Sender<LayerCommand>,
    ) -> Self {
        Self {
            id: LayerId::random(),
            kind,
            source,
            commands,
            meter: Mutex::default(),
            counters: Counters::default(),
            closed: watch::Sender::new(false),
        }
    }

    /// A layer that no task feeds, for tests and benchmarks of what lies behind it.
    pub(crate) fn detached(kind: MediaKind) -> Arc<Self> {
        Arc::new(Self::new(kind, None, mpsc::channel(1).0))
    }

    /// Says that this was measured of a layer that no task feeds.
    #[cfg(test)]
    pub(crate) fn set_measured(&self, measured: Measured) {
        self.meter.lock().measured = measured;
    }

    pub(crate) fn command(&self, command: LayerCommand) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command) {
            tracing::error!(layer = %self.id, ?command, "a layer does not keep up with the shards");
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// How the layer reaches viewers: its track's format, where a camera's AAC has become Opus.
    pub(crate) fn format(&self) -> Option<Arc<TrackFormat>> {
        let (hub, stream) = self.source.as_ref()?;
        let desc = hub.describe(*stream)?;
        match self.kind {
            MediaKind::Video => desc.video().map(|(track, _)| track.format.clone()),
            MediaKind::Audio => {
                let (track, format) = desc.audio()?;
                match sent_as(format) {
                    Some(other) => Some(Arc::new(TrackFormat::Audio(other))),
                    None => Some(track.format.clone()),
                }
            }
        }
    }

    /// The layer's bit rate and size, measured anew once a second.
    pub(crate) fn measured(&self, now: Instant) -> Measured {
        let mut meter = self.meter.lock();
        let elapsed = meter.since.map(|since| now.saturating_duration_since(since));
        if elapsed.is_some_and(|elapsed| elapsed < FRESH) {
            return meter.measured;
        }
        let Some((hub, stream)) = &self.source else { return meter.measured };
        if let Some(stats) = hub.stats(*stream) {
            if let Some(elapsed) = elapsed {
                let bits = 8.0 * stats.bytes.saturating_sub(meter.bytes) as f64;
                let bps = (bits / elapsed.as_secs_f64()) as u64;
                // Key pictures come in bursts: what was measured before counts for most of it.
                let before = meter.measured.bps;
                meter.measured.bps = if before == 0 { bps } else { (before * 3 + bps) / 4 };
            }
            meter.bytes = stats.bytes;
        }
        meter.since = Some(now);
        let format = self.format();
        meter.measured.codec = format.as_ref().map(|format| format.codec());
        if let Some(video) = format.as_ref().and_then(|format| format.video()) {
            meter.measured.size = (video.width, video.height);
        }
        meter.measured
    }
}

/// What a track's sound is sent as where viewers can't take it as it is: Opus for AAC.
pub(super) fn sent_as(format: &AudioFormat) -> Option<AudioFormat> {
    (format.codec == AudioCodec::Aac).then(|| AudioFormat::opus(format.channels.clamp(1, 2)))
}
