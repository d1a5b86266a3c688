//! Recorders: from the hub to whole files in a store and rows in an index.
//!
//! ```text
//! hub --units--> job (one per device and layer) --chunks--> spool file --twice a second-> disk      flusher, a thread
//!                                                             |  closed
//!                                                             v
//!                                              store.put, then the row is complete                  finisher, a task
//! ```
//!
//! **Order of durability.** A file is synced before it is handed on; it is in the store before its row is complete; and
//! no file is in the store without a row. Whatever is interrupted is taken up by [`recovery`] at the
//! next start.
//!
//! **A failing storage costs footage, never memory or the live picture**: what waits is bounded for each stream and for
//! all of them; a file that can't be written ends with what is on the disk, and another is begun when the disk goes on.

mod config;
mod finisher;
mod flusher;
mod job;
mod pre_roll;
pub(crate) mod spool;
mod status;

pub use config::{RecordMode, RecorderConfig};
pub use spool::SpoolPlace;
pub use status::RecorderStatus;

pub(crate) use finisher::{key_of, key_of_head};

use crate::library::Library;
use crate::recovery::{self, Recovered};
use crate::segmenter::{Segmenter, SegmenterConfig};
use finisher::{Finisher, Message};
use flusher::Flusher;
use job::{Job, JobState, Wish};
use parking_lot::Mutex;
use spool::{Owner, Spool};
use status::JobStatus;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vas_core::hub::{StartAt, StreamHub, SubscribeError};
use vas_core::model::TenantId;
use vas_core::ports::store::SegmentStore;
use vas_core::ports::{IndexError, RecordingRepo};
use vas_core::{DeviceId, ErrorKind, HasKind, SharedClock, StreamId, TaskScope};

/// Messages to the finisher that may wait: two for every file of 4,096 streams.
const MESSAGES: usize = 8_192;

/// Why recording did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The spool can't be read.
    #[error("the recording folder {} can't be used: {source}", .folder.display())]
    Spool {
        /// The folder.
        folder: std::path::PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The thread that writes could not be started.
    #[error("the thread that writes recordings can't be started: {0}")]
    Thread(#[source] io::Error),
    /// The index does not tell what is there already.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The stream is not in the hub.
    #[error(transparent)]
    NoStream(#[from] SubscribeError),
    /// The recorder is shutting down.
    #[error("the recorder is shutting down")]
    Stopping,
}

impl HasKind for RecorderError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Spool { .. } | Self::Thread(_) | Self::Stopping => ErrorKind::Unavailable,
            Self::Index(error) => error.kind(),
            Self::NoStream(error) => error.kind(),
        }
    }
}

/// What a recorder works with.
#[derive(Clone, Debug)]
pub struct RecorderParts {
    /// Where streams come from.
    pub hub: StreamHub,
    /// The index.
    pub repo: Arc<dyn RecordingRepo>,
    /// Where whole files go.
    pub store: Arc<dyn SegmentStore>,
    /// Where files are written: a folder of their own, on the disk of the store where that is a disk.
    pub spool: SpoolPlace,
    /// The time.
    pub clock: SharedClock,
}

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct RecordJob {
    /// Whose it is.
    pub tenant: TenantId,
    /// The device that the recordings belong to.
    pub device: DeviceId,
    /// 0: the main stream; 1: the sub stream.
    pub layer: u8,
    /// The stream in the hub.
    pub stream: StreamId,
    /// When it is recorded.
    pub mode: RecordMode,
}

/// Records streams. `Clone` hands out the same recorder.
#[derive(Clone, Debug)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: RecorderParts,
    config: RecorderConfig,
    library: Library,
    spool: Arc<Spool>,
    jobs: Mutex<HashMap<(DeviceId, u8), Running>>,
    /// Ends with the recorder, so that the finisher ends.
    messages: Mutex<Option<mpsc::Sender<Message>>>,
    stop_flusher: Arc<AtomicU8>,
    writers: Mutex<Option<Writers>>,
    /// Of the jobs.
    scope: TaskScope,
    recovered: Recovered,
}

/// What writes files and rows.
#[derive(Debug)]
struct Writers {
    flusher: std::thread::JoinHandle<()>,
    finisher: JoinHandle<Option<()>>,
}

#[derive(Debug)]
struct Running {
    stream: StreamId,
    stop: CancellationToken,
    wish: watch::Sender<Wish>,
    status: Arc<JobStatus>,
    task: JoinHandle<Option<()>>,
}

impl Recorder {
    /// Takes up what an earlier run left behind, then waits for jobs. Its tasks run in `scope`.
    ///
    /// # Errors
    /// [`RecorderError::Spool`], [`RecorderError::Index`], [`RecorderError::Thread`].
    pub async fn start(
        parts: RecorderParts,
        config: RecorderConfig,
        scope: &TaskScope,
    ) -> Result<Self, RecorderError> {
        let spool = Arc::new(Spool::new(parts.spool.clone()));
        let recovered = recovery::run(&spool, &parts.repo, &parts.store).await?;
        let (messages, received) = mpsc::channel(MESSAGES);
        let stop_flusher = Arc::new(AtomicU8::new(0));
        let flusher = Flusher::start(
            &spool,
            config.clone(),
            parts.clock.clone(),
            stop_flusher.clone(),
            messages.clone(),
        )
        .map_err(RecorderError::Thread)?;
        let finisher = Finisher {
            spool: spool.clone(),
            repo: parts.repo.clone(),
            store: parts.store.clone(),
            config: config.clone(),
            clock: parts.clock.clone(),
        };
        let finisher_scope = scope.child();
        let finisher = scope.spawn("recording finisher", finisher.run(received, finisher_scope));
        let library = Library::new(parts.repo.clone(), parts.store.clone(), spool.clone());
        let inner = Inner {
            library,
            spool,
            config,
            parts,
            jobs: Mutex::default(),
            messages: Mutex::new(Some(messages)),
            stop_flusher,
            writers: Mutex::new(Some(Writers { flusher, finisher })),
            scope: scope.child(),
            recovered,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the start took up.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.inner.recovered
    }

    /// What has been recorded.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.inner.library
    }

