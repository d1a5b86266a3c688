//! S3, and whatever speaks its protocol, as a store.
//!
//! A file becomes an object when its last byte is there, in one request or in an upload in parts that is completed:
//! nobody ever sees half of one. An upload in parts that fails is aborted; one whose process is killed is not, and its
//! parts cost money until they are removed, so give the bucket a lifecycle rule for them
//! (`AbortIncompleteMultipartUpload`, one day).

mod options;
mod upload;

pub use options::{ObjectConfigError, ObjectOptions};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectStore as Backend, ObjectStoreExt as _, PutPayload};
use options::Place;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use upload::UploadError;
use vas_core::ports::store::{MAX_READ, SegmentStore, Space, StoreError, StoreKey, Stored};
use vas_core::{TaskScope, with_causes};

/// Uploads at the same time. Each holds two parts in memory.
const UPLOADS: usize = 4;
/// Written by [`ObjectStore::check`]; no key can have this name.
const PROBE: &str = ".vas-check";

/// A store in a bucket. `Clone` gives another handle on the same.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    prefix: ObjectPath,
    options: ObjectOptions,
    uploads: Arc<Semaphore>,
    scope: TaskScope,
}

impl ObjectStore {
    /// The store at `s3://bucket` or `s3://bucket/prefix`; `memory:` is one that is gone with its last handle.
    ///
    /// Nothing is sent yet. Uploads run in `scope`, so that they are finished or aborted whatever becomes of the caller;
    /// when it is shut down, they are aborted.
    ///
    /// # Errors
    /// [`ObjectConfigError`].
    pub fn from_url(url: &str, options: ObjectOptions, scope: TaskScope) -> Result<Self, ObjectConfigError> {
        let (backend, prefix): (Arc<dyn Backend>, _) = match Place::parse(url)? {
            Place::Memory => (Arc::new(InMemory::new()), ObjectPath::default()),
            Place::S3 { bucket, prefix } => (Arc::new(options.s3(&bucket)?), prefix),
        };
        let uploads = Arc::new(Semaphore::new(UPLOADS));
        Ok(Self { inner: Arc::new(Inner { backend, prefix, options, uploads, scope }) })
    }
}

impl Inner {
    fn path_of(&self, key: &str) -> ObjectPath {
        self.prefix.parts().chain(key.split('/').map(Into::into)).collect()
    }

    /// The key of an object, if it has one.
    fn key_of(&self, path: &ObjectPath) -> Option<StoreKey> {
        let path = match self.prefix.as_ref() {
            "" => path.as_ref(),
            prefix => path.as_ref().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        StoreKey::parse(path).ok()
    }

    async fn len(&self, key: &StoreKey) -> Result<u64, StoreError> {
        let head = self.backend.head(&self.path_of(key.as_str())).await;
        Ok(head.map_err(|error| self.reading(key, &error))?.size)
    }

    async fn read(&self, key: &StoreKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        let wanted = range.end.saturating_sub(range.start);
        if wanted > MAX_READ {
            return Err(StoreError::TooLarge(wanted));
        }
        if wanted == 0 {
            return self.len(key).await.map(|_| Bytes::new());
        }
        let too_short = |len| StoreError::TooShort { key: key.clone(), len, wanted: range.end };
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let result = match self.backend.get_opts(&self.path_of(key.as_str()), options).await {
            Ok(result) => result,
            // A range past the end is answered with an error of no kind of its own.
            Err(error @ object_store::Error::Generic { .. }) => {
                let len = self.len(key).await?;
                return Err(if len < range.end { too_short(len) } else { self.reading(key, &error) });
            }
            Err(error) => return Err(self.reading(key, &error)),
        };
        if result.meta.size < range.end {
            return Err(too_short(result.meta.size));
        }
        let bytes = result.bytes().await.map_err(|error| self.reading(key, &error))?;
        if bytes.len() as u64 == wanted {
            Ok(bytes)
        } else {
            Err(unavailable("a part of the answer is missing"))
        }
    }

    async fn upload(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        let permit = self.uploads.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (backend, path, file) = (self.backend.clone(), self.path_of(key.as_str()), file.to_owned());
        let cancelled = self.scope.cancelled();
        let task = self.scope.spawn("upload", async move {
            let _permit = permit;
            upload::upload(&*backend, &path, &file, cancelled).await
        });
        match task.await {
            Ok(Some(Ok(len))) => Ok(len),
            Ok(Some(Err(UploadError::File(error)))) => Err(StoreError::from_io(key, error)),
            Ok(Some(Err(UploadError::Remote(error)))) => Err(self.writing(&error)),
            Ok(Some(Err(UploadError::Cancelled))) => Err(unavailable("the service is shutting down")),
            Ok(None) | Err(_) => Err(unavailable("the upload broke off; see the log")),
        }
    }

    fn reading(&self, key: &StoreKey, error: &object_store::Error) -> StoreError {
        match error {
            object_store::Error::NotFound { .. } if !is_about_the_bucket(error) => {
                StoreError::NotFound(key.clone())
            }
            _ => self.writing(error),
        }
    }

    /// What an error means where no object is expected to be there.
    fn writing(&self, error: &object_store::Error) -> StoreError {
        let text = self.options.scrub(&with_causes(error));
        match error {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                StoreError::Denied(Box::new(Answer(text)))
            }
            // RFC 4918, section 11.5, and MinIO's code for it.
            _ if text.contains("507 Insufficient Storage") || text.contains("XMinioStorageFull") => {
                StoreError::Full(io::Error::new(io::ErrorKind::StorageFull, text))
            }
            _ => unavailable(text),
        }
    }
}

/// What the service said, without anything secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Answer(String);

fn unavailable(text: impl Into<String>) -> StoreError {
    StoreError::Unavailable(Box::new(Answer(text.into())))
}

/// A bucket that does not exist must not look like a file that is gone.
fn is_about_the_bucket(error: &object_store::Error) -> bool {
    with_causes(error).contains("NoSuchBucket")
}

#[async_trait]
impl SegmentStore for ObjectStore {
    async fn put(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        let len = self.inner.upload(key, file).await?;
        tokio::fs::remove_file(file).await?;
        Ok(len)
    }

    async fn put_copy(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        self.inner.upload(key, file).await
    }

    async fn read(&self, key: &StoreKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.read(key, range).await
    }

    async fn len(&self, key: &StoreKey) -> Result<u64, StoreError> {
        self.inner.len(key).await
    }

    fn list(&self, prefix: Option<&StoreKey>) -> BoxStream<'static, Result<Stored, StoreError>> {
        let inner = self.inner.clone();
        let prefix = match prefix {
            Some(key) => inner.path_of(key.as_str()),
            None => inner.prefix.clone(),
        };
        let objects = inner.backend.list(Some(&prefix));
        objects
            .filter_map(move |object| {
                let stored = match object {
                    Ok(object) => {
                        inner.key_of(&object.location).map(|key| Ok(Stored { key, len: object.size }))
                    }
                    Err(error) => Some(Err(inner.writing(&error))),
                };
                async move { stored }
            })
            .boxed()
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        match self.inner.backend.delete(&self.inner.path_of(key.as_str())).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(self.inner.writing(&error)),
        }
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), StoreError> {
        let probe = PutPayload::from_static(b"Tells whether this bucket takes files; may be deleted.\n");
        let path = self.inner.path_of(PROBE);
        self.inner.backend.put(&path, probe).await.map_err(|error| self.inner.writing(&error))?;
        Ok(())
    }
}
