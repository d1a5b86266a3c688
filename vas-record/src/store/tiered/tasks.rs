//! The tasks behind a tiered store: one kind uploads and deletes, the other gives up local copies.

use super::queue::{Op, Work};
use super::{Inner, blocking};
use futures_util::stream::StreamExt as _;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use vas_core::ports::store::{SegmentStore as _, StoreError, StoreKey};
use vas_core::{TaskScope, WallTime, with_causes};

/// The wait after a first failure. It doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait: how late an outage's end may be noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at what may leave the disk.
const EVICT_EVERY: Duration = Duration::from_secs(300);
/// Files that are given up between two listings.
const EVICT_AT_ONCE: usize = 1_000;

/// Starts the tasks of a tiered store. They end with `scope`; what they are at is then begun anew after a restart.
pub(super) fn start(inner: &Arc<Inner>, scope: &TaskScope) {
    for _ in 0..inner.config.at_once.max(1) {
        scope.spawn_until_cancelled("tiered-upload", work(inner.clone()));
    }
    let inner = inner.clone();
    scope.spawn_until_cancelled("tiered-evict", async move {
        loop {
            sleep(EVICT_EVERY).await;
            match evict(&inner).await {
                Ok(0) => {}
                Ok(files) => tracing::debug!(files, "local copies given up"),
                Err(error) => tracing::warn!(error = %with_causes(&error), "local copies can't be given up"),
            }
        }
    });
}

async fn work(inner: Arc<Inner>) {
    let mut wait = FIRST_WAIT;
    loop {
        let changed = inner.queue.changed();
        let Some(work) = inner.queue.take() else {
            changed.await;
            continue;
        };
        let result = match inner.run(&work).await {
            Ok(()) => {
                let (inner, work) = (inner.clone(), work.clone());
                blocking(move || inner.queue.done(&work)).await
            }
            Err(error) => {
                inner.queue.failed(&work);
                Err(error)
            }
        };
        match result {
            Ok(()) => {
                if inner.last_error.lock().take().is_some() {
                    tracing::info!(waiting = inner.queue.count().puts, "the remote store takes files again");
                }
                wait = FIRST_WAIT;
                // One call wakes one task; this one may have taken more than its own.
                inner.queue.wake();
            }
            Err(error) => {
                let error = with_causes(&error);
                let first = inner.last_error.lock().replace(error.clone()).is_none();
                if first {
                    tracing::warn!(key = %work.key, %error, "the remote store fails; files wait on the disk");
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

impl Inner {
    async fn run(&self, work: &Work) -> Result<(), StoreError> {
        match work.op {
            Op::Delete => self.remote.delete(&work.key).await,
            Op::Put => match self.remote.put_copy(&work.key, &self.local.path_of(&work.key)).await {
                Ok(_) => Ok(()),
                // By its path it is not there. That means that it is gone only if this is still the right disk.
                Err(StoreError::NotFound(_)) => {
                    self.local.verify().await?;
                    match self.local.len(&work.key).await {
                        Err(StoreError::NotFound(_)) => Ok(()),
                        Err(error) => Err(error),
                        // It came back between the two calls.
                        Ok(_) => Err(StoreError::NotFound(work.key.clone())),
                    }
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Gives up the local copy of a file, if there is another. Whether it did.
    async fn give_up(self: &Arc<Self>, key: &StoreKey, len: u64) -> Result<bool, StoreError> {
        if self.queue.pending(key).is_some() {
            return Ok(false);
        }
        match self.remote.len(key).await {
            Ok(there) if there == len => {}
            // It was never uploaded, or is another there: both are put right.
            Ok(_) | Err(StoreError::NotFound(_)) => {
                self.want(key, Op::Put).await?;
                self.queue.release(key);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        let (inner, key) = (self.clone(), key.clone());
        let given_up = blocking(move || {
            inner.queue.unless_pending(&key, || inner.local.delete_blocking(&key)).transpose()
        });
        Ok(given_up.await?.is_some())
    }
}

/// Gives up local copies by age, and the oldest by size. Gives their number.
pub(super) async fn evict(inner: &Arc<Inner>) -> Result<usize, StoreError> {
    let mut given_up = 0;
    loop {
        let (candidates, mut total) = oldest(inner).await?;
        let more = candidates.len() == EVICT_AT_ONCE;
        let before = given_up;
        for (written, key, len) in candidates {
            if !is_due(inner, written, total) {
                return Ok(given_up);
            }
            if inner.give_up(&key, len).await? {
                given_up += 1;
                total -= len;
            }
        }
        // Without progress the same ones would come again.
        if !more || given_up == before {
            return Ok(given_up);
        }
    }
}

fn is_due(inner: &Inner, written: WallTime, total: u64) -> bool {
    let age = u64::try_from(inner.clock.wall().micros_since(written)).unwrap_or(0);
    u128::from(age) > inner.config.keep_local.as_micros()
        || inner.config.keep_local_bytes.is_some_and(|limit| total > limit)
}

/// The oldest files on the disk, the first first, that are uploaded; and the bytes of all files on the disk.
async fn oldest(inner: &Arc<Inner>) -> Result<(Vec<(WallTime, StoreKey, u64)>, u64), StoreError> {
    let mut total = 0;
    let mut oldest = BinaryHeap::new();
    let mut batches = inner.local.list(None).ready_chunks(256);
    while let Some(batch) = batches.next().await {
        let local = inner.local.clone();
        let batch: Vec<_> = batch.into_iter().collect::<Result<_, _>>()?;
        let dated = blocking(move || Ok::<_, StoreError>(local.dated(batch))).await?;
        for (written, file) in dated {
            total += file.len;
            if inner.queue.pending(&file.key).is_some() {
                continue;
            }
            oldest.push((written, file.key, file.len));
            if oldest.len() > EVICT_AT_ONCE {
                oldest.pop();
            }
        }
    }
    Ok((oldest.into_sorted_vec(), total))
}
