//! The recorder with its storage and its retention: started as soon as the storage is there, tried again until then.

use super::lock::FolderLock;
use super::storage::{self, Access, Storage, StorageError};
use crate::config::{Config, RecordingConfig, RetentionConfig};
use crate::db::{Database, SqlRecordingOptions};
use async_trait::async_trait;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use vas_core::hub::StreamHub;
use vas_core::model::WallRange;
use vas_core::ports::{BookmarkRepo, RecordingRepo, RepoError};
use vas_core::{DeviceId, ErrorKind, HasKind, SharedClock, TaskScope};
use vas_record::library::Library;
use vas_record::recorder::{Recorder, RecorderConfig, RecorderError, RecorderParts};
use vas_record::retention::plan::{Limits, Policy};
use vas_record::retention::{PinSource, Retention};

/// Pause before the storage is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Pause between two rounds of retention.
const RETENTION: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const MB: u64 = 1_000_000;

/// How far the recorder has come.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// What an earlier run left is being taken up.
    Starting,
    /// It can't run, for this reason; it is tried again.
    Failed(Arc<str>),
    /// It runs.
    Running(Running),
}

/// What records, and what has been recorded.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) recorder: Recorder,
    pub(crate) retention: Retention,
    pub(super) lock: Option<FolderLock>,
}

impl Running {
    /// What has been recorded.
    pub(crate) fn library(&self) -> &Library {
        self.recorder.library()
    }
}

/// Why nothing is recorded and nothing recorded can be shown.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NotRecording {
    /// The server has just been started.
    #[error("recordings are being looked through after the start; try again soon")]
    Starting,
    /// The storage is not there.
    #[error("recordings are out of reach: {0}")]
    Failed(Arc<str>),
}

impl HasKind for NotRecording {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }
}

impl Engine {
    pub(super) fn running(&self) -> Result<Running, NotRecording> {
        match self {
            Self::Starting => Err(NotRecording::Starting),
            Self::Failed(reason) => Err(NotRecording::Failed(reason.clone())),
            Self::Running(running) => Ok(running.clone()),
        }
    }
}

/// Starts the recorder in `scope`, now or as soon as that is possible.
pub(super) fn start(
    config: &Config,
    database: &Database,
    hub: StreamHub,
    clock: SharedClock,
    scope: &TaskScope,
) -> watch::Receiver<Engine> {
    let (state, watched) = watch::channel(Engine::Starting);
    let starter = Starter {
        config: config.clone(),
        repo: Arc::new(database.recordings()),
        pins: Arc::new(BookmarkPins(Arc::new(database.bookmarks()))),
        options: database.recording_options(),
        hub,
        clock,
        scope: scope.clone(),
    };
    scope.spawn_until_cancelled("recorder start", async move {
        while let Err(error) = starter.attempt(&state).await {
            let reason: Arc<str> = with_causes(&error).into();
            let known = matches!(&*state.borrow(), Engine::Failed(known) if *known == reason);
            if !known {
                tracing::error!(%reason, "nothing is recorded; streams run all the same, and it is tried again");
                state.send_replace(Engine::Failed(reason));
            }
            tokio::time::sleep(RETRY).await;
        }
        // The state goes with the scope, not before.
        std::future::pending::<()>().await;
    });
    watched
}

/// An error with its causes, in one line: most often it is the last one that says what to do.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Why the recorder does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum StartError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    #[error(transparent)]
    Options(#[from] RepoError),
}

struct Starter {
    config: Config,
    repo: Arc<dyn RecordingRepo>,
    pins: Arc<BookmarkPins>,
    options: SqlRecordingOptions,
    hub: StreamHub,
    clock: SharedClock,
    scope: TaskScope,
}

impl Starter {
    async fn attempt(&self, state: &watch::Sender<Engine>) -> Result<(), StartError> {
        let opened = storage::open(&self.config, Access::Record, &self.clock, &self.scope).await?;
        let Storage { store, spool, lock } = opened;
        let parts = RecorderParts {
            hub: self.hub.clone(),
            repo: self.repo.clone(),
            store,
            spool,
            clock: self.clock.clone(),
        };
        let policy = policy(&self.config.recording.retention, &self.options).await?;
        let recorder = Recorder::start(parts, recorder_config(&self.config.recording), &self.scope).await?;
        let retention = Retention::new(&recorder, self.pins.clone(), policy, self.clock.clone());
        retention.run_every(RETENTION, &self.scope);
        tracing::info!(recovered = ?recorder.recovered(), "recording is ready");
        state.send_replace(Engine::Running(Running { recorder, retention, lock }));
        Ok(())
    }
}

fn recorder_config(settings: &RecordingConfig) -> RecorderConfig {
    let mut recorder = RecorderConfig::default();
    recorder.file = Duration::from_secs(settings.file_seconds.into());
    recorder.sync = Duration::from_secs(settings.sync_seconds.into());
    recorder
}

/// What is kept: the settings, and what single devices have instead.
pub(super) async fn policy(
    settings: &RetentionConfig,
    options: &SqlRecordingOptions,
) -> Result<Policy, RepoError> {
    let days = |days: u32| (days > 0).then(|| DAY * days);
    let megabytes = |amount: u32| (amount > 0).then(|| u64::from(amount) * MB);
    let each = Limits {
        keep: days(settings.days),
        bytes: megabytes(settings.max_device_mb),
        thin_after: days(settings.thin_after_days),
    };
    let own = options.all().await?.into_iter().filter_map(|(device, options)| {
        Some((device, Limits { keep: days(options.retention_days?), ..each }))
    });
    Ok(Policy {
        each,
        devices: own.collect(),
        total_bytes: megabytes(settings.max_total_mb),
        min_free: u64::from(settings.min_free_mb) * MB,
    })
}

/// What bookmarks keep.
#[derive(Debug)]
struct BookmarkPins(Arc<dyn BookmarkRepo>);

#[async_trait]
impl PinSource for BookmarkPins {
    async fn pins(&self) -> Result<Vec<(DeviceId, WallRange)>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.all_pinned().await?)
    }
}
