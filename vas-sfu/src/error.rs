//! Errors, one enum per operation.

use std::net::SocketAddr;
use vas_core::{ErrorKind, HasKind, StreamId};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the SFU could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No address to listen on.
    #[error("no address to listen on; give at least one in `listen`")]
    NoAddress,
    /// An address is taken or not of this machine.
    #[error("can't listen for media on UDP {address}: {source}; choose another port or stop what uses it")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread or its poll set could not be made.
    #[error("can't start a media thread")]
    Thread(#[source] std::io::Error),
    /// The DTLS certificate could not be made.
    #[error("can't make the DTLS certificate")]
    Certificate(#[source] Source),
}

impl HasKind for StartError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAddress => ErrorKind::InvalidInput,
            Self::Bind { .. } => ErrorKind::Conflict,
            Self::Thread(_) | Self::Certificate(_) => ErrorKind::Internal,
        }
    }
}

/// Why a stream can't become a producer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// The stream is not in the hub.
    #[error("stream {0} is not in the hub; start it first")]
    NotFound(StreamId),
    /// The SFU is shutting down.
    #[error("the media server is shutting down")]
    Closed,
}

impl HasKind for ProduceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Closed => ErrorKind::Unavailable,
        }
    }
}

/// Why a transport can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The limit on connections is reached.
    #[error("{limit} viewers are connected, which is the limit; close some or raise `max_transports`")]
    Exhausted {
        /// The limit.
        limit: usize,
    },
    /// The SFU is shutting down.
    #[error("the media server is shutting down")]
    Closed,
}

impl HasKind for TransportError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Exhausted { .. } => ErrorKind::Exhausted,
            Self::Closed => ErrorKind::Unavailable,
        }
    }
}

/// Why a transport can't be connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No fingerprint of a kind that can be checked.
    #[error("no sha-256 fingerprint was given; the peer's certificate can't be checked without one")]
    NoFingerprint,
    /// The transport is closed.
    #[error("the transport is closed")]
    Closed,
}

impl HasKind for ConnectError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFingerprint => ErrorKind::InvalidInput,
            Self::Closed => ErrorKind::NotFound,
        }
    }
}

/// Why a producer can't be consumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// The transport or the producer is closed.
    #[error("the {0} is closed")]
    Closed(&'static str),
    /// A transport carries at most so many consumers.
    #[error("a transport carries at most {limit} consumers; use another one")]
    Exhausted {
        /// The limit.
        limit: usize,
    },
}

impl HasKind for ConsumeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed(_) => ErrorKind::NotFound,
            Self::Exhausted { .. } => ErrorKind::Exhausted,
        }
    }
}

/// Why an SDP fragment could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The body is no SDP fragment.
    #[error("the fragment can't be used: {0}")]
    BadFragment(String),
}

impl HasKind for PatchError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Why an offer could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhepError {
    /// The body is no SDP, or not one that WebRTC can work with.
    #[error("the offer can't be used: {0}")]
    BadOffer(String),
    /// The offer has no codec that the stream is sent in.
    #[error("the stream is {codec}, which the offer does not have; offer it, or watch over HLS")]
    NoCommonCodec {
        /// The stream's codec, as in `a=rtpmap`.
        codec: String,
    },
    /// Nothing is known of the stream's video yet.
    #[error("the stream has no video at present; try again when it is live")]
    NoMedia,
    /// No connection can be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The stream can't be consumed.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
}

impl HasKind for WhepError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadOffer(_) => ErrorKind::InvalidInput,
            Self::NoCommonCodec { .. } => ErrorKind::Conflict,
            Self::NoMedia => ErrorKind::NotReady,
            Self::Transport(error) => error.kind(),
            Self::Consume(error) => error.kind(),
        }
    }
}
