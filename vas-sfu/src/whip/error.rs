//! Why publishing fails or ends.

use std::fmt;
use vas_core::{ErrorKind, HasKind, StreamId};

/// Why a publisher's offer was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WhipError {
    /// The body is no SDP, or not one that WebRTC can work with. Never repeats a part of it.
    #[error("the offer can't be used: {0}")]
    BadOffer(String),
    /// What is offered can't be taken, in whole.
    #[error("the offer can't be taken: {0}")]
    NotAcceptable(&'static str),
    /// Somebody else publishes the stream.
    #[error("stream {0} has a publisher already; end its session first")]
    Taken(StreamId),
    /// The limit on publishers is reached.
    #[error("{limit} publishers are connected, which is the limit; end some or raise `max_sessions`")]
    Exhausted {
        /// The limit.
        limit: usize,
    },
    /// No address and port to receive on.
    #[error("no UDP socket could be had for the publisher; check `listen` and `ports`")]
    NoSocket,
    /// The server is shutting down.
    #[error("the media server is shutting down")]
    Closed,
    /// The connection could not be set up.
    #[error("the connection could not be set up")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl HasKind for WhipError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadOffer(_) => ErrorKind::InvalidInput,
            Self::NotAcceptable(_) | Self::Taken(_) => ErrorKind::Conflict,
            Self::Exhausted { .. } => ErrorKind::Exhausted,
            Self::NoSocket | Self::Closed => ErrorKind::Unavailable,
            Self::Internal(_) => ErrorKind::Internal,
        }
    }
}

/// Why an SDP fragment of a publisher was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhipPatchError {
    /// The body is no SDP fragment. Never repeats a part of it.
    #[error("the fragment can't be used: {0}")]
    BadFragment(String),
    /// The connection refused it.
    #[error("the connection does not take the fragment; start a new session")]
    Refused,
    /// The session has ended.
    #[error("the session has ended")]
    Closed,
}

impl HasKind for WhipPatchError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadFragment(_) => ErrorKind::InvalidInput,
            Self::Refused => ErrorKind::Conflict,
            Self::Closed => ErrorKind::NotFound,
        }
    }
}

/// Why a publisher's session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhipEnd {
    /// It was closed on request.
    Closed,
    /// The publisher closed its connection.
    Left,
    /// The publisher never connected.
    NeverConnected,
    /// The connection was lost: the publisher answers no more.
    Lost,
    /// No picture came for the time that is allowed.
    NoMedia,
    /// Pictures came, but none that decoding could start at.
    NoKey,
    /// The stream was removed or is published by another source.
    StreamGone,
    /// The server is shutting down.
    Shutdown,
    /// A fault of this program.
    Fault,
}

impl fmt::Display for WhipEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the session was closed",
            Self::Left => "the publisher left",
            Self::NeverConnected => {
                "the publisher did not connect in time; check that UDP reaches this server"
            }
            Self::Lost => "the publisher's connection was lost",
            Self::NoMedia => "the publisher sends no pictures",
            Self::NoKey => "the publisher sends no picture that decoding can start at",
            Self::StreamGone => "the stream is gone or has another source",
            Self::Shutdown => "the server is shutting down",
            Self::Fault => "the session met a fault of this program",
        })
    }
}
