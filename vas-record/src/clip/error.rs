//! Why there is no clip.

use crate::library::LibraryError;
use std::time::Duration;
use vas_core::{ErrorKind, HasKind, RecordingId};

/// Why a clip can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// No picture was taken in the range, or none is kept any more.
    #[error("nothing is recorded in this range; ask for the recorded ranges first")]
    NoRecording,
    /// The range is longer than allowed.
    #[error("a clip may last {} s, not {} s; ask for several", most.as_secs(), asked.as_secs())]
    TooLong {
        /// What was asked for.
        asked: Duration,
        /// What is allowed.
        most: Duration,
    },
    /// A file does not hold what its row says.
    #[error("recording {recording} is damaged: {problem}; see `vas-server recordings verify`")]
    Damaged {
        /// The recording.
        recording: RecordingId,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is not the same any more as when the clip was planned: it was thinned, replaced or damaged.
    #[error("recording {recording} was changed while the clip was being sent; ask for the clip again")]
    Changed {
        /// The recording.
        recording: RecordingId,
    },
    /// Recordings can't be found or read.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl HasKind for ClipError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRecording => ErrorKind::NotFound,
            Self::TooLong { .. } => ErrorKind::InvalidInput,
            Self::Damaged { .. } => ErrorKind::Internal,
            Self::Changed { .. } => ErrorKind::Conflict,
            Self::Library(error) => error.kind(),
        }
    }
}
