//! What becomes of files that are closed: into the store, then complete in the index; and rows for those that are
//! begun. One task, so that the index is written in batches.
//!
//! A store or a database that is away is waited for; the files stay in the spool meanwhile and are shown from there.

use super::config::RecorderConfig;
use super::spool::{Phase, Spool, SpoolFile};
use futures_util::StreamExt;
use futures_util::stream;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use vas_core::model::Recording;
use vas_core::model::recording::file_name;
use vas_core::ports::store::{BadKey, SegmentStore, StoreKey};
use vas_core::ports::{IndexError, RecordingHead, RecordingRepo};
use vas_core::{RecordingId, SharedClock, TaskScope, with_causes};

/// Messages that are taken at a time.
const BATCH: usize = 256;
/// First and longest wait after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// What the finisher is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A file was begun.
    Opened(Arc<SpoolFile>),
    /// A file was closed and is durable in the spool.
    Closed(Arc<SpoolFile>),
}

/// A file on its way, and when it is to be tried next.
#[derive(Debug)]
struct OnItsWay {
    file: Arc<SpoolFile>,
    failures: u32,
    due: Instant,
}

pub(super) struct Finisher {
    pub(super) spool: Arc<Spool>,
    pub(super) repo: Arc<dyn RecordingRepo>,
    pub(super) store: Arc<dyn SegmentStore>,
    pub(super) config: RecorderConfig,
    pub(super) clock: SharedClock,
}

impl Finisher {
    /// Runs until the senders are gone and everything is done, or until `scope` is cancelled and what is left must wait
    /// for the next start.
    pub(super) async fn run(self, mut messages: mpsc::Receiver<Message>, scope: TaskScope) {
        let mut queue: VecDeque<OnItsWay> = VecDeque::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut open = true;
        while open || !queue.is_empty() {
            let now = self.clock.now();
            let due = queue.iter().map(|next| next.due.saturating_duration_since(now)).min();
            tokio::select! {
                count = messages.recv_many(&mut batch, BATCH), if open => open = count > 0,
                () = tokio::time::sleep(due.unwrap_or(Duration::MAX)), if due.is_some() => {}
                () = scope.cancelled() => return,
            }
            let mut opened = Vec::new();
            for message in batch.drain(..) {
                match message {
                    Message::Opened(file) => opened.push(file),
                    Message::Closed(file) => {
                        queue.push_back(OnItsWay { file, failures: 0, due: self.clock.now() });
                    }
                }
            }
            if !opened.is_empty() {
                self.open(&opened).await;
            }
            self.finish(&mut queue).await;
        }
    }

    /// Adds rows for files that were begun. Without the database they get theirs when they are complete.
    async fn open(&self, files: &[Arc<SpoolFile>]) {
        let rows: Vec<_> = files.iter().map(|file| file.head()).collect();
        match self.repo.open(&rows).await {
            Ok(()) => {}
            Err(IndexError::Fenced { .. }) => self.open_each(files).await,
            Err(error) => tracing::warn!(%error, files = rows.len(), "recordings go on without their rows"),
        }
    }

    /// Finds out whose fence is too old: those files end.
    async fn open_each(&self, files: &[Arc<SpoolFile>]) {
        for file in files {
            if let Err(error @ IndexError::Fenced { .. }) = self.repo.open(&[file.head()]).await {
                file.fail(with_causes(&error));
            }
        }
    }

