//! Transports: viewers' WebRTC connections.

use crate::admission::Admitted;
use crate::consumer::{Consumer, ConsumerShared, PreferredLayer};
use crate::dtls::DtlsIdentity;
use crate::error::{ConnectError, ConsumeError, TransportError};
use crate::ice::{IceCredentials, random_text};
use crate::ortc::{
    DtlsParameters, DtlsRole, IceCandidate, IceParameters, InvalidParameters, Match, RtpCapabilities,
    TransportProtocol, consumer_parameters, match_consumer,
};
use crate::producer::Producer;
use crate::router::Router;
use crate::sdp::Candidate;
use crate::shard::{
    Congestion, Extensions, LayerCodec, LayerSetup, LegCommand, LegSetup, MAX_CONSUMERS, Routes, SenderSetup,
};
use crate::srtp::Srtp;
use parking_lot::Mutex;
use rand::Rng;
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
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            id: TransportId::random(),
            state: watch::Sender::new(TransportState::New),
            closes_with_consumers: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        })
    }

    /// Completes when it is closed, with the reason. Cancel-safe.
    pub(crate) async fn closed(&self) -> CloseReason {
        let mut state = self.state.subscribe();
        loop {
            if let TransportState::Closed(reason) = &*state.borrow_and_update() {
                return reason.clone();
            }
            if state.changed().await.is_err() {
                return CloseReason::Shutdown;
            }
        }
    }

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

    pub(crate) fn is_closed(&self) -> bool {
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
    ice: Arc<Mutex<IceCredentials>>,
    identity: Arc<DtlsIdentity>,
}

/// What transports of all kinds have.
pub(crate) struct TransportInner {
    leg: u64,
    pub(crate) shared: Arc<TransportShared>,
    router: Router,
    routes: Arc<Routes>,
    consumers: AtomicUsize,
    /// Consumers that there ever were, by which they are named.
    names: AtomicUsize,
    /// What is sent over one connection is played in sync.
    cname: String,
    _admitted: Option<Admitted>,
}

/// How a producer is to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumeOptions {
    /// Sends nothing until the consumer is resumed.
    pub paused: bool,
    /// Which layer the viewer would have.
    pub preferred: PreferredLayer,
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
        admitted: Admitted,
        now: Instant,
    ) -> Result<Self, TransportError> {
        let shared = TransportShared::new();
        let ice = IceCredentials::generate();
        let setup = LegSetup { shared: shared.clone(), ice: ice.clone(), pending: Vec::new() };
        let leg = routes.insert(Box::new(setup), now).map_err(|error| TransportError::of(error, limit))?;
        let inner = TransportInner::new(leg, shared, router, routes, Some(admitted));
        Ok(Self { inner, ice: Arc::new(Mutex::new(ice)), identity: identity.clone() })
    }

    pub(crate) fn ice(&self) -> IceCredentials {
        self.ice.lock().clone()
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
        self.identity.fingerprint()
    }

    /// This side's ICE credentials.
    #[must_use]
    pub fn ice_parameters(&self) -> IceParameters {
        let ice = self.ice();
        IceParameters { username_fragment: ice.ufrag, password: ice.pwd, ice_lite: true }
    }

    /// The addresses at which this side is reached.
    #[must_use]
    pub fn ice_candidates(&self) -> Vec<IceCandidate> {
        let candidate = |candidate: Candidate| {
            let protocol = if candidate.tcp { TransportProtocol::Tcp } else { TransportProtocol::Udp };
            let foundation = candidate.foundation.to_string();
            IceCandidate::host(&foundation, candidate.priority, candidate.address, protocol)
        };
        self.candidates().into_iter().map(candidate).collect()
    }

    /// This side's certificate.
    #[must_use]
    pub fn dtls_parameters(&self) -> DtlsParameters {
        DtlsParameters::local(self.fingerprint())
    }

    /// Names the peer's certificate. The first call counts; a connection never changes its peer.
    ///
    /// # Errors
    /// The peer would be the server, no fingerprint can be checked, or the transport is closed.
    pub fn connect(&self, parameters: &DtlsParameters) -> Result<(), ConnectError> {
        if parameters.role == DtlsRole::Server {
            let expected = "must be client or auto: this side is the server".to_owned();
            return Err(InvalidParameters { field: "role".to_owned(), expected }.into());
        }
        self.expect(parameters.sha256()?)
    }

    /// Names the SHA-256 fingerprints of which the peer's certificate must have one.
    pub(crate) fn expect(&self, fingerprints: Vec<[u8; 32]>) -> Result<(), ConnectError> {
        if fingerprints.is_empty() {
            return Err(ConnectError::NoFingerprint);
        }
        if self.inner.command(LegCommand::Connect { fingerprints: fingerprints.into() }) {
            Ok(())
        } else {
            Err(ConnectError::Closed)
        }
    }

    /// Sends a producer over this transport to a viewer of these capabilities.
    ///
    /// # Errors
    /// The viewer can receive no layer of it, nothing is known of its media yet, a limit is reached, or either is closed.
    pub fn consume(
        &self,
        producer: &Producer,
        capabilities: &RtpCapabilities,
        options: ConsumeOptions,
    ) -> Result<Consumer, ConsumeError> {
        capabilities.validate()?;
        let formats = producer.formats();
        let known: Vec<_> = formats.iter().flatten().cloned().collect();
        if known.is_empty() {
            return Err(ConsumeError::NoMedia);
        }
        let mut matched = match_consumer(&known, capabilities)?;
        // A layer whose source is not there yet will most likely be like the others.
        let likely = matched.layers.iter().flatten().next().cloned();
        let mut of_known = matched.layers.into_iter();
        let layer = |format: &Option<_>| match format {
            Some(_) => of_known.next().flatten(),
            None => likely.clone(),
        };
        matched.layers = formats.iter().map(layer).collect();
        let name = self.inner.names.fetch_add(1, Ordering::Relaxed).to_string();
        let ids = matched.extensions;
        let told = matched.layers.iter().flatten().any(|codec| codec.feedback.transport_cc);
        let congestion = match ids.transport_cc.filter(|_| told) {
            Some(id) => Congestion::TransportWide(id),
            None => Congestion::Reports,
        };
        let extensions = Extensions { playout_delay: ids.playout_delay, congestion };
        self.consume_as(producer, &matched, extensions, Some(&name), options)
    }

    /// Sends a producer over this transport, as was agreed.
    pub(crate) fn consume_as(
        &self,
        producer: &Producer,
        matched: &Match,
        extensions: Extensions,
        mid: Option<&str>,
        options: ConsumeOptions,
    ) -> Result<Consumer, ConsumeError> {
        self.inner.consume_as(producer, matched, extensions, mid, options)
    }

    /// Seals with these keys instead of those that a handshake would make.
    pub(crate) fn use_keys(&self, srtp: Srtp) -> bool {
        self.inner.command(LegCommand::UseKeys(Box::new(srtp)))
    }

    pub(crate) fn cname(&self) -> &str {
        &self.inner.cname
    }

    /// Fresh ICE credentials (RFC 8445, section 9); the old ones serve until the peer has moved.
    pub(crate) fn restart_ice(&self) -> IceCredentials {
        let credentials = IceCredentials::generate();
        self.inner.command(LegCommand::RestartIce(credentials.clone()));
        *self.ice.lock() = credentials.clone();
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
        self.inner.shared.closed().await
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> TransportStats {
        TransportStats { state: self.state(), consumers: self.inner.consumers() }
    }
}

