//! Waiting for a future without holding the interpreter, and with an ear for Ctrl-C.

use crate::errors::VasError;
use pyo3::{PyResult, Python};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval};

/// How often pending signals are looked for.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs `future` to its end on a runtime of its own, while other threads of the interpreter run.
///
/// # Errors
/// What the future says, or the exception that a signal handler raised: Ctrl-C's is `KeyboardInterrupt`. The future is
/// dropped then.
pub(crate) fn wait<T: Send>(py: Python<'_>, future: impl Future<Output = PyResult<T>> + Send) -> PyResult<T> {
    py.detach(|| {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            VasError::new_err(format!("the system gives no resources to wait with: {error}"))
        })?;
        let outcome = runtime.block_on(async {
            let mut future = pin!(future);
            let mut signals = interval(SIGNAL_INTERVAL);
            signals.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    outcome = &mut future => return outcome,
                    _ = signals.tick() => Python::attach(|py| py.check_signals())?,
                }
            }
        });
        // Resolving a name can't be interrupted; a thread that is at it still must not hold up the caller.
        runtime.shutdown_background();
        outcome
    })
}
