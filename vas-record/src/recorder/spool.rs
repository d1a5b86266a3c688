//! Files that are being written: what the recorders put into them, and what the flusher has written.
//!
//! A file is shared by its recorder, which appends chunks in memory, the flusher, which takes them to the disk, and
//! readers, who see the groups that were written. None of them holds its lock while it waits for anything.

use crate::segment::{Chunk, Section};
use crate::store::disk::DiskIo;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::Thread;
use uuid::Uuid;
use vas_core::model::recording::MEDIA_CLOCK;
use vas_core::model::{GapReason, Group, GroupBuilder, Recording, RecordingState, TenantId, WallRange};
use vas_core::{DeviceId, RecordingId, StreamId, WallTime};

/// Ending of the names of spool files.
const ENDING: &str = ".mp4";

/// What a file is named after, so that its row can be rebuilt from the name and the content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpoolName {
    pub(crate) id: RecordingId,
    pub(crate) device: DeviceId,
    pub(crate) stream: StreamId,
    pub(crate) layer: u8,
    pub(crate) run: Uuid,
}

impl SpoolName {
    pub(crate) fn file_name(&self) -> PathBuf {
        let Self { id, device, stream, layer, run } = self;
        format!("{id}_{device}_{stream}_{layer}_{run}{ENDING}").into()
    }

    /// Reads a name; `None` for what no recorder made.
    pub(crate) fn parse(name: &Path) -> Option<Self> {
        let mut parts = name.to_str()?.strip_suffix(ENDING)?.split('_');
        let name = Self {
            id: parts.next()?.parse().ok()?,
            device: parts.next()?.parse().ok()?,
            stream: parts.next()?.parse().ok()?,
            layer: parts.next()?.parse().ok()?,
            run: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(name)
    }
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Chunks are added.
    Open,
    /// No more chunks are added; the flusher writes what is left.
    Ending,
    /// The flusher has closed it; it waits for the store.
    Closed,
    /// It lies in the store under its final name.
    Stored,
}

/// A chunk that waits for the disk, as a group of its own.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) data: Bytes,
    pub(crate) group: Group,
}

/// A file in the spool.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    pub(crate) name: PathBuf,
    pub(crate) section: Arc<Section>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// All but the groups.
    row: Recording,
    /// What is on the disk.
    written: GroupBuilder,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// Where the next chunk goes.
    offset: u64,
    phase: Phase,
    failure: Option<String>,
}

/// Whose file it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
    pub(crate) stream: StreamId,
    pub(crate) layer: u8,
    pub(crate) fence: u64,
}

impl SpoolFile {
    /// A file of `owner` that begins at `start` with the section of `section`.
    pub(crate) fn new(owner: &Owner, section: Arc<Section>, start: WallTime) -> Self {
        let id = RecordingId::random();
        let &Owner { device, stream, layer, fence, .. } = owner;
        let name = SpoolName { id, device, stream, layer, run: section.run }.file_name();
        let init_len = section.init.len();
        let row = Recording {
            id,
            tenant: owner.tenant.clone(),
            device,
            layer,
            stream,
            run: section.run,
            span: WallRange::new(start, start),
            bytes: init_len as u64,
            init_len: u32::try_from(init_len).unwrap_or(u32::MAX),
            codecs: section.codecs.clone(),
            width: section.width,
            height: section.height,
            state: RecordingState::Open,
            fence,
            thinned: false,
            groups: GroupBuilder::new().table(),
        };
        let inner = Inner {
            row,
            written: GroupBuilder::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            offset: init_len as u64,
            phase: Phase::Open,
            failure: None,
        };
        Self { name, section, inner: Mutex::new(inner) }
    }

    pub(crate) fn id(&self) -> RecordingId {
        self.inner.lock().row.id
    }

    /// The row as of now, with what is on the disk.
    pub(crate) fn row(&self) -> Recording {
        let inner = self.inner.lock();
        Recording { groups: inner.written.table(), ..inner.row.clone() }
    }

    /// The row without its groups: cheap.
    pub(crate) fn head(&self) -> Recording {
        self.inner.lock().row.clone()
    }

    /// Adds a chunk; `wall` is where it lies in the recorded time, `gap` why media is missing before it. Gives the bytes
    /// that wait now.
    pub(crate) fn push(&self, chunk: &Chunk, wall: WallTime, gap: Option<GapReason>) -> usize {
        let mut inner = self.inner.lock();
        let size = chunk.data.len();
        let group = Group {
            offset: inner.offset,
            size: u32::try_from(size).unwrap_or(u32::MAX),
            media: chunk.media,
            duration: chunk.duration,
            wall,
            pictures: chunk.pictures.into(),
            key: chunk.key,
            gap,
            lost: chunk.lost,
        };
        inner.offset += size as u64;
        inner.waiting_bytes += size;
        inner.waiting.push(Waiting { data: chunk.data.clone(), group });
        inner.waiting_bytes
    }

    /// Takes what waits. Taken by the flusher alone, which tells by [`Self::wrote`] or [`Self::fail`] what became of it.
    pub(crate) fn take(&self) -> Vec<Waiting> {
        let mut inner = self.inner.lock();
        inner.waiting_bytes = 0;
        std::mem::take(&mut inner.waiting)
    }

