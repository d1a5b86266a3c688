//! A folder of this machine as a store.
//!
//! ```text
//! <folder>/.vas-store.json                 which store this is
//! <folder>/.spool/...                      files that are being written (the recorder's)
//! <folder>/.incoming                       a file that is being copied in from another file system
//! <folder>/<name>/<name>/.../<name>        a file under its key
//! ```

mod identity;

pub use identity::OpenError;

use super::disk::{DiskIo, EntryKind, OsDisk, unless};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use identity::Identity;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IoSlice, Read as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::ports::store::{MAX_READ, SegmentStore, Space, StoreError, StoreKey, Stored};

/// The spool's folder, for calls of [`DiskIo`].
pub const SPOOL: &str = ".spool";
/// The one file that is being copied in.
const INCOMING: &str = ".incoming";
/// Made and removed again by [`LocalStore::check`].
const PROBE: &str = ".check";
/// Calls that block on the disk at the same time. A disk that stalls takes no more threads than these.
const CALLS: usize = 16;
/// Bytes copied at once.
const COPY_BUFFER: usize = 1 << 20;
/// Entries of a listing that are on their way.
const LIST_AHEAD: usize = 1_024;
/// Folders known to be durable; one is made per device and day.
const MAX_FOLDERS: usize = 4_096;

/// A store in a folder. `Clone` gives another handle on the same.
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
    calls: Arc<Semaphore>,
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn DiskIo>,
    identity: Identity,
    /// The folders whose names outlive a power cut. Held while folders are made and removed.
    folders: Mutex<BTreeSet<PathBuf>>,
    /// Held while [`INCOMING`] is written.
    copying: Mutex<()>,
}

impl LocalStore {
    /// Makes a store of an empty folder, or of one that does not exist yet, and opens it.
    ///
    /// # Errors
    /// [`OpenError::NotEmpty`]; those of the operating system.
    pub async fn create(folder: &Path) -> Result<Self, OpenError> {
        let folder = folder.to_owned();
        blocking(move || {
            std::fs::create_dir_all(&folder)?;
            if let Some(above) = std::path::absolute(&folder)?.parent() {
                File::open(above)?.sync_all()?;
            }
            let disk: Arc<dyn DiskIo> = Arc::new(OsDisk::open(&folder)?);
            Identity::create(&*disk)?;
            Self::opened(disk, None)
        })
        .await
    }

    /// Opens the store in a folder. `expected` is the store it must be, where that is known from earlier.
    ///
    /// # Errors
    /// [`StoreError::NotMounted`] when the folder holds none or another; [`OpenError`].
    pub async fn open(folder: &Path, expected: Option<Uuid>) -> Result<Self, OpenError> {
        let folder = folder.to_owned();
        blocking(move || Self::opened(Arc::new(OsDisk::open(&folder)?), expected)).await
    }

    /// As [`Self::create`], on a disk whose folder exists.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub async fn create_on(disk: Arc<dyn DiskIo>) -> Result<Self, OpenError> {
        blocking(move || {
            Identity::create(&*disk)?;
            Self::opened(disk, None)
        })
        .await
    }

    /// As [`Self::open`], on a disk.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub async fn open_on(disk: Arc<dyn DiskIo>, expected: Option<Uuid>) -> Result<Self, OpenError> {
        blocking(move || Self::opened(disk, expected)).await
    }

    fn opened(disk: Arc<dyn DiskIo>, expected: Option<Uuid>) -> Result<Self, OpenError> {
        let identity = Identity::open(&*disk, expected)?;
        let spool = unless(io::ErrorKind::AlreadyExists, disk.create_dir(Path::new(SPOOL)));
        // What lies on a disk that became read-only can still be played.
        unless(io::ErrorKind::ReadOnlyFilesystem, spool.and_then(|()| disk.sync_dir(Path::new(""))))?;
        let inner = Inner { disk, identity, folders: Mutex::default(), copying: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), calls: Arc::new(Semaphore::new(CALLS)) })
    }

    /// Which store this is: to be kept, and given to [`Self::open`] from then on.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.inner.identity.id()
    }

    /// The disk, for writing files in [`SPOOL`].
    #[must_use]
    pub fn disk(&self) -> Arc<dyn DiskIo> {
        self.inner.disk.clone()
    }

    /// The spool: a folder on the store's own file system, from which [`SegmentStore::put`] is a mere renaming.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.inner.disk.root().join(SPOOL)
    }

    /// Where the file under a key lies.
    #[must_use]
    pub fn path_of(&self, key: &StoreKey) -> PathBuf {
        self.inner.disk.root().join(key.as_str())
    }

    /// Whether the folder is still the right one.
    pub(super) async fn verify(&self) -> Result<(), StoreError> {
        self.call(move |inner| inner.verified(|| Ok(()))).await
    }

    /// As [`SegmentStore::delete`]; blocks.
    pub(super) fn delete_blocking(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.inner.verified(|| self.inner.delete(key))
    }

    /// Files with the times when they were last written, without those that are gone meanwhile; blocks.
    pub(super) fn dated(&self, files: Vec<Stored>) -> Vec<(WallTime, Stored)> {
        let written = |file: &Stored| {
            let metadata = std::fs::symlink_metadata(self.path_of(&file.key)).ok()?;
            metadata.modified().ok().map(WallTime::from)
        };
        files.into_iter().filter_map(|file| Some((written(&file)?, file))).collect()
    }

    /// Makes a call that blocks on the disk.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // The permit is the thread's: a caller who leaves does not make room for another stalled thread.
        let permit = self.calls.clone().acquire_owned().await.expect("the semaphore is never closed");
        let inner = self.inner.clone();
        blocking(move || {
            let _permit = permit;
            call(&inner)
        })
        .await
    }
}

