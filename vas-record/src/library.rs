//! What has been recorded, whether its file is in the store already or still being written.

use crate::read::{self, Init, ReadError};
use crate::recorder::key_of;
use crate::recorder::spool::{Phase, Spool, SpoolFile};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::model::{Recording, RecordingState, WallRange};
use vas_core::ports::store::{MAX_READ, SegmentStore, StoreError};
use vas_core::ports::{IndexError, RecordingHead, RecordingRepo};
use vas_core::{DeviceId, ErrorKind, HasKind, RecordingId, WallTime};

/// Recordings that one question gives at most: two days of one layer.
const MAX_RECORDINGS: u64 = 4_096;
/// Initialisation sections that are kept. Every run has one, and most questions are about few runs.
const KEPT_INITS: usize = 256;

/// Why recorded media can't be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file in the spool can't be read.
    #[error("recording {id}, which is being written, can't be read: {source}")]
    Spool {
        /// The recording.
        id: RecordingId,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold what its row says.
    #[error("recording {id} is damaged: {source}; see `vas-server recordings verify`")]
    Damaged {
        /// The recording.
        id: RecordingId,
        /// What is wrong with it.
        source: ReadError,
    },
}

impl HasKind for LibraryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Index(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Spool { .. } => ErrorKind::Unavailable,
            Self::Damaged { .. } => ErrorKind::Internal,
        }
    }
}

/// All recordings. `Clone` hands out the same library.
#[derive(Clone, Debug)]
pub struct Library {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    repo: Arc<dyn RecordingRepo>,
    store: Arc<dyn SegmentStore>,
    /// None where nothing is being recorded, as in a tool.
    spool: Option<Arc<Spool>>,
    inits: Mutex<VecDeque<(Uuid, Arc<Init>)>>,
}

impl Library {
    pub(crate) fn new(repo: Arc<dyn RecordingRepo>, store: Arc<dyn SegmentStore>, spool: Arc<Spool>) -> Self {
        Self { inner: Arc::new(Inner { repo, store, spool: Some(spool), inits: Mutex::default() }) }
    }

    /// A library of what is complete, for those who record nothing themselves.
    #[must_use]
    pub fn of_complete(repo: Arc<dyn RecordingRepo>, store: Arc<dyn SegmentStore>) -> Self {
        Self { inner: Arc::new(Inner { repo, store, spool: None, inits: Mutex::default() }) }
    }

