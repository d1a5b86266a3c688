//! Errors, one enum per operation.

use crate::ortc::{InvalidParameters, Unsupported};
use crate::shard::InsertError;
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
    /// The port is taken on TCP.
    #[error(
        "can't listen for media on TCP {address}: {source}; choose another port, stop what uses it or switch TCP off"
    )]
    Listen {
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
            Self::Bind { .. } | Self::Listen { .. } => ErrorKind::Conflict,
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
    /// No layer, or too many.
    #[error("a producer has 1 to {limit} layers, not {given}")]
    Layers {
        /// Layers given.
        given: usize,
        /// The most.
        limit: usize,
    },
    /// The SFU is shutting down.
    #[error("the media server is shutting down")]
    Closed,
}

impl HasKind for ProduceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Layers { .. } => ErrorKind::InvalidInput,
            Self::Closed => ErrorKind::Unavailable,
        }
    }
}

/// Why a viewer is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// The stream has as many viewers as it may have.
    #[error(
        "{limit} viewers watch this stream, which is the limit; close some or raise `max_viewers_per_stream`"
    )]
    Stream {
        /// The limit.
        limit: usize,
    },
    /// The client's address has as many viewers as it may have.
    #[error(
        "{limit} viewers come from this address, which is the limit; close some or raise `max_viewers_per_address`"
    )]
    Address {
        /// The limit.
        limit: usize,
    },
    /// As much leaves this machine as may.
    #[error("viewers are sent {} Mb/s, which is the limit; close some or raise `max_egress_bps`", .limit_bps / 1_000_000)]
    Egress {
        /// The limit in bits per second.
        limit_bps: u64,
    },
}

impl HasKind for AdmissionError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Exhausted
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
    /// Another limit is reached.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The SFU is shutting down.
    #[error("the media server is shutting down")]
    Closed,
}

impl TransportError {
    pub(crate) const fn of(error: InsertError, limit: usize) -> Self {
        match error {
            InsertError::Exhausted => Self::Exhausted { limit },
            InsertError::Closed => Self::Closed,
        }
    }
}

/// Why a plain transport can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlainError {
    /// The address is not on the list of those that may be sent to.
    #[error("{address} may not be sent to; add it or its network to `plain_rtp_allow` if it may")]
    NotAllowed {
        /// The address.
        address: std::net::IpAddr,
    },
    /// Port 0, or none left beside it for reports.
    #[error(
        "port {port} can't be sent to; give the port on which RTP is received, and reports on the next one"
    )]
    Port {
        /// The port.
        port: u16,
    },
    /// No socket of this side is of the address's family.
    #[error("this side does not listen on {family}; add an address of that kind to `listen`")]
    Family {
        /// The family.
        family: &'static str,
    },
    /// No connection can be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl HasKind for PlainError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAllowed { .. } => ErrorKind::Forbidden,
            Self::Port { .. } | Self::Family { .. } => ErrorKind::InvalidInput,
            Self::Transport(error) => error.kind(),
        }
    }
}

impl HasKind for TransportError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Exhausted { .. } => ErrorKind::Exhausted,
            Self::Admission(error) => error.kind(),
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
    /// A fingerprint can't be read, or the peer insists on a role that this side has.
    #[error("the peer's DTLS parameters can't be used: {0}")]
    Parameters(#[from] InvalidParameters),
    /// The transport is closed.
    #[error("the transport is closed")]
    Closed,
}

impl HasKind for ConnectError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFingerprint | Self::Parameters(_) => ErrorKind::InvalidInput,
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
    /// The viewer can receive no codec of the producer.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The viewer's capabilities are not in order.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// Nothing is known of the producer's media yet.
    #[error("nothing is known of the producer's media yet; try again when its stream is live")]
    NoMedia,
    /// A limit is reached.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
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
            Self::Unsupported(_) | Self::Parameters(_) => ErrorKind::InvalidInput,
            Self::NoMedia => ErrorKind::NotReady,
            Self::Admission(error) => error.kind(),
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
    /// The session begins with the viewer's answer, which has not come.
    #[error("the session awaits the answer to its counter-offer; send that first")]
    NotAnswered,
}

impl HasKind for PatchError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadFragment(_) => ErrorKind::InvalidInput,
            Self::NotAnswered => ErrorKind::Conflict,
        }
    }
}

/// Why an answer to a counter-offer could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The body is no SDP answer, or not one that WebRTC can work with.
    #[error("the answer can't be used: {0}")]
    BadAnswer(String),
    /// Nothing was offered, or it is answered already.
    #[error("the session has no counter-offer that awaits an answer")]
    NotAwaited,
    /// The viewer takes nothing of what the stream can be sent as.
    #[error("the viewer takes none of the codecs that the stream has; watch over HLS")]
    Rejected,
}

impl HasKind for AnswerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadAnswer(_) => ErrorKind::InvalidInput,
            Self::NotAwaited | Self::Rejected => ErrorKind::Conflict,
        }
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
    /// Nothing is known of the stream's media yet.
    #[error("the stream has no media at present; try again when it is live")]
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
