//! What an earlier run left behind: files in the spool, rows that are not complete, deletions that were begun.
//!
//! After it each file has a row, and each row its file: what the spool holds is cut off after its last whole chunk, put
//! into the store and completed; a row without a file goes; a deletion is carried through. Only what is unfinished is
//! looked at, so that a start takes the same time however much is stored.

use crate::library::Library;
use crate::mux::fmp4;
use crate::read::{self, ReadError, Scan};
use crate::recorder::spool::{Spool, SpoolName};
use crate::recorder::{RecorderError, key_of};
use crate::store::disk::EntryKind;
use crate::thin;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vas_core::media::StreamDesc;
use vas_core::model::{GroupTable, Recording, RecordingState, TenantId, WallRange};
use vas_core::ports::store::{SegmentStore, StoreError, StoreKey};
use vas_core::ports::{IndexError, RecordingRepo};
use vas_core::with_causes;

/// Unfinished rows that are looked at at a time.
const PAGE: u64 = 1_000;
/// A file without a whole chunk is dropped unless it is larger than this: then something else is wrong with it.
const NOTHING: u64 = 8 << 20;
/// Bytes of a stored file that are read at a time.
const WINDOW: u64 = 256 << 10;

/// What was taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Files that were being written, or waited for the store, and are complete now.
    pub completed: u64,
    /// Bytes after the last whole chunk that were cut off.
    pub cut: u64,
    /// Files without a single whole chunk, and rows without a file, that are gone.
    pub dropped: u64,
    /// Deletions that were carried through.
    pub deleted: u64,
    /// Rows of files whose thinning had been interrupted.
    pub thinned: u64,
    /// What could not be taken up now; each is tried again at the next start.
    pub failed: Vec<String>,
}

/// Takes everything up.
pub(crate) async fn run(
    spool: &Arc<Spool>,
    repo: &Arc<dyn RecordingRepo>,
    store: &Arc<dyn SegmentStore>,
) -> Result<Recovered, RecorderError> {
    let recovery = Recovery { spool, repo, store };
    let mut recovered = Recovered::default();
    let rows = recovery.unfinished().await?;
    let mut done = Vec::new();
    let library = Library::of_complete(repo.clone(), store.clone());
    for (name, length) in recovery.spool_files().await? {
        if let Some(id) = thin::begun_by(&name) {
            match thin::take_up(&library, &spool.place, id).await {
                Ok(mended) => recovered.thinned += u64::from(mended),
                Err(error) => recovered.failed.push(format!("recording {id}: {}", with_causes(&error))),
            }
            continue;
        }
        let Some(parsed) = SpoolName::parse(&name) else { continue };
        done.push(parsed.id);
        let row = rows.iter().find(|row| row.id == parsed.id);
        match recovery.take_up(&name, parsed, length, row).await {
            Ok(Some(cut)) => {
                recovered.completed += 1;
                recovered.cut += cut;
            }
            Ok(None) => recovered.dropped += 1,
            Err(problem) => recovered.failed.push(format!("{}: {problem}", name.display())),
        }
    }
    for row in rows.iter().filter(|row| !done.contains(&row.id)) {
        let result = match row.state {
            RecordingState::Deleting => recovery.delete(row).await.map(|()| &mut recovered.deleted),
            _ => match recovery.look_in_store(row).await {
                Ok(true) => Ok(&mut recovered.completed),
                Ok(false) => recovery.delete(row).await.map(|()| &mut recovered.dropped),
                Err(problem) => Err(problem),
            },
        };
        match result {
            Ok(count) => *count += 1,
            Err(problem) => recovered.failed.push(format!("recording {}: {problem}", row.id)),
        }
    }
    if recovered != Recovered::default() {
        tracing::info!(
            completed = recovered.completed,
            cut = recovered.cut,
            dropped = recovered.dropped,
            deleted = recovered.deleted,
            thinned = recovered.thinned,
            failed = recovered.failed.len(),
            "took up what an earlier run left behind"
        );
    }
    for problem in &recovered.failed {
        tracing::warn!(problem, "left for the next start");
    }
    Ok(recovered)
}