/// Runs a call that blocks.
pub(super) async fn blocking<T, E>(call: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<io::Error> + Send + 'static,
{
    let joined = tokio::task::spawn_blocking(call).await;
    joined.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

#[async_trait]
impl SegmentStore for LocalStore {
    async fn put(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        let (key, file) = (key.clone(), file.to_owned());
        self.call(move |inner| inner.verified(|| inner.put(&key, &file))).await
    }

    async fn put_copy(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        let (key, file) = (key.clone(), file.to_owned());
        self.call(move |inner| inner.verified(|| inner.copy(&key, &file))).await
    }

    async fn read(&self, key: &StoreKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        let key = key.clone();
        self.call(move |inner| inner.read(&key, &range)).await
    }

    async fn len(&self, key: &StoreKey) -> Result<u64, StoreError> {
        let key = key.clone();
        self.call(move |inner| {
            let file = inner.open(&key)?;
            Ok(file.metadata()?.len())
        })
        .await
    }

    fn list(&self, prefix: Option<&StoreKey>) -> BoxStream<'static, Result<Stored, StoreError>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let (tx, rx) = mpsc::channel(LIST_AHEAD);
        let walk = async move {
            let end = tx.clone();
            let walked = store.call(move |inner| inner.walk(prefix.as_ref(), &tx)).await;
            if let Err(error) = walked {
                // Whoever stopped listening needs no error either.
                let _ = end.send(Err(error)).await;
            }
        };
        // Walking and listening take turns in one future, so that a list that is dropped leaves no task behind.
        let entries = stream::unfold(rx, async |mut rx| rx.recv().await.map(|entry| (entry, rx)));
        let walk = stream::once(walk).filter_map(async |()| None);
        stream::select(entries, walk).boxed()
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.call(move |inner| inner.verified(|| inner.delete(&key))).await
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        self.call(move |inner| Ok(Some(inner.disk.space()?))).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call(move |inner| inner.verified(|| inner.check())).await
    }
}

impl Inner {
    /// Makes a call that writes, on the right disk only.
    fn verified<T>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.identity.verify(&*self.disk)?;
        call().inspect_err(|error| {
            if matches!(error, StoreError::Unavailable(_)) {
                self.identity.forget();
            }
        })
    }

    fn put(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        let missing = |error: io::Error| StoreError::from_io(key, error);
        if let Ok(own) = file.strip_prefix(self.disk.root()) {
            let len = self.disk.sync_file(own).map_err(missing)?;
            match self.rename(own, key) {
                // A file system of its own, mounted at the spool.
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
                renamed => {
                    renamed.map_err(missing)?;
                    self.disk.sync_dir(own.parent().unwrap_or(Path::new("")))?;
                    return Ok(len);
                }
            }
        }
        let len = self.copy(key, file)?;
        std::fs::remove_file(file)?;
        Ok(len)
    }

    fn copy(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        let mut from = File::open(file).map_err(|error| StoreError::from_io(key, error))?;
        let incoming = Path::new(INCOMING);
        let _copying = self.copying.lock();
        unless(io::ErrorKind::NotFound, self.disk.remove(incoming))?;
        let mut to = self.disk.create(incoming)?;
        let mut buffer = vec![0; COPY_BUFFER];
        let copied = loop {
            match from.read(&mut buffer) {
                Ok(0) => break to.sync(),
                Ok(n) => {
                    if let Err(error) = to.append(&[IoSlice::new(&buffer[..n])]) {
                        break Err(error);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = copied.and_then(|()| self.rename(incoming, key)) {
            // On a full disk above all, half a file is not left lying; if it can't be removed, the next one replaces it.
            let _ = self.disk.remove(incoming);
            return Err(error.into());
        }
        Ok(to.len())
    }

    /// Gives a file its key, durably. Folders that are missing are made.
    fn rename(&self, from: &Path, key: &StoreKey) -> io::Result<()> {
        let to = Path::new(key.as_str());
        let folder = to.parent().unwrap_or(Path::new(""));
        self.make_folders(folder)?;
        match self.disk.rename(from, to) {
            // The folder became empty and was removed between the two calls, or somebody else removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.folders.lock().clear();
                self.make_folders(folder)?;
                self.disk.rename(from, to)?;
            }
            renamed => renamed?,
        }
        self.disk.sync_dir(folder)
    }

    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        let mut durable = self.folders.lock();
        if durable.contains(folder) {
            return Ok(());
        }
        if durable.len() >= MAX_FOLDERS {
            durable.clear();
        }
        let mut path = PathBuf::new();
        for name in folder {
            let above = path.clone();
            path.push(name);
            if durable.contains(&path) {
                continue;
            }
            unless(io::ErrorKind::AlreadyExists, self.disk.create_dir(&path))?;
            // Also where it exists: whoever made it may have been killed before this.
            self.disk.sync_dir(&above)?;
            durable.insert(path.clone());
        }
        Ok(())
    }

    fn open(&self, key: &StoreKey) -> Result<File, StoreError> {
        self.disk.open(Path::new(key.as_str())).map_err(|error| match error.kind() {
            // A file lies where the key has a folder, or the other way round.
            io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => StoreError::NotFound(key.clone()),
            _ => StoreError::from_io(key, error),
        })
    }

    fn read(&self, key: &StoreKey, range: &Range<u64>) -> Result<Bytes, StoreError> {
        let wanted = range.end.saturating_sub(range.start);
        if wanted > MAX_READ {
            return Err(StoreError::TooLarge(wanted));
        }
        let file = self.open(key)?;
        let len = file.metadata()?.len();
        if wanted > 0 && range.end > len {
            return Err(StoreError::TooShort { key: key.clone(), len, wanted: range.end });
        }
        let mut bytes = vec![0; usize::try_from(wanted).expect("MAX_READ fits")];
        match file.read_exact_at(&mut bytes, range.start) {
            // Cut off between the two calls.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(StoreError::TooShort { key: key.clone(), len: file.metadata()?.len(), wanted: range.end })
            }
            read => Ok(read.map(|()| bytes.into())?),
        }
    }

    fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let path = Path::new(key.as_str());
        match self.disk.remove(path) {
            // A folder under this name is no file either.
            Err(error) if !is_missing(&error) && error.kind() != io::ErrorKind::IsADirectory => {
                return Err(error.into());
            }
            _ => {}
        }
        // Also where it was missing: an earlier call may have been killed before this.
        let mut folder = path.parent().unwrap_or(Path::new(""));
        let mut durable = self.folders.lock();
        while folder != Path::new("") {
            match self.disk.remove_dir(folder) {
                Ok(()) => durable.retain(|path| !path.starts_with(folder)),
                Err(error) if is_missing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => break,
                Err(error) => return Err(error.into()),
            }
            folder = folder.parent().unwrap_or(Path::new(""));
        }
        drop(durable);
        match self.disk.sync_dir(folder) {
            Err(error) if !is_missing(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Sends what lies below `prefix`, until nobody listens.
    fn walk(
        &self,
        prefix: Option<&StoreKey>,
        to: &mpsc::Sender<Result<Stored, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut folders = vec![prefix.map_or_else(String::new, ToString::to_string)];
        while let Some(folder) = folders.pop() {
            let entries = match self.disk.read_dir(Path::new(&folder)) {
                Err(error) if is_missing(&error) => continue,
                entries => entries?,
            };
            for entry in entries {
                let Some(name) = entry.name.to_str() else { continue };
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                // What has no key is the store's own, or somebody else's.
                let Ok(key) = StoreKey::parse(&path) else { continue };
                match entry.kind {
                    EntryKind::Folder => folders.push(path),
                    EntryKind::File { len } => {
                        if to.blocking_send(Ok(Stored { key, len })).is_err() {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StoreError> {
        let probe = Path::new(PROBE);
        unless(io::ErrorKind::AlreadyExists, self.disk.create(probe))?;
        Ok(unless(io::ErrorKind::NotFound, self.disk.remove(probe))?)
    }
}

/// Whether there is no such file because it, or a folder on its way, does not exist.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
