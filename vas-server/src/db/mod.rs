//! The database: connection, migrations, and the repositories on it.
//!
//! The only module that knows sea-orm. Everything in it is neutral between SQLite and PostgreSQL but `pools`, which
//! knows how each is connected to, and `retry`, which knows by what codes each says that it is away for a moment.

mod convert;
mod entity;
mod migration;
mod pools;
mod repo;
mod retry;
mod sealing;
#[cfg(test)]
mod tests;

pub(crate) use repo::{
    Ack, Alert, AlertId, Document, DocumentOf, Export, ExportFile, ExportId, ExportStatus, Figures, Sample,
    Severity, SqlAlerts, SqlChanges, SqlDocuments, SqlExports, SqlSamples, Stored,
};
pub use repo::{
    DeviceOptions, DeviceTransport, Filled, SqlBookmarks, SqlDeviceOptions, SqlDevices, SqlRecordings,
    SqlSnapshots, SqlStreams,
};
pub(crate) use repo::{RecordingOptions, SqlAccounts, SqlAudit, SqlCredentials, SqlRecordingOptions};

use crate::config::Config;
use crate::keyring::{Keyring, KeyringError};
use migration::Migrator;
use pools::Pools;
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigratorTrait;
use std::path::PathBuf;
use std::time::Duration;
use vas_core::{ErrorKind, HasKind};

/// A database that is up answers within this.
const SOON: Duration = Duration::from_secs(2);

/// Why the database could not be opened. Never holds the URL, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The scheme of the URL is none of those supported.
    #[error(
        "database.url must begin with sqlite: or postgres:, such as sqlite:///var/lib/vas/vas.db or \
         postgres://user:password@host/database"
    )]
    Scheme,
    /// The URL of a PostgreSQL database can't be read.
    #[cfg(feature = "postgres")]
    #[error("database.url can't be read; it is to look like postgres://user:password@host:5432/database")]
    PostgresUrl,
    /// PostgreSQL is not in this build.
    #[cfg(not(feature = "postgres"))]
    #[error("this build has no PostgreSQL; build it with the feature postgres, or use a sqlite: URL")]
    NoPostgres,
    /// The folder of the database file can't be made.
    #[error("can't make the folder {} of the database: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database can't be opened.
    #[error("can't open the database; check database.url and the rights on the file")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The schema can't be brought up to date.
    #[error("can't bring the database's schema up to date; was it written by a newer version of the server?")]
    Migrate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is secret in it can't be encrypted anew.
    #[error("can't encrypt the addresses of cameras in the database")]
    Seal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There are no keys for what is secret in it.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The file can't be made.
    #[error("can't make the database's file {}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl HasKind for DatabaseError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Scheme => ErrorKind::InvalidInput,
            #[cfg(feature = "postgres")]
            Self::PostgresUrl => ErrorKind::InvalidInput,
            #[cfg(not(feature = "postgres"))]
            Self::NoPostgres => ErrorKind::InvalidInput,
            Self::Keys(error) => error.kind(),
            Self::Folder { .. } | Self::File { .. } | Self::Open(_) | Self::Migrate(_) | Self::Seal(_) => {
                ErrorKind::Unavailable
            }
        }
    }
}

/// An open database whose schema is up to date. `Clone` hands out the same connections.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
    keys: Keyring,
}

impl Database {
    /// Opens the database of a configuration with its keys.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn open(config: &Config) -> Result<Self, DatabaseError> {
        Self::connect(&config.database_url(), Keyring::open(config)?).await
    }

    /// Opens the database of `url`, and brings its schema up to date: `sqlite:///path/to/file`, made if missing,
    /// `sqlite::memory:`, or, with the feature `postgres`, `postgres://user:password@host/database`. What
    /// is secret in it is encrypted with `keys`, also where an older version wrote it in plain text.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn connect(url: &str, keys: Keyring) -> Result<Self, DatabaseError> {
        let pools = Pools::open(url).await?;
        Migrator::up(&pools.write, None).await.map_err(|error| DatabaseError::Migrate(error.into()))?;
        sealing::bring_up_to_date(&pools, &keys).await.map_err(|error| DatabaseError::Seal(error.into()))?;
        Ok(Self { pools, keys })
    }

    /// The devices in it.
    #[must_use]
    pub fn devices(&self) -> SqlDevices {
        SqlDevices::new(self.pools.clone(), self.keys.clone())
    }

    /// The devices in it with how they are run.
    #[must_use]
    pub fn device_options(&self) -> SqlDeviceOptions {
        SqlDeviceOptions::new(self.devices())
    }

    /// The streams in it.
    #[must_use]
    pub fn streams(&self) -> SqlStreams {
        SqlStreams::new(self.pools.clone())
    }

    /// The index of recordings in it.
    #[must_use]
    pub fn recordings(&self) -> SqlRecordings {
        SqlRecordings::new(self.pools.clone())
    }

    /// How single devices are recorded.
    pub(crate) fn recording_options(&self) -> SqlRecordingOptions {
        SqlRecordingOptions::new(self.pools.write.clone())
    }

    /// The bookmarks in it.
    #[must_use]
    pub fn bookmarks(&self) -> SqlBookmarks {
        SqlBookmarks::new(self.pools.clone())
    }

    /// The snapshots in it.
    #[must_use]
    pub fn snapshots(&self) -> SqlSnapshots {
        SqlSnapshots::new(self.pools.clone())
    }

    /// The users and clients in it.
    pub(crate) fn accounts(&self) -> SqlAccounts {
        SqlAccounts::new(self.pools.clone())
    }

    /// What proves them.
    pub(crate) fn credentials(&self) -> SqlCredentials {
        SqlCredentials::new(self.pools.clone())
    }

    /// What is kept of who did what.
    pub(crate) fn audit(&self) -> SqlAudit {
        SqlAudit::new(self.pools.clone())
    }

    /// The keys that what is secret in it is encrypted with.
    pub(crate) const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The changes of state of all streams.
    pub(crate) fn changes(&self) -> SqlChanges {
        SqlChanges::new(self.pools.clone())
    }

    /// The alerts in it.
    pub(crate) fn alerts(&self) -> SqlAlerts {
        SqlAlerts::new(self.pools.clone())
    }

    /// Figures over time.
    pub(crate) fn samples(&self) -> SqlSamples {
        SqlSamples::new(self.pools.clone())
    }

    /// What people arrange on the dashboard.
    pub(crate) fn ui_documents(&self) -> SqlDocuments {
        SqlDocuments::new(self.pools.clone())
    }

    /// The exports in it.
    pub(crate) fn exports(&self) -> SqlExports {
        SqlExports::new(self.pools.clone())
    }

    /// Whether the database answers, and soon.
    pub async fn is_up(&self) -> bool {
        let answer = tokio::time::timeout(SOON, self.pools.read.execute_unprepared("SELECT 1")).await;
        answer.is_ok_and(|answer| answer.is_ok())
    }

    /// Writes what is left and closes the connections; nothing works on it any more.
    pub async fn close(self) {
        self.pools.close().await;
    }
}
