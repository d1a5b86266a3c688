//! Exports: the same stretch of time of several cameras as one clip each, made in the background one after the other.
//!
//! A request stores a row that says `queued` and answers. What is being made when the server stops is made anew when it
//! starts. Exports are bounded in number, in bytes and in age: they are copies, which somebody fetches and forgets.

mod maker;

use crate::control::captures::CaptureError;
use crate::control::recording::NotRecording;
use crate::control::{Control, ControlError};
use crate::db::{Export, ExportFile, ExportId, ExportStatus, SqlExports};
use crate::rfc3339::time;
use maker::file_key;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::HashMap;
use tokio::sync::Notify;
use utoipa::ToSchema;
use vas_core::model::{StoredFile, WallRange};
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, StreamId};
use vas_record::library::LibraryError;

/// Exports that are kept at a time.
const MAX_EXPORTS: u64 = 100;
/// Bytes of all of them beyond which no other one is begun.
const MAX_BYTES: u64 = 200_000_000_000;
/// How long an export is kept, in microseconds.
const KEPT: i64 = 7 * 86_400_000_000;
/// Longest name of a file but for its extension, in characters.
const LONGEST_FILE: usize = 60;

/// What is being made, and how far it is.
#[derive(Debug, Default)]
pub(super) struct Exports {
    /// Wakes the maker.
    wake: Notify,
    /// Of the file that is being made: its place, and the share of it that is done.
    progress: Mutex<HashMap<ExportId, Progress>>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Files that are done.
    done: usize,
    /// Share of the next one.
    share: f64,
    /// Nobody wants it any more.
    cancelled: bool,
}

/// Why an export was not begun, shown or deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExportError {
    /// There is no such export, or file of one.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The file is not ready, or failed.
    #[error("the file is {status}{}", .problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default())]
    NotReady {
        /// How far it is.
        status: &'static str,
        /// Why it failed.
        problem: Option<String>,
    },
    /// Nothing was recorded.
    #[error("nothing is recorded in this range")]
    NoRecording,
    /// There are enough.
    #[error(
        "there are {count} exports with {bytes} bytes; delete some that are fetched, or wait until they expire"
    )]
    Full {
        /// Exports.
        count: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// There is no such stream, or the database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// There is no storage.
    #[error(transparent)]
    Storage(#[from] NotRecording),
    /// The recordings can't be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A file can't be read or removed.
    #[error(transparent)]
    Captures(#[from] CaptureError),
}

impl HasKind for ExportError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoRecording => ErrorKind::NotFound,
            Self::NotReady { .. } => ErrorKind::NotReady,
            Self::Full { .. } => ErrorKind::Exhausted,
            Self::Control(error) => error.kind(),
            Self::Repo(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Library(error) => error.kind(),
            Self::Captures(error) => error.kind(),
        }
    }
}

/// An export as it is answered and told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ExportView {
    #[schema(value_type = String, format = "uuid")]
    pub(crate) id: ExportId,
    pub(crate) name: String,
    #[schema(value_type = Vec<uuid::Uuid>)]
    pub(crate) stream_ids: Vec<StreamId>,
    /// RFC 3339.
    #[schema(format = "date-time")]
    pub(crate) start: String,
    #[schema(format = "date-time")]
    pub(crate) end: String,
    pub(crate) status: ExportStatus,
    /// From 0 to 1.
    pub(crate) progress: f64,
    /// Why it failed: it has failed when each of its files has.
    pub(crate) error: Option<String>,
    pub(crate) files: Vec<ExportFileView>,
    /// Of the files that are ready.
    pub(crate) bytes: u64,
    pub(crate) created_by: String,
    #[schema(format = "date-time")]
    pub(crate) created_at: String,
    /// When it is deleted.
    #[schema(format = "date-time")]
    pub(crate) expires_at: String,
}

/// A clip of an export.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ExportFileView {
    pub(crate) name: String,
    #[schema(value_type = String, format = "uuid")]
    pub(crate) stream_id: StreamId,
    /// Where it can be fetched once it is ready.
    pub(crate) url: String,
    /// 0 until it is ready.
    pub(crate) bytes: u64,
    pub(crate) status: ExportStatus,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// `system` with the type `export`: what became of an export.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ExportEvent {
    #[serde(rename = "type")]
    kind: &'static str,
    export: ExportView,
}

/// What is to be exported.
#[derive(Clone, Debug)]
pub(crate) struct NewExport {
    pub(crate) streams: Vec<StreamId>,
    pub(crate) span: WallRange,
    /// `None`: named after its first camera.
    pub(crate) name: Option<String>,
}

impl Control {
    /// Begins an export.
    ///
    /// # Errors
    /// [`ExportError`].
    pub(crate) async fn export(&self, new: NewExport) -> Result<ExportView, ExportError> {
        let repo = self.dashboard().export_repo();
        let engine = self.recordings().engine()?;
        let (count, bytes) = (repo.count().await?, self.exported_bytes().await?);
        if count >= MAX_EXPORTS || bytes >= MAX_BYTES {
            return Err(ExportError::Full { count, bytes });
        }
        let (mut files, mut first, mut recorded) = (Vec::new(), None, false);
        for id in new.streams {
            let info = self.stream(id).await?;
            let device = info.device.id;
            recorded |= !engine.library().heads(device, None, new.span, 1).await?.is_empty();
            let name = file_name(&info.device.fields.name, &files);
            first.get_or_insert_with(|| info.device.fields.name.clone());
            files.push(ExportFile {
                name,
                stream: id,
                device,
                status: ExportStatus::Queued,
                bytes: None,
                problem: None,
            });
        }
        if !recorded {
            return Err(ExportError::NoRecording);
        }
        let now = self.inner.clock.wall();
        let export = Export {
            id: ExportId::random(),
            tenant: self.tenant().clone(),
            name: new.name.or(first).unwrap_or_default(),
            created_by: self.sight().name.to_string(),
            span: new.span,
            status: ExportStatus::Queued,
            problem: None,
            files,
            created_at: now,
            expires_at: now.add_micros(KEPT),
        };
        repo.insert(&export).await?;
        self.dashboard().exports().wake.notify_one();
        Ok(self.export_view(&export))
    }

