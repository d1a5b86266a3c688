//! One file on its way into an object store, with a bounded part of it in memory.

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Bytes in a part. S3 wants 5 MiB at least and 10,000 parts at most; some services want parts of one size.
const PART: u64 = 8 << 20;
/// Parts that are sent at the same time.
const PARTS_AT_ONCE: usize = 2;
/// For telling the store that an upload has failed.
const ABORT_WITHIN: Duration = Duration::from_secs(5);

/// Why a file did not arrive.
#[derive(Debug)]
pub(super) enum UploadError {
    /// It can't be read.
    File(io::Error),
    /// The store does not take it.
    Remote(object_store::Error),
    /// It was given up.
    Cancelled,
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<object_store::Error> for UploadError {
    fn from(error: object_store::Error) -> Self {
        Self::Remote(error)
    }
}

/// Uploads a file, replacing what is at `to`, and gives its length. Given up when `cancelled` completes; whatever the
/// reason for which it ends early, nothing is left behind at a store that can be reached.
pub(super) async fn upload(
    store: &dyn ObjectStore,
    to: &ObjectPath,
    file: &Path,
    cancelled: impl Future<Output = ()>,
) -> Result<u64, UploadError> {
    let mut file = File::open(file).await?;
    let len = file.metadata().await?.len();
    let mut cancelled = pin!(cancelled);
    if len <= PART {
        let payload = next_part(&mut file, len).await?;
        return tokio::select! {
            put = store.put(to, PutPayload::from(payload)) => Ok(put.map(|_| len)?),
            () = &mut cancelled => Err(UploadError::Cancelled),
        };
    }
    let mut upload = store.put_multipart(to).await?;
    let sent = tokio::select! {
        sent = send(&mut *upload, &mut file, len) => sent,
        () = &mut cancelled => Err(UploadError::Cancelled),
    };
    if sent.is_err() {
        // Where this fails too, the bucket's lifecycle rule is left to do it.
        let _ = tokio::time::timeout(ABORT_WITHIN, upload.abort()).await;
    }
    sent.map(|()| len)
}

async fn send(upload: &mut dyn MultipartUpload, file: &mut File, len: u64) -> Result<(), UploadError> {
    let mut sending = FuturesUnordered::new();
    let mut sent = 0;
    while sent < len {
        if sending.len() >= PARTS_AT_ONCE {
            sending.next().await.transpose()?;
        }
        let part = next_part(file, len - sent).await?;
        if part.is_empty() {
            return Err(
                io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter meanwhile").into()
            );
        }
        sent += part.len() as u64;
        sending.push(upload.put_part(part.into()));
    }
    while let Some(part) = sending.next().await {
        part?;
    }
    upload.complete().await?;
    Ok(())
}

/// The next [`PART`] bytes; fewer at the end of the file alone. `left` bytes are thought to be left.
async fn next_part(file: &mut File, left: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(usize::try_from(left.min(PART)).expect("a part fits into memory"));
    file.take(PART).read_to_end(&mut part).await?;
    Ok(part)
}
