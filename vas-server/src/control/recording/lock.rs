//! One process writes recordings into a folder: another would take up the files that this one is writing.

use parking_lot::Mutex;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The file that is locked, in the recording folder; stores pass over names that begin with a dot.
const FILE: &str = ".vas-lock";

/// The right to write into a recording folder. It ends with the process, however that ends. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct FolderLock {
    file: Arc<Mutex<Option<File>>>,
}

/// Why the right was not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LockError {
    /// Somebody has it.
    #[error("another process records into this folder; stop it first")]
    Taken,
    /// The lock file can't be used.
    #[error("the file {FILE} in it can't be locked")]
    File(#[from] io::Error),
}

impl FolderLock {
    /// Takes the right to write into `folder`, if nobody has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, LockError> {
        Self::take_file(&folder.join(FILE))
    }

    /// The same with another file, for another right.
    pub(crate) fn take_file(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file: Arc::new(Mutex::new(Some(file))) }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Gives the right back.
    pub(crate) fn release(&self) {
        drop(self.file.lock().take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(LockError::Taken)));
        lock.release();
        FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(Path::new("/nowhere")), Err(LockError::File(_))));
    }
}
