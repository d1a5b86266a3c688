//! What the API does: devices and streams, kept the same in the database, the supervisor and the media server.
//!
//! Changes of one device's stream follow each other (a lock per device), and each is carried through even when the
//! client that asked for it goes away in between.

pub(crate) mod captures;
mod consumers;
mod devices;
mod error;
mod history;
mod layers;
mod live;
mod locks;
pub(crate) mod recording;
mod streams;
mod validate;
mod whip;

pub(crate) use consumers::{
    ConsumeFailure, ConsumeRequest, Consumed, ConsumerRecord, Consumers, NotWatchable,
};
pub(crate) use devices::{DevicePatch, NewDevice};
pub(crate) use error::ControlError;
pub(crate) use history::HISTORY_KEPT;
pub(crate) use layers::sub_stream;
pub(crate) use live::{Live, LiveIds, ViewerCounts, WatchError};
pub(crate) use recording::Recordings;
pub(crate) use streams::{Started, StreamInfo};
pub(crate) use validate::Validation;
pub(crate) use whip::PublishError;

use crate::db::{SqlDevices, SqlStreams};
use captures::Captures;
use history::History;
use locks::Locks;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};
use vas_core::model::{TenantId, Transition};
use vas_core::ports::{DeviceRepo, StreamRepo};
use vas_core::{DeviceId, SharedClock, StreamId, TaskScope};
use vas_ingest::Supervisor;
use vas_sfu::whip::WhipServer;

/// Cameras that are probed at the same time on request.
const MAX_PROBES: usize = 8;

/// All that can be done with devices and streams. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    devices: Arc<dyn DeviceRepo>,
    streams: Arc<dyn StreamRepo>,
    supervisor: Supervisor,
    live: Live,
    consumers: Consumers,
    whip: WhipServer,
    recordings: Recordings,
    captures: Captures,
    history: History,
    locks: Locks<DeviceId>,
    probes: Arc<Semaphore>,
    clock: SharedClock,
    scope: TaskScope,
    /// Until there are accounts everything belongs to one tenant.
    tenant: TenantId,
}

/// What [`Control`] works on.
pub(crate) struct Parts {
    pub(crate) devices: SqlDevices,
    pub(crate) streams: SqlStreams,
    pub(crate) supervisor: Supervisor,
    pub(crate) live: Live,
    pub(crate) whip: WhipServer,
    pub(crate) recordings: Recordings,
    pub(crate) captures: Captures,
    pub(crate) clock: SharedClock,
}

impl Control {
    /// Starts what runs beside the calls: the writer of the streams' histories, in `history_scope`, which must outlive
    /// the supervisor. `scope` is for changes under way.
    pub(crate) fn new(parts: Parts, scope: TaskScope, history_scope: &TaskScope) -> Self {
        let Parts { devices, streams, supervisor, live, whip, recordings, captures, clock } = parts;
        let streams: Arc<dyn StreamRepo> = Arc::new(streams);
        let history = History::start(streams.clone(), supervisor.transitions(), history_scope);
        let inner = Inner {
            devices: Arc::new(devices),
            streams,
            supervisor,
            consumers: Consumers::new(live.clone(), clock.clone()),
            live,
            whip,
            recordings,
            captures,
            history,
            locks: Locks::default(),
            probes: Arc::new(Semaphore::new(MAX_PROBES)),
            clock,
            scope,
            tenant: TenantId::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The media server's side of the streams.
    pub(crate) fn live(&self) -> &Live {
        &self.inner.live
    }

    /// Viewers that came with capabilities.
    pub(crate) fn consumers(&self) -> &Consumers {
        &self.inner.consumers
    }

    /// What is recorded, and what has been.
    pub(crate) fn recordings(&self) -> &Recordings {
        &self.inner.recordings
    }

    /// Bookmarks and snapshots.
    pub(crate) fn captures(&self) -> &Captures {
        &self.inner.captures
    }

    /// How many watch a stream, by whichever door.
    pub(crate) fn viewers(&self, stream: StreamId) -> ViewerCounts {
        let ViewerCounts { total, active } = self.inner.live.viewers(stream);
        ViewerCounts { total, active: (active + self.inner.consumers.connected(stream)).min(total) }
    }

    /// What calls that take their time run in.
    pub(crate) fn scope(&self) -> &TaskScope {
        &self.inner.scope
    }

    /// Every change of a stream's state from now on.
    pub(crate) fn transitions(&self) -> broadcast::Receiver<(StreamId, Transition)> {
        self.inner.supervisor.transitions()
    }

    /// Carries a change through, whatever becomes of the caller.
    async fn carry_through<T, F>(&self, name: &'static str, change: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ControlError>> + Send + 'static,
    {
        match self.inner.scope.spawn(name, change).await {
            Ok(Some(result)) => result,
            // It panicked, which the scope has logged.
            Ok(None) | Err(_) => Err(ControlError::Internal),
        }
    }
}
