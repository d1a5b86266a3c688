//! Waiting for a condition: tests poll with a deadline, and never sleep for a fixed time.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Time between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// Calls `probe` until it gives a value, and returns that value.
///
/// # Errors
/// `what` did not come true within `deadline`. A probe that is still running then is cut off.
pub(crate) async fn until<T>(
    deadline: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let start = Instant::now();
    let looking = async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            sleep(POLL).await;
        }
    };
    match tokio::time::timeout(deadline, looking).await {
        Ok(value) => Ok(value),
        Err(_) => bail!("waited {:.1} s in vain for: {what}", start.elapsed().as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_the_first_value() {
        let mut looks = 0;
        let value = until(Duration::from_secs(5), "third look", async || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(value.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn names_what_did_not_come() {
        let error =
            until(Duration::from_millis(50), "the impossible", async || None::<()>).await.unwrap_err();
        assert!(error.to_string().contains("the impossible"), "{error}");
    }

    #[tokio::test]
    async fn cuts_off_a_probe_that_hangs() {
        until(Duration::from_millis(50), "a probe that hangs", async || {
            std::future::pending::<Option<()>>().await
        })
        .await
        .unwrap_err();
    }
}
