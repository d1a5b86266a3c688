//! Transports: viewers' WebRTC connections.

use crate::consumer::{Consumer, ConsumerShared};
use crate::dtls::DtlsIdentity;
use crate::error::{ConnectError, ConsumeError, TransportError};
use crate::ice::IceCredentials;
use crate::producer::Producer;
use crate::router::Router;
use crate::sdp::Candidate;
use crate::shard::{InsertError, LegCommand, LegSetup, MAX_CONSUMERS, Routes, SenderSetup};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::watch;

vas_core::uuid_id! {
    /// A transport.
    TransportId
}

/// Why a transport closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side asked for it.
    Requested,
    /// The peer closed the association.
    Peer,
    /// The peer never connected.
    ConnectTimeout,
    /// The peer has stopped answering for (RFC 7675).
    ConsentExpired,
    /// The DTLS handshake failed, for the reason given.
    Handshake(Arc<str>),
    /// All that it carried has ended.
    Producer,
    /// The SFU was shut down.
    Shutdown,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("closed on request"),
            Self::Peer => f.write_str("closed by the viewer"),
            Self::ConnectTimeout => f.write_str("the viewer never connected"),
            Self::ConsentExpired => f.write_str("the viewer has gone silent"),
            Self::Handshake(reason) => f.write_str(reason),
            Self::Producer => f.write_str("the stream has ended"),
            Self::Shutdown => f.write_str("the server is shutting down"),
        }
    }
}

/// The state of a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportState {
    /// Not connected yet.
    New,
    /// Connected: media flows.
    Connected,
    /// Closed, for good.
    Closed(CloseReason),
}

/// What a transport's handles and its shard share.
#[derive(Debug)]
pub(crate) struct TransportShared {
    pub(crate) id: TransportId,
    state: watch::Sender<TransportState>,
    closes_with_consumers: AtomicBool,
    closing: AtomicBool,
}

impl TransportShared {
    pub(crate) fn set_connected(&self) {
        self.state.send_if_modified(|state| {
            let new = *state == TransportState::New;
            if new {
                *state = TransportState::Connected;
            }
            new
        });
    }

    pub(crate) fn set_closed(&self, reason: CloseReason) {
        self.state.send_if_modified(|state| {
            let open = !matches!(state, TransportState::Closed(_));
            if open {
                *state = TransportState::Closed(reason);
            }
            open
        });
    }

    pub(crate) fn closes_with_consumers(&self) -> bool {
        self.closes_with_consumers.load(Ordering::Relaxed)
    }

    /// Whether the handles want it closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    fn is_closed(&self) -> bool {
        matches!(*self.state.borrow(), TransportState::Closed(_))
    }
}

/// Figures of a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportStats {
    /// Its state.
    pub state: TransportState,
    /// Consumers on it.
    pub consumers: usize,
}

/// A viewer's connection: ICE-lite, DTLS, SRTP, and any number of consumers up to 64. Dropping the last handle
/// closes it.
#[derive(Clone)]
#[must_use = "a transport closes when its last handle is dropped"]
pub struct WebRtcTransport {
    inner: Arc<TransportInner>,
}

pub(crate) struct TransportInner {
    leg: u64,
    shared: Arc<TransportShared>,
    ice: Mutex<IceCredentials>,
    router: Router,
    routes: Arc<Routes>,
    identity: Arc<DtlsIdentity>,
    consumers: AtomicUsize,
}

