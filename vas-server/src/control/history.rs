//! Writes every change of a stream's state to the database, in one task.
//!
//! The supervisor never waits for it: what the database can't take in time is kept up to a bound, and beyond that
//! the oldest entries are dropped and counted.

use super::layers::is_sub_stream;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use vas_core::model::Transition;
use vas_core::ports::StreamRepo;
use vas_core::{StreamId, TaskScope};

/// Entries kept for a stream.
pub(crate) const HISTORY_KEPT: u64 = 1_000;
/// Entries that wait for the database at most.
const MAX_WAITING: usize = 10_000;
/// Entries written in one transaction at most.
const BATCH: usize = 256;
/// Entries written between two shortenings of the histories.
const PRUNE_EVERY: usize = 1_000;
/// Pause after the database failed.
const RETRY: Duration = Duration::from_secs(1);

type Entry = (StreamId, Transition);

/// The way to the writer for changes that the supervisor does not tell of.
#[derive(Clone, Debug)]
pub(super) struct History {
    entries: mpsc::Sender<Entry>,
}

impl History {
    /// Starts the writer. When `scope` is cancelled it writes what is left and ends.
    pub(super) fn start(
        repo: Arc<dyn StreamRepo>,
        transitions: broadcast::Receiver<Entry>,
        scope: &TaskScope,
    ) -> Self {
        let (entries, own) = mpsc::channel(BATCH);
        let writer = Writer { repo, waiting: VecDeque::new(), dropped: 0, unpruned: 0 };
        scope.spawn("state history", writer.run(transitions, own, scope.clone()));
        Self { entries }
    }

    /// Adds an entry.
    pub(super) fn add(&self, stream: StreamId, change: Transition) {
        if self.entries.try_send((stream, change)).is_err() {
            tracing::warn!(%stream, "a change of state was not stored: too many are waiting");
        }
    }
}

struct Writer {
    repo: Arc<dyn StreamRepo>,
    waiting: VecDeque<Entry>,
    dropped: u64,
    unpruned: usize,
}

impl Writer {
    async fn run(
        mut self,
        mut transitions: broadcast::Receiver<Entry>,
        mut own: mpsc::Receiver<Entry>,
        scope: TaskScope,
    ) {
        self.prune().await;
        loop {
            tokio::select! {
                entry = transitions.recv() => match entry {
                    Ok(entry) => self.keep(entry),
                    Err(broadcast::error::RecvError::Lagged(missed)) => self.dropped += missed,
                    Err(broadcast::error::RecvError::Closed) => break,
                },
                Some(entry) = own.recv() => self.keep(entry),
                () = scope.cancelled() => break,
            }
            self.take_waiting(&mut transitions, &mut own);
            if !self.write().await {
                // Arrivals are kept by the channels meanwhile.
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    () = scope.cancelled() => break,
                }
            }
        }
        self.take_waiting(&mut transitions, &mut own);
        self.write().await;
    }

    fn take_waiting(
        &mut self,
        transitions: &mut broadcast::Receiver<Entry>,
        own: &mut mpsc::Receiver<Entry>,
    ) {
        loop {
            match transitions.try_recv() {
                Ok(entry) => self.keep(entry),
                Err(broadcast::error::TryRecvError::Lagged(missed)) => self.dropped += missed,
                Err(_) => break,
            }
        }
        while let Ok(entry) = own.try_recv() {
            self.keep(entry);
        }
    }

    fn keep(&mut self, entry: Entry) {
        // A stream's history is its main stream's.
        if is_sub_stream(entry.0) {
            return;
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(entry);
    }

    /// Writes what waits. Whether the database took it.
    async fn write(&mut self) -> bool {
        if self.dropped > 0 {
            tracing::warn!(
                dropped = self.dropped,
                "changes of state were not stored: the database is too slow"
            );
            self.dropped = 0;
        }
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(BATCH);
            if let Err(error) = self.repo.record(&self.waiting.make_contiguous()[..count]).await {
                tracing::warn!(%error, waiting = self.waiting.len(), "changes of state can't be stored at present");
                return false;
            }
            self.waiting.drain(..count);
            self.unpruned += count;
        }
        if self.unpruned >= PRUNE_EVERY {
            self.prune().await;
        }
        true
    }

    async fn prune(&mut self) {
        self.unpruned = 0;
        if let Err(error) = self.repo.prune(HISTORY_KEPT).await {
            tracing::warn!(%error, "old changes of state can't be removed at present");
        }
    }
}
