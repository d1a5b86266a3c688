//! Why a device or a stream was not changed or shown.

use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, StreamId};
use vas_ingest::SourceError;

/// Why a device or a stream was not changed or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ControlError {
    /// The device is unknown.
    #[error("there is no such device")]
    NoDevice,
    /// The stream is unknown.
    #[error("there is no such stream")]
    NoStream,
    /// The device has a stream that runs.
    #[error("the camera has a stream that runs already; delete or stop it first")]
    Running(StreamId),
    /// The camera's address is wrong.
    #[error("rtsp_url: {0}")]
    Url(String),
    /// A field clashes, or the database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A fault of this program.
    #[error("the server failed; its log says more")]
    Internal,
}

impl From<SourceError> for ControlError {
    fn from(error: SourceError) -> Self {
        Self::Url(error.to_string())
    }
}

impl HasKind for ControlError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoDevice | Self::NoStream => ErrorKind::NotFound,
            Self::Running(_) => ErrorKind::Conflict,
            Self::Url(_) => ErrorKind::InvalidInput,
            Self::Repo(error) => error.kind(),
            Self::Internal => ErrorKind::Internal,
        }
    }
}
