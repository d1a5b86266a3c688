//! Why a store did not do what was asked.

use super::{MAX_READ, StoreKey};
use crate::error::{ErrorKind, HasKind};
use std::error::Error;
use std::io;

/// Why a store did not do what was asked. Messages and sources hold no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no file under the key, or none in the spool to be put there.
    #[error("there is no file for {0}; it may have been deleted meanwhile")]
    NotFound(StoreKey),
    /// The file ends before the range that was asked for.
    #[error("{key} has {len} bytes, not {wanted}; the file is damaged or was replaced")]
    TooShort {
        /// The file.
        key: StoreKey,
        /// Bytes it has.
        len: u64,
        /// Bytes it would need.
        wanted: u64,
    },
    /// The range is longer than [`MAX_READ`].
    #[error("{0} bytes are too many for one read; ask for {MAX_READ} at most")]
    TooLarge(u64),
    /// No room is left, or a quota is reached.
    #[error("the store is full; free some space or lower the retention")]
    Full(#[source] io::Error),
    /// Nothing can be written.
    #[error("the store is read-only; mount it for writing, and look for disk errors in the system's log")]
    ReadOnly(#[source] io::Error),
    /// The folder is not the one that belongs to this store: its disk is not mounted, or another is in its place.
    #[error(
        "the folder holds {}, where the store {expected} is expected; mount the right disk",
        found.as_deref().map_or_else(|| "no store".to_owned(), |id| format!("the store {id}"))
    )]
    NotMounted {
        /// The identity it must have.
        expected: String,
        /// The identity it has, if any.
        found: Option<String>,
    },
    /// The store does not let this service in.
    #[error("the store refuses access; check the permissions or the credentials")]
    Denied(#[source] Box<dyn Error + Send + Sync>),
    /// The store does not answer, or answers with an error of its own.
    #[error("the store failed; see the cause, and whether it can be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The error that the operating system's `error` means, for a store on a disk.
    #[must_use]
    pub fn from_io(key: &StoreKey, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::NotFound(key.clone()) } else { error.into() }
    }

    /// Whether the same call may succeed later without anybody changing the call.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::NotFound(_) | Self::TooShort { .. } | Self::TooLarge(_))
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(error),
            io::ErrorKind::PermissionDenied => Self::Denied(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

impl HasKind for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::TooShort { .. } => ErrorKind::Internal,
            Self::TooLarge(_) => ErrorKind::InvalidInput,
            Self::Full(_) => ErrorKind::Exhausted,
            Self::ReadOnly(_) | Self::NotMounted { .. } | Self::Denied(_) | Self::Unavailable(_) => {
                ErrorKind::Unavailable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let of = |kind: io::ErrorKind| StoreError::from_io(&StoreKey::parse("a").unwrap(), kind.into());
        assert!(matches!(of(io::ErrorKind::NotFound), StoreError::NotFound(_)));
        assert!(matches!(of(io::ErrorKind::StorageFull), StoreError::Full(_)));
        assert!(matches!(of(io::ErrorKind::QuotaExceeded), StoreError::Full(_)));
        assert!(matches!(of(io::ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly(_)));
        assert!(matches!(of(io::ErrorKind::PermissionDenied), StoreError::Denied(_)));
        assert_eq!(of(io::ErrorKind::Other).kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn a_missing_disk_is_told_from_a_swapped_one() {
        let error = |found: Option<&str>| StoreError::NotMounted {
            expected: "1".to_owned(),
            found: found.map(ToOwned::to_owned),
        };
        assert_eq!(
            error(None).to_string(),
            "the folder holds no store, where the store 1 is expected; mount the right disk"
        );
        assert!(error(Some("2")).to_string().contains("holds the store 2, where"));
    }
}
