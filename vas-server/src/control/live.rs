//! The media server's side of the streams: a producer for each that runs, and the viewers' sessions.
//!
//! A producer lives as long as its stream is wanted: a camera that fails and comes back ends no viewer, stopping or
//! deleting the stream does.

use crate::auth::Lease;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;
use vas_core::hub::StreamHub;
use vas_core::{ErrorKind, HasKind, StreamId, TaskScope};
use vas_sfu::{
    IceServer, Producer, ProducerId, ProducerOptions, Router, TransportState, ViewerOptions, WhepError,
    WhepSession,
};

/// How long a counter-offer may be answered (draft-ietf-wish-whep, section "Server Sends Counter-offer").
const COUNTER_OFFER: Duration = Duration::from_secs(30);

/// The ids under which a running stream is known to viewers. They stay until it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveIds {
    /// The transport from the camera.
    pub(crate) transport: Uuid,
    /// The producer of its video.
    pub(crate) video: Uuid,
    /// The producer of its sound, while it has some.
    pub(crate) audio: Option<Uuid>,
}

/// A viewer that was just connected.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// The session's secret name, for its URL.
    pub(crate) session: String,
    /// The entity tag of its ICE session (RFC 9725, section 4.3.1).
    pub(crate) etag: String,
    /// The SDP answer, or counter-offer.
    pub(crate) description: String,
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
    /// Told when producers come and go.
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct Running {
    /// The transport from the camera.
    transport: Uuid,
    /// Its sub stream in the hub.
    sub: Option<StreamId>,
    /// Of its pictures. `None` only when the media server is shutting down.
    video: Option<Producer>,
    /// Of its sound, whether or not it has any.
    audio: Option<Producer>,
}

impl Running {
    fn ids(&self) -> LiveIds {
        let id = |producer: &Producer| producer.id().as_uuid();
        LiveIds {
            transport: self.transport,
            video: self.video.as_ref().map_or(self.transport, id),
            audio: self.sound().map(id),
        }
    }

    /// The producer of its sound, while it has some.
    fn sound(&self) -> Option<&Producer> {
        let has_some = |producer: &&Producer| producer.layers().iter().any(|layer| layer.format.is_some());
        self.audio.as_ref().filter(has_some)
    }

    fn producers(&self) -> impl Iterator<Item = &Producer> {
        self.video.iter().chain(self.sound())
    }
}