    /// What was taken is on the disk.
    pub(crate) fn wrote(&self, chunks: &[Waiting]) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        for Waiting { group, .. } in chunks {
            inner.written.push(*group);
        }
        if let Some(last) = inner.written.as_slice().last() {
            inner.row.bytes = last.end_offset();
            // An end that was told is kept: the next file starts there.
            if inner.phase == Phase::Open || inner.row.span.is_empty() {
                inner.row.span.end = last.wall_end();
            }
        }
    }

    /// No more chunks come. Where the next file continues this one without a break it begins at `next`, and this one
    /// ends there.
    pub(crate) fn end(&self, next: Option<WallTime>) {
        let mut inner = self.inner.lock();
        if inner.phase != Phase::Open {
            return;
        }
        let last = inner.waiting.last().map(|waiting| waiting.group);
        let last = last.or_else(|| inner.written.as_slice().last().copied());
        if let Some(last) = last {
            inner.row.span.end = next.unwrap_or_else(|| last.wall_end()).max(last.wall.add_micros(1));
        }
        inner.phase = Phase::Ending;
    }

    /// Nothing more can be written: what waits is lost, and the file ends with what is on the disk.
    pub(crate) fn fail(&self, problem: String) {
        let mut inner = self.inner.lock();
        inner.waiting.clear();
        inner.waiting_bytes = 0;
        inner.failure.get_or_insert(problem);
        if matches!(inner.phase, Phase::Open | Phase::Ending) {
            inner.phase = Phase::Ending;
            inner.row.span.end =
                inner.written.as_slice().last().map_or(inner.row.span.start, Group::wall_end);
        }
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.inner.lock().failure.clone()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.inner.lock().phase
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.inner.lock().phase = phase;
    }

    /// Whether nothing is on the disk but the section.
    pub(crate) fn is_empty(&self) -> bool {
        self.inner.lock().written.as_slice().is_empty()
    }

    fn waiting_bytes(&self) -> usize {
        self.inner.lock().waiting_bytes
    }
}

/// Where files are written: a folder on a disk.
#[derive(Clone, Debug)]
pub struct SpoolPlace {
    /// The disk.
    pub disk: Arc<dyn DiskIo>,
    /// The folder on it, which exists; empty for the disk's own.
    pub folder: PathBuf,
}

impl SpoolPlace {
    /// Where a file of this name lies on the disk.
    #[must_use]
    pub fn on_disk(&self, name: &Path) -> PathBuf {
        self.folder.join(name)
    }

    /// Where a file of this name lies for others.
    #[must_use]
    pub fn path(&self, name: &Path) -> PathBuf {
        self.disk.root().join(self.on_disk(name))
    }
}

/// All files of one disk that are being written, or wait for the store.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) place: SpoolPlace,
    files: RwLock<HashMap<RecordingId, Arc<SpoolFile>>>,
    /// Bytes that wait in all files, as of the last look of the flusher plus what was pushed since.
    waiting: AtomicUsize,
    flusher: RwLock<Option<Thread>>,
    /// Bytes that were ever added to files.
    recorded: AtomicU64,
}

impl Spool {
    pub(crate) fn new(place: SpoolPlace) -> Self {
        Self {
            place,
            files: RwLock::default(),
            waiting: AtomicUsize::new(0),
            flusher: RwLock::default(),
            recorded: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(&self, file: &Arc<SpoolFile>) {
        self.files.write().insert(file.id(), file.clone());
    }

    pub(crate) fn remove(&self, id: RecordingId) {
        self.files.write().remove(&id);
    }

    pub(crate) fn get(&self, id: RecordingId) -> Option<Arc<SpoolFile>> {
        self.files.read().get(&id).cloned()
    }

    pub(crate) fn files(&self) -> Vec<Arc<SpoolFile>> {
        self.files.read().values().cloned().collect()
    }

    /// Notes that `bytes` more wait; the bytes that wait in all files.
    pub(crate) fn more_waits(&self, bytes: usize) -> usize {
        self.recorded.fetch_add(bytes as u64, Ordering::Relaxed);
        self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Bytes of media that were ever added to files.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded.load(Ordering::Relaxed)
    }

    /// Counts anew what waits.
    pub(crate) fn count_waiting(&self) {
        let waiting = self.files.read().values().map(|file| file.waiting_bytes()).sum();
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    pub(crate) fn set_flusher(&self, thread: Thread) {
        *self.flusher.write() = Some(thread);
    }

    /// Has the flusher look at once.
    pub(crate) fn wake(&self) {
        if let Some(thread) = &*self.flusher.read() {
            thread.unpark();
        }
    }
}

/// Microseconds of ticks of the media clock.
pub(crate) fn media_micros(ticks: i64) -> i64 {
    ticks.saturating_mul(1_000_000) / i64::from(MEDIA_CLOCK.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_file_it_is() {
        let name = SpoolName {
            id: RecordingId::random(),
            device: DeviceId::random(),
            stream: StreamId::random(),
            layer: 1,
            run: Uuid::now_v7(),
        };
        assert_eq!(SpoolName::parse(&name.file_name()), Some(name));
        for other in ["", "a.mp4", "lost+found", ".vas-store.json"] {
            assert_eq!(SpoolName::parse(Path::new(other)), None);
        }
        let longer = format!("{}_x.mp4", name.file_name().display());
        assert_eq!(SpoolName::parse(Path::new(&longer)), None);
    }
}
