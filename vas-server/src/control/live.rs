//! The media server's side of the streams: a producer for each that runs, and the viewers' sessions.
//!
//! A producer lives as long as its stream is wanted: a camera that fails and comes back ends no viewer, stopping or
//! deleting the stream does.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::hub::StreamHub;
use vas_core::{ErrorKind, HasKind, StreamId, TaskScope};
use vas_sfu::{Producer, Router, TransportState, WhepError, WhepSession};

/// The ids under which a running stream is known to viewers. They stay until it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveIds {
    /// The transport from the camera.
    pub(crate) transport: Uuid,
    /// The producer of its video.
    pub(crate) video: Uuid,
}

/// A viewer that was just connected.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// The session's secret name, for its URL.
    pub(crate) session: String,
    /// The entity tag of its ICE session (RFC 9725, section 4.3.1).
    pub(crate) etag: String,
    /// The SDP answer.
    pub(crate) answer: String,
}

/// Viewers of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ViewerCounts {
    /// All, whether or not media flows yet.
    pub(crate) total: usize,
    /// Those that are connected.
    pub(crate) active: usize,
}

/// Why nobody could be connected to a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WatchError {
    /// The stream does not run.
    #[error("the stream does not run; start it first")]
    NotRunning,
    /// The media server refused.
    #[error(transparent)]
    Refused(#[from] WhepError),
}

impl HasKind for WatchError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotRunning => ErrorKind::NotReady,
            Self::Refused(error) => error.kind(),
        }
    }
}

/// Producers and sessions. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    router: Router,
    hub: StreamHub,
    scope: TaskScope,
    running: Mutex<HashMap<StreamId, Running>>,
    sessions: Mutex<HashMap<String, (StreamId, WhepSession)>>,
}

#[derive(Debug)]
struct Running {
    ids: LiveIds,
    /// `None` only when the media server is shutting down.
    producer: Option<Producer>,
}

impl Live {
    /// Nothing runs yet. What watches the sessions runs in `scope`.
    pub(crate) fn new(router: Router, hub: StreamHub, scope: TaskScope) -> Self {
        let inner = Inner { router, hub, scope, running: Mutex::default(), sessions: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Makes a stream ready to be watched, and gives its ids; those it has when it is so already.
    pub(crate) fn open(&self, stream: StreamId) -> LiveIds {
        let inner = &self.inner;
        let mut running = inner.running.lock();
        if let Some(running) = running.get(&stream) {
            return running.ids;
        }
        inner.hub.open(stream);
        let producer = inner
            .router
            .produce(&inner.hub, stream)
            .inspect_err(|error| tracing::warn!(%stream, %error, "the stream can't be watched"))
            .ok();
        let video = producer.as_ref().map_or_else(Uuid::now_v7, |producer| producer.id().as_uuid());
        let ids = LiveIds { transport: Uuid::now_v7(), video };
        running.insert(stream, Running { ids, producer });
        ids
    }

    /// Ends the viewers of a stream and forgets its ids.
    pub(crate) fn close(&self, stream: StreamId) {
        let Some(running) = self.inner.running.lock().remove(&stream) else { return };
        if let Some(producer) = running.producer {
            producer.close();
        }
        self.inner.sessions.lock().retain(|_, (of, session)| {
            if *of == stream {
                session.close();
            }
            *of != stream
        });
    }

    /// The ids of a stream that runs.
    pub(crate) fn ids(&self, stream: StreamId) -> Option<LiveIds> {
        self.inner.running.lock().get(&stream).map(|running| running.ids)
    }

    /// How many watch a stream.
    pub(crate) fn viewers(&self, stream: StreamId) -> ViewerCounts {
        let running = self.inner.running.lock();
        let Some(producer) = running.get(&stream).and_then(|running| running.producer.as_ref()) else {
            return ViewerCounts::default();
        };
        let total = producer.stats().consumers;
        drop(running);
        let sessions = self.inner.sessions.lock();
        let is_active = |session: &WhepSession| session.transport().state() == TransportState::Connected;
        let active = sessions.values().filter(|(of, session)| *of == stream && is_active(session)).count();
        ViewerCounts { total, active: active.min(total) }
    }

    /// Connects a viewer that sent this SDP offer.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub(crate) fn watch(&self, stream: StreamId, offer: &str) -> Result<Viewer, WatchError> {
        let inner = &self.inner;
        let producer = inner.running.lock().get(&stream).and_then(|running| running.producer.clone());
        let producer = producer.ok_or(WatchError::NotRunning)?;
        let (session, answer) = inner.router.whep(&producer, offer)?;
        let viewer = Viewer { session: session.id().to_string(), etag: session.etag().to_string(), answer };
        inner.sessions.lock().insert(viewer.session.clone(), (stream, session.clone()));
        let (this, id) = (self.clone(), viewer.session.clone());
        inner.scope.spawn_until_cancelled("viewer", async move {
            session.closed().await;
            this.inner.sessions.lock().remove(&id);
        });
        Ok(viewer)
    }

    /// Ends a viewer's session. Whether there was one.
    pub(crate) fn end(&self, stream: StreamId, session: &str) -> bool {
        let mut sessions = self.inner.sessions.lock();
        if sessions.get(session).is_none_or(|(of, _)| *of != stream) {
            return false;
        }
        let ended = sessions.remove(session);
        drop(sessions);
        ended.is_some_and(|(_, session)| {
            session.close();
            true
        })
    }

    /// A viewer's session.
    pub(crate) fn session(&self, stream: StreamId, session: &str) -> Option<WhepSession> {
        let sessions = self.inner.sessions.lock();
        sessions.get(session).filter(|(of, _)| *of == stream).map(|(_, session)| session.clone())
    }

    /// Ends all viewers.
    pub(crate) fn close_all(&self) {
        self.inner.running.lock().clear();
        for (_, (_, session)) in self.inner.sessions.lock().drain() {
            session.close();
        }
        self.inner.router.close();
    }
}