    /// The index itself.
    #[must_use]
    pub fn repo(&self) -> &Arc<dyn RecordingRepo> {
        &self.inner.repo
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn SegmentStore> {
        &self.inner.store
    }

    /// The recordings of a layer that share time with `range`, in the order of their starts; of files that are being
    /// written, what is on the disk. The first 4,096 of them.
    ///
    /// # Errors
    /// [`LibraryError::Index`].
    pub async fn recordings(
        &self,
        device: DeviceId,
        layer: u8,
        range: WallRange,
    ) -> Result<Vec<Recording>, LibraryError> {
        // Looked at first: what becomes complete in between is then in both and not in neither.
        let open = self.open_files(device, Some(layer), range);
        let mut all = self.inner.repo.range(device, layer, range, MAX_RECORDINGS).await?;
        for file in open {
            let row = file.row();
            if all.iter().all(|known| known.id != row.id) && !row.groups.as_slice().is_empty() {
                all.push(row);
            }
        }
        all.sort_by_key(|row| row.span.start);
        all.truncate(MAX_RECORDINGS as usize);
        Ok(all)
    }

    /// The heads of what [`Self::recordings`] gives, of both layers where `layer` is `None`; `limit` at most.
    ///
    /// # Errors
    /// [`LibraryError::Index`].
    pub async fn heads(
        &self,
        device: DeviceId,
        layer: Option<u8>,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, LibraryError> {
        let open = self.open_files(device, layer, range);
        let mut all = self.inner.repo.heads(device, layer, range, limit).await?;
        for file in open {
            let row = file.head();
            if all.iter().all(|known| known.id != row.id) && !file.is_empty() {
                all.push(head_of(&row));
            }
        }
        all.sort_by_key(|head| (head.layer, head.span.start));
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// One recording, complete or being written.
    ///
    /// # Errors
    /// [`LibraryError::Index`].
    pub async fn get(&self, id: RecordingId) -> Result<Option<Recording>, LibraryError> {
        if let Some(file) = self.spool_file(id) {
            return Ok(Some(file.row()));
        }
        Ok(self.inner.repo.get(id).await?)
    }

    /// The recording of a layer that holds `time`, or else the last one before it.
    ///
    /// # Errors
    /// [`LibraryError::Index`].
    pub async fn at_or_before(
        &self,
        device: DeviceId,
        layer: u8,
        time: WallTime,
    ) -> Result<Option<Recording>, LibraryError> {
        let until = WallRange::new(WallTime::from_unix_micros(i64::MIN), time.add_micros(1));
        let open = self.open_files(device, Some(layer), until).into_iter();
        let open =
            open.filter(|file| !file.is_empty()).map(|file| file.row()).max_by_key(|row| row.span.start);
        let complete = self.inner.repo.at_or_before(device, layer, time).await?;
        Ok([open, complete].into_iter().flatten().max_by_key(|row| row.span.start))
    }

    /// The end of the newest recording of a layer; nothing may be recorded before it.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn newest_end(&self, device: DeviceId, layer: u8) -> Result<Option<WallTime>, IndexError> {
        let all = WallRange::new(WallTime::from_unix_micros(i64::MIN), WallTime::from_unix_micros(i64::MAX));
        let open = self.open_files(device, Some(layer), all).iter().map(|file| file.head().span.end).max();
        Ok(open.max(self.inner.repo.newest_end(device, layer).await?))
    }

    /// Bytes of a recording's file.
    ///
    /// # Errors
    /// [`LibraryError::Store`], [`LibraryError::Spool`].
    pub async fn read(&self, recording: &Recording, bytes: Range<u64>) -> Result<Bytes, LibraryError> {
        if recording.state == RecordingState::Open
            && let Some(found) = self.read_spool(recording, bytes.clone()).await?
        {
            return Ok(found);
        }
        let key = key_of(recording).map_err(|error| LibraryError::Spool {
            id: recording.id,
            source: io::Error::new(io::ErrorKind::InvalidInput, error),
        })?;
        Ok(self.inner.store.read(&key, bytes).await?)
    }

    /// The initialisation section of a recording's run, as it is.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub async fn init_bytes(&self, recording: &Recording) -> Result<Bytes, LibraryError> {
        self.read(recording, 0..recording.init_len.into()).await
    }

    /// The initialisation section of a recording's run, read.
    ///
    /// # Errors
    /// As for [`Self::read`], and [`LibraryError::Damaged`].
    pub async fn init(&self, recording: &Recording) -> Result<Arc<Init>, LibraryError> {
        let known = |inits: &VecDeque<(Uuid, Arc<Init>)>| {
            inits.iter().find(|(run, _)| *run == recording.run).map(|(_, init)| init.clone())
        };
        if let Some(init) = known(&self.inner.inits.lock()) {
            return Ok(init);
        }
        let bytes = self.init_bytes(recording).await?;
        let damaged = |source| LibraryError::Damaged { id: recording.id, source };
        let init = Arc::new(read::init(&bytes).map_err(damaged)?);
        let mut inits = self.inner.inits.lock();
        if inits.len() >= KEPT_INITS {
            inits.pop_front();
        }
        inits.push_back((recording.run, init.clone()));
        Ok(init)
    }

    fn spool_file(&self, id: RecordingId) -> Option<Arc<SpoolFile>> {
        self.inner.spool.as_ref()?.get(id)
    }

    fn open_files(&self, device: DeviceId, layer: Option<u8>, range: WallRange) -> Vec<Arc<SpoolFile>> {
        let Some(spool) = &self.inner.spool else { return Vec::new() };
        let wanted = |file: &Arc<SpoolFile>| {
            let row = file.head();
            row.device == device && layer.is_none_or(|layer| row.layer == layer) && row.span.overlaps(range)
        };
        spool.files().into_iter().filter(wanted).collect()
    }

    /// Bytes of a file in the spool; `None` when it has gone into the store.
    async fn read_spool(
        &self,
        recording: &Recording,
        bytes: Range<u64>,
    ) -> Result<Option<Bytes>, LibraryError> {
        let (Some(spool), Some(file)) = (self.inner.spool.clone(), self.spool_file(recording.id)) else {
            return Ok(None);
        };
        if file.phase() == Phase::Stored {
            return Ok(None);
        }
        let id = recording.id;
        let reading = tokio::task::spawn_blocking(move || {
            let mut file = spool.place.disk.open(&spool.place.on_disk(&file.name))?;
            file.seek(SeekFrom::Start(bytes.start))?;
            let length = bytes.end.saturating_sub(bytes.start).min(MAX_READ);
            let mut out = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact(&mut out)?;
            Ok(Bytes::from(out))
        });
        match reading.await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(error)) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
            Ok(Err(source)) => Err(LibraryError::Spool { id, source }),
            Err(panicked) => Err(LibraryError::Spool { id, source: io::Error::other(panicked) }),
        }
    }
}

/// What a timeline needs of a row.
fn head_of(row: &Recording) -> RecordingHead {
    let &Recording { id, device, layer, run, span, bytes, thinned, .. } = row;
    RecordingHead { id, device, layer, run, span, bytes, thinned }
}
