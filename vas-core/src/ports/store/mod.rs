//! Where finished recordings lie: on a disk, in an object store, or first on one and then in the other.
//!
//! A store takes whole files out of a local spool, where the recorder wrote them, and serves ranges of them. Every
//! implementation passes the suite of `vas_core::testing::store`, so these comments are its specification.

mod error;
mod key;

pub use error::StoreError;
pub use key::{BadKey, StoreKey};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;

/// The most that one [`SegmentStore::read`] gives, in bytes: it is held in memory whole.
pub const MAX_READ: u64 = 64 << 20;

/// A store of files under keys.
#[async_trait]
pub trait SegmentStore: Debug + Send + Sync + 'static {
    /// Takes a finished file out of the spool and gives its length in bytes. When it returns, the file is in the store
    /// for good (a power cut does not take it back) and gone from the spool; after an error, it is still in the spool.
    ///
    /// What is under the key already is replaced in one step: readers see the old file or the new one, whole. After
    /// a crash the same file may therefore be put again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such file; [`StoreError::Full`], [`StoreError::ReadOnly`],
    /// [`StoreError::NotMounted`], [`StoreError::Denied`], [`StoreError::Unavailable`].
    async fn put(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError>;

    /// As [`Self::put`], and the file stays where it is.
    ///
    /// # Errors
    /// As for [`Self::put`].
    async fn put_copy(&self, key: &StoreKey, file: &Path) -> Result<u64, StoreError>;

    /// The bytes `range` of a file; an empty range gives none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::TooShort`] when the file ends before the range does;
    /// [`StoreError::TooLarge`] when the range is longer than [`MAX_READ`]; those of the store.
    async fn read(&self, key: &StoreKey, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; those of the store.
    async fn len(&self, key: &StoreKey) -> Result<u64, StoreError>;

    /// The files whose keys begin with all the names of `prefix`, or all files, in no order. Files that come or go
    /// meanwhile may be in it or not. After an error the list ends.
    fn list(&self, prefix: Option<&StoreKey>) -> BoxStream<'static, Result<Stored, StoreError>>;

    /// Removes a file for good; one that is not there is no error. Folders that become empty go with it.
    ///
    /// # Errors
    /// Those of the store.
    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError>;

    /// The room for more files, where the store knows of a limit.
    ///
    /// # Errors
    /// Those of the store.
    async fn space(&self) -> Result<Option<Space>, StoreError>;

    /// Whether the store is there and is the one it is to be, and takes files.
    ///
    /// # Errors
    /// What [`Self::put`] would fail with.
    async fn check(&self) -> Result<(), StoreError>;
}

/// A file in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: StoreKey,
    /// Its length in bytes.
    pub len: u64,
}

/// The room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}
