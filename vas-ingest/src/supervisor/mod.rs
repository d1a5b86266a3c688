//! Keeps the wanted sources running: one task for each, restarted after any failure.

mod publisher;
mod settings;
mod status;
mod worker;

pub use publisher::PublisherFeed;
pub use status::IngestStatus;

use crate::config::IngestConfig;
use crate::failure::IngestError;
use crate::probe::{Probe, probe_with};
use crate::session::SessionParts;
use crate::source::Source;
use parking_lot::Mutex;
use settings::Settings;
use status::Shared;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use vas_core::hub::StreamHub;
use vas_core::model::stream::{Reason, ReasonCode, StreamState, Transition};
use vas_core::{SharedClock, StreamId, TaskScope};
use worker::Worker;

/// Transitions that a slow listener may be behind before it loses the oldest.
const TRANSITIONS: usize = 4_096;

/// The sources of this process. `Clone` hands out the same supervisor.
///
/// What is asked for holds: a started source is tried again until it is stopped. Dropping the last handle stops
/// nothing; the scope that it was made in does, or [`Supervisor::shutdown`].
#[derive(Clone, Debug)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: StreamHub,
    scope: TaskScope,
    clock: SharedClock,
    settings: Arc<Settings>,
    sources: Mutex<HashMap<StreamId, Entry>>,
    transitions: broadcast::Sender<(StreamId, Transition)>,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    shared: Arc<Shared>,
    /// The scope of the source's latest task, which may have been told to stop.
    task: TaskScope,
    wanted: bool,
    /// The number under which that task reports.
    generation: u64,
}