impl fmt::Debug for WebRtcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRtcTransport").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl WebRtcTransport {
    pub(crate) fn new(
        router: &Router,
        routes: &Arc<Routes>,
        identity: &Arc<DtlsIdentity>,
        limit: usize,
        now: Instant,
    ) -> Result<Self, TransportError> {
        let shared = Arc::new(TransportShared {
            id: TransportId::random(),
            state: watch::Sender::new(TransportState::New),
            closes_with_consumers: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        });
        let ice = IceCredentials::generate();
        let setup = LegSetup { shared: shared.clone(), ice: ice.clone(), pending: Vec::new() };
        let leg = routes.insert(Box::new(setup), now).map_err(|error| match error {
            InsertError::Exhausted => TransportError::Exhausted { limit },
            InsertError::Closed => TransportError::Closed,
        })?;
        let inner = TransportInner {
            leg,
            shared,
            ice: Mutex::new(ice),
            router: router.clone(),
            routes: routes.clone(),
            identity: identity.clone(),
            consumers: AtomicUsize::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn inner(&self) -> &Arc<TransportInner> {
        &self.inner
    }

    pub(crate) fn ice(&self) -> IceCredentials {
        self.inner.ice.lock().clone()
    }

    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        self.inner.router.candidates()
    }

    /// The transport's id.
    #[must_use]
    pub fn id(&self) -> TransportId {
        self.inner.shared.id
    }

    /// SHA-256 fingerprint of this side's certificate.
    #[must_use]
    pub fn fingerprint(&self) -> &[u8; 32] {
        self.inner.identity.fingerprint()
    }

    /// Names the SHA-256 fingerprints of which the peer's certificate must have one. The first call
    /// counts; a connection never changes its peer.
    ///
    /// # Errors
    /// None was given, or the transport is closed.
    pub fn connect(&self, fingerprints: Vec<[u8; 32]>) -> Result<(), ConnectError> {
        if fingerprints.is_empty() {
            return Err(ConnectError::NoFingerprint);
        }
        if self.inner.command(LegCommand::Connect { fingerprints: fingerprints.into() }) {
            Ok(())
        } else {
            Err(ConnectError::Closed)
        }
    }

    /// Sends a producer over this transport, as `setup` says.
    pub(crate) fn consume(&self, producer: &Producer, setup: SenderSetup) -> Result<Consumer, ConsumeError> {
        if producer.is_closed() {
            return Err(ConsumeError::Closed("producer"));
        }
        if self.inner.consumers.fetch_add(1, Ordering::Relaxed) >= MAX_CONSUMERS {
            self.inner.consumers.fetch_sub(1, Ordering::Relaxed);
            return Err(ConsumeError::Exhausted { limit: MAX_CONSUMERS });
        }
        let shared: Arc<ConsumerShared> = setup.shared.clone();
        if !self.inner.command(LegCommand::AddConsumer(Box::new(setup))) {
            self.inner.consumers.fetch_sub(1, Ordering::Relaxed);
            return Err(ConsumeError::Closed("transport"));
        }
        Ok(Consumer::new(shared, self, producer.clone()))
    }

    /// Fresh ICE credentials (RFC 8445, section 9); the old ones serve until the peer has moved.
    pub(crate) fn restart_ice(&self) -> IceCredentials {
        let credentials = IceCredentials::generate();
        self.inner.command(LegCommand::RestartIce(credentials.clone()));
        *self.inner.ice.lock() = credentials.clone();
        credentials
    }

    /// Lets the transport close as soon as all it carries has ended.
    pub(crate) fn close_with_consumers(&self) {
        self.inner.shared.closes_with_consumers.store(true, Ordering::Relaxed);
    }

    /// Its state now.
    #[must_use]
    pub fn state(&self) -> TransportState {
        self.inner.shared.state.borrow().clone()
    }

    /// Follows its state.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<TransportState> {
        self.inner.shared.state.subscribe()
    }

    /// Closes it and tells the peer.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Completes when it is closed, with the reason. Cancel-safe.
    pub async fn closed(&self) -> CloseReason {
        let mut state = self.watch_state();
        loop {
            if let TransportState::Closed(reason) = &*state.borrow_and_update() {
                return reason.clone();
            }
            if state.changed().await.is_err() {
                return CloseReason::Shutdown;
            }
        }
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> TransportStats {
        TransportStats { state: self.state(), consumers: self.inner.consumers.load(Ordering::Relaxed) }
    }
}

impl TransportInner {
    /// Hands a command to the connection. `false`: it is closed, or its shard is drowning.
    pub(crate) fn command(&self, command: LegCommand) -> bool {
        self.routes.command(self.leg, command).is_ok()
    }

    pub(crate) fn consumer_closed(&self) {
        self.consumers.fetch_sub(1, Ordering::Relaxed);
    }

    fn close(&self) {
        if !self.shared.is_closed() {
            // Should the command be refused, its shard sees this within a second.
            self.shared.closing.store(true, Ordering::Relaxed);
            self.command(LegCommand::Close);
        }
    }
}

impl Drop for TransportInner {
    fn drop(&mut self) {
        self.close();
    }
}
