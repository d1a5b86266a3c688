//! The connections to a database: one for what writes, others for what reads.

use super::DatabaseError;
use super::retry::patiently;
use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, Select,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, UpdateMany,
};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// How long SQLite waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a query waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Queries that read a SQLite file at the same time. Each has a thread of its own.
const READERS: u32 = 4;
/// Bytes that SQLite's log keeps on disk after it grew larger.
const LOG_BYTES: &str = "67108864";
/// Connections to PostgreSQL.
#[cfg(feature = "postgres")]
const POSTGRES_CONNECTIONS: u32 = 10;

/// The connections. `Clone` hands out the same ones.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    /// For what changes anything. SQLite has one writer at a time anyhow, and a queue here is fairer than its locks.
    pub(super) write: DatabaseConnection,
    /// For what only reads: with SQLite's write-ahead log, readers and the writer don't wait for each other.
    pub(super) read: DatabaseConnection,
}

impl Pools {
    /// Connects to the database of a URL. A file that is missing is made.
    pub(super) async fn open(url: &str) -> Result<Self, DatabaseError> {
        match url.split_once(':') {
            Some(("sqlite", path)) => open_sqlite(url, path).await,
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => open_postgres(url).await,
            #[cfg(not(feature = "postgres"))]
            Some(("postgres" | "postgresql", _)) => Err(DatabaseError::NoPostgres),
            _ => Err(DatabaseError::Scheme),
        }
    }

    /// Writes what is left and closes everything.
    pub(super) async fn close(self) {
        // The writer last: the last to go brings SQLite's log into the file.
        for (name, pool) in [("readers", self.read), ("writer", self.write)] {
            if let Err(error) = pool.close().await {
                tracing::warn!(%error, "the database's {name} did not close cleanly");
            }
        }
    }

    /// Begins a transaction that writes. Where it is dropped without a commit, nothing has happened.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        // One that begins by reading could find, when it wants to write, that another process has written meanwhile,
        // and SQLite doesn't wait then.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.write.begin_with_options(options).await
    }

    /// Reads all rows of a query.
    pub(super) async fn all<E: EntityTrait>(&self, query: &Select<E>) -> Result<Vec<E::Model>, DbErr> {
        patiently(|| query.clone().all(&self.read)).await
    }

    /// Reads the first row of a query.
    pub(super) async fn one<E: EntityTrait>(&self, query: &Select<E>) -> Result<Option<E::Model>, DbErr> {
        patiently(|| query.clone().one(&self.read)).await
    }

    /// Changes rows, and says how many. Only for what may be done twice.
    pub(super) async fn change<E: EntityTrait>(&self, query: &UpdateMany<E>) -> Result<u64, DbErr> {
        Ok(patiently(|| query.clone().exec(&self.write)).await?.rows_affected)
    }
}

fn open_error(error: DbErr) -> DatabaseError {
    DatabaseError::Open(error.into())
}

/// `path` is what follows `sqlite:` in the URL.
async fn open_sqlite(url: &str, path: &str) -> Result<Pools, DatabaseError> {
    let in_memory = path.contains(":memory:") || path.contains("mode=memory");
    if !in_memory {
        make_file(path)?;
    }
    let mut writer = sqlite_options(url);
    writer.max_connections(1).min_connections(1);
    writer.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            // Write-ahead logging with NORMAL never loses consistency; a power cut may lose the last commits.
            .pragma("journal_mode", "WAL")
            .pragma("journal_size_limit", LOG_BYTES)
            .pragma("synchronous", "NORMAL")
            // What is deleted or overwritten is gone from the file: tokens, and addresses of cameras.
            .pragma("secure_delete", "ON")
    });
    let write = sea_orm::Database::connect(writer).await.map_err(open_error)?;
    if in_memory {
        // Every connection to it would be a database of its own.
        return Ok(Pools { read: write.clone(), write });
    }
    let mut readers = sqlite_options(url);
    readers.max_connections(READERS).min_connections(1);
    // Not opened read-only: then SQLite could not restore its shared memory after a crash.
    readers.map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(BUSY_TIMEOUT).pragma("query_only", "ON"));
    let read = sea_orm::Database::connect(readers).await.map_err(open_error)?;
    Ok(Pools { write, read })
}

fn sqlite_options(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).acquire_timeout(ACQUIRE);
    // Connections stay open: an in-memory database lives as long as its own.
    options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    options
}

#[cfg(feature = "postgres")]
async fn open_postgres(url: &str) -> Result<Pools, DatabaseError> {
    use sea_orm::sqlx::ConnectOptions as _;
    use sea_orm::sqlx::postgres::PgConnectOptions;

    let parsed: PgConnectOptions = url.parse().map_err(|_| DatabaseError::PostgresUrl)?;
    let parsed = parsed
        .application_name("vas-server")
        // A query that hangs, as for a lock of somebody else, ends before the one who asks gives up.
        .options([("statement_timeout", "20s")])
        .disable_statement_logging();
    // The URL itself goes no further: options are printed in traces, with their URL.
    let mut options = ConnectOptions::new("postgres://database");
    options.map_sqlx_postgres_opts(move |_| parsed.clone());
    options.max_connections(POSTGRES_CONNECTIONS).min_connections(1).acquire_timeout(ACQUIRE);
    // After a restart of the server, connections of the one before are found out and replaced.
    options.test_before_acquire(true);
    let pool = patiently(|| sea_orm::Database::connect(options.clone())).await.map_err(open_error)?;
    Ok(Pools { read: pool.clone(), write: pool })
}

/// Makes a database file that is missing, and its folder. It is for this user alone, as are the files that SQLite keeps
/// beside it, which get the rights of the first. `path` is what follows `sqlite:` in the URL.
fn make_file(path: &str) -> Result<(), DatabaseError> {
    let file = path.strip_prefix("//").unwrap_or(path);
    let file = PathBuf::from(file.split('?').next().unwrap_or(file));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|source| DatabaseError::Folder { folder: folder.to_owned(), source })?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => Err(DatabaseError::File { file, source }),
        _ => Ok(()),
    }
}
