//! Routers: what belongs together, such as a site's streams and their viewers.

use crate::error::{AdmissionError, PlainError, ProduceError, TransportError};
use crate::ortc::{self, RtpCapabilities};
use crate::plain::PlainTransport;
use crate::producer::{Producer, ProducerOptions};
use crate::sdp::Candidate;
use crate::server::Sfu;
use crate::transport::WebRtcTransport;
use crate::turn::IceServer;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use vas_core::StreamId;
use vas_core::hub::StreamHub;

/// Producers and transports that may be combined. Closing it ends its producers, and with them their consumers and
/// WHEP sessions.
#[derive(Clone, Debug)]
pub struct Router {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sfu: Sfu,
    scope: vas_core::TaskScope,
}

impl Router {
    pub(crate) fn new(sfu: &Sfu) -> Self {
        Self { inner: Arc::new(Inner { sfu: sfu.clone(), scope: sfu.scope().child() }) }
    }

    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        self.inner.sfu.candidates()
    }

    /// Makes a stream of the hub available to viewers. It lives through restarts of its source and ends when the
    /// stream is removed from the hub. While nobody watches it costs nothing but a sleeping task.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The stream is not in the hub, or the router is closed.
    pub fn produce(&self, hub: &StreamHub, stream: StreamId) -> Result<Producer, ProduceError> {
        self.produce_with(hub, ProducerOptions::video([stream]))
    }

    /// Makes streams of the hub available to viewers as one producer: its layers, or the sound of a stream.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A stream is not in the hub, there are none or too many, or the router is closed.
    pub fn produce_with(&self, hub: &StreamHub, options: ProducerOptions) -> Result<Producer, ProduceError> {
        let sfu = &self.inner.sfu;
        Producer::start(hub, options, sfu.routes(), &self.inner.scope, sfu.clock())
    }

    /// What can be sent, whatever single producers are of.
    #[must_use]
    pub fn rtp_capabilities(&self) -> RtpCapabilities {
        ortc::router_capabilities()
    }

    /// Whether a viewer of these capabilities can receive a layer of the producer; `false` also while nothing is known
    /// of its media.
    #[must_use]
    pub fn can_consume(&self, producer: &Producer, capabilities: &RtpCapabilities) -> bool {
        let known: Vec<_> = producer.formats().into_iter().flatten().collect();
        !known.is_empty() && capabilities.validate().is_ok() && ortc::can_consume(&known, capabilities)
    }

    /// Makes a connection that a viewer can be told of.
    ///
    /// # Errors
    /// The limit on connections is reached, or the SFU is shutting down.
    pub fn create_webrtc_transport(&self) -> Result<WebRtcTransport, TransportError> {
        self.inner.sfu.create_transport(self, None)
    }

    /// The same for a viewer at `client`, whose connections are counted.
    ///
    /// # Errors
    /// A limit on connections is reached, or the SFU is shutting down.
    pub fn create_webrtc_transport_for(&self, client: IpAddr) -> Result<WebRtcTransport, TransportError> {
        self.inner.sfu.create_transport(self, Some(client))
    }

    /// Makes a connection that sends plain RTP (RFC 3550) to `rtp` and reports to the next port, or to the same one where
    /// the receiver takes both there (RFC 5761). It begins to send when something is consumed on it, and ends when it is
    /// closed or dropped.
    ///
    /// # Errors
    /// The configuration does not allow the address, the port can't be used, or a limit is reached.
    pub fn create_plain_transport(
        &self,
        rtp: SocketAddr,
        rtcp_mux: bool,
    ) -> Result<PlainTransport, PlainError> {
        self.inner.sfu.create_plain_transport(self, rtp, rtcp_mux)
    }

    pub(crate) fn admit_consumer(&self, producer: &Producer) -> Result<(), AdmissionError> {
        self.inner.sfu.admit_consumer(producer)
    }

    /// The STUN and TURN servers to tell a viewer of; see [`Sfu::ice_servers`].
    #[must_use]
    pub fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        self.inner.sfu.ice_servers(user)
    }

    /// Ends its producers, and with them their consumers and WHEP sessions.
    pub fn close(&self) {
        self.inner.scope.cancel();
    }
}
