//! What is left over: captures that an earlier run was making, and files of deleted ones.

use super::Captures;
use std::time::Duration;
use vas_core::ports::RepoError;

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// Rows that are looked at at a time.
const PAGE: u64 = 100;

impl Captures {
    /// Goes on with what was being made, then removes what was deleted, again and again.
    pub(super) async fn sweep(&self) {
        self.inner.recordings.settled(PAUSE).await;
        if let Err(error) = self.resume().await {
            tracing::warn!(%error, "bookmarks and snapshots that were being made can't be looked up");
        }
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            ticks.tick().await;
            if let Err(error) = self.remove_deleted().await {
                tracing::warn!(%error, "deleted bookmarks and snapshots can't be looked up");
            }
        }
    }

    async fn resume(&self) -> Result<(), RepoError> {
        for bookmark in self.inner.bookmarks.unfinished(PAGE).await? {
            let this = self.clone();
            self.inner.scope.spawn("bookmark", async move { this.make_bookmark(&bookmark).await });
        }
        for snapshot in self.inner.snapshots.unfinished(PAGE).await? {
            self.make_snapshot(&snapshot).await;
        }
        Ok(())
    }

    async fn remove_deleted(&self) -> Result<(), RepoError> {
        for bookmark in self.inner.bookmarks.deleted(PAGE).await? {
            self.remove_bookmark(&bookmark).await;
        }
        for snapshot in self.inner.snapshots.deleted(PAGE).await? {
            self.remove_snapshot(&snapshot).await;
        }
        Ok(())
    }
}
