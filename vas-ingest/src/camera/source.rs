//! A source that runs in a thread of its own.
//!
//! The thread is not one of the runtime's: a runtime that is dropped waits for those, and would wait for ever for
//! a source whose scope nobody has cancelled.

use super::pace::Pace;
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;
use vas_core::{SharedClock, StreamId, TaskScope};

/// A running source. Dropping the handle lets the source run on until its scope is cancelled.
#[derive(Debug)]
pub struct SourceHandle {
    stream: StreamId,
    scope: TaskScope,
}

impl SourceHandle {
    /// Runs `work` on a thread as part of `scope`.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        stream: StreamId,
        scope: &TaskScope,
        clock: &SharedClock,
        work: impl FnOnce(&Pace) + Send + 'static,
    ) -> io::Result<Self> {
        let scope = scope.child();
        let pace = Pace { scope: scope.clone(), clock: clock.clone() };
        let (running, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("camera-source".to_owned()).spawn(move || {
            // Dropped when the work ends, also by a panic.
            let _running = running;
            work(&pace);
        })?;
        drop(scope.spawn("camera-source", async move {
            let _ = ended.await;
        }));
        Ok(Self { stream, scope })
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
