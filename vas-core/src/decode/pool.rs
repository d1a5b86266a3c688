//! Threads that decode, so many at once and no more.

use super::{Deadline, PoolError};
use crate::clock::SharedClock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// More than the decoders take, which keep their tables on the heap.
const STACK_SIZE: usize = 8 << 20;

/// Bounds of a [`DecodePool`].
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// Threads at once.
    pub threads: usize,
    /// Callers that wait for a thread.
    pub waiting: usize,
    /// How long a caller waits in all; what decodes is told a little earlier.
    pub patience: Duration,
}

impl Default for PoolConfig {
    /// Half of the machine's cores, 4 at most; 16 callers that wait, 5 seconds each.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads: (cores / 2).clamp(1, 4), waiting: 16, patience: Duration::from_secs(5) }
    }
}

/// Runs what decodes on threads of its own and bounds them. `Clone` hands out the same pool.
///
/// A decoder can be stopped between the NAL units of a picture but not inside one. Should it hang there, its caller goes
/// after [`PoolConfig::patience`], and the thread keeps its place until it ends: hanging threads are as bounded as
/// working ones, and when all hang, callers get [`PoolError::Busy`] or [`PoolError::TimedOut`] and nothing else
/// suffers. They are no threads of the runtime, so that they don't hold up its end either.
#[derive(Clone, Debug)]
pub struct DecodePool {
    clock: SharedClock,
    patience: Duration,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl DecodePool {
    /// A pool without threads so far; they start when there is work and end with it.
    #[must_use]
    pub fn new(config: PoolConfig, clock: SharedClock) -> Self {
        let threads = config.threads.clamp(1, 1_024);
        let admitted = threads.saturating_add(config.waiting).min(Semaphore::MAX_PERMITS);
        Self {
            clock,
            patience: config.patience,
            admitted: Arc::new(Semaphore::new(admitted)),
            running: Arc::new(Semaphore::new(threads)),
        }
    }

    /// Runs `work` on a thread and gives what it returns. `work` should ask its deadline now and then: it comes a fifth
    /// earlier than the caller's patience ends, and at once when the caller goes (drops the future).
    ///
    /// # Errors
    /// [`PoolError`]: there is too much work, or it took too long or panicked.
    pub async fn run<T, F>(&self, work: F) -> Result<T, PoolError>
    where
        F: FnOnce(&Deadline) -> T + Send + 'static,
        T: Send + 'static,
    {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| PoolError::Busy)?;
        let deadline = Deadline::new(self.clock.clone(), self.patience / 5 * 4);
        let _abandon = deadline.abandon_token().drop_guard();
        let result = timeout(self.patience, async {
            let running = self.running.clone().acquire_owned().await;
            let running = running.expect("the semaphore is never closed");
            let (sender, receiver) = oneshot::channel();
            let body = move || {
                // A panic leaves nothing behind: the decoder dies with its thread.
                let result = catch_unwind(AssertUnwindSafe(|| work(&deadline)));
                // The place is free before the caller knows, who may come back at once.
                drop((running, admitted));
                // Nobody may be there any more.
                let _ = sender.send(result);
            };
            let thread = std::thread::Builder::new().name("decode".to_owned()).stack_size(STACK_SIZE);
            thread.spawn(body).map_err(|_| PoolError::NoThread)?;
            match receiver.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(_)) | Err(_) => Err(PoolError::Panicked),
            }
        });
        result.await.unwrap_or_else(|_| {
            tracing::warn!("decoding did not end in its time; its thread keeps its place until it does");
            Err(PoolError::TimedOut)
        })
    }
}
