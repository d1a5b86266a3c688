//! What goes before its time: the recordings of a deleted device, and whatever is due when somebody asks.

use super::Recordings;
use super::engine::{self, NotRecording, Running};
use std::time::Duration;
use vas_core::model::{Recording, RecordingState, WallRange};
use vas_core::{DeviceId, ErrorKind, HasKind, WallTime};
use vas_record::library::LibraryError;
use vas_record::retention::{RetentionError, Round};

/// Rows that are looked at at a time. Those of what is recorded at present are among them.
const PAGE: u64 = 5_000;
/// A file that is being finished while its device is deleted is waited for so often, for so long.
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
        match engine::policy(&self.rules().retention, &self.inner.options).await {
            Ok(policy) => engine.retention.set_policy(policy),
            Err(error) => tracing::warn!(%error, "how long devices' recordings are kept can't be read"),
        }
    }

    /// Removes the files of a device that is gone, in the background. Its rows are marked as being deleted already: what
    /// this does not come to, the next start of the recorder does.
    pub(in crate::control) fn forget(&self, device: DeviceId) {
        let this = self.clone();
        self.inner.scope.spawn_until_cancelled("remove recordings", async move {
            let Ok(engine) = this.engine() else { return };
            if let Err(error) = remove_files(&engine, device).await {
                tracing::warn!(%device, %error, "recordings of a deleted device stay until the next start");
            }
        });
    }
}

async fn remove_files(engine: &Running, device: DeviceId) -> Result<(), RetentionError> {
    let library = engine.library();
    for _ in 0..PASSES {
        // What was on its way into the store when the device went may have got a row only then.
        loop {
            let rows = library.repo().oldest(Some(device), None, END_OF_TIME, PAGE).await;
            let ids: Vec<_> = rows.map_err(LibraryError::Index)?.iter().map(|row| row.id).collect();
            if ids.is_empty() {
                break;
            }
            engine.retention.delete(&ids).await?;
        }
        // Marked ones go when nothing is on its way any more, lest a file arrives after its row has gone.
        let all = WallRange::new(WallTime::from_unix_micros(i64::MIN), END_OF_TIME);
        if library.heads(device, None, all, 1).await?.is_empty() {
            return remove_marked(engine, device).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn remove_marked(engine: &Running, device: DeviceId) -> Result<(), RetentionError> {
    loop {
        let rows = engine.library().repo().unfinished(PAGE).await.map_err(LibraryError::Index)?;
        let is_due = |row: &&Recording| row.device == device && row.state == RecordingState::Deleting;
        let ids: Vec<_> = rows.iter().filter(is_due).map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        engine.retention.delete(&ids).await?;
    }
}
