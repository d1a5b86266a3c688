//! Why there is no bookmark or snapshot.

use crate::control::recording::NotRecording;
use vas_core::ports::RepoError;
use vas_core::ports::store::BadKey;
use vas_core::{ErrorKind, HasKind};
use vas_record::clip::ClipError;
use vas_record::library::LibraryError;
use vas_record::snapshot::{RecordedSnapshotError, SnapshotError};
use vas_record::store::DepositError;

/// Why a bookmark or a snapshot was not begun, shown or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CaptureError {
    /// Nothing has this id.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It is not ready yet, or failed.
    #[error("the {what} is {status}{}", .problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default())]
    NotReady {
        /// What it is.
        what: &'static str,
        /// How far it has come.
        status: &'static str,
        /// Why it failed, when it did.
        problem: Option<String>,
    },
    /// Nothing was recorded at the time.
    #[error("nothing is recorded at this time")]
    NoRecording,
    /// The stream runs and is not recorded.
    #[error("the stream is not being recorded; switch its recording on first")]
    NotRecorded,
    /// Too many are being made.
    #[error("too many bookmarks and snapshots are being made; try again soon")]
    Busy,
    /// There is no storage.
    #[error(transparent)]
    Storage(#[from] NotRecording),
    /// The index or the store failed.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

impl HasKind for CaptureError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoRecording => ErrorKind::NotFound,
            Self::NotReady { .. } => ErrorKind::NotReady,
            Self::NotRecorded => ErrorKind::Conflict,
            Self::Busy => ErrorKind::Exhausted,
            Self::Storage(error) => error.kind(),
            Self::Library(error) => error.kind(),
            Self::Repo(error) => error.kind(),
        }
    }
}

/// Why a snapshot failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SnapshotFailure {
    /// The stream shows nothing that can be decoded.
    #[error(transparent)]
    Live(#[from] SnapshotError),
    /// Neither does the recording.
    #[error(transparent)]
    Recorded(#[from] RecordedSnapshotError),
    /// The picture can't be kept.
    #[error(transparent)]
    Deposit(#[from] DepositError<std::convert::Infallible>),
    /// There is no storage.
    #[error(transparent)]
    Storage(#[from] NotRecording),
    /// Its file has no name in a store.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// It took too long.
    #[error("the picture was not made in time; the server may be overloaded")]
    TimedOut,
}

impl BookmarkFailure {
    /// Whether it may be made later without anybody doing anything about the bookmark.
    pub(crate) fn passes(&self) -> bool {
        let kind = match self {
            Self::Clip(error) => error.kind(),
            Self::Deposit(error) => error.kind(),
            Self::Library(error) => error.kind(),
            Self::Storage(_) => return true,
            Self::Key(_) => return false,
        };
        // A disk that is full is waited for too: retention makes room.
        matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Exhausted)
    }
}

/// Why a bookmark failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BookmarkFailure {
    /// The clip can't be made.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The clip can't be kept.
    #[error(transparent)]
    Deposit(#[from] DepositError<ClipError>),
    /// The recordings can't be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// There is no storage.
    #[error(transparent)]
    Storage(#[from] NotRecording),
    /// Its file has no name in a store.
    #[error(transparent)]
    Key(#[from] BadKey),
}
