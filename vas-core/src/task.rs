//! Tasks that can be stopped and joined.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error_span};

/// A group of tasks with one cancellation token. Scopes form a tree: cancelling one cancels those below it,
/// and shutting one down joins the tasks of all of them.
///
/// `Clone` hands out the same scope. Dropping it neither cancels nor joins.
#[derive(Clone, Debug)]
pub struct TaskScope {
    token: CancellationToken,
    trackers: Arc<[TaskTracker]>,
}

impl Default for TaskScope {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskScope {
    /// A scope of its own, with no parent.
    #[must_use]
    pub fn new() -> Self {
        Self { token: CancellationToken::new(), trackers: Arc::new([TaskTracker::new()]) }
    }

    /// A scope below this one: cancelled with it, joined with it, and stoppable alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let mut trackers = self.trackers.to_vec();
        trackers.push(TaskTracker::new());
        Self { token: self.token.child_token(), trackers: trackers.into() }
    }

    /// Runs `future` as a task of this scope. The task itself watches [`Self::cancelled`] where it must clean up; a
    /// panic in it ends this task alone and is logged by name.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks start")]
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let tokens: Vec<_> = self.trackers.iter().map(TaskTracker::token).collect();
        let span = error_span!("task", name);
        tokio::spawn(
            async move {
                let _tokens = tokens;
                CatchPanic { future: Box::pin(future), name }.await
            }
            .instrument(span),
        )
    }

    /// Runs `future` until it ends or the scope is cancelled, whichever is first; for tasks with nothing to clean up.
    pub fn spawn_until_cancelled<F>(&self, name: &'static str, future: F) -> JoinHandle<Option<()>>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = self.token.clone();
        self.spawn(name, async move {
            token.run_until_cancelled(future).await;
        })
    }

    /// Asks every task of this scope and of those below to stop. Returns at once.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether the scope has been asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes when the scope is asked to stop.
    pub fn cancelled(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// The number of tasks that run in this scope and in those below.
    #[must_use]
    pub fn len(&self) -> usize {
        self.own_tracker().len()
    }

    /// Whether no task runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cancels the scope and waits until its tasks have ended, at most `deadline`. Tells whether all had.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.cancel();
        let tracker = self.own_tracker();
        tracker.close();
        tokio::time::timeout(deadline, tracker.wait()).await.is_ok()
    }

    fn own_tracker(&self) -> &TaskTracker {
        self.trackers.last().expect("a scope has its own tracker")
    }
}

/// Turns a panic of the inner future into `None` and a log line, so that one task never ends another.
struct CatchPanic<F> {
    future: std::pin::Pin<Box<F>>,
    name: &'static str,
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Option<F::Output>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        use std::task::Poll;
        let this = &mut *self;
        // The future is dropped after a panic, so nobody sees its broken state.
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| this.future.as_mut().poll(cx))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(ToString::to_string)
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                tracing::error!(task = this.name, panic = %text, "task panicked; the others go on");
                Poll::Ready(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_joins_tasks_of_child_scopes() {
        let scope = TaskScope::new();
        let child = scope.child();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let token = child.clone();
        child.spawn("child", async move {
            token.cancelled().await;
            let _ = tx.send(());
        });
        assert_eq!(scope.len(), 1);
        assert!(scope.shutdown(Duration::from_secs(5)).await);
        rx.await.unwrap();
        assert!(scope.is_empty());
    }

    #[tokio::test]
    async fn a_child_stops_alone() {
        let scope = TaskScope::new();
        let child = scope.child();
        child.spawn_until_cancelled("child", std::future::pending());
        assert!(child.shutdown(Duration::from_secs(5)).await);
        assert!(!scope.is_cancelled());
    }

    #[tokio::test]
    async fn a_panic_ends_only_its_own_task() {
        let scope = TaskScope::new();
        let broken = scope.spawn("broken", async { panic!("planted") });
        let sound = scope.spawn("sound", async { 7 });
        assert_eq!(broken.await.unwrap(), None::<()>);
        assert_eq!(sound.await.unwrap(), Some(7));
    }
}
