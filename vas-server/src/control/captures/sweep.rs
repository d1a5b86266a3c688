//! What is left over: captures that an earlier run was making, and files of deleted ones.

use super::Captures;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use vas_core::ports::RepoError;

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// Rows that are looked at at a time.
const PAGE: u64 = 100;
/// Bookmarks of an earlier run that are waited for or made at the same time.
const RESUMED: usize = 64;

impl Captures {
    /// Goes on with what was being made, then removes what was deleted, again and again.
    pub(super) async fn sweep(&self) {
        self.inner.recordings.settled(PAUSE).await;
        // Beside the rest: some may have to wait for a place.
        let this = self.clone();
        self.inner.scope.spawn_until_cancelled("resume captures", async move {
            if let Err(error) = this.resume().await {
                tracing::warn!(%error, "bookmarks and snapshots that were being made can't be looked up");
            }
        });
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            ticks.tick().await;
            if let Err(error) = self.remove_deleted().await {
                tracing::warn!(%error, "deleted bookmarks and snapshots can't be looked up");
            }
        }
    }

    async fn resume(&self) -> Result<(), RepoError> {
        let begun = self.inner.clock.wall();
        let mut after = None;
        loop {
            let page = self.inner.snapshots.unfinished(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            // Those that were asked for since are being made already.
            for snapshot in page.iter().filter(|snapshot| snapshot.created_at < begun) {
                self.make_snapshot(snapshot).await;
            }
        }
        let places = Arc::new(Semaphore::new(RESUMED));
        let mut after = None;
        loop {
            let page = self.inner.bookmarks.unfinished(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for bookmark in page.into_iter().filter(|bookmark| bookmark.created_at < begun) {
                // The semaphore is never closed.
                let place = places.clone().acquire_owned().await;
                let this = self.clone();
                self.inner.scope.spawn("bookmark", async move {
                    let _place = place;
                    this.make_bookmark(&bookmark).await;
                });
            }
        }
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
