//! What bookmarks and snapshots have in common: both are made of media by and by, and end as files.

use std::fmt;
use std::str::FromStr;

/// Where the media of a bookmark or a snapshot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaptureSource {
    /// From the running stream, at the moment it was asked for.
    Live,
    /// From what was recorded.
    Historical,
}

impl CaptureSource {
    const ALL: [(Self, &'static str); 2] = [(Self::Live, "live"), (Self::Historical, "historical")];

    /// Its name in the database and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(source, _)| *source == self).map_or("live", |(_, name)| name)
    }
}

impl fmt::Display for CaptureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CaptureSource {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(source, _)| *source).ok_or(UnknownSource)
    }
}

/// A text that names no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be live or historical")]
pub struct UnknownSource;

/// How far a bookmark or a snapshot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaptureStatus {
    /// It is being made, or was when the server died.
    Processing,
    /// Its files can be fetched.
    Ready,
    /// It can't be made; it says why.
    Failed,
}

impl CaptureStatus {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Processing, "processing"), (Self::Ready, "ready"), (Self::Failed, "failed")];

    /// Its name in the database and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("processing", |(_, name)| name)
    }
}

impl fmt::Display for CaptureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CaptureStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(status, _)| *status).ok_or(UnknownStatus)
    }
}

/// A text that names no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be processing, ready or failed")]
pub struct UnknownStatus;

/// A file in a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredFile {
    /// Its name in the store.
    pub key: String,
    /// Its bytes.
    pub bytes: u64,
}
