//! Settings that change while the server runs: on SIGHUP, and when the configuration file changes.
//!
//! ```text
//! SIGHUP, file changed --> Sources::load --> which keys differ --> those that can change now --> LiveConfig, parts
//!                              |                    `-------------> the others wait for a restart, and the log says so
//!                              `-- wrong: nothing changes, and the log says why
//! ```
//!
//! No viewer is dropped and no camera is left: parts take up new settings for what comes next.

mod keys;
mod status;
mod watch;

pub(crate) use keys::is_live;
pub(crate) use status::{ReloadStatus, Statuses};

use crate::config::{Config, Given, Invalid, LiveConfig, Loaded, Sources};
use status::ReloadResult;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use vas_core::{SharedClock, TaskScope};
use watch::FileWatch;

/// After a change the file is read when nothing has happened for so long: editors write in several steps.
const QUIET: Duration = Duration::from_millis(250);
/// But no later than this.
const LATEST: Duration = Duration::from_secs(2);

/// Brings settings that can change into the running parts.
pub(crate) trait Apply: Send + Sync + 'static {
    /// Has every part go by `config` from now on.
    fn apply(&self, config: &Config) -> impl Future<Output = Result<(), Invalid>> + Send;
}

/// Reads the settings anew when told to.
#[derive(Debug)]
pub(crate) struct Reloader<A> {
    sources: Sources,
    /// What is in force.
    given: Given,
    live: LiveConfig,
    statuses: Statuses,
    clock: SharedClock,
    parts: A,
}

impl<A: Apply> Reloader<A> {
    /// `loaded`: what the server was started with, out of `sources`.
    pub(crate) fn new(
        sources: Sources,
        loaded: &Loaded,
        live: LiveConfig,
        statuses: Statuses,
        clock: SharedClock,
        parts: A,
    ) -> Self {
        statuses.begin(&sources);
        Self { sources, given: loaded.given.clone(), live, statuses, clock, parts }
    }

    /// Reloads on SIGHUP and on changes of the file until the scope is cancelled.
    pub(crate) fn run(mut self, scope: &TaskScope) {
        // At once: until somebody watches it, the signal ends the process.
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP can't be watched"))
            .ok();
        scope.spawn_until_cancelled("settings", async move {
            let mut watched = Watched::of(self.sources.file.clone());
            let statuses = self.statuses.clone();
            if self.is_stale() {
                tracing::info!("the configuration file has changed while the server started");
                self.reload().await;
            }
            loop {
                tokio::select! {
                    () = statuses.asked() => tracing::info!("settings were changed on the dashboard"),
                    () = next(hangup.as_mut()) => tracing::info!("SIGHUP: the configuration is read anew"),
                    () = watched.changed() => tracing::info!("the configuration file has changed"),
                }
                self.reload().await;
                watched.remember();
            }
        });
    }

    /// Whether the settings are others than those that the server was started with.
    fn is_stale(&self) -> bool {
        self.sources.load().map_or(true, |loaded| !self.given.differences(&loaded.given).is_empty())
    }

    /// Reads the settings anew and brings what can change into force.
    pub(crate) async fn reload(&mut self) {
        let result = match self.sources.load() {
            Ok(loaded) => self.take_up(&loaded.given).await,
            Err(error) => Err(error.to_string()),
        };
        match &result {
            Ok(ReloadResult { applied, restart_required }) => {
                if applied.is_empty() && restart_required.is_empty() {
                    tracing::info!("no setting has changed");
                }
                for key in applied {
                    tracing::info!(key, "the setting has changed");
                }
                for key in restart_required {
                    tracing::warn!(
                        key,
                        "the setting has changed and takes effect when the server is restarted"
                    );
                }
            }
            Err(error) => tracing::error!(error, "the configuration stays as it was"),
        }
        self.statuses.end(self.clock.wall(), result);
    }

    async fn take_up(&mut self, new: &Given) -> Result<ReloadResult, String> {
        let differences = self.given.differences(new);
        let (applied, restart_required): (BTreeSet<_>, BTreeSet<_>) =
            differences.into_iter().partition(|key| is_live(key));
        if !applied.is_empty() {
            let mixed = self.given.with(new, &applied);
            let config = mixed.config().ok_or(
                "what can change now does not fit what needs a restart; restart the server to have both",
            )?;
            self.parts.apply(&config).await.map_err(|error| error.to_string())?;
            self.live.replace(config);
            self.given = mixed;
        }
        Ok(ReloadResult { applied, restart_required })
    }
}

/// The next signal, if signals can be watched.
async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The configuration file, watched where there is one.
struct Watched {
    path: Option<PathBuf>,
    watch: Option<FileWatch>,
    content: Option<Vec<u8>>,
}

impl Watched {
    fn of(path: Option<PathBuf>) -> Self {
        let watch = path.as_deref().and_then(|path| {
            FileWatch::start(path)
                .inspect_err(|error| {
                    tracing::warn!(%error, "the configuration file can't be watched; send SIGHUP after a change");
                })
                .ok()
        });
        let content = path.as_deref().and_then(read);
        Self { path, watch, content }
    }

    /// Completes when the file holds something else and no more changes come.
    async fn changed(&mut self) {
        let (Some(watch), Some(path)) = (&mut self.watch, &self.path) else {
            return std::future::pending().await;
        };
        loop {
            watch.next().await;
            let quiet = async { while tokio::time::timeout(QUIET, watch.next()).await.is_ok() {} };
            let _ = tokio::time::timeout(LATEST, quiet).await;
            watch.follow();
            if read(path) != self.content {
                return;
            }
        }
    }

    /// Takes the file's present content for known.
    fn remember(&mut self) {
        self.content = self.path.as_deref().and_then(read);
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

#[cfg(test)]
mod tests;