struct Recovery<'a> {
    spool: &'a Arc<Spool>,
    repo: &'a Arc<dyn RecordingRepo>,
    store: &'a Arc<dyn SegmentStore>,
}

impl Recovery<'_> {
    async fn unfinished(&self) -> Result<Vec<Recording>, IndexError> {
        // All of them: each that is open had a file that was being written, and deletions are few.
        let mut limit = PAGE;
        loop {
            let rows = self.repo.unfinished(limit).await?;
            if (rows.len() as u64) < limit {
                return Ok(rows);
            }
            limit *= 4;
        }
    }

    async fn spool_files(&self) -> Result<Vec<(PathBuf, u64)>, RecorderError> {
        let spool = self.spool.clone();
        let listed =
            tokio::task::spawn_blocking(move || spool.place.disk.read_dir(&spool.place.folder)).await;
        let folder = self.spool.place.path(Path::new(""));
        let entries = listed
            .unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
            .map_err(|source| RecorderError::Spool { folder, source })?;
        let file = |entry: crate::store::disk::DiskEntry| match entry.kind {
            EntryKind::File { len } => Some((PathBuf::from(entry.name), len)),
            EntryKind::Folder => None,
        };
        Ok(entries.into_iter().filter_map(file).collect())
    }

    /// Takes a file of the spool up. The bytes that were cut off, or `None` when nothing whole was in it.
    async fn take_up(
        &self,
        name: &Path,
        parsed: SpoolName,
        length: u64,
        row: Option<&Recording>,
    ) -> Result<Option<u64>, String> {
        if row.is_some_and(|row| row.state == RecordingState::Deleting) {
            self.remove(name).await?;
            return Ok(None);
        }
        let disk = self.spool.place.disk.clone();
        let path = self.spool.place.on_disk(name);
        let scanned = blocking(move || {
            let file = disk.open(&path)?;
            let scan = match read::scan(io::BufReader::with_capacity(1 << 16, file)) {
                Ok(scan) if !scan.groups.is_empty() => scan,
                Err(ReadError::Io(error)) => return Err(error),
                // Not even a section and one chunk: there is nothing to keep.
                _ if length <= NOTHING => return Ok(None),
                Ok(_) => return Err(io::Error::other("no chunk of it is whole; it is kept as it is")),
                Err(error) => return Err(io::Error::other(error)),
            };
            // Cut off and durable, however far the system had come with writing it.
            let mut file = disk.append_to(&path, scan.valid_len)?;
            file.sync()?;
            Ok(Some(scan))
        })
        .await?;
        let Some(scan) = scanned else {
            self.remove(name).await?;
            self.repo.remove(&[parsed.id]).await.map_err(|error| with_causes(&error))?;
            return Ok(None);
        };
        let cut = length.saturating_sub(scan.valid_len);
        let row = row_of(parsed, row, &scan).ok_or("the file holds no group")?;
        self.repo.open(std::slice::from_ref(&row)).await.map_err(|error| with_causes(&error))?;
        let key = key_of(&row).map_err(|error| with_causes(&error))?;
        let path = self.spool.place.path(name);
        self.store.put(&key, &path).await.map_err(|error| with_causes(&error))?;
        self.complete(row).await?;
        Ok(Some(cut))
    }

    /// An open row whose file is not in the spool: the file may be in the store already.
    async fn look_in_store(&self, row: &Recording) -> Result<bool, String> {
        let key = key_of(row).map_err(|error| with_causes(&error))?;
        let length = match self.store.len(&key).await {
            Ok(length) => length,
            Err(StoreError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(with_causes(&error)),
        };
        let scan = scan_stored(self.store.clone(), key, length).await?;
        let name =
            SpoolName { id: row.id, device: row.device, stream: row.stream, layer: row.layer, run: row.run };
        let Some(whole) = row_of(name, Some(row), &scan) else { return Ok(false) };
        self.complete(whole).await?;
        Ok(true)
    }

    async fn complete(&self, row: Recording) -> Result<(), String> {
        let results = self.repo.complete(&[row]).await.map_err(|error| with_causes(&error))?;
        results.into_iter().try_for_each(|result| result.map_err(|error| with_causes(&error)))
    }

    async fn delete(&self, row: &Recording) -> Result<(), String> {
        let key = key_of(row).map_err(|error| with_causes(&error))?;
        self.store.delete(&key).await.map_err(|error| with_causes(&error))?;
        self.repo.remove(&[row.id]).await.map_err(|error| with_causes(&error))
    }

    async fn remove(&self, name: &Path) -> Result<(), String> {
        let (disk, name) = (self.spool.place.disk.clone(), self.spool.place.on_disk(name));
        blocking(move || disk.remove(&name)).await
    }
}

