//! A datagram on its way out.

use std::net::SocketAddr;

use bytes::Bytes;

/// A datagram to send from the viewer's socket.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The whole UDP payload.
    pub payload: Bytes,
}
