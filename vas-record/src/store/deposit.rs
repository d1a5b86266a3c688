//! Small files that are made here, such as clips and pictures, on their way into a store: written in the spool, then put.

use super::disk::DiskFile;
use crate::recorder::SpoolPlace;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use vas_core::ports::store::{SegmentStore, StoreError, StoreKey};
use vas_core::{ErrorKind, HasKind};

/// Why a file did not get into the store. Nothing of it is left in the spool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DepositError<E> {
    /// What was to be in it could not be made.
    #[error(transparent)]
    Content(E),
    /// It can't be written.
    #[error("the file can't be written to the spool; check the disk: {0}")]
    Spool(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<E: HasKind> HasKind for DepositError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Content(error) => error.kind(),
            Self::Spool(_) => ErrorKind::Unavailable,
            Self::Store(error) => error.kind(),
        }
    }
}

/// Writes what `content` gives to a file and puts it under `key`, replacing what is there. The bytes of the file.
///
/// # Errors
/// See [`DepositError`].
pub async fn deposit<E>(
    spool: &SpoolPlace,
    store: &dyn SegmentStore,
    key: &StoreKey,
    content: impl Stream<Item = Result<Bytes, E>> + Send,
) -> Result<u64, DepositError<E>> {
    let name = PathBuf::from(key.as_str().replace('/', "_"));
    let written = write(spool, &name, content).await;
    let put = match written {
        Ok(()) => store.put(key, &spool.path(&name)).await.map_err(DepositError::Store),
        Err(error) => Err(error),
    };
    if put.is_err() {
        discard(spool, &name).await;
    }
    put
}

async fn write<E>(
    spool: &SpoolPlace,
    name: &Path,
    content: impl Stream<Item = Result<Bytes, E>> + Send,
) -> Result<(), DepositError<E>> {
    let mut file = create(spool, name).await.map_err(DepositError::Spool)?;
    let mut content = std::pin::pin!(content);
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(DepositError::Content)?;
        file = append(file, piece).await.map_err(DepositError::Spool)?;
    }
    sync(file).await.map_err(DepositError::Spool)
}

/// Makes the file, in the place of one that an interrupted attempt left.
pub(crate) async fn create(spool: &SpoolPlace, name: &Path) -> io::Result<Box<dyn DiskFile>> {
    let (disk, path) = (spool.disk.clone(), spool.on_disk(name));
    blocking(move || match disk.create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&path)?;
            disk.create(&path)
        }
        created => created,
    })
    .await
}

/// Appends to it.
pub(crate) async fn append(mut file: Box<dyn DiskFile>, bytes: Bytes) -> io::Result<Box<dyn DiskFile>> {
    blocking(move || file.append(&[IoSlice::new(&bytes)]).map(|()| file)).await
}

/// Makes it durable, and closes it.
pub(crate) async fn sync(mut file: Box<dyn DiskFile>) -> io::Result<()> {
    blocking(move || file.sync()).await
}

/// Removes it. What can't be removed is replaced by the next attempt.
pub(crate) async fn discard(spool: &SpoolPlace, name: &Path) {
    let (disk, path) = (spool.disk.clone(), spool.on_disk(name));
    let _ = blocking(move || disk.remove(&path)).await;
}

async fn blocking<T: Send + 'static>(call: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(call).await.map_err(io::Error::other)?
}