impl TransportInner {
    pub(crate) fn new(
        leg: u64,
        shared: Arc<TransportShared>,
        router: &Router,
        routes: &Arc<Routes>,
        admitted: Option<Admitted>,
    ) -> Arc<Self> {
        Arc::new(Self {
            leg,
            shared,
            router: router.clone(),
            routes: routes.clone(),
            consumers: AtomicUsize::new(0),
            names: AtomicUsize::new(0),
            cname: random_text(16),
            _admitted: admitted,
        })
    }

    /// Sends a producer over this transport, as was agreed.
    pub(crate) fn consume_as(
        self: &Arc<Self>,
        producer: &Producer,
        matched: &Match,
        extensions: Extensions,
        mid: Option<&str>,
        options: ConsumeOptions,
    ) -> Result<Consumer, ConsumeError> {
        if producer.is_closed() {
            return Err(ConsumeError::Closed("producer"));
        }
        let inner = self;
        inner.router.admit_consumer(producer)?;
        if inner.consumers.fetch_add(1, Ordering::Relaxed) >= MAX_CONSUMERS {
            inner.consumers.fetch_sub(1, Ordering::Relaxed);
            return Err(ConsumeError::Exhausted { limit: MAX_CONSUMERS });
        }
        let ssrc = rand::rng().random_range(1..u32::MAX - 1);
        let has_rtx = matched.layers.iter().flatten().any(|codec| codec.rtx.is_some());
        let rtx_ssrc = has_rtx.then_some(ssrc + 1);
        let layer = |(layer, codec): (&Arc<_>, &Option<crate::ortc::AgreedCodec>)| LayerSetup {
            layer: Arc::clone(layer),
            codec: codec.as_ref().map(|codec| LayerCodec {
                codec: codec.codec,
                payload_type: codec.payload_type,
                rtx: codec.rtx,
            }),
        };
        let clock_rate = matched.layers.iter().flatten().map(|codec| codec.clock_rate).next();
        let shared = Arc::new(ConsumerShared::new());
        let setup = SenderSetup {
            layers: producer.shared().iter().zip(&matched.layers).map(layer).collect(),
            shared: shared.clone(),
            kind: matched.kind,
            ticks_per_ms: clock_rate.unwrap_or(90_000) / 1_000,
            ssrc,
            rtx_ssrc,
            extensions,
            cname: inner.cname.clone(),
            paused: options.paused,
            wanted: options.preferred.wanted(),
        };
        if !inner.command(LegCommand::AddConsumer(Box::new(setup))) {
            inner.consumers.fetch_sub(1, Ordering::Relaxed);
            return Err(ConsumeError::Closed("transport"));
        }
        let parameters = consumer_parameters(matched, ssrc, rtx_ssrc, &inner.cname, mid);
        Ok(Consumer::new(shared, self, producer.clone(), parameters))
    }

    pub(crate) fn consumers(&self) -> usize {
        self.consumers.load(Ordering::Relaxed)
    }

    /// Hands a command to the connection. `false`: it is closed, or its shard is drowning.
    pub(crate) fn command(&self, command: LegCommand) -> bool {
        self.routes.command(self.leg, command).is_ok()
    }

    pub(crate) fn consumer_closed(&self) {
        self.consumers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn close(&self) {
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
