//! Waiting out a database that is busy or starts again.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlxError};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long something is tried.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// How long after the first attempt another one is begun.
    total: Duration,
    /// The longest that one attempt may take: a peer that is gone without a word never answers.
    attempt: Duration,
    /// The pause after the first attempt. Each is twice the one before.
    first_pause: Duration,
    /// The longest pause.
    longest_pause: Duration,
}

const PATIENCE: Patience = Patience {
    total: Duration::from_secs(10),
    attempt: Duration::from_secs(30),
    first_pause: Duration::from_millis(50),
    longest_pause: Duration::from_secs(1),
};

/// Does something until it succeeds or fails for good, or time is up. Only for what may be done twice: an attempt may
/// have succeeded although its answer was lost.
///
/// # Errors
/// That of the last attempt.
pub(super) async fn patiently<T, F>(attempt: impl Fn() -> F) -> Result<T, DbErr>
where
    F: Future<Output = Result<T, DbErr>>,
{
    with(PATIENCE, attempt).await
}

async fn with<T, F>(patience: Patience, attempt: impl Fn() -> F) -> Result<T, DbErr>
where
    F: Future<Output = Result<T, DbErr>>,
{
    let end = Instant::now() + patience.total;
    let mut pause = patience.first_pause;
    loop {
        let result = timeout(patience.attempt, attempt()).await.unwrap_or_else(|_| Err(no_answer()));
        match result {
            Err(error) if is_passing(&error) && Instant::now() + pause < end => {
                tracing::debug!(%error, "the database is busy or away; trying again");
                sleep(pause).await;
                pause = (pause * 2).min(patience.longest_pause);
            }
            done => return done,
        }
    }
}

fn no_answer() -> DbErr {
    DbErr::Custom("the database does not answer".to_owned())
}

/// Whether the same may succeed a moment later.
fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
            SqlxError::Io(_) | SqlxError::PoolTimedOut => true,
            SqlxError::Database(error) => error.code().is_some_and(|code| is_passing_code(&code)),
            _ => false,
        },
        _ => false,
    }
}

/// Codes of PostgreSQL are five characters (its manual, appendix A), those of SQLite numbers of up to four digits whose
/// lowest byte is the primary code.
fn is_passing_code(code: &str) -> bool {
    match code {
        // The server shuts down, crashed, starts up; it has too many clients; a deadlock or a conflict was resolved at
        // the expense of this one.
        "57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01" => true,
        _ if code.len() == 5 => code.starts_with("08"),
        // SQLITE_BUSY, SQLITE_LOCKED.
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::Arc;

    const SHORT: Patience = Patience {
        total: Duration::from_millis(200),
        attempt: Duration::from_millis(50),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
    };

    fn refused() -> DbErr {
        let error = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(SqlxError::Io(error))))
    }

    #[test]
    fn what_passes_and_what_stays() {
        for code in ["57P01", "57P03", "08006", "40P01", "5", "6", "517", "261"] {
            assert!(is_passing_code(code), "{code}");
        }
        for code in ["23505", "28P01", "42P01", "1555", "13", "8", "11", ""] {
            assert!(!is_passing_code(code), "{code}");
        }
    }

    #[tokio::test]
    async fn a_restart_is_waited_out() {
        let attempts = Cell::new(0);
        let result = patiently(|| async {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 6 { Err(refused()) } else { Ok(attempts.get()) }
        });
        assert_eq!(result.await.unwrap(), 6);
    }

    #[tokio::test]
    async fn patience_ends() {
        let result = with(SHORT, || async { Err::<(), _>(refused()) });
        assert!(result.await.is_err_and(|error| is_passing(&error)));
        let silent = with(SHORT, std::future::pending::<Result<(), _>>);
        assert!(silent.await.is_err_and(|error| error.to_string().contains("does not answer")));
    }

    #[tokio::test]
    async fn what_fails_for_good_fails_at_once() {
        let attempts = Cell::new(0);
        let result = patiently(|| async {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(DbErr::RecordNotInserted)
        });
        assert!(result.await.is_err());
        assert_eq!(attempts.get(), 1);
    }
}
