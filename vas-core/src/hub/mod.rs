//! The hub: where sources and consumers of streams meet.
//!
//! A stream has one ring of access units, one writer at a time and any number of subscriptions. The ring lives from
//! the first [`StreamHub::publish`] to [`StreamHub::remove`]: a source that fails and publishes again continues it
//! under a new epoch, and subscriptions live through that.
//!
//! **Pushing never waits**, whatever the readers do. A reader that falls behind gets [`RecvError::Lagged`] and goes
//! on at a key picture.

mod ring;
mod subscription;
mod writer;

pub use ring::{HubConfig, StreamStats};
pub use subscription::{CloseReason, RecvError, StartAt, Subscription};
pub use writer::StreamWriter;

use crate::error::{ErrorKind, HasKind};
use crate::id::StreamId;
use crate::media::StreamDesc;
use parking_lot::RwLock;
use ring::Ring;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Why a stream can't be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Another source publishes it.
    #[error("stream {0} is published already; stop its other source first")]
    Taken(StreamId),
}

impl HasKind for PublishError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
}

/// Why a stream can't be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// No source has ever published it, or it was removed.
    #[error("stream {0} is not in the hub; start it first")]
    NotFound(StreamId),
}

impl HasKind for SubscribeError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NotFound
    }
}

/// All streams of this process. `Clone` hands out the same hub.
#[derive(Clone, Debug)]
pub struct StreamHub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: HubConfig,
    streams: RwLock<HashMap<StreamId, Arc<Ring>>>,
    changes: watch::Sender<u64>,
}

impl Default for StreamHub {
    fn default() -> Self {
        Self::new(HubConfig::default())
    }
}

impl StreamHub {
    /// An empty hub whose streams are bounded by `config`.
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        let changes = watch::Sender::new(0);
        Self { inner: Arc::new(Inner { config, streams: RwLock::default(), changes }) }
    }

    /// Starts or continues a stream.
    ///
    /// # Errors
    /// [`PublishError::Taken`] while another writer of the same stream lives.
    pub fn publish(&self, id: StreamId, desc: StreamDesc) -> Result<StreamWriter, PublishError> {
        let ring = self.ring_or_new(id);
        let writer = StreamWriter::start(ring, desc).ok_or(PublishError::Taken(id))?;
        self.changed();
        Ok(writer)
    }

    /// Makes room for a stream whose source is still to come, so that it can be subscribed to.
    pub fn open(&self, id: StreamId) {
        self.ring_or_new(id);
    }

    /// Reads a stream from `start` on.
    ///
    /// # Errors
    /// [`SubscribeError::NotFound`] when the stream has not been opened or published, or was removed.
    pub fn subscribe(&self, id: StreamId, start: StartAt) -> Result<Subscription, SubscribeError> {
        let ring = self.ring(id).ok_or(SubscribeError::NotFound(id))?;
        Ok(Subscription::new(ring, start))
    }

    /// Ends a stream: its subscriptions read what is left and then [`RecvError::Closed`].
    pub fn remove(&self, id: StreamId) {
        if let Some(ring) = self.inner.streams.write().remove(&id) {
            ring.close();
            self.changed();
        }
    }

    /// Completes when the stream is removed; at once when it is not in the hub. Cancel-safe.
    pub async fn removed(&self, id: StreamId) {
        if let Some(ring) = self.ring(id) {
            ring.end.cancelled().await;
        }
    }

    /// What the stream carries; `None` while nobody publishes it.
    #[must_use]
    pub fn describe(&self, id: StreamId) -> Option<Arc<StreamDesc>> {
        self.ring(id)?.desc()
    }

    /// Counters of a stream; `None` when it is not in the hub.
    #[must_use]
    pub fn stats(&self, id: StreamId) -> Option<StreamStats> {
        Some(self.ring(id)?.stats())
    }

    /// The streams in the hub, in no order.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamId> {
        self.inner.streams.read().keys().copied().collect()
    }

    /// Changes whenever a stream is published or removed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn ring(&self, id: StreamId) -> Option<Arc<Ring>> {
        self.inner.streams.read().get(&id).cloned()
    }

    fn ring_or_new(&self, id: StreamId) -> Arc<Ring> {
        let mut streams = self.inner.streams.write();
        streams.entry(id).or_insert_with(|| Arc::new(Ring::new(&self.inner.config))).clone()
    }

    fn changed(&self) {
        self.inner.changes.send_modify(|version| *version += 1);
    }
}

#[cfg(test)]
mod tests;
