//! Routers: what belongs together, such as a site's streams and their viewers.

use crate::error::{ProduceError, TransportError};
use crate::producer::Producer;
use crate::sdp::Candidate;
use crate::server::Sfu;
use crate::transport::WebRtcTransport;
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
        Producer::start(hub, stream, self.inner.sfu.routes(), &self.inner.scope)
    }

    /// Makes a connection that a viewer can be told of.
    ///
    /// # Errors
    /// The limit on connections is reached, or the SFU is shutting down.
    pub fn create_webrtc_transport(&self) -> Result<WebRtcTransport, TransportError> {
        self.inner.sfu.create_transport(self)
    }

    /// Ends its producers, and with them their consumers and WHEP sessions.
    pub fn close(&self) {
        self.inner.scope.cancel();
    }
}
