//! Why a device or a stream was not changed or shown.

use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, StreamId};

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
    /// The caller sees a list of devices only, to which nothing is added.
    #[error("this account sees certain devices only; have an account that sees all of them add new ones")]
    NotYours,
    /// The device has a stream that runs.
    #[error("the camera has a stream that runs already; delete or stop it first")]
    Running(StreamId),
    /// The camera's address is wrong.
    #[error("{field}: {why}")]
    Url {
        /// The field that holds it.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A field clashes, or the database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A fault of this program.
    #[error("the server failed; its log says more")]
    Internal,
}

impl ControlError {
    /// What is wrong with the address in `field`.
    pub(super) fn url(field: &'static str, why: &impl ToString) -> Self {
        Self::Url { field, why: why.to_string() }
    }
}

impl HasKind for ControlError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoDevice | Self::NoStream => ErrorKind::NotFound,
            Self::NotYours => ErrorKind::Forbidden,
            Self::Running(_) => ErrorKind::Conflict,
            Self::Url { .. } => ErrorKind::InvalidInput,
            Self::Repo(error) => error.kind(),
            Self::Internal => ErrorKind::Internal,
        }
    }
}
