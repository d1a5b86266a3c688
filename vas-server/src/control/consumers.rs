//! Viewers that come with capabilities rather than an offer: their consumers and transports, whichever door they use.
//!
//! A transport lives as long as something is sent on it, or as whoever asked for it holds it. A consumer that ends, by
//! itself or on request, is remembered for a while, so that clients can read what became of it.

use super::{Control, ControlError, Live, StreamInfo};
use crate::auth::Lease;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use vas_core::model::{Reason, ReasonCode, StreamState};
use vas_core::{ErrorKind, HasKind, SharedClock, StreamId, WallTime};
use vas_sfu::ortc::{MediaKind, RtpCapabilities};
use vas_sfu::{
    ConsumeError, ConsumeOptions, Consumer, ConsumerId, TransportError, TransportId, TransportState,
    WebRtcTransport,
};

/// Ended consumers that are remembered, of all streams together.
const MAX_ENDED: usize = 1_000;

/// Why a stream can't be watched now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NotWatchable {
    /// It failed or does not run.
    #[error("the stream is {}: {reason}", .state.name().to_ascii_lowercase())]
    NotLive {
        /// What it is.
        state: StreamState,
        /// What led to it.
        reason: Reason,
    },
    /// It is on its way.
    #[error("the camera has not sent a picture yet; try again soon")]
    NoPicture,
}

impl HasKind for NotWatchable {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotLive { .. } => ErrorKind::Conflict,
            Self::NoPicture => ErrorKind::NotReady,
        }
    }
}

impl StreamInfo {
    /// Whether there is something to watch.
    ///
    /// # Errors
    /// See [`NotWatchable`].
    pub(crate) fn watchable(&self) -> Result<(), NotWatchable> {
        watchable(self.present.state, &self.present.reason)
    }
}

fn watchable(state: StreamState, reason: &Reason) -> Result<(), NotWatchable> {
    match state {
        StreamState::Live => Ok(()),
        StreamState::Initializing | StreamState::Ready => Err(NotWatchable::NoPicture),
        state => Err(NotWatchable::NotLive { state, reason: reason.clone() }),
    }
}

/// Why a stream is not sent to a viewer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConsumeFailure {
    /// There is no such stream, or it can't be looked up.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// There is nothing to send now.
    #[error(transparent)]
    NotWatchable(#[from] NotWatchable),
    /// The stream has no such track.
    #[error("the stream has no {0}")]
    NoTrack(MediaKind),
    /// No connection can be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The media server refused.
    #[error(transparent)]
    Refused(#[from] ConsumeError),
}

impl HasKind for ConsumeFailure {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Control(error) => error.kind(),
            Self::NotWatchable(error) => error.kind(),
            Self::NoTrack(_) => ErrorKind::NotFound,
            Self::Transport(error) => error.kind(),
            Self::Refused(error) => error.kind(),
        }
    }
}

/// What a viewer asks for.
#[derive(Debug)]
pub(crate) struct ConsumeRequest {
    /// The stream.
    pub(crate) stream: StreamId,
    /// Its pictures or its sound.
    pub(crate) kind: MediaKind,
    /// What the client calls itself.
    pub(crate) client: String,
    /// The address that it asks from, whose viewers are counted.
    pub(crate) address: Option<IpAddr>,
    /// What the viewer can receive.
    pub(crate) capabilities: RtpCapabilities,
    /// The connection to use; `None`: a new one.
    pub(crate) transport: Option<WebRtcTransport>,
    /// How it is to begin.
    pub(crate) options: ConsumeOptions,
}

/// A consumer with the connection that it is on.
#[derive(Clone, Debug)]
pub(crate) struct Consumed {
    /// The stream.
    pub(crate) stream: StreamId,
    /// Pictures or sound.
    pub(crate) kind: MediaKind,
    /// The consumer.
    pub(crate) consumer: Consumer,
    /// The connection.
    pub(crate) transport: WebRtcTransport,
}

/// What is told of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerRecord {
    /// Its id.
    pub(crate) id: ConsumerId,
    /// The stream.
    pub(crate) stream: StreamId,
    /// What the client calls itself.
    pub(crate) client: String,
    /// Pictures or sound.
    pub(crate) kind: MediaKind,
    /// Whether its connection stands.
    pub(crate) connected: bool,
    /// When it was made.
    pub(crate) created_at: WallTime,
    /// When the viewer was last known to be there.
    pub(crate) last_seen_at: WallTime,
    /// When it ended.
    pub(crate) closed_at: Option<WallTime>,
}

/// The consumers. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Consumers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    live: Live,
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<ConsumerId, Entry>,
    carriers: HashMap<TransportId, Carrier>,
    ended: VecDeque<ConsumerRecord>,
}

#[derive(Debug)]
struct Entry {
    consumed: Consumed,
    client: String,
    created_at: WallTime,
    last_seen_at: WallTime,
}

/// A transport with the number of consumers on it. Dropping it closes the transport, unless somebody else holds it.
#[derive(Debug)]
struct Carrier {
    transport: WebRtcTransport,
    consumers: usize,
}

impl Entry {
    fn record(&self, now: WallTime) -> ConsumerRecord {
        let connected = self.consumed.transport.state() == TransportState::Connected;
        ConsumerRecord {
            id: self.consumed.consumer.id(),
            stream: self.consumed.stream,
            client: self.client.clone(),
            kind: self.consumed.kind,
            connected,
            created_at: self.created_at,
            // A connection stands only while the viewer answers (RFC 7675).
            last_seen_at: if connected { now } else { self.last_seen_at },
            closed_at: None,
        }
    }
}

impl Consumers {
    /// There are none yet.
    pub(super) fn new(live: Live, clock: SharedClock) -> Self {
        Self { inner: Arc::new(Inner { live, clock, state: Mutex::default() }) }
    }

