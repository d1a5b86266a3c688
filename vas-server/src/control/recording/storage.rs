//! Opens where recordings lie, as the settings say.

use super::lock::{FolderLock, LockError};
use crate::config::{Config, StoreKind};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;
use vas_core::ports::store::SegmentStore;
use vas_core::{SharedClock, TaskScope};
use vas_record::recorder::SpoolPlace;
use vas_record::store::{LocalStore, OpenError, SPOOL};

/// In the data folder: which store the recording folder held when it was last opened.
const REMEMBERED: &str = "recording-store.json";

/// Where recordings lie and are written.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// Finished files.
    pub(crate) store: Arc<dyn SegmentStore>,
    /// Files that are being written.
    pub(crate) spool: SpoolPlace,
    /// That nobody else writes there; of whoever asked for it.
    pub(crate) lock: Option<FolderLock>,
}

/// What a storage is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// To look at what is there, be it while a server writes.
    Read,
    /// To change what is there.
    Write,
    /// To record: where there is no store yet, one is made.
    Record,
}

/// Why recordings can't be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StorageError {
    /// The folder is no store, or not the one it is to be.
    #[error("the recording folder {} can't be used", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: OpenError,
    },
    /// Somebody else writes there, or it can't be found out.
    #[error("the recording folder {} is not to be written to", .folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: LockError,
    },
    /// The settings of the object store are wrong, or it is out of reach.
    #[cfg(feature = "s3")]
    #[error("the object store of recordings can't be used")]
    Object(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a store that was opened once must be from then on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    folder: PathBuf,
    store: Uuid,
}

/// Opens the storage of the settings. Uploads run in `scope`.
///
/// # Errors
/// See [`StorageError`].
pub(crate) async fn open(
    config: &Config,
    access: Access,
    clock: &SharedClock,
    scope: &TaskScope,
) -> Result<Storage, StorageError> {
    let folder = config.recording_folder();
    let local = open_folder(&folder, &config.data_dir, access == Access::Record).await?;
    let lock = match access {
        Access::Read => None,
        Access::Write | Access::Record => Some(lock(folder).await?),
    };
    let spool = SpoolPlace { disk: local.disk(), folder: SPOOL.into() };
    let store: Arc<dyn SegmentStore> = match config.recording.store {
        StoreKind::Local => Arc::new(local),
        #[cfg(feature = "s3")]
        StoreKind::S3 => super::object::open(&config.recording.s3, scope)?,
        #[cfg(feature = "s3")]
        StoreKind::Tiered => super::object::open_tiered(config, local, clock.clone(), scope).await?,
        // Refused with the settings.
        #[cfg(not(feature = "s3"))]
        StoreKind::S3 | StoreKind::Tiered => {
            let _ = (clock, scope);
            Arc::new(local)
        }
    };
    Ok(Storage { store, spool, lock })
}

async fn lock(folder: PathBuf) -> Result<FolderLock, StorageError> {
    let taking = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || FolderLock::take(&folder)
    });
    let taken = taking.await.unwrap_or_else(|error| Err(LockError::File(io::Error::other(error))));
    taken.map_err(|source| StorageError::Locked { folder, source })
}

/// Opens the store in a folder. One that was opened before must be the same: an empty folder is then a disk that is not
/// mounted, and is left as it is.
async fn open_folder(folder: &Path, data_dir: &Path, make: bool) -> Result<LocalStore, StorageError> {
    let failed = |source| StorageError::Folder { folder: folder.to_owned(), source };
    let memory = data_dir.join(REMEMBERED);
    let known = remembered(&memory).filter(|known| known.folder == folder).map(|known| known.store);
    let store = match LocalStore::open(folder, known).await {
        Err(error) if make && known.is_none() && is_vacant(&error) => LocalStore::create(folder).await,
        result => result,
    };
    let store = store.map_err(failed)?;
    if make && known.is_none() {
        let remembered = Remembered { folder: folder.to_owned(), store: store.id() };
        if let Err(error) = remember(&memory, &remembered) {
            tracing::warn!(%error, file = %memory.display(), "can't note which disk recordings are on");
        }
    }
    Ok(store)
}

/// Whether a store may be made where this came up.
fn is_vacant(error: &OpenError) -> bool {
    use vas_core::ports::store::StoreError;
    match error {
        OpenError::NoStore => true,
        OpenError::Store(StoreError::Unavailable(source)) => {
            source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
        }
        _ => false,
    }
}

fn remembered(file: &Path) -> Option<Remembered> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn remember(file: &Path, remembered: &Remembered) -> io::Result<()> {
    let text = serde_json::to_vec(remembered).map_err(io::Error::other)?;
    let new = file.with_extension("json.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data_dir: &Path) -> Config {
        Config { data_dir: data_dir.to_owned(), ..Config::default() }
    }

    async fn open(config: &Config) -> Result<Storage, StorageError> {
        super::open(config, Access::Record, &vas_core::SystemClock::shared(), &TaskScope::new()).await
    }

    #[tokio::test]
    async fn reading_makes_nothing_and_goes_beside_recording() {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path());
        let access = async |access| {
            super::open(&config, access, &vas_core::SystemClock::shared(), &TaskScope::new()).await
        };
        assert!(access(Access::Read).await.is_err());
        assert!(!config.recording_folder().exists());
        let recording = access(Access::Record).await.unwrap();
        access(Access::Read).await.unwrap();
        assert!(matches!(access(Access::Write).await, Err(StorageError::Locked { .. })));
        drop(recording);
        access(Access::Write).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_is_made_once_and_must_be_there_from_then_on() {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path());
        open(&config).await.unwrap();
        open(&config).await.unwrap();

        // The disk is not mounted: its mount point is empty.
        let folder = config.recording_folder();
        std::fs::rename(&folder, data.path().join("elsewhere")).unwrap();
        std::fs::create_dir(&folder).unwrap();
        let error = crate::control::recording::with_causes(&open(&config).await.unwrap_err());
        assert!(error.contains("mount the right disk"), "{error}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing was written to the mount point");

        // It is again.
        std::fs::remove_dir(&folder).unwrap();
        std::fs::rename(data.path().join("elsewhere"), &folder).unwrap();
        open(&config).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_with_other_things_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path());
        std::fs::create_dir(config.recording_folder()).unwrap();
        std::fs::write(config.recording_folder().join("thesis.txt"), "mine").unwrap();
        let error = crate::control::recording::with_causes(&open(&config).await.unwrap_err());
        assert!(error.contains("not empty"), "{error}");
    }
}
