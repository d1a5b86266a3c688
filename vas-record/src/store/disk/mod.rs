//! The calls that writing to a disk is made of, as a trait: the recorder and [`super::LocalStore`] write through it, so
//! that a test can take the power away between any two of them (`TestDisk`, with the feature `testing`).
//!
//! Every call blocks: a flusher thread makes them, or `spawn_blocking`. All paths are relative to the disk's folder and
//! made of plain names; symbolic links below the folder are never followed, so that nothing outside it is reached.
//!
//! What a power cut leaves: of a file, what was written before its last [`DiskFile::sync`]; of a folder, the names it
//! had at its last [`DiskIo::sync_dir`]. A new file outlives it only once both it and its folder are synced.

mod os;
#[cfg(any(test, feature = "testing"))]
mod testing;

pub use os::OsDisk;
#[cfg(any(test, feature = "testing"))]
pub use testing::{Fault, TestDisk};

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use vas_core::ports::store::Space;

/// A folder on a disk. Errors are the operating system's own, for [`io::Error::kind`] to tell apart.
pub trait DiskIo: Debug + Send + Sync + 'static {
    /// The folder, as an absolute path. `root().join(path)` is how others (a reader, a player) name a file of it.
    fn root(&self) -> &Path;

    /// Makes a new, empty file and opens it for appending.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken; those of the operating system.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that exists for appending, after cutting it off at `len` bytes (what lies beyond is the torn tail
    /// of an interrupted run). The cut is durable after the next [`DiskFile::sync`].
    ///
    /// # Errors
    /// `InvalidInput` when the file is shorter than `len`; those of the operating system.
    fn append_to(&self, path: &Path, len: u64) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of the operating system; a symbolic link is one.
    fn open(&self, path: &Path) -> io::Result<File>;

    /// Makes what was written to a file durable, whoever wrote it, and gives its length in bytes.
    ///
    /// # Errors
    /// Those of the operating system; what is on the disk is then unknown.
    fn sync_file(&self, path: &Path) -> io::Result<u64>;

    /// Renames a file, replacing what has the new name in one step. Durable once both folders are synced: that of the
    /// new name first, or a power cut may leave neither.
    ///
    /// # Errors
    /// `CrossesDevices` when the names lie on different file systems; those of the operating system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable once its folder is synced.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a folder in one that exists. Durable once the folder above is synced.
    ///
    /// # Errors
    /// `AlreadyExists`; those of the operating system.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder. Durable once the folder above is synced.
    ///
    /// # Errors
    /// `DirectoryNotEmpty`; those of the operating system.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable; the empty path is the disk's folder itself.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// The files and folders in a folder, in no order; whatever else lies there (symbolic links, sockets) is left out.
    ///
    /// # Errors
    /// Those of the operating system.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DiskEntry>>;

    /// The room on the file system.
    ///
    /// # Errors
    /// Those of the operating system.
    fn space(&self) -> io::Result<Space>;

    /// Opens the folder by its path again. Until then all calls stay with the file system that lay there when it was
    /// opened, even when that is unmounted or another is mounted over it.
    ///
    /// # Errors
    /// Those of the operating system; the disk then stays with what it had.
    fn reopen(&self) -> io::Result<()>;
}

/// A file that is being written. Dropping it closes it, synced or not.
pub trait DiskFile: Debug + Send {
    /// Appends all of `parts`, in order, or nothing: after an error the file has the length it had before, so that no
    /// torn chunk remains and the same parts may be appended again.
    ///
    /// # Errors
    /// Those of the operating system (`StorageFull`, `QuotaExceeded`, ...); the file stays usable, except after a failed
    /// [`Self::sync`].
    fn append(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()>;

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// Those of the operating system. After an error nothing that was written since the last success can be relied
    /// on: Linux drops unwritten pages and reports that once. The file therefore refuses appends and syncs from then
    /// on; close it and begin another.
    fn sync(&mut self) -> io::Result<()>;

    /// The file's length in bytes.
    fn len(&self) -> u64;

    /// Whether nothing has been appended.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A file or folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskEntry {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
}

/// What a [`DiskEntry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file of `len` bytes.
    File {
        /// Its length in bytes.
        len: u64,
    },
    /// A folder.
    Folder,
}

/// The result of a call for which an error of `kind` is as good as success.
pub(super) fn unless(kind: io::ErrorKind, result: io::Result<impl Sized>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != kind => Err(error),
        _ => Ok(()),
    }
}
