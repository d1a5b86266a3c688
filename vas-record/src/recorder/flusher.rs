//! The one thread that writes a disk's open files: everything that waits, a few times a second.
//!
//! A disk that stalls stalls this thread and nothing else; what waits is bounded by those who add to it.

use super::config::RecorderConfig;
use super::finisher::Message;
use super::spool::{Phase, Spool, SpoolFile, Waiting};
use crate::store::disk::DiskFile;
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;
use vas_core::{RecordingId, SharedClock};

/// The thread is to end once every file is closed.
pub(super) const STOPPING: u8 = 1;
/// The thread is to end at once and to write nothing more.
pub(super) const DEAD: u8 = 2;

/// A file whose handle is open.
#[derive(Debug)]
struct Handle {
    file: Box<dyn DiskFile>,
    synced: Instant,
    dirty: bool,
}

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Flusher {
    spool: Arc<Spool>,
    config: RecorderConfig,
    clock: SharedClock,
    stop: Arc<AtomicU8>,
    /// Where files go once they are closed.
    closed: mpsc::Sender<Message>,
    handles: HashMap<RecordingId, Handle>,
    /// Files were made since the folder was last synced.
    folder_dirty: bool,
}

impl Flusher {
    /// Starts the thread; it ends after `stop` once every file is closed.
    pub(super) fn start(
        spool: &Arc<Spool>,
        config: RecorderConfig,
        clock: SharedClock,
        stop: Arc<AtomicU8>,
        closed: mpsc::Sender<Message>,
    ) -> io::Result<std::thread::JoinHandle<()>> {
        let flusher = Self {
            spool: spool.clone(),
            config,
            clock,
            stop,
            closed,
            handles: HashMap::new(),
            folder_dirty: false,
        };
        let thread = std::thread::Builder::new().name("vas-flusher".to_owned()).spawn(|| flusher.run())?;
        spool.set_flusher(thread.thread().clone());
        Ok(thread)
    }

    fn run(mut self) {
        loop {
            let stop = self.stop.load(Ordering::Acquire);
            if stop == DEAD {
                return;
            }
            self.turn();
            if stop == STOPPING && self.spool.files().iter().all(|file| file.phase() >= Phase::Closed) {
                return;
            }
            std::thread::park_timeout(self.config.flush);
        }
    }

    /// Writes what waits in every file.
    fn turn(&mut self) {
        for file in self.spool.files() {
            // Looked at before its chunks are taken: what was pushed before the end is taken, too.
            let phase = file.phase();
            if phase >= Phase::Closed {
                continue;
            }
            if let Err(error) = self.write(&file) {
                tracing::warn!(file = %file.name.display(), %error, "a recording can't be written; it ends here");
                file.fail(error.to_string());
            }
            if file.phase() == Phase::Ending && (phase == Phase::Ending || file.failure().is_some()) {
                self.close(&file);
            }
        }
        self.sync_folder();
        self.spool.count_waiting();
    }

    fn write(&mut self, file: &SpoolFile) -> io::Result<()> {
        let chunks = file.take();
        let now = self.clock.now();
        if !chunks.is_empty() {
            let handle = self.handle(file)?;
            append(&mut *handle.file, &chunks)?;
            handle.dirty = true;
            file.wrote(&chunks);
        }
        if let Some(handle) = self.handles.get_mut(&file.id())
            && handle.dirty
            && now.saturating_duration_since(handle.synced) >= self.config.sync
        {
            handle.file.sync()?;
            (handle.dirty, handle.synced) = (false, now);
        }
        Ok(())
    }

    /// The open handle of a file, which is made with its section where there is none yet.
    fn handle(&mut self, file: &SpoolFile) -> io::Result<&mut Handle> {
        let id = file.id();
        if !self.handles.contains_key(&id) {
            let mut handle = self.spool.place.disk.create(&self.spool.place.on_disk(&file.name))?;
            handle.append(&[IoSlice::new(&file.section.init)])?;
            self.folder_dirty = true;
            let handle = Handle { file: handle, synced: self.clock.now(), dirty: true };
            self.handles.insert(id, handle);
        }
        Ok(self.handles.get_mut(&id).expect("it was put there above"))
    }

    /// Makes an ending file durable and hands it on.
    fn close(&mut self, file: &Arc<SpoolFile>) {
        if let Some(mut handle) = self.handles.remove(&file.id())
            && let Err(error) = handle.file.sync()
        {
            tracing::warn!(file = %file.name.display(), %error, "a recording can't be made durable");
        }
        self.sync_folder();
        // Full only while the store is far behind; the next turn tries again.
        if let Ok(permit) = self.closed.try_reserve() {
            file.set_phase(Phase::Closed);
            permit.send(Message::Closed(file.clone()));
        }
    }

    fn sync_folder(&mut self) {
        if self.folder_dirty {
            match self.spool.place.disk.sync_dir(&self.spool.place.folder) {
                Ok(()) => self.folder_dirty = false,
                Err(error) => tracing::warn!(%error, "the spool folder can't be made durable"),
            }
        }
    }
}

/// Appends chunks with as few calls as their number allows.
fn append(file: &mut dyn DiskFile, chunks: &[Waiting]) -> io::Result<()> {
    let parts: Vec<_> = chunks.iter().map(|chunk| IoSlice::new(&chunk.data)).collect();
    file.append(&parts)
}