    /// Tries everything that is due.
    async fn finish(&self, queue: &mut VecDeque<OnItsWay>) {
        let now = self.clock.now();
        let mut due = Vec::new();
        for next in std::mem::take(queue) {
            if next.due <= now { due.push(next) } else { queue.push_back(next) }
        }
        if due.is_empty() {
            return;
        }
        // No file is in the store without a row: otherwise nobody would know of it after a crash.
        let rows: Vec<_> = due.iter().map(|next| next.file.head()).collect();
        match self.repo.open(&rows).await {
            // Who is fenced out must not lose what was recorded; the newer owner's rows decide below.
            Ok(()) | Err(IndexError::Fenced { .. }) => {}
            Err(error) => {
                let problem = with_causes(&error);
                due.into_iter().for_each(|next| self.later(queue, next, &problem));
                return;
            }
        }
        let tries = stream::iter(due).map(|next| async { (self.put(&next.file).await, next) });
        let tried: Vec<_> = tries.buffer_unordered(self.config.max_puts.max(1)).collect().await;
        let mut stored = Vec::new();
        for (result, next) in tried {
            match result {
                Ok(true) => stored.push(next),
                Ok(false) => self.spool.remove(next.file.id()),
                Err(problem) => self.later(queue, next, &problem),
            }
        }
        if stored.is_empty() {
            return;
        }
        let rows: Vec<_> = stored.iter().map(|next| next.file.row()).collect();
        match self.repo.complete(&rows).await {
            Ok(results) => {
                for (next, result) in stored.into_iter().zip(results) {
                    self.spool.remove(next.file.id());
                    match result {
                        Ok(()) => {}
                        // As when its device is deleted while it is recorded.
                        Err(IndexError::NotFound) => self.delete(&next.file).await,
                        // The file stays in the store, and its row as it is: nothing is thrown away here.
                        Err(error) => {
                            tracing::error!(recording = %next.file.id(), %error, "a recording is not shown");
                        }
                    }
                }
            }
            Err(error) => {
                for next in stored {
                    self.later(queue, next, &with_causes(&error));
                }
            }
        }
    }

    /// Puts a file into the store. `false`: it held nothing and is gone.
    async fn put(&self, file: &Arc<SpoolFile>) -> Result<bool, String> {
        if file.phase() == Phase::Stored {
            return Ok(true);
        }
        if file.is_empty() {
            self.discard(file).await.map_err(|error| with_causes(&error))?;
            return Ok(false);
        }
        let path = self.spool.place.path(&file.name);
        let key = key_of(&file.head()).map_err(|error| with_causes(&error))?;
        self.store.put(&key, &path).await.map_err(|error| with_causes(&error))?;
        file.set_phase(Phase::Stored);
        Ok(true)
    }

    /// Carries through the deletion of a recording that was on its way. What fails is done by the next start, which looks
    /// at all rows that are marked.
    async fn delete(&self, file: &SpoolFile) {
        let id = file.id();
        let Ok(key) = key_of(&file.head()) else { return };
        if let Err(error) = self.store.delete(&key).await {
            tracing::info!(recording = %id, %error, "a deleted recording's file stays for now");
        } else if let Err(error) = self.repo.remove(&[id]).await {
            tracing::info!(recording = %id, %error, "a deleted recording's row stays for now");
        }
    }

    async fn discard(&self, file: &SpoolFile) -> Result<(), IndexError> {
        let id: RecordingId = file.id();
        self.repo.mark_deleting(&[id]).await?;
        remove_file(&self.spool, &file.name).await;
        self.repo.remove(&[id]).await
    }

    fn later(&self, queue: &mut VecDeque<OnItsWay>, next: OnItsWay, problem: &str) {
        let failures = next.failures + 1;
        let wait = (BACKOFF.0 * 2_u32.saturating_pow(failures - 1)).min(BACKOFF.1);
        // Once in a while is enough for the log.
        if failures.is_power_of_two() {
            tracing::warn!(recording = %next.file.id(), problem, failures, "a closed recording waits in the spool");
        }
        queue.push_back(OnItsWay { failures, due: self.clock.now() + wait, ..next });
    }
}

/// Where the file of a recording lies in a store.
///
/// # Errors
/// None in practice: ids and dates are plain names.
pub(crate) fn key_of(row: &Recording) -> Result<StoreKey, BadKey> {
    StoreKey::parse(&row.file_name())
}

/// Where the file of a recording lies in a store; `None` in practice never.
pub(crate) fn key_of_head(head: &RecordingHead) -> Option<StoreKey> {
    StoreKey::parse(&file_name(head.device, head.span.start, head.id)).ok()
}

/// Removes a file of the spool, if it is there.
pub(crate) async fn remove_file(spool: &Arc<Spool>, name: &Path) {
    let place = spool.place.clone();
    let name = place.on_disk(name);
    let removed = tokio::task::spawn_blocking(move || place.disk.remove(&name)).await;
    if let Ok(Err(error)) = removed
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a file can't be removed from the spool");
    }
}
