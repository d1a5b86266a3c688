//! What came of reading the settings anew, for whoever changed them.

use crate::config::Sources;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use vas_core::WallTime;

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReloadResult {
    /// Settings that took effect.
    pub(crate) applied: BTreeSet<String>,
    /// Settings that differ from those in force and need a restart.
    pub(crate) restart_required: BTreeSet<String>,
}

/// The settings' source and the last reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReloadStatus {
    /// The configuration file.
    pub(crate) file: Option<PathBuf>,
    /// When it was last read anew.
    pub(crate) reloaded_at: Option<WallTime>,
    /// What came of that: what changed, or why nothing did.
    pub(crate) result: Option<Result<ReloadResult, String>>,
}

/// Longest wait for a reload that was asked for: it reads two files.
const PATIENCE: Duration = Duration::from_secs(10);

/// The status, as it is told. `Clone` hands out the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statuses {
    current: Arc<Mutex<ReloadStatus>>,
    calls: Arc<Calls>,
}

/// What whoever changes settings and whoever reads them say to each other.
#[derive(Default)]
struct Calls {
    /// Where settings come from; `None` where they are not read anew, as within a test.
    sources: Mutex<Option<Sources>>,
    asked: Notify,
    /// Counts the reloads.
    done: watch::Sender<u64>,
}

impl fmt::Debug for Calls {
    /// The environment holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Statuses {
    /// The status now.
    pub(crate) fn current(&self) -> ReloadStatus {
        self.current.lock().clone()
    }

    pub(super) fn begin(&self, sources: &Sources) {
        self.current.lock().file.clone_from(&sources.file);
        *self.calls.sources.lock() = Some(sources.clone());
    }

    /// Where settings come from; `None` where they are not read anew.
    pub(crate) fn sources(&self) -> Option<Sources> {
        self.calls.sources.lock().clone()
    }

    /// Has the settings read anew, and waits until that is done.
    pub(crate) async fn reload_now(&self) {
        let mut done = self.calls.done.subscribe();
        let before = *done.borrow_and_update();
        self.calls.asked.notify_one();
        // Where it takes longer, the status tells later.
        let _ = tokio::time::timeout(PATIENCE, done.wait_for(|count| *count > before)).await;
    }

    /// Somebody wants the settings read anew.
    pub(super) async fn asked(&self) {
        self.calls.asked.notified().await;
    }

    pub(super) fn end(&self, at: WallTime, result: Result<ReloadResult, String>) {
        let mut current = self.current.lock();
        current.reloaded_at = Some(at);
        current.result = Some(result);
        self.calls.done.send_modify(|count| *count += 1);
    }
}
