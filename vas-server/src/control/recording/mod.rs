//! What is recorded: the streams that run, at the times and in the ways that settings, devices and people say.
//!
//! ```text
//! settings, options of the device, switched by hand --> wish --> Recorder
//! streams that start and stop ------------------------^
//! ```
//!
//! The recorder may not be there: its folder is not mounted, its disk broken. Then streams run all the same, recording
//! is tried again every few seconds, and whoever asks is told why there is none.

mod engine;
mod lock;
#[cfg(feature = "s3")]
mod object;
mod removal;
mod rules;
mod status;
mod storage;
mod timeline;
mod windows;

pub(crate) use engine::{NotRecording, Running};
pub(crate) use lock::{FolderLock, LockError};
pub(crate) use removal::CleanupError;
pub(crate) use status::{LayerStatus, RecordingStatus};
pub(crate) use storage::{Access, StorageError, open as open_storage};
pub(crate) use timeline::{RecordedDay, Stretch, dates, stretches};
pub(crate) use windows::{Window, WindowError, WindowLimits, Windows};

use super::locks::Locks;
use crate::config::{Config, Invalid, Zone};
use crate::db::{Database, RecordingOptions, SqlRecordingOptions};
use engine::Engine;
#[cfg(test)]
use engine::with_causes;
use parking_lot::Mutex;
use rules::Rules;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use vas_core::hub::StreamHub;
use vas_core::model::TenantId;
use vas_core::ports::RepoError;
use vas_core::{DeviceId, SharedClock, StreamId, TaskScope};
use vas_record::recorder::{RecordJob, Recorder};

/// What is recorded is compared with what is wished so often: schedules begin and end no later than that.
const REVIEW: Duration = Duration::from_secs(5);

/// Everything about recordings. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Recordings {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Mutex<Arc<Rules>>,
    options: SqlRecordingOptions,
    engine: watch::Receiver<Engine>,
    followed: Mutex<HashMap<DeviceId, Followed>>,
    /// Why a device is not recorded though it is wished.
    problems: Mutex<HashMap<DeviceId, String>>,
    locks: Locks<DeviceId>,
    clock: SharedClock,
    scope: TaskScope,
}

/// A device whose stream runs.
#[derive(Clone, Debug)]
struct Followed {
    tenant: TenantId,
    main: StreamId,
    sub: Option<StreamId>,
    options: RecordingOptions,
}

impl Recordings {
    /// Starts recording in the background, as soon as the storage is there. What it records runs in `scope`.
    ///
    /// # Errors
    /// A setting is out of the question.
    pub(crate) fn start(
        config: &Config,
        database: &Database,
        hub: StreamHub,
        clock: SharedClock,
        scope: &TaskScope,
    ) -> Result<Self, Invalid> {
        let rules = Mutex::new(Arc::new(Rules::read(&config.recording)?));
        let engine = engine::start(config, database, hub, clock.clone(), scope);
        let inner = Inner {
            rules,
            options: database.recording_options(),
            engine,
            followed: Mutex::default(),
            problems: Mutex::default(),
            locks: Locks::default(),
            clock,
            scope: scope.child(),
        };
        let this = Self { inner: Arc::new(inner) };
        let reviewer = this.clone();
        scope.spawn_until_cancelled("recording review", async move { reviewer.review().await });
        Ok(this)
    }

    /// Waits until recording has begun, or has failed for the first time, at most `longest`.
    pub(crate) async fn settled(&self, longest: Duration) {
        let mut engine = self.inner.engine.clone();
        let settled = engine.wait_for(|engine| !matches!(engine, Engine::Starting));
        let _ = tokio::time::timeout(longest, settled).await;
    }

    /// What records, and what has been recorded.
    ///
    /// # Errors
    /// There is none at present, and why.
    pub(crate) fn engine(&self) -> Result<Running, NotRecording> {
        self.inner.engine.borrow().running()
    }

    /// Ends all recordings within `deadline`, so that their files are whole. Tells whether that was done.
    pub(crate) async fn shutdown(&self, deadline: Duration) -> bool {
        // Or the next review would begin them again.
        self.inner.followed.lock().clear();
        match self.engine() {
            Ok(engine) => {
                let done = engine.recorder.shutdown(deadline).await;
                // For whoever comes next, though handles of this one may still be about.
                if let Some(lock) = engine.lock.filter(|_| done) {
                    lock.release();
                }
                done
            }
            Err(_) => true,
        }
    }

    /// Days that recordings are to be kept; `None`: as long as there is room.
    pub(crate) fn days_wanted(&self) -> Option<f64> {
        self.rules().days_wanted()
    }

