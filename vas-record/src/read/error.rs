//! What is wrong with a file.

use std::fmt;
use vas_core::{ErrorKind, HasKind};

/// The type of a box, four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BoxKind(pub [u8; 4]);

impl fmt::Display for BoxKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for BoxKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

/// Why a file can't be read from some place on. `offset` is that of the box in what was given to read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes end within a box: the file was cut off, or its tail was never written.
    #[error(
        "the file ends within the box {kind} at byte {offset}; repair the recording to drop the broken end"
    )]
    CutShort {
        /// The box; zeros where its header is cut off.
        kind: BoxKind,
        /// Where it begins.
        offset: u64,
    },
    /// A box does not hold what it should.
    #[error(
        "the box {kind} at byte {offset} is damaged: {problem}; repair the recording to keep what lies before it"
    )]
    Malformed {
        /// The box.
        kind: BoxKind,
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no initialisation section, without which nothing can be decoded.
    #[error("there is no box {kind}; the file is no recording, or its beginning is lost")]
    Missing {
        /// What was looked for.
        kind: BoxKind,
    },
    /// The medium gave an error.
    #[error("can't read the file; check the disk")]
    Io(#[from] std::io::Error),
}

impl HasKind for ReadError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(_) => ErrorKind::Internal,
            _ => ErrorKind::Protocol,
        }
    }
}
