//! What goes before its time: the recordings of a deleted device, and whatever is due when somebody asks.

use super::Recordings;
use super::engine::{self, NotRecording, Running};
use std::time::Duration;
use vas_core::model::WallRange;
use vas_core::ports::{IndexError, RecordingRepo};
use vas_core::{DeviceId, ErrorKind, HasKind, WallTime};
use vas_record::library::LibraryError;
use vas_record::retention::{RetentionError, Round};

/// Rows that are looked at at a time.
const PAGE: u64 = 500;
/// A file that is being finished while its device is deleted is looked for again so often, after this pause.
const PASSES: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);
const END_OF_TIME: WallTime = WallTime::from_unix_micros(i64::MAX);

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CleanupError {
    /// There is nothing that could be removed from.
    #[error(transparent)]
    NotRecording(#[from] NotRecording),
    /// The index or the store failed.
    #[error(transparent)]
    Retention(#[from] RetentionError),
}

impl HasKind for CleanupError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotRecording(error) => error.kind(),
            Self::Retention(error) => error.kind(),
        }
    }
}

impl Recordings {
    /// Removes what is due now rather than within a minute.
    ///
    /// # Errors
    /// See [`CleanupError`].
    pub(crate) async fn cleanup(&self) -> Result<Round, CleanupError> {
        let engine = self.engine()?;
        self.renew_policy(&engine).await;
        Ok(engine.retention.round().await?)
    }

    /// Has retention take up what single devices have instead of the settings.
    pub(super) async fn renew_policy(&self, engine: &Running) {
        match engine::policy(&self.inner.retention, &self.inner.options).await {
            Ok(policy) => engine.retention.set_policy(policy),
            Err(error) => tracing::warn!(%error, "how long devices' recordings are kept can't be read"),
        }
    }

    /// Removes all recordings of a device that is gone, in the background. What a server that dies meanwhile does not
    /// come to, retention does when it is old enough.
    pub(in crate::control) fn forget(&self, device: DeviceId) {
        let this = self.clone();
        self.inner.scope.spawn_until_cancelled("remove recordings", async move {
            let removed = match this.engine() {
                Ok(engine) => this.remove_all(&engine, device).await.map_err(|error| error.to_string()),
                // Their files go when the storage is there again.
                Err(_) => mark_all(&this.inner.repo, device).await.map_err(|error| error.to_string()),
            };
            if let Err(error) = removed {
                tracing::warn!(%device, error, "recordings of a deleted device stay until retention removes them");
            }
        });
    }

    async fn remove_all(&self, engine: &Running, device: DeviceId) -> Result<(), RetentionError> {
        let index = LibraryError::Index;
        let all = WallRange::new(WallTime::from_unix_micros(i64::MIN), END_OF_TIME);
        for _ in 0..PASSES {
            loop {
                let page = engine.library().repo().oldest(Some(device), None, END_OF_TIME, PAGE).await;
                let ids: Vec<_> = page.map_err(index)?.iter().map(|head| head.id).collect();
                if ids.is_empty() {
                    break;
                }
                engine.retention.delete(&ids).await?;
            }
            // What is being finished on its way into the store must arrive there first.
            if engine.library().heads(device, None, all, 1).await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// Marks all recordings of a device as being deleted.
async fn mark_all(repo: &dyn RecordingRepo, device: DeviceId) -> Result<(), IndexError> {
    loop {
        let page = repo.oldest(Some(device), None, END_OF_TIME, PAGE).await?;
        let ids: Vec<_> = page.iter().map(|head| head.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        repo.mark_deleting(&ids).await?;
    }
}
