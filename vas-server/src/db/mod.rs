//! The database: connection, migrations, and the repositories on it.
//!
//! The only module that knows sea-orm. Everything in it is neutral between SQLite and PostgreSQL but
//! [`connect`](Database::connect), which knows what SQLite needs.

mod convert;
mod entity;
mod migration;
mod repo;

pub(crate) use repo::{SqlDevices, SqlStreams};

use migration::Migrator;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
use sea_orm_migration::MigratorTrait;
use std::path::PathBuf;
use std::time::Duration;
use vas_core::{ErrorKind, HasKind};

/// How long SQLite waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the database could not be opened. Never holds the URL, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The scheme of the URL is none of those supported.
    #[error("database.url must begin with sqlite:, such as sqlite:///var/lib/vas/vas.db or sqlite::memory:")]
    Scheme,
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
            Self::Folder { .. } | Self::Open(_) | Self::Migrate(_) => ErrorKind::Unavailable,
        }
    }
}

/// An open database whose schema is up to date. `Clone` hands out the same connection.
#[derive(Clone, Debug)]
pub struct Database {
    connection: DatabaseConnection,
}

impl Database {
    /// Opens the database of `url` (`sqlite:///path/to/file`, made if missing, or `sqlite::memory:`), and brings its
    /// schema up to date.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn connect(url: &str) -> Result<Self, DatabaseError> {
        let path = url.strip_prefix("sqlite:").ok_or(DatabaseError::Scheme)?;
        if path != ":memory:" {
            make_folder(path)?;
        }
        let mut options = ConnectOptions::new(url);
        // One connection: SQLite has one writer at a time anyhow, and a queue here is fairer than its locks. It stays
        // open, for an in-memory database lives as long as its connection.
        options.max_connections(1).min_connections(1).sqlx_logging(false);
        options.acquire_timeout(Duration::from_secs(10));
        options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                // Write-ahead logging with NORMAL never loses consistency; a power cut may lose the last commits.
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
        });
        let connection =
            sea_orm::Database::connect(options).await.map_err(|error| DatabaseError::Open(error.into()))?;
        Migrator::up(&connection, None).await.map_err(|error| DatabaseError::Migrate(error.into()))?;
        Ok(Self { connection })
    }

    /// The devices in it.
    pub(crate) fn devices(&self) -> SqlDevices {
        SqlDevices::new(self.connection.clone())
    }

    /// The streams in it.
    pub(crate) fn streams(&self) -> SqlStreams {
        SqlStreams::new(self.connection.clone())
    }

    /// Whether the database answers.
    pub async fn is_up(&self) -> bool {
        self.connection.execute_unprepared("SELECT 1").await.is_ok()
    }

    /// Writes what is left and closes the connection; nothing works on it any more.
    pub async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

/// Makes the folder of a database file. `path` is what follows `sqlite:` in the URL.
fn make_folder(path: &str) -> Result<(), DatabaseError> {
    let file = path.strip_prefix("//").unwrap_or(path);
    let file = PathBuf::from(file.split('?').next().unwrap_or(file));
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|source| DatabaseError::Folder { folder: folder.to_owned(), source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::model::TenantId;
    use vas_core::ports::{DeviceRepo, Page};
    use vas_core::testing::repo;

    async fn on_disk() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/new/vas.db", folder.path().display());
        let database = Database::connect(&url).await.unwrap();
        (folder, database)
    }

    #[tokio::test]
    async fn devices_on_sqlite() {
        let (_folder, database) = on_disk().await;
        repo::devices(&database.devices()).await;
        database.close().await;
    }

    #[tokio::test]
    async fn streams_on_sqlite() {
        let (_folder, database) = on_disk().await;
        repo::streams(&database.devices(), &database.streams()).await;
    }

    #[tokio::test]
    async fn an_opened_database_opens_again_and_uses_wal() {
        let (folder, database) = on_disk().await;
        assert!(database.is_up().await);
        database.close().await;
        let file = folder.path().join("new/vas.db");
        // Bytes 18 and 19 of the file are 2 in WAL mode (SQLite's file format, section 1.3.3).
        assert_eq!(std::fs::read(&file).unwrap()[18..20], [2, 2]);
        Database::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    }

    #[tokio::test]
    async fn the_schema_goes_down_and_up_again() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        Migrator::down(&database.connection, None).await.unwrap();
        Migrator::up(&database.connection, None).await.unwrap();
        repo::devices(&database.devices()).await;
    }

    #[tokio::test]
    async fn devices_of_the_first_release_have_no_sub_stream() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        Migrator::down(&database.connection, None).await.unwrap();
        Migrator::up(&database.connection, Some(1)).await.unwrap();
        let old = "INSERT INTO devices (id, tenant_id, name, rtsp_url, created_at) \
                   VALUES (zeroblob(16), 'default', 'Gate', 'rtsp://camera/1', '2026-01-01 00:00:00+00:00')";
        database.connection.execute_unprepared(old).await.unwrap();
        Migrator::up(&database.connection, None).await.unwrap();
        let all = Page { offset: 0, limit: 9 };
        let devices = database.devices().list(&TenantId::default(), all).await.unwrap();
        assert_eq!((devices.len(), &devices[0].fields.sub_url), (1, &None));
    }

    #[tokio::test]
    async fn what_is_no_database_is_refused() {
        assert!(matches!(Database::connect("mysql://x").await, Err(DatabaseError::Scheme)));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vas.db");
        std::fs::write(&file, "this is no database, only a text that happens to lie where one was expected")
            .unwrap();
        assert!(Database::connect(&format!("sqlite://{}", file.display())).await.is_err());
    }
}