    /// A consumer that has not ended; of this stream, where one is given. Counts as a sign of life.
    pub(crate) fn get(&self, id: ConsumerId, stream: Option<StreamId>) -> Option<Consumed> {
        let now = self.inner.clock.wall();
        let mut state = self.inner.state.lock();
        let entry = state.open.get_mut(&id)?;
        if stream.is_some_and(|stream| stream != entry.consumed.stream) {
            return None;
        }
        entry.last_seen_at = now;
        Some(entry.consumed.clone())
    }

    /// A transport that carries consumers.
    pub(crate) fn transport(&self, id: TransportId) -> Option<WebRtcTransport> {
        self.inner.state.lock().carriers.get(&id).map(|carrier| carrier.transport.clone())
    }

    /// The consumers of a stream, the oldest first: those that have not ended, and of the others the latest.
    pub(crate) fn of(&self, stream: StreamId) -> Vec<ConsumerRecord> {
        let now = self.inner.clock.wall();
        let state = self.inner.state.lock();
        let open = state.open.values().filter(|entry| entry.consumed.stream == stream);
        let mut records: Vec<_> =
            state.ended.iter().filter(|record| record.stream == stream).cloned().collect();
        records.extend(open.map(|entry| entry.record(now)));
        drop(state);
        records.sort_by_key(|record| (record.created_at, record.id));
        records
    }

    /// How many of a stream's viewers are connected: consumers of its pictures.
    pub(crate) fn connected(&self, stream: StreamId) -> usize {
        let state = self.inner.state.lock();
        let of_stream = state
            .open
            .values()
            .map(|entry| &entry.consumed)
            .filter(|consumed| (consumed.stream, consumed.kind) == (stream, MediaKind::Video));
        of_stream.filter(|consumed| consumed.transport.state() == TransportState::Connected).count()
    }

    /// Ends a consumer. Its transport ends with the last one on it.
    pub(crate) fn end(&self, id: ConsumerId) {
        let now = self.inner.clock.wall();
        let mut state = self.inner.state.lock();
        let Some(entry) = state.open.remove(&id) else { return };
        let transport = entry.consumed.transport.id();
        let carrier = state.carriers.get_mut(&transport).and_then(|carrier| {
            carrier.consumers -= 1;
            (carrier.consumers == 0).then_some(())
        });
        // Handles are dropped after the lock: closing calls into the media server.
        let carrier = carrier.and_then(|()| state.carriers.remove(&transport));
        if state.ended.len() == MAX_ENDED {
            state.ended.pop_front();
        }
        let record = entry.record(now);
        state.ended.push_back(ConsumerRecord { connected: false, closed_at: Some(now), ..record });
        drop(state);
        entry.consumed.consumer.close();
        drop((entry, carrier));
    }

    fn add(&self, consumed: &Consumed, client: String, lease: Lease) {
        let now = self.inner.clock.wall();
        let (id, transport) = (consumed.consumer.id(), consumed.transport.clone());
        let entry = Entry { consumed: consumed.clone(), client, created_at: now, last_seen_at: now };
        let mut state = self.inner.state.lock();
        state.open.insert(id, entry);
        state.carriers.entry(transport.id()).or_insert(Carrier { transport, consumers: 0 }).consumers += 1;
        drop(state);
        let (this, Consumed { consumer, transport, .. }) = (self.clone(), consumed.clone());
        self.inner.live.scope().spawn_until_cancelled("consumer", async move {
            tokio::select! {
                () = consumer.closed() => {}
                // A transport that nobody has connected to does not tell its consumers.
                () = consumer.producer().closed() => {}
                _ = transport.closed() => {}
                () = lease.over() => {}
            }
            this.end(id);
        });
    }
}

impl Control {
    /// Whether there is something to watch of a stream, for whoever was given a name of its media: that the stream is
    /// there and seen was checked then.
    ///
    /// # Errors
    /// See [`NotWatchable`].
    pub(crate) fn runs(&self, stream: StreamId) -> Result<(), NotWatchable> {
        self.ask(stream);
        let stopped = || NotWatchable::NotLive {
            state: StreamState::Stopped,
            reason: Reason::new(ReasonCode::Stopped, "stopped"),
        };
        if self.inner.demand.is_asleep(stream) {
            return Err(NotWatchable::NoPicture);
        }
        let status = self.inner.supervisor.status(stream).filter(|status| status.state.is_active());
        let status = status.ok_or_else(stopped)?;
        watchable(status.state, &status.reason)
    }

    /// Begins to send a stream to a viewer.
    ///
    /// # Errors
    /// See [`ConsumeFailure`].
    pub(crate) async fn consume(&self, request: ConsumeRequest) -> Result<Consumed, ConsumeFailure> {
        let ConsumeRequest { stream, kind, client, address, capabilities, transport, options } = request;
        self.watchable(&self.stream(stream).await?)?;
        // Stopped at this very moment, where there is none: the next attempt is told so.
        let producers = self.live().producers(stream);
        let producer = match producers.iter().find(|producer| producer.kind() == kind) {
            Some(producer) => producer,
            None if producers.is_empty() => return Err(NotWatchable::NoPicture.into()),
            None => return Err(ConsumeFailure::NoTrack(kind)),
        };
        let router = self.live().router();
        let transport = match (transport, address) {
            (Some(transport), _) => transport,
            (None, Some(address)) => router.create_webrtc_transport_for(address)?,
            (None, None) => router.create_webrtc_transport()?,
        };
        let consumer = transport.consume(producer, &capabilities, options)?;
        let consumed = Consumed { stream, kind, consumer, transport };
        self.consumers().add(&consumed, client, self.sight().lease.clone());
        Ok(consumed)
    }
}