impl Live {
    /// Nothing runs yet. What watches the sessions runs in `scope`.
    pub(crate) fn new(router: Router, hub: StreamHub, scope: TaskScope) -> Self {
        let (running, sessions) = (Mutex::default(), Mutex::default());
        let inner = Inner { router, hub, scope, running, sessions, changes: watch::Sender::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Makes a stream, with its sub stream where it has one, ready to be watched, and gives its ids; those it has when
    /// it is so already. A sub stream that has come or gone ends the viewers: they connect again and are offered what
    /// there is now.
    pub(crate) fn open(&self, stream: StreamId, sub: Option<StreamId>) -> LiveIds {
        let inner = &self.inner;
        if self.inner.running.lock().get(&stream).is_some_and(|running| running.sub != sub) {
            self.close(stream);
        }
        let mut running = inner.running.lock();
        if let Some(running) = running.get(&stream) {
            return running.ids();
        }
        let layers = [Some(stream), sub].into_iter().flatten();
        layers.clone().for_each(|layer| inner.hub.open(layer));
        let produce = |options| {
            inner
                .router
                .produce_with(&inner.hub, options)
                .inspect_err(|error| tracing::warn!(%stream, %error, "the stream can't be watched"))
                .ok()
        };
        let (video, audio) =
            (produce(ProducerOptions::video(layers)), produce(ProducerOptions::audio(stream)));
        let opened = Running { transport: Uuid::now_v7(), sub, video, audio };
        let ids = opened.ids();
        running.insert(stream, opened);
        drop(running);
        inner.changes.send_replace(());
        ids
    }

    /// Ends the viewers of a stream and forgets its ids.
    pub(crate) fn close(&self, stream: StreamId) {
        let Some(running) = self.inner.running.lock().remove(&stream) else { return };
        for producer in running.video.iter().chain(&running.audio) {
            producer.close();
        }
        self.inner.sessions.lock().retain(|_, (of, session)| {
            if *of == stream {
                session.close();
            }
            *of != stream
        });
        self.inner.changes.send_replace(());
    }

    /// What producers and transports belong to.
    pub(crate) fn router(&self) -> &Router {
        &self.inner.router
    }

    /// What watches viewers runs in it.
    pub(super) fn scope(&self) -> &TaskScope {
        &self.inner.scope
    }

    /// Follows the coming and going of producers.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.inner.changes.subscribe()
    }

    /// The producers of a stream: of its pictures, and of its sound while it has some. None of one that does not run.
    pub(crate) fn producers(&self, stream: StreamId) -> Vec<Producer> {
        let running = self.inner.running.lock();
        running.get(&stream).map(|running| running.producers().cloned().collect()).unwrap_or_default()
    }

    /// A producer by its id, and its stream.
    pub(crate) fn producer(&self, id: ProducerId) -> Option<(StreamId, Producer)> {
        let running = self.inner.running.lock();
        running.iter().find_map(|(stream, running)| {
            let found = running.producers().find(|producer| producer.id() == id);
            found.map(|producer| (*stream, producer.clone()))
        })
    }

    /// The ids of a stream that runs.
    pub(crate) fn ids(&self, stream: StreamId) -> Option<LiveIds> {
        self.inner.running.lock().get(&stream).map(Running::ids)
    }

    /// How many layers the pictures of a stream that runs have.
    pub(crate) fn layers(&self, stream: StreamId) -> usize {
        self.inner.running.lock().get(&stream).map_or(0, |running| 1 + usize::from(running.sub.is_some()))
    }

    /// How many watch a stream.
    pub(crate) fn viewers(&self, stream: StreamId) -> ViewerCounts {
        let running = self.inner.running.lock();
        let Some(producer) = running.get(&stream).and_then(|running| running.video.as_ref()) else {
            return ViewerCounts::default();
        };
        let total = producer.stats().consumers;
        drop(running);
        let sessions = self.inner.sessions.lock();
        let is_active = |session: &WhepSession| session.transport().state() == TransportState::Connected;
        let active = sessions.values().filter(|(of, session)| *of == stream && is_active(session)).count();
        ViewerCounts { total, active: active.min(total) }
    }

    /// Connects a viewer that sent this SDP offer, to the pictures and, where it takes it, the sound. Its session ends
    /// with the lease, at the latest.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub(crate) fn watch(
        &self,
        stream: StreamId,
        offer: &str,
        options: ViewerOptions,
        lease: Lease,
    ) -> Result<Viewer, WatchError> {
        self.connect(stream, lease, |router, producers| router.whep_with(producers, offer, options))
    }

    /// Offers the stream to a viewer whose own offer can't be answered. It has [`COUNTER_OFFER`] to answer.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub(crate) fn counter_offer(
        &self,
        stream: StreamId,
        options: ViewerOptions,
        lease: Lease,
    ) -> Result<Viewer, WatchError> {
        self.connect(stream, lease, |router, producers| router.whep_counter_offer(producers, options))
    }

    fn connect(
        &self,
        stream: StreamId,
        lease: Lease,
        describe: impl FnOnce(&Router, &[&Producer]) -> Result<(WhepSession, String), WhepError>,
    ) -> Result<Viewer, WatchError> {
        let inner = &self.inner;
        let producers =
            inner.running.lock().get(&stream).map(|running| (running.video.clone(), running.audio.clone()));
        let Some((Some(video), audio)) = producers else { return Err(WatchError::NotRunning) };
        let producers: Vec<_> = std::iter::once(&video).chain(&audio).collect();
        let (session, description) = describe(&inner.router, &producers)?;
        let viewer = Viewer { session: session.id().to_owned(), etag: session.etag(), description };
        inner.sessions.lock().insert(viewer.session.clone(), (stream, session.clone()));
        let (this, id) = (self.clone(), viewer.session.clone());
        inner.scope.spawn_until_cancelled("viewer", async move {
            if session.is_awaited() {
                let ended = tokio::time::timeout(COUNTER_OFFER, session.closed()).await.is_ok();
                if !ended && session.is_awaited() {
                    session.close();
                }
            }
            tokio::select! {
                _ = session.closed() => {}
                () = lease.over() => session.close(),
            }
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

    /// The STUN and TURN servers to tell the viewer `user` of, with credentials made for it.
    pub(crate) fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        self.inner.router.ice_servers(user)
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
