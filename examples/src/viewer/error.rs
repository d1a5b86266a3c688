//! What can go wrong, one type for each operation.

use std::error::Error;
use std::time::Duration;

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a DTLS certificate")]
pub struct IdentityError(#[source] Box<dyn Error + Send + Sync>);

impl IdentityError {
    pub(super) fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(source))
    }
}

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The viewer has an answer already.
    #[error("this viewer has its answer already: make a new viewer for a new session")]
    Repeated,
    /// The text is no session description.
    #[error("the answer is no SDP: it has to start with v=0")]
    NotSdp,
    /// No video section, or one with port 0.
    #[error("the server refused the video section")]
    Rejected,
    /// A line that has to be there is not.
    #[error("the answer has no {0}")]
    Missing(&'static str),
    /// A line has a value that cannot be read or served.
    #[error("the answer's {0} cannot be used")]
    Unusable(&'static str),
    /// None of the payload types is one that was offered.
    #[error("the answer takes none of the offered codecs")]
    NoCodec,
    /// No address to send checks to.
    #[error("the answer has no UDP candidate with an IP address of the viewer's family")]
    NoCandidate,
    /// The DTLS client could not be started.
    #[error("cannot start the DTLS handshake")]
    Dtls(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a viewer ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`Viewer::close`](super::Viewer::close) was called.
    #[error("closed by the viewer")]
    Local,
    /// The server sent a DTLS close_notify.
    #[error("closed by the server")]
    Remote,
    /// No candidate answered a check.
    #[error("no candidate answered a connectivity check within {0:?}")]
    NoConnectivity(Duration),
    /// The server stopped answering consent checks (RFC 7675).
    #[error("the server answered no consent check for {0:?}")]
    ConsentExpired(Duration),
    /// The DTLS handshake failed or ran out of time.
    #[error("the DTLS handshake failed: {0}")]
    Handshake(String),
}
