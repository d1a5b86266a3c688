//! What the API does: devices and streams, kept the same in the database, the supervisor and the media server.
//!
//! Changes of one device's stream follow each other (a lock per device), and each is carried through even when the
//! client that asked for it goes away in between.

pub(crate) mod bulk;
pub(crate) mod captures;
mod consumers;
pub(crate) mod dashboard;
pub(crate) mod demand;
mod devices;
mod error;
pub(crate) mod events;
mod history;
mod layers;
mod live;
mod locks;
mod options;
pub(crate) mod recording;
mod sight;
mod streams;
mod validate;
mod whip;

pub(crate) use consumers::{
    ConsumeFailure, ConsumeRequest, Consumed, ConsumerRecord, Consumers, NotWatchable,
};
pub(crate) use devices::{DevicePatch, NewDevice, checked as checked_device};
pub(crate) use error::ControlError;
pub(crate) use history::HISTORY_KEPT;
pub(crate) use layers::sub_stream;
pub(crate) use live::{Live, LiveIds, ViewerCounts, WatchError};
pub(crate) use options::{IDLE_RANGE, OptionsPatch};
pub(crate) use recording::Recordings;
pub(crate) use streams::{Present, Started, StreamInfo};
pub(crate) use validate::Validation;
pub(crate) use whip::PublishError;

use crate::db::{SqlDeviceOptions, SqlDevices, SqlStreams};
use captures::Captures;
use dashboard::Dashboard;
use demand::Demand;
use events::{Audience, EventReader, Events, Facts, Topic};
use history::History;
use locks::Locks;
use sight::Sight;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};
use vas_core::model::Transition;
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
    /// Whose it is: what is outside of it is not seen.
    sight: Arc<Sight>,
}

#[derive(Debug)]
struct Inner {
    devices: Arc<dyn DeviceRepo>,
    streams: Arc<dyn StreamRepo>,
    options: SqlDeviceOptions,
    demand: Demand,
    supervisor: Supervisor,
    live: Live,
    consumers: Consumers,
    whip: WhipServer,
    recordings: Recordings,
    captures: Captures,
    dashboard: Dashboard,
    events: Events,
    facts: Facts,
    history: History,
    locks: Locks<DeviceId>,
    probes: Arc<Semaphore>,
    clock: SharedClock,
    scope: TaskScope,
}

/// What [`Control`] works on.
pub(crate) struct Parts {
    pub(crate) devices: SqlDevices,
    pub(crate) options: SqlDeviceOptions,
    pub(crate) streams: SqlStreams,
    pub(crate) supervisor: Supervisor,
    pub(crate) live: Live,
    pub(crate) whip: WhipServer,
    pub(crate) recordings: Recordings,
    pub(crate) captures: Captures,
    pub(crate) dashboard: Dashboard,
    pub(crate) events: Events,
    pub(crate) clock: SharedClock,
}

impl Control {
    /// Starts what runs beside the calls: the writer of the streams' histories, in `history_scope`, which must outlive
    /// the supervisor. `scope` is for changes under way.
    pub(crate) fn new(parts: Parts, scope: TaskScope, history_scope: &TaskScope) -> Self {
        let Parts {
            devices,
            options,
            streams,
            supervisor,
            live,
            whip,
            recordings,
            captures,
            dashboard,
            events,
            clock,
        } = parts;
        let streams: Arc<dyn StreamRepo> = Arc::new(streams);
        let history = History::start(streams.clone(), supervisor.transitions(), history_scope);
        let inner = Inner {
            devices: Arc::new(devices),
            options,
            demand: Demand::default(),
            streams,
            supervisor,
            consumers: Consumers::new(live.clone(), clock.clone()),
            live,
            whip,
            recordings,
            captures,
            dashboard,
            events,
            facts: Facts::default(),
            history,
            locks: Locks::default(),
            probes: Arc::new(Semaphore::new(MAX_PROBES)),
            clock,
            scope,
        };
        let this = Self { inner: Arc::new(inner), sight: Arc::new(Sight::own()) };
        this.tell_facts();
        this.watch_demand(&this.inner.scope);
        this
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
    pub(crate) fn captures(&self) -> Captures {
        self.inner.captures.seen_by(self.sight.clone())
    }

    /// What the dashboard shows beside devices and streams.
    pub(crate) fn dashboard(&self) -> &Dashboard {
        &self.inner.dashboard
    }

    /// What happens and how things are, to be told to whoever wants to know.
    pub(crate) fn events(&self) -> &Events {
        &self.inner.events
    }

    /// Reads the events of these topics that this control's caller may see, from the one after `since` or from now on.
    pub(crate) fn read_events(&self, topics: Vec<Topic>, since: Option<u64>) -> EventReader {
        self.inner.events.read(
            Audience::of(self.tenant().clone()).limited_to(self.sight.devices.clone()),
            topics,
            since,
        )
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
