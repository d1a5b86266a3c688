//! Makes the files of exports, one at a time: they are large, and what is watched and recorded goes first.

use super::{ExportError, ExportEvent, Progress};
use crate::control::Control;
use crate::control::events::Topic;
use crate::control::recording::{NotRecording, Running};
use crate::db::{Export, ExportFile, ExportId, ExportStatus};
use bytes::Bytes;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use vas_core::model::WallRange;
use vas_core::ports::RepoError;
use vas_core::ports::store::{BadKey, StoreError, StoreKey};
use vas_core::{DeviceId, with_causes};
use vas_record::clip::{self, Clip, ClipError, ClipFormat, ClipRequest};
use vas_record::library::{Library, LibraryError};
use vas_record::store::{DepositError, deposit};

/// Between two looks for work that nobody called for, such as after a failure.
const PAUSE: Duration = Duration::from_secs(60);
/// How far an export is is told so often.
const TELL: Duration = Duration::from_secs(1);
/// Bytes that must stay free on the storage beside a file.
const SPARE: u64 = 1_000_000_000;
/// Exports that are looked at at a time.
const PAGE: u64 = 100;
/// The longest clip: what was asked for was bounded when it was.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Why a file was not made.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("the export was deleted")]
    Cancelled,
    #[error("the clip would have {bytes} bytes, and {free} are free; make room first")]
    NoRoom { bytes: u64, free: u64 },
    #[error(transparent)]
    Clip(#[from] ClipError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the clip can't be written to the spool; check the disk: {0}")]
    Spool(#[source] std::io::Error),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Storage(#[from] NotRecording),
    #[error(transparent)]
    Key(#[from] BadKey),
}

impl From<DepositError<Self>> for FileError {
    fn from(error: DepositError<Self>) -> Self {
        match error {
            DepositError::Content(error) => error,
            DepositError::Store(error) => error.into(),
            DepositError::Spool(error) => Self::Spool(error),
            error => Self::Spool(std::io::Error::other(error.to_string())),
        }
    }
}

/// The name of the file at a place of an export in the store.
pub(super) fn file_key(export: ExportId, at: usize) -> Result<StoreKey, BadKey> {
    StoreKey::parse(&format!("exports/{export}/{at}.mp4"))
}

impl Control {
    /// Makes exports until the scope ends.
    pub(in crate::control) async fn make_exports(self) {
        self.recordings().settled(PAUSE).await;
        loop {
            if let Err(error) = self.work_off().await {
                tracing::warn!(%error, "exports can't be looked up at present");
            }
            let woken = self.dashboard().exports().wake.notified();
            // A timeout only means that nobody called.
            let _ = tokio::time::timeout(PAUSE, woken).await;
        }
    }

    async fn work_off(&self) -> Result<(), RepoError> {
        let repo = self.dashboard().export_repo();
        for export in repo.expired(self.inner.clock.wall(), PAGE).await? {
            if let Err(error) = self.remove_export(&export).await {
                tracing::info!(export = %export.id, %error, "an export that is over stays for now");
            }
        }
        // Nothing can be made at present; what waits goes on waiting.
        if self.recordings().engine().is_err() {
            return Ok(());
        }
        for export in repo.pending(PAGE).await? {
            self.make_export(export).await?;
        }
        Ok(())
    }

    async fn make_export(&self, mut export: Export) -> Result<(), RepoError> {
        export.status = ExportStatus::Running;
        self.dashboard().exports().progress.lock().insert(export.id, Progress::default());
        for at in 0..export.files.len() {
            if export.files[at].status.is_pending() {
                export.files[at].status = ExportStatus::Running;
                if !self.store_export(&export).await? {
                    break;
                }
                let made = self.make_file(&export, at).await;
                let file = &mut export.files[at];
                match made {
                    Ok(bytes) => (file.status, file.bytes) = (ExportStatus::Ready, Some(bytes)),
                    Err(FileError::Cancelled) => break,
                    Err(error) => {
                        tracing::info!(export = %export.id, file = file.name, %error, "a clip of an export failed");
                        (file.status, file.problem) = (ExportStatus::Failed, Some(with_causes(&error)));
                    }
                }
            }
            let progress = Progress { done: at + 1, ..Progress::default() };
            self.with_progress(export.id, |known| {
                *known = Progress { cancelled: known.cancelled, ..progress }
            });
        }
        finish(&mut export);
        if !self.store_export(&export).await? {
            // Deleted meanwhile: the files belong to nobody.
            if let Err(error) = self.remove_export_files(&export).await {
                tracing::info!(export = %export.id, %error, "files of a deleted export stay");
            }
        }
        self.dashboard().exports().progress.lock().remove(&export.id);
        Ok(())
    }

    /// Stores how far an export is, and tells of it. Whether it is still there.
    async fn store_export(&self, export: &Export) -> Result<bool, RepoError> {
        let is_there = self.dashboard().export_repo().update(export).await?;
        if is_there {
            self.tell_export(export);
        }
        Ok(is_there)
    }

    fn tell_export(&self, export: &Export) {
        let event = ExportEvent { kind: "export", export: self.export_view(export) };
        // Who may not see all of its cameras is told nothing: that concerns the tenant where there are several.
        let device = match &export.files[..] {
            [file] => Some(file.device),
            _ => None,
        };
        self.events().publish(Topic::System, Some(&export.tenant), device, &event);
    }

    fn with_progress(&self, id: ExportId, change: impl FnOnce(&mut Progress)) {
        if let Some(known) = self.dashboard().exports().progress.lock().get_mut(&id) {
            change(known);
        }
    }

    async fn make_file(&self, export: &Export, at: usize) -> Result<u64, FileError> {
        let engine = self.recordings().engine()?;
        let file = &export.files[at];
        let clip = Arc::new(plan(&engine, file, export.span).await?);
        let bytes = clip.info().bytes;
        let space = engine.library().store().space().await?;
        if let Some(free) = space.map(|space| space.free).filter(|free| *free < bytes.saturating_add(SPARE)) {
            return Err(FileError::NoRoom { bytes, free });
        }
        let library: Library = engine.library().clone();
        let pieces = clip.stream(Arc::new(library.clone()), 0..bytes);
        let (mut done, mut told) = (0_u64, self.inner.clock.now());
        let content = pieces.map(|piece| {
            let piece: Bytes = piece?;
            done += piece.len() as u64;
            let mut cancelled = false;
            self.with_progress(export.id, |known| {
                known.share = done as f64 / bytes.max(1) as f64;
                cancelled = known.cancelled;
            });
            let now = self.inner.clock.now();
            if now.saturating_duration_since(told) >= TELL {
                told = now;
                self.tell_export(export);
            }
            if cancelled { Err(FileError::Cancelled) } else { Ok(piece) }
        });
        let key = file_key(export.id, at)?;
        Ok(deposit(engine.recorder.spool_place(), &**library.store(), &key, content).await?)
    }

    /// Removes an export with its files.
    pub(super) async fn remove_export(&self, export: &Export) -> Result<(), ExportError> {
        self.with_progress(export.id, |known| known.cancelled = true);
        self.remove_export_files(export).await?;
        Ok(self.dashboard().export_repo().remove(export.id).await?)
    }

    async fn remove_export_files(&self, export: &Export) -> Result<(), ExportError> {
        let engine = self.recordings().engine()?;
        for at in 0..export.files.len() {
            if let Ok(key) = file_key(export.id, at) {
                engine.library().store().delete(&key).await.map_err(LibraryError::Store)?;
            }
        }
        Ok(())
    }
}

/// The clip of a file: of the main stream, or of the sub stream where only that was recorded.
async fn plan(engine: &Running, file: &ExportFile, range: WallRange) -> Result<Clip, FileError> {
    let (library, device): (_, DeviceId) = (engine.library(), file.device);
    let layer = if library.heads(device, Some(0), range, 1).await?.is_empty() { 1 } else { 0 };
    let request = ClipRequest { device, layer, range, format: ClipFormat::Progressive, longest: LONGEST };
    Ok(clip::plan(library, &request).await?)
}

/// What an export is once each of its files has been tried: failed where none was made.
fn finish(export: &mut Export) {
    let is_ready = |file: &ExportFile| file.status == ExportStatus::Ready;
    if export.files.iter().any(is_ready) {
        export.status = ExportStatus::Ready;
    } else {
        export.status = ExportStatus::Failed;
        export.problem = export.files.iter().find_map(|file| file.problem.clone());
    }
}
