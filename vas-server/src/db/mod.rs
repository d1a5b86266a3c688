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
#[cfg(test)]
mod tests;

pub(crate) use repo::{RecordingOptions, SqlRecordingOptions};
pub use repo::{SqlBookmarks, SqlDevices, SqlRecordings, SqlSnapshots, SqlStreams};

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
}

impl HasKind for DatabaseError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Scheme => ErrorKind::InvalidInput,
            #[cfg(feature = "postgres")]
            Self::PostgresUrl => ErrorKind::InvalidInput,
            #[cfg(not(feature = "postgres"))]
            Self::NoPostgres => ErrorKind::InvalidInput,
            Self::Folder { .. } | Self::Open(_) | Self::Migrate(_) => ErrorKind::Unavailable,
        }
    }
}

/// An open database whose schema is up to date. `Clone` hands out the same connections.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
}

impl Database {
    /// Opens the database of `url`, and brings its schema up to date: `sqlite:///path/to/file`, made if missing,
    /// `sqlite::memory:`, or, with the feature `postgres`, `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn connect(url: &str) -> Result<Self, DatabaseError> {
        let pools = Pools::open(url).await?;
        Migrator::up(&pools.write, None).await.map_err(|error| DatabaseError::Migrate(error.into()))?;
        Ok(Self { pools })
    }

    /// The devices in it.
    #[must_use]
    pub fn devices(&self) -> SqlDevices {
        SqlDevices::new(self.pools.clone())
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
