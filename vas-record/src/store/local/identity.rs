//! The file that tells which store a folder is.
//!
//! A disk that is not mounted leaves an empty folder, and a swapped one another store: neither may be taken for the
//! right one and be filled with footage, or be found empty and the index be emptied after it.

use crate::store::disk::{DiskIo, unless};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use uuid::Uuid;
use vas_core::ports::store::StoreError;
use vas_core::{ErrorKind, HasKind};

/// The identity file.
const FILE: &str = ".vas-store.json";
/// Where it is written before it gets its name.
const NEW_FILE: &str = ".vas-store.json.new";
/// The layout of folders that this version writes.
const VERSION: u32 = 1;
/// It is smaller than this.
const MAX_FILE: u64 = 4_096;

/// Why a folder can't be opened as a store, or made one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no store in the folder, and it was not said which one is expected.
    #[error("there is no store in the folder; create one in an empty folder")]
    NoStore,
    /// A store is made in an empty folder only.
    #[error("the folder is not empty; choose an empty one, or open the store that is there")]
    NotEmpty,
    /// The identity file can't be understood.
    #[error("the store's identity file {FILE} is damaged: {0}; restore it from a backup")]
    BadIdentity(#[source] serde_json::Error),
    /// A later version of this program made the store.
    #[error("the store has layout {0}, and this version knows {VERSION} at most; upgrade first")]
    TooNew(u32),
    /// The folder can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Store(error.into())
    }
}

impl HasKind for OpenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoStore => ErrorKind::NotFound,
            Self::NotEmpty => ErrorKind::Conflict,
            Self::BadIdentity(_) | Self::TooNew(_) => ErrorKind::NotReady,
            Self::Store(error) => error.kind(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    id: Uuid,
    version: u32,
}

/// Device and inode numbers of the folder and of its identity file, by path: the same as long as nothing else was
/// mounted or put there.
type Numbers = [(u64, u64); 2];

/// Who a store is, and the means to see cheaply that its folder is still the one.
#[derive(Debug)]
pub(super) struct Identity {
    id: Uuid,
    seen: Mutex<Option<Numbers>>,
}

impl Identity {
    /// Makes an empty folder a store. What the operating system puts into a fresh file system is nothing.
    pub(super) fn create(disk: &dyn DiskIo) -> Result<(), OpenError> {
        let foreign = |name: &OsStr| name != "lost+found" && name != NEW_FILE && name != super::SPOOL;
        if disk.read_dir(Path::new(""))?.iter().any(|entry| foreign(&entry.name)) {
            return Err(OpenError::NotEmpty);
        }
        let contents = Contents { id: Uuid::new_v4(), version: VERSION };
        let text = serde_json::to_vec(&contents).expect("two plain fields become JSON");
        unless(io::ErrorKind::NotFound, disk.remove(Path::new(NEW_FILE)))?;
        let mut file = disk.create(Path::new(NEW_FILE))?;
        file.append(&[IoSlice::new(&text), IoSlice::new(b"\n")])?;
        file.sync()?;
        disk.rename(Path::new(NEW_FILE), Path::new(FILE))?;
        disk.sync_dir(Path::new(""))?;
        Ok(())
    }

    /// Reads the identity of a store that is to be `expected`.
    pub(super) fn open(disk: &dyn DiskIo, expected: Option<Uuid>) -> Result<Self, OpenError> {
        let file = match disk.open(Path::new(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(expected.map_or(OpenError::NoStore, |id| not_mounted(id, None).into()));
            }
            file => file?,
        };
        let contents: Contents = serde_json::from_slice(&contents(file)?).map_err(OpenError::BadIdentity)?;
        if contents.version > VERSION {
            return Err(OpenError::TooNew(contents.version));
        }
        if let Some(id) = expected.filter(|&id| id != contents.id) {
            return Err(not_mounted(id, Some(contents.id)).into());
        }
        Ok(Self { id: contents.id, seen: Mutex::new(numbers(disk.root())) })
    }

    /// The store's id.
    pub(super) const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether the path still leads to the store. When it leads to the store again after having been mounted anew,
    /// `disk` is opened again; where it leads elsewhere, `disk` stays with what it had.
    pub(super) fn verify(&self, disk: &dyn DiskIo) -> Result<(), StoreError> {
        let mut seen = self.seen.lock();
        let now = numbers(disk.root());
        if now.is_some() && now == *seen {
            return Ok(());
        }
        *seen = None;
        let found = match File::open(disk.root().join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => serde_json::from_slice::<Contents>(&contents(file?)?).ok().map(|contents| contents.id),
        };
        if found != Some(self.id) {
            return Err(not_mounted(self.id, found));
        }
        disk.reopen()?;
        *seen = now;
        Ok(())
    }

    /// Makes the next [`Self::verify`] look closely and open the disk again: after a failure that a disk leaves which was
    /// taken out, and may be back under the same numbers.
    pub(super) fn forget(&self) {
        *self.seen.lock() = None;
    }
}

fn not_mounted(expected: Uuid, found: Option<Uuid>) -> StoreError {
    StoreError::NotMounted { expected: expected.to_string(), found: found.map(|id| id.to_string()) }
}

fn contents(file: File) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut contents)?;
    Ok(contents)
}

fn numbers(root: &Path) -> Option<Numbers> {
    let of = |path: &Path| std::fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    Some([of(root)?, of(&root.join(FILE))?])
}