/// Runs what waits for a disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| with_causes(&error)),
        Err(panicked) => Err(panicked.to_string()),
    }
}

/// The row of a file by what is in it. Its start is that of the row, where there is one, for it names the stored file.
fn row_of(name: SpoolName, row: Option<&Recording>, scan: &Scan) -> Option<Recording> {
    let (first, last) = (scan.groups.first()?, scan.groups.last()?);
    let desc = scan.init.desc();
    let (width, height) = size_of(&desc);
    let start = row.map_or(first.wall, |row| row.span.start);
    Some(Recording {
        id: name.id,
        tenant: row.map_or_else(TenantId::default, |row| row.tenant.clone()),
        device: name.device,
        stream: name.stream,
        layer: name.layer,
        run: name.run,
        span: WallRange::new(start, last.wall_end().max(start.add_micros(1))),
        bytes: scan.valid_len,
        init_len: u32::try_from(scan.init.len).unwrap_or(u32::MAX),
        codecs: fmp4::codecs(&desc),
        width,
        height,
        state: RecordingState::Open,
        fence: row.map_or(1, |row| row.fence),
        thinned: row.is_some_and(|row| row.thinned),
        groups: scan.groups.iter().copied().collect::<GroupTable>(),
    })
}

/// Width and height of the pictures; zeros where there are none.
pub(crate) fn size_of(desc: &StreamDesc) -> (u32, u32) {
    let video = desc.tracks.iter().find_map(|track| track.format.video());
    video.map_or((0, 0), |video| (video.width, video.height))
}

/// Reads a whole stored file, a window at a time, and tells what is in it.
///
/// # Errors
/// The store failed, or the file is none of ours.
pub(crate) async fn scan_stored(
    store: Arc<dyn SegmentStore>,
    key: StoreKey,
    length: u64,
) -> Result<Scan, String> {
    let runtime = tokio::runtime::Handle::current();
    let file = StoredFile { store, key, length, position: 0, window: (0, bytes::Bytes::new()), runtime };
    blocking(move || read::scan(file).map_err(io::Error::other)).await
}

/// A stored file as one that can be read from, for the scan on its blocking thread.
struct StoredFile {
    store: Arc<dyn SegmentStore>,
    key: StoreKey,
    length: u64,
    position: u64,
    window: (u64, bytes::Bytes),
    runtime: tokio::runtime::Handle,
}

impl Read for StoredFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (start, bytes) = &self.window;
        if self.position < *start || self.position >= start + bytes.len() as u64 {
            let range = self.position..self.length.min(self.position.saturating_add(WINDOW));
            if range.is_empty() {
                return Ok(0);
            }
            let start = range.start;
            let read = self.runtime.block_on(self.store.read(&self.key, range));
            self.window = (start, read.map_err(io::Error::other)?);
        }
        let (start, bytes) = &self.window;
        let rest = &bytes[usize::try_from(self.position - start).unwrap_or(usize::MAX).min(bytes.len())..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for StoredFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