    /// The exports of this caller's devices, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn exports(&self) -> Result<Vec<ExportView>, ExportError> {
        let all = self.dashboard().export_repo().list(self.tenant(), MAX_EXPORTS).await?;
        let seen = all.iter().filter(|export| self.sees_export(export));
        Ok(seen.map(|export| self.export_view(export)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ExportError::NotFound`]; the database failed.
    pub(crate) async fn one_export(&self, id: ExportId) -> Result<ExportView, ExportError> {
        Ok(self.export_view(&self.export_row(id).await?))
    }

    /// A file of one.
    ///
    /// # Errors
    /// [`ExportError::NotFound`], [`ExportError::NotReady`]; the database failed.
    pub(crate) async fn export_file(&self, id: ExportId, name: &str) -> Result<StoredFile, ExportError> {
        let export = self.export_row(id).await?;
        let unknown = ExportError::NotFound("file of this export");
        let at = export.files.iter().position(|file| file.name == name).ok_or(unknown)?;
        let file = &export.files[at];
        match (file.status, file.bytes) {
            (ExportStatus::Ready, Some(bytes)) => {
                let key = file_key(id, at).map_err(|_| ExportError::NotFound("file"))?;
                Ok(StoredFile { key: key.as_str().to_owned(), bytes })
            }
            (status, _) => {
                Err(ExportError::NotReady { status: status.name(), problem: file.problem.clone() })
            }
        }
    }

    /// Deletes one with its files; what is being made of it is given up.
    ///
    /// # Errors
    /// [`ExportError::NotFound`]; the storage or the database failed.
    pub(crate) async fn delete_export(&self, id: ExportId) -> Result<(), ExportError> {
        let export = self.export_row(id).await?;
        self.remove_export(&export).await
    }

    async fn export_row(&self, id: ExportId) -> Result<Export, ExportError> {
        let found = self.dashboard().export_repo().get(self.tenant(), id).await?;
        found.filter(|export| self.sees_export(export)).ok_or(ExportError::NotFound("export"))
    }

    fn sees_export(&self, export: &Export) -> bool {
        export.files.iter().all(|file| self.sight().devices.contains(file.device))
    }

    async fn exported_bytes(&self) -> Result<u64, RepoError> {
        let all = self.dashboard().export_repo().list(self.tenant(), MAX_EXPORTS).await?;
        Ok(all.iter().flat_map(|export| &export.files).filter_map(|file| file.bytes).sum())
    }

    fn export_view(&self, export: &Export) -> ExportView {
        let count = export.files.len().max(1) as f64;
        let progress = match export.status {
            ExportStatus::Ready | ExportStatus::Failed => 1.0,
            ExportStatus::Queued => 0.0,
            ExportStatus::Running => {
                let known = self.dashboard().exports().progress.lock().get(&export.id).copied();
                known.map_or(0.0, |known| (known.done as f64 + known.share) / count)
            }
        };
        let file = |file: &ExportFile| ExportFileView {
            name: file.name.clone(),
            stream_id: file.stream,
            url: format!("/v2/exports/{}/files/{}", export.id, file.name),
            bytes: file.bytes.unwrap_or(0),
            status: file.status,
            error: file.problem.clone(),
        };
        ExportView {
            id: export.id,
            name: export.name.clone(),
            stream_ids: export.files.iter().map(|file| file.stream).collect(),
            start: time(export.span.start),
            end: time(export.span.end),
            status: export.status,
            progress: (progress * 1_000.0).round() / 1_000.0,
            error: export.problem.clone(),
            files: export.files.iter().map(file).collect(),
            bytes: export.files.iter().filter_map(|file| file.bytes).sum(),
            created_by: export.created_by.clone(),
            created_at: time(export.created_at),
            expires_at: time(export.expires_at),
        }
    }
}

impl super::Dashboard {
    /// The exports in the database.
    fn export_repo(&self) -> &SqlExports {
        &self.inner.export_repo
    }

    fn exports(&self) -> &Exports {
        &self.inner.exports
    }
}

/// A name that every file system takes, and that no other file of the export has.
fn file_name(device: &str, others: &[ExportFile]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let plain: String = device.chars().take(LONGEST_FILE).map(plain).collect();
    let numbers = std::iter::once(String::new()).chain((2..).map(|n: u32| format!("_{n}")));
    let mut names = numbers.map(|number| format!("{plain}{number}.mp4"));
    names.find(|name| others.iter().all(|file| file.name != *name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::DeviceId;

    #[test]
    fn files_have_names_of_their_own() {
        let mut files: Vec<ExportFile> = Vec::new();
        for device in ["Gate 1/../", "Gate_1____", "Tor\u{e4}"] {
            files.push(ExportFile {
                name: file_name(device, &files),
                stream: StreamId::random(),
                device: DeviceId::random(),
                status: ExportStatus::Queued,
                bytes: None,
                problem: None,
            });
        }
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["Gate_1____.mp4", "Gate_1_____2.mp4", "Tor_.mp4"]);
    }
}