    /// The zone that days are counted in.
    pub(crate) fn zone(&self) -> Zone {
        self.rules().zone
    }

    /// The device's stream runs from now on, with this sub stream.
    pub(super) async fn follow(
        &self,
        tenant: &TenantId,
        device: DeviceId,
        main: StreamId,
        sub: Option<StreamId>,
    ) {
        let _guard = self.inner.locks.lock(device).await;
        let options = self.inner.options.get(device).await.unwrap_or_else(|error| {
            tracing::warn!(%device, %error, "how the device is recorded can't be read; the settings decide");
            RecordingOptions::default()
        });
        let followed = Followed { tenant: tenant.clone(), main, sub, options };
        self.inner.followed.lock().insert(device, followed);
        self.apply(device).await;
    }

    /// The device's stream runs no more.
    pub(super) async fn leave(&self, device: DeviceId) {
        let _guard = self.inner.locks.lock(device).await;
        self.inner.followed.lock().remove(&device);
        self.apply(device).await;
    }

    /// How the device is recorded, where that differs from the settings.
    pub(crate) async fn options(&self, device: DeviceId) -> Result<RecordingOptions, RepoError> {
        self.inner.options.get(device).await
    }

    /// The same of all devices where it differs.
    pub(crate) async fn all_options(&self) -> Result<HashMap<DeviceId, RecordingOptions>, RepoError> {
        Ok(self.inner.options.all().await?.into_iter().collect())
    }

    /// Changes how the device is recorded, now and from now on; gives what holds then.
    pub(crate) async fn change_options(
        &self,
        device: DeviceId,
        change: impl FnOnce(&mut RecordingOptions) + Send,
    ) -> Result<RecordingOptions, RepoError> {
        let _guard = self.inner.locks.lock(device).await;
        let mut options = self.inner.options.get(device).await?;
        change(&mut options);
        self.inner.options.set(device, options).await?;
        if let Some(followed) = self.inner.followed.lock().get_mut(&device) {
            followed.options = options;
        }
        self.apply(device).await;
        if let Ok(engine) = self.engine() {
            self.renew_policy(&engine).await;
        }
        Ok(options)
    }

    /// Something happened at a device: where it is recorded around events, it is recorded now. Tells whether it is.
    pub(crate) fn event(&self, device: DeviceId) -> bool {
        self.engine().is_ok_and(|engine| engine.recorder.trigger(device))
    }

    /// Keeps what is recorded as it is wished.
    async fn review(&self) {
        let mut engine = self.inner.engine.clone();
        let mut ticks = tokio::time::interval(REVIEW);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // What was wished while there was no recorder.
                changed = engine.changed() => match changed {
                    Ok(()) => if let Ok(engine) = self.engine() { self.renew_policy(&engine).await },
                    Err(_) => return,
                },
            }
            self.apply_all().await;
        }
    }

    async fn apply_all(&self) {
        let devices: Vec<_> = self.inner.followed.lock().keys().copied().collect();
        for device in devices {
            let _guard = self.inner.locks.lock(device).await;
            self.apply(device).await;
        }
    }

    /// Makes what is recorded of a device what is wished. The caller holds the device's lock.
    async fn apply(&self, device: DeviceId) {
        let Ok(Running { recorder, .. }) = self.engine() else { return };
        let followed = self.inner.followed.lock().get(&device).cloned();
        let (rules, now) = (self.rules(), self.inner.clock.wall());
        let wish = followed.as_ref().map(|followed| rules.wish(followed, now)).unwrap_or_default();
        let mut problem = None;
        for (layer, wished) in wish.into_iter().enumerate() {
            let layer = layer as u8;
            match (wished, &followed) {
                (Some((stream, mode)), Some(Followed { tenant, .. })) => {
                    let job = RecordJob { tenant: tenant.clone(), device, layer, stream, mode };
                    if let Err(error) = recorder.record(job).await {
                        problem = Some(error.to_string());
                    }
                }
                _ if recorder.status(device, layer).is_some() => {
                    recorder.stop(device, layer).await;
                }
                _ => {}
            }
        }
        let mut problems = self.inner.problems.lock();
        match problem {
            Some(problem) => {
                if problems.insert(device, problem.clone()).as_ref() != Some(&problem) {
                    tracing::warn!(%device, problem, "the device is not recorded; it is tried again");
                }
            }
            None => drop(problems.remove(&device)),
        }
    }
}

/// Whether anything of a device is being recorded.
fn is_recording(recorder: &Recorder, device: DeviceId) -> bool {
    (0..2).any(|layer| recorder.status(device, layer).is_some_and(|status| status.recording))
}
