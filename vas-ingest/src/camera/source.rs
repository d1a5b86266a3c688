//! A source that runs in a thread of its own.

use super::pace::Pace;
use std::time::Duration;
use vas_core::{SharedClock, StreamId, TaskScope};

/// A running source. Dropping the handle lets the source run on until its scope is cancelled.
#[derive(Debug)]
pub struct SourceHandle {
    stream: StreamId,
    scope: TaskScope,
}

impl SourceHandle {
    /// Runs `work` on a blocking thread as part of `scope`.
    pub(super) fn start(
        stream: StreamId,
        scope: &TaskScope,
        clock: &SharedClock,
        work: impl FnOnce(&Pace) + Send + 'static,
    ) -> Self {
        let scope = scope.child();
        let pace = Pace { scope: scope.clone(), clock: clock.clone() };
        let thread = tokio::task::spawn_blocking(move || work(&pace));
        drop(scope.spawn("camera-source", async move {
            if let Err(error) = thread.await {
                tracing::error!(%error, "a camera source ended by a fault of its own");
            }
        }));
        Self { stream, scope }
    }

    /// The stream that it publishes.
    #[must_use]
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// Stops the source and waits until it has, at most `deadline`. Tells whether it had. The stream stays in the
    /// hub, unpublished.
    pub async fn stop(&self, deadline: Duration) -> bool {
        self.scope.shutdown(deadline).await
    }
}
