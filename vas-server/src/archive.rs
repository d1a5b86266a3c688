//! Recordings as tools see them: without a server, or beside one.

use crate::config::{Config, Invalid, Zone};
use crate::control::recording::{self, Access, StorageError};
use crate::db::{Database, DatabaseError};
use crate::http;
use std::collections::HashMap;
use std::sync::Arc;
use vas_core::model::{Device, TenantId};
use vas_core::ports::{DeviceRepo, Page, RepoError};
use vas_core::{DeviceId, ErrorKind, HasKind, SystemClock, TaskScope, WallTime};
use vas_record::library::Library;
use vas_record::recorder::SpoolPlace;

/// Why recordings can't be worked on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A setting is out of the question.
    #[error("configuration: {0}")]
    Config(#[from] Invalid),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database does not answer.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The recordings are out of reach, or a server writes them.
    #[error(transparent)]
    Storage(Box<dyn std::error::Error + Send + Sync>),
    /// Nothing has this id or name.
    #[error("there is no device {0:?}; give its id or its name")]
    NoDevice(String),
}

impl From<StorageError> for ArchiveError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl HasKind for ArchiveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::InvalidInput,
            Self::Database(error) => error.kind(),
            Self::Repo(error) => error.kind(),
            Self::Storage(_) => ErrorKind::Unavailable,
            Self::NoDevice(_) => ErrorKind::NotFound,
        }
    }
}

/// What a tool is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Look: a server may run.
    Look,
    /// Change: no server may write meanwhile, and none can start to.
    Change,
}

/// All recordings of a configuration.
#[derive(Debug)]
#[must_use]
pub struct Archive {
    database: Database,
    library: Library,
    spool: SpoolPlace,
    zone: Zone,
    /// Held for as long as this lives.
    _lock: Option<recording::FolderLock>,
}

impl Archive {
    /// Opens database and storage. Nothing is made that is not there.
    ///
    /// # Errors
    /// See [`ArchiveError`]; with [`Purpose::Change`] also when a server records.
    pub async fn open(config: &Config, purpose: Purpose) -> Result<Self, ArchiveError> {
        config.validate()?;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let zone = config.recording.parsed_zone()?;
        let access = if purpose == Purpose::Change { Access::Write } else { Access::Read };
        // What would be uploaded in the background is the server's to upload.
        let scope = TaskScope::new();
        scope.cancel();
        let storage = recording::open_storage(config, access, &SystemClock::shared(), &scope).await?;
        let database = Database::open(config).await?;
        let library = Library::of_complete(Arc::new(database.recordings()), storage.store);
        Ok(Self { database, library, spool: storage.spool, zone, _lock: storage.lock })
    }

    /// What is complete of the recordings: a file that a server is writing comes later.
    #[must_use]
    pub const fn library(&self) -> &Library {
        &self.library
    }

    /// Where files are written on their way into the store.
    #[must_use]
    pub const fn spool(&self) -> &SpoolPlace {
        &self.spool
    }

    /// What days are counted in.
    #[must_use]
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The names of the devices that there are.
    ///
    /// # Errors
    /// [`ArchiveError::Repo`].
    pub async fn names(&self) -> Result<HashMap<DeviceId, String>, ArchiveError> {
        let all = Page { offset: 0, limit: u64::MAX };
        let devices = self.database.devices().list(&TenantId::default(), all).await?;
        Ok(devices.into_iter().map(|Device { id, fields, .. }| (id, fields.name)).collect())
    }

    /// The device of an id, be it one that was deleted, or of a name.
    ///
    /// # Errors
    /// [`ArchiveError::NoDevice`], [`ArchiveError::Repo`].
    pub async fn device(&self, text: &str) -> Result<DeviceId, ArchiveError> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let names = self.names().await?;
        let found = names.iter().find(|(_, name)| *name == text).map(|(id, _)| *id);
        found.ok_or_else(|| ArchiveError::NoDevice(text.to_owned()))
    }

    /// Closes the database.
    pub async fn close(self) {
        self.database.close().await;
    }
}

/// A time as the API takes it: RFC 3339, with an offset or without one, which means UTC.
#[must_use]
pub fn parse_time(text: &str) -> Option<WallTime> {
    http::parse_time(text)
}

/// A time as the API writes it: RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn format_time(time: WallTime) -> String {
    http::time(time)
}