    /// Starts recording a layer of a device. Where it is recorded already from the same stream only the mode changes;
    /// from another stream, that recording ends first.
    ///
    /// # Errors
    /// [`RecorderError::NoStream`], [`RecorderError::Index`], [`RecorderError::Stopping`].
    pub async fn record(&self, job: RecordJob) -> Result<(), RecorderError> {
        let key = (job.device, job.layer);
        {
            let jobs = self.inner.jobs.lock();
            if let Some(running) = jobs.get(&key)
                && running.stream == job.stream
                && !running.task.is_finished()
            {
                running.wish.send_modify(|wish| wish.mode = job.mode);
                return Ok(());
            }
        }
        self.stop(job.device, job.layer).await;
        let inner = &self.inner;
        let subscription = inner.parts.hub.subscribe(job.stream, StartAt::LastKey)?;
        let floor = inner.library.newest_end(job.device, job.layer).await?;
        let messages = inner.messages.lock().clone().ok_or(RecorderError::Stopping)?;
        let status = Arc::new(JobStatus::default());
        let (wish, wished) = watch::channel(Wish { mode: job.mode, event: None });
        let stop = CancellationToken::new();
        let runs = Job {
            owner: Owner {
                tenant: job.tenant,
                device: job.device,
                stream: job.stream,
                layer: job.layer,
                fence: inner.config.fence,
            },
            subscription,
            segmenter: Segmenter::new(SegmenterConfig { not_before: floor, ..SegmenterConfig::default() }),
            spool: inner.spool.clone(),
            messages,
            config: inner.config.clone(),
            clock: inner.parts.clock.clone(),
            status: status.clone(),
            wish: wished,
            floor,
            state: JobState::default(),
        };
        let (token, scope) = (stop.clone(), inner.scope.clone());
        let task = inner.scope.spawn("recording", async move {
            runs.run(async {
                tokio::select! {
                    () = token.cancelled() => {}
                    () = scope.cancelled() => {}
                }
            })
            .await;
        });
        let running = Running { stream: job.stream, stop, wish, status, task };
        // Two calls for the same layer at the same time: the later one stands.
        if let Some(earlier) = inner.jobs.lock().insert(key, running) {
            earlier.stop.cancel();
        }
        Ok(())
    }

    /// Stops recording a layer of a device and ends its file. Tells whether it was recorded.
    pub async fn stop(&self, device: DeviceId, layer: u8) -> bool {
        let running = self.inner.jobs.lock().remove(&(device, layer));
        let Some(running) = running else { return false };
        running.stop.cancel();
        let _ = running.task.await;
        true
    }

    /// Something happened at a device: what is recorded on events is recorded now. Tells whether anything is.
    pub fn trigger(&self, device: DeviceId) -> bool {
        let now = self.inner.parts.clock.now();
        let jobs = self.inner.jobs.lock();
        let mut any = false;
        for (_, running) in jobs.iter().filter(|((of, _), _)| *of == device) {
            running.wish.send_modify(|wish| wish.event = Some(now));
            any = true;
        }
        any
    }

    /// How the recording of a layer goes; `None` when it was not asked for.
    #[must_use]
    pub fn status(&self, device: DeviceId, layer: u8) -> Option<RecorderStatus> {
        self.inner.jobs.lock().get(&(device, layer)).map(|running| running.status.get())
    }

    /// The layers that are to be recorded now.
    #[must_use]
    pub fn running(&self) -> Vec<(DeviceId, u8)> {
        self.inner.jobs.lock().keys().copied().collect()
    }

    /// Bytes of media recorded since the start.
    #[must_use]
    pub fn bytes_recorded(&self) -> u64 {
        self.inner.spool.recorded()
    }

    /// Where files are written before they go into the store.
    #[must_use]
    pub fn spool_place(&self) -> &SpoolPlace {
        &self.inner.spool.place
    }

    /// Ends all recordings, writes their files and completes their rows, within `deadline`; what is not done by then is
    /// taken up at the next start. Tells whether all was done.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        let inner = &self.inner;
        let done = async {
            let jobs = std::mem::take(&mut *inner.jobs.lock());
            jobs.values().for_each(|running| running.stop.cancel());
            for (_, running) in jobs {
                let _ = running.task.await;
            }
            *inner.messages.lock() = None;
            inner.stop_flusher.store(flusher::STOPPING, Ordering::Release);
            inner.spool.wake();
            let writers = inner.writers.lock().take();
            if let Some(Writers { flusher, finisher }) = writers {
                let _ = tokio::task::spawn_blocking(move || flusher.join()).await;
                let _ = finisher.await;
            }
        };
        tokio::time::timeout(deadline, done).await.is_ok()
    }

    /// Ends at once without writing anything more, as the death of the process does.
    #[cfg(feature = "testing")]
    pub fn abandon(self) {
        self.inner.stop_flusher.store(flusher::DEAD, Ordering::Release);
        self.inner.jobs.lock().values().for_each(|running| running.task.abort());
        self.inner.spool.wake();
        let writers = self.inner.writers.lock().take();
        if let Some(Writers { flusher, finisher }) = writers {
            finisher.abort();
            let _ = flusher.join();
        }
    }
}
