//! Two stores as one: files lie on the disk first, are uploaded in the background, and later lie in the remote store
//! alone.
//!
//! While the remote store can't be reached nothing changes but that the disk fills: what was put stays local, what was
//! deleted is gone, and both reach the remote store when it is back, also after a restart.

mod queue;
mod tasks;

use super::LocalStore;
use super::local::blocking;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt as _, once};
use parking_lot::Mutex;
use queue::{Op, Queue};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vas_core::ports::store::{SegmentStore, Space, StoreError, StoreKey, Stored};
use vas_core::{SharedClock, TaskScope};

/// How a [`TieredStore`] uses its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TieredConfig {
    /// How long files are kept on the disk after they were recorded, when they are also in the remote store.
    pub keep_local: Duration,
    /// The most bytes of files on the disk, the oldest being given up first; what is not yet uploaded counts, and stays.
    pub keep_local_bytes: Option<u64>,
    /// Uploads and deletions at the same time.
    pub at_once: usize,
}

impl Default for TieredConfig {
    fn default() -> Self {
        Self { keep_local: Duration::from_secs(24 * 3_600), keep_local_bytes: None, at_once: 2 }
    }
}

/// How far the remote store is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TieredStatus {
    /// Files that are not uploaded yet.
    pub uploads: usize,
    /// Files that are not deleted there yet.
    pub deletes: usize,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

/// A local and a remote store as one. `Clone` gives another handle on the same.
#[derive(Clone, Debug)]
pub struct TieredStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    local: LocalStore,
    remote: Arc<dyn SegmentStore>,
    queue: Queue,
    config: TieredConfig,
    clock: SharedClock,
    last_error: Mutex<Option<String>>,
}

impl TieredStore {
    /// Puts `local` before `remote`, and begins in `scope` to upload what is not there yet. Files that were in the local
    /// store before it became part of a tiered one are uploaded when their time to leave the disk comes.
    ///
    /// # Errors
    /// Those of the local store.
    pub async fn open(
        local: LocalStore,
        remote: Arc<dyn SegmentStore>,
        config: TieredConfig,
        clock: SharedClock,
        scope: &TaskScope,
    ) -> Result<Self, StoreError> {
        let disk = local.disk();
        let queue = blocking(move || Queue::open(disk)).await?;
        let inner = Arc::new(Inner { local, remote, queue, config, clock, last_error: Mutex::default() });
        tasks::start(&inner, scope);
        Ok(Self { inner })
    }

    /// The store on the disk: for its spool, and for what is to be had without the remote store.
    #[must_use]
    pub fn local(&self) -> &LocalStore {
        &self.inner.local
    }

    /// How far the remote store is behind.
    #[must_use]
    pub fn status(&self) -> TieredStatus {
        let count = self.inner.queue.count();
        let last_error = self.inner.last_error.lock().clone();
        TieredStatus { uploads: count.puts, deletes: count.deletes, last_error }
    }

    /// Gives up local copies as [`TieredConfig`] says, now instead of at the next time, and tells how many.
    ///
    /// # Errors
    /// Those of both stores; what could be given up before is.
    pub async fn evict(&self) -> Result<usize, StoreError> {
        tasks::evict(&self.inner).await
    }
}

impl Inner {
    /// Notes durably what the remote store has to do.
    async fn want(self: &Arc<Self>, key: &StoreKey, op: Op) -> Result<(), StoreError> {
        let (inner, key) = (self.clone(), key.clone());
        blocking(move || inner.queue.want(&key, op)).await
    }

    async fn put(self: &Arc<Self>, key: &StoreKey, file: &Path, take: bool) -> Result<u64, StoreError> {
        self.local.verify().await?;
        let was_deleted = self.is_deleted(key);
        // First, so that no crash leaves a file that nobody thinks of uploading.
        self.want(key, Op::Put).await?;
        // Whatever becomes of this call: without a local file there is nothing to upload, which the uploader finds out.
        let _release = Release { queue: &self.queue, key };
        let put = if take { self.local.put(key, file).await } else { self.local.put_copy(key, file).await };
        if put.is_err() && was_deleted {
            // What the remote store still has must not come back.
            self.want(key, Op::Delete).await?;
        }
        put
    }

    async fn delete(self: &Arc<Self>, key: &StoreKey) -> Result<(), StoreError> {
        self.local.verify().await?;
        match self.want(key, Op::Delete).await {
            // The note has no room: it does once the file is gone.
            Err(StoreError::Full(_)) => {
                self.local.delete(key).await?;
                self.want(key, Op::Delete).await?;
                self.queue.release(key);
                Ok(())
            }
            wanted => {
                wanted?;
                let _release = Release { queue: &self.queue, key };
                self.local.delete(key).await
            }
        }
    }

    /// Whether the key is to be seen as empty although the remote store may still have a file there.
    fn is_deleted(&self, key: &StoreKey) -> bool {
        self.queue.pending(key) == Some(Op::Delete)
    }

    /// What the local store says or, where it has no such file or fails, what the remote store says.
    async fn first<T>(
        &self,
        key: &StoreKey,
        local: impl Future<Output = Result<T, StoreError>>,
        remote: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.is_deleted(key) {
            return Err(StoreError::NotFound(key.clone()));
        }
        match local.await {
            Err(error @ (StoreError::TooShort { .. } | StoreError::TooLarge(_))) => Err(error),
            Err(StoreError::NotFound(_)) => remote.await,
            // A broken disk is no reason not to play what lies elsewhere, and remains the thing to be told of.
            Err(error) => remote.await.map_err(|_| error),
            found => found,
        }
    }
}

/// Lets what is wanted for a key be begun, when dropped.
struct Release<'a> {
    queue: &'a Queue,
    key: &'a StoreKey,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.queue.release(self.key);
    }
}

#[async_trait]
impl SegmentStore for TieredStore {
    async fn put(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        self.inner.put(key, file, true).await
    }

    async fn put_copy(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError> {
        self.inner.put(key, file, false).await
    }

    async fn read(&self, key: &StoreKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        let Inner { local, remote, .. } = &*self.inner;
        self.inner.first(key, local.read(key, range.clone()), remote.read(key, range)).await
    }

    async fn len(&self, key: &StoreKey) -> Result<u64, StoreError> {
        let Inner { local, remote, .. } = &*self.inner;
        self.inner.first(key, local.len(key), remote.len(key)).await
    }

    fn list(&self, prefix: Option<&StoreKey>) -> BoxStream<'static, Result<Stored, StoreError>> {
        let inner = self.inner.clone();
        let local = inner.local.list(prefix);
        // What is being deleted now may be done with before the remote store's list, made earlier, is looked at.
        let mut hidden = inner.queue.deletes();
        let (remote, prefix) = (inner.remote.clone(), prefix.cloned());
        let remote = once(async move { remote.list(prefix.as_ref()) }).flatten();
        let mut is_new = move |file: &Result<Stored, StoreError>| match file {
            Ok(file) => !inner.is_deleted(&file.key) && hidden.insert(file.key.clone()),
            Err(_) => true,
        };
        local.chain(remote).filter(move |file| ready(is_new(file))).boxed()
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.local.space().await
    }

    /// Whether the local store is there: it is enough for recording. See [`TieredStore::status`] for the other.
    async fn check(&self) -> Result<(), StoreError> {
        self.inner.local.check().await
    }
}