impl Supervisor {
    /// A supervisor of no sources. Its tasks belong to `scope`.
    #[must_use]
    pub fn new(hub: StreamHub, scope: &TaskScope, clock: SharedClock, config: IngestConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                hub,
                scope: scope.child(),
                clock,
                settings: Arc::new(Settings::new(config)),
                sources: Mutex::default(),
                transitions: broadcast::Sender::new(TRANSITIONS),
            }),
        }
    }

    /// Starts a source; its stream is in the hub at once. One that publishes by itself ([`Source::is_publisher`]) is
    /// waited for, and speaks by [`Self::publisher`].
    ///
    /// A source that runs already is left alone, unless its address, credentials or transport changed: then its session
    /// is restarted. Returns at once.
    pub fn start(&self, source: Source) {
        let inner = &*self.inner;
        if inner.scope.is_cancelled() {
            return;
        }
        inner.hub.open(source.stream);
        let mut sources = inner.sources.lock();
        match sources.entry(source.stream) {
            MapEntry::Vacant(vacant) => {
                let shared = Shared::new(source.stream, inner.clock.clone(), inner.transitions.clone());
                let task = inner.scope.child();
                let entry = vacant.insert(Entry {
                    source,
                    shared: Arc::new(shared),
                    task,
                    wanted: false,
                    generation: 0,
                });
                inner.launch(entry, None, Reason::new(ReasonCode::Started, "started"));
            }
            MapEntry::Occupied(mut occupied) => {
                let entry = occupied.get_mut();
                let same = entry.source.reads_as(&source);
                entry.source = source;
                if !entry.wanted {
                    inner.relaunch(entry, Reason::new(ReasonCode::Started, "started"));
                } else if !same {
                    inner
                        .relaunch(entry, Reason::new(ReasonCode::Restarted, "restarted: the source changed"));
                }
            }
        }
    }

    /// Replaces limits and times. Sessions that stand go on by the old ones; every attempt from now on goes by the new.
    pub fn set_config(&self, config: IngestConfig) {
        self.inner.settings.replace(config);
    }

    /// Stops a source. The state is STOPPED at once; returns when TEARDOWN has been sent and the task has ended.
    /// Tells whether the stream is known.
    pub async fn stop(&self, stream: StreamId) -> bool {
        self.stop_for(stream, Reason::new(ReasonCode::Stopped, "stopped")).await
    }

    /// The same for a reason of the caller's.
    pub async fn stop_for(&self, stream: StreamId, reason: Reason) -> bool {
        let task = {
            let mut sources = self.inner.sources.lock();
            let Some(entry) = sources.get_mut(&stream) else { return false };
            entry.halt(reason);
            entry.task.clone()
        };
        self.inner.join(&task).await;
        true
    }

    /// Starts a source's session anew, also one that was stopped; the state is INITIALIZING at once. Returns when the
    /// session before has ended. Tells whether the stream is known.
    pub async fn restart(&self, stream: StreamId) -> bool {
        let previous = {
            let mut sources = self.inner.sources.lock();
            let Some(entry) = sources.get_mut(&stream) else { return false };
            let previous = entry.task.clone();
            self.inner.relaunch(entry, Reason::new(ReasonCode::Restarted, "restarted"));
            previous
        };
        self.inner.join(&previous).await;
        true
    }

    /// Stops a source for good: its stream is CLOSED and leaves the hub. Tells whether the stream was known.
    pub async fn remove(&self, stream: StreamId) -> bool {
        let Some(entry) = self.inner.sources.lock().remove(&stream) else { return false };
        entry.shared.command(StreamState::Closed, Reason::new(ReasonCode::Deleted, "deleted"));
        entry.task.cancel();
        self.inner.hub.remove(stream);
        self.inner.join(&entry.task).await;
        true
    }

    /// What a publisher's session tells of its stream by; `None` while the stream is not wanted, or has a source that is
    /// connected to from here.
    #[must_use]
    pub fn publisher(&self, stream: StreamId) -> Option<PublisherFeed> {
        let sources = self.inner.sources.lock();
        let Entry { source, shared, task, wanted, generation } = sources.get(&stream)?;
        (*wanted && source.is_publisher())
            .then(|| PublisherFeed::new(shared.clone(), *generation, task.clone(), self.inner.clock.clone()))
    }

    /// Checks what can be told without looking up names about whether a source may be connected to.
    ///
    /// # Errors
    /// It may not; the reason is the one that its stream would have.
    pub fn check(&self, source: &Source) -> Result<(), IngestError> {
        self.inner.settings.current().config.hosts.check(source)
    }

    /// Looks at a camera as [`probe`](crate::probe()) does, where its host may be connected to.
    ///
    /// # Errors
    /// The camera can't be read; the reason is the one that a started stream would have.
    pub async fn probe(&self, source: &Source, timeout: Duration) -> Result<Probe, IngestError> {
        probe_with(source, timeout, &self.inner.settings.current().config).await
    }

    /// The status of a stream's source; `None` when it was never started or was removed.
    #[must_use]
    pub fn status(&self, stream: StreamId) -> Option<IngestStatus> {
        self.inner.sources.lock().get(&stream).map(Entry::status)
    }

    /// The status of each source, in no order.
    #[must_use]
    pub fn statuses(&self) -> Vec<(StreamId, IngestStatus)> {
        self.inner.sources.lock().iter().map(|(&stream, entry)| (stream, entry.status())).collect()
    }

    /// Changes of state from now on. A listener that falls 4,096 behind loses the oldest and is told so.
    #[must_use]
    pub fn transitions(&self) -> broadcast::Receiver<(StreamId, Transition)> {
        self.inner.transitions.subscribe()
    }

    /// Stops all sources, with TEARDOWN, and starts none from here on. Waits at most for `deadline`; tells whether all
    /// tasks had ended by then.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.inner.scope.cancel();
        for entry in self.inner.sources.lock().values_mut() {
            entry.halt(Reason::new(ReasonCode::Shutdown, "the server was shut down"));
        }
        self.inner.scope.shutdown(deadline).await
    }
}

impl Inner {
    /// Runs a new task for a source in place of the one before.
    fn relaunch(&self, entry: &mut Entry, reason: Reason) {
        entry.task.cancel();
        let previous = std::mem::replace(&mut entry.task, self.scope.child());
        self.launch(entry, Some(previous), reason);
    }

    fn launch(&self, entry: &mut Entry, previous: Option<TaskScope>, reason: Reason) {
        entry.wanted = true;
        entry.generation = entry.shared.command(StreamState::Initializing, reason);
        if entry.source.is_publisher() {
            return;
        }
        let worker = Worker {
            parts: SessionParts {
                source: entry.source.clone(),
                config: self.settings.current().config,
                hub: self.hub.clone(),
                clock: self.clock.clone(),
            },
            shared: entry.shared.clone(),
            generation: entry.generation,
            settings: self.settings.clone(),
            scope: entry.task.clone(),
            previous,
        };
        entry.task.spawn("ingest", worker.run());
    }

    /// Waits for a task that was told to stop. TEARDOWN bounds it; the factor is for a task that itself waits for
    /// the one before.
    async fn join(&self, task: &TaskScope) {
        task.shutdown(self.settings.current().config.teardown_timeout * 4).await;
    }
}

impl Entry {
    fn halt(&mut self, reason: Reason) {
        self.task.cancel();
        if std::mem::take(&mut self.wanted) {
            self.shared.command(StreamState::Stopped, reason);
        }
    }

    fn status(&self) -> IngestStatus {
        self.shared.status(&self.source.name, self.source.endpoint())
    }
}
