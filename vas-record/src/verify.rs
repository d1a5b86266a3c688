//! Whether the index tells the truth: every complete row against its file, and every file against its row.

use crate::library::Library;
use crate::mux::fmp4;
use crate::read::Scan;
use crate::recorder::{SpoolPlace, key_of};
use crate::recovery::{scan_stored, size_of};
use crate::store::{DepositError, deposit};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::collections::HashSet;
use std::sync::Arc;
use vas_core::model::{GroupTable, Recording, WallRange};
use vas_core::ports::store::{SegmentStore, StoreError, StoreKey};
use vas_core::ports::{IndexError, RecordingHead};
use vas_core::{DeviceId, ErrorKind, HasKind, RecordingId, WallTime};

/// Heads that are read at a time.
const PAGE: u64 = 500;
/// Bytes of a file that are copied at a time.
const PIECE: u64 = 1 << 20;

/// Why nothing could be verified or repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The index can't be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The store can't be listed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is whole of a file can't be written in its place.
    #[error(transparent)]
    Cut(#[from] DepositError<StoreError>),
    /// What is in the file can't be made a row of.
    #[error("recording {id} can't be repaired: {problem}")]
    Hopeless {
        /// The recording.
        id: RecordingId,
        /// Why not.
        problem: String,
    },
}

impl HasKind for VerifyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Index(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Cut(error) => error.kind(),
            Self::Hopeless { .. } => ErrorKind::InvalidInput,
        }
    }
}

/// What is wrong with a recording or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The row can't be read.
    Row(String),
    /// There is no such file in the store.
    Missing,
    /// The file is shorter or longer than the row says.
    Length {
        /// Bytes that the row tells of.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The file is cut off or damaged after so many bytes.
    Broken {
        /// Bytes up to the end of the last whole chunk.
        good: u64,
        /// Bytes that are there.
        length: u64,
    },
    /// The groups of the row are not those of the file.
    Groups,
    /// The file can't be read.
    Unreadable(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row(problem) => write!(f, "the row is damaged: {problem}"),
            Self::Missing => f.write_str("the file is gone"),
            Self::Length { expected, found } => {
                write!(f, "the file has {found} bytes in place of {expected}")
            }
            Self::Broken { good, length } => {
                write!(f, "the file is damaged after {good} of {length} bytes")
            }
            Self::Groups => f.write_str("the index does not fit what is in the file"),
            Self::Unreadable(problem) => write!(f, "the file can't be read: {problem}"),
        }
    }
}

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether each file is there and has its length.
    Length,
    /// Every box of every file, against the groups of its row.
    Content,
}

/// Verifies recordings one by one. A walk in the order of their starts, so that a caller can show how far it is.
#[derive(Debug)]
pub struct Walk<'a> {
    library: &'a Library,
    device: Option<DeviceId>,
    depth: Depth,
    after: Option<(WallTime, RecordingId)>,
    page: std::vec::IntoIter<RecordingHead>,
}

impl<'a> Walk<'a> {
    /// All complete recordings of a device, or of all devices.
    #[must_use]
    pub fn new(library: &'a Library, device: Option<DeviceId>, depth: Depth) -> Self {
        Self { library, device, depth, after: None, page: Vec::new().into_iter() }
    }

    /// The next recording, and what is wrong with it. `None` after the last one.
    ///
    /// # Errors
    /// The index can't be read.
    pub async fn next(&mut self) -> Result<Option<(RecordingHead, Option<Fault>)>, VerifyError> {
        if self.page.as_slice().is_empty() {
            let before = WallTime::from_unix_micros(i64::MAX);
            let repo = self.library.repo();
            self.page = repo.oldest(self.device, self.after, before, PAGE).await?.into_iter();
        }
        let Some(head) = self.page.next() else { return Ok(None) };
        self.after = Some((head.span.start, head.id));
        let fault = match self.library.repo().get(head.id).await {
            Ok(Some(row)) => fault_of(self.library, &row, self.depth).await,
            // Removed in between.
            Ok(None) => None,
            Err(IndexError::Damaged { problem, .. }) => Some(Fault::Row(problem)),
            Err(error) => return Err(error.into()),
        };
        Ok(Some((head, fault)))
    }
}

/// What is wrong with a recording, if anything is.
pub async fn fault_of(library: &Library, row: &Recording, depth: Depth) -> Option<Fault> {
    let key = match key_of(row) {
        Ok(key) => key,
        Err(error) => return Some(Fault::Row(error.to_string())),
    };
    let found = match library.store().len(&key).await {
        Ok(found) => found,
        Err(StoreError::NotFound { .. }) => return Some(Fault::Missing),
        Err(error) => return Some(Fault::Unreadable(error.to_string())),
    };
    if found != row.bytes {
        return Some(Fault::Length { expected: row.bytes, found });
    }
    if depth == Depth::Length {
        return None;
    }
    match scan_stored(library.store().clone(), key, found).await {
        Err(problem) => Some(Fault::Unreadable(problem)),
        Ok(scan) if scan.valid_len != found => Some(Fault::Broken { good: scan.valid_len, length: found }),
        Ok(scan) => (!same_groups(row, &scan)).then_some(Fault::Groups),
    }
}

/// Whether the row's groups lie where the file's do. What only the recorder knew (gaps, losses, places in the recorded
/// time that were moved) is not in the file.
fn same_groups(row: &Recording, scan: &Scan) -> bool {
    let (known, found) = (row.groups.as_slice(), &scan.groups);
    // A gap splits a group in the row alone.
    let bounds = |offset: u64| found.iter().any(|group| group.offset == offset);
    let pictures: u64 = found.iter().map(|group| u64::from(group.pictures)).sum();
    known.last().map(|group| group.end_offset()) == found.last().map(|group| group.end_offset())
        && known.iter().filter(|group| group.key).all(|group| bounds(group.offset))
        && row.groups.pictures() == pictures
}

/// Makes a complete recording whole: what follows the last whole chunk of its file is cut off, by way of the spool, and the
/// row tells what is left. The recording as it is now; `None` when its file is gone, and the row with it.
///
/// # Errors
/// [`VerifyError::Hopeless`] when nothing in the file can be played; [`VerifyError::Index`]; [`VerifyError::Store`] and
/// [`VerifyError::Cut`] when the file can't be cut, and all is as it was.
pub async fn repair(
    library: &Library,
    spool: &SpoolPlace,
    head: &RecordingHead,
) -> Result<Option<RecordingHead>, VerifyError> {
    let id = head.id;
    let hopeless = |problem: String| VerifyError::Hopeless { id, problem };
    let key = crate::recorder::key_of_head(head).ok_or_else(|| hopeless("its name is odd".to_owned()))?;
    let length = match library.store().len(&key).await {
        Ok(length) => length,
        Err(StoreError::NotFound { .. }) => {
            library.repo().mark_deleting(&[id]).await?;
            library.repo().remove(&[id]).await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let scan = scan_stored(library.store().clone(), key.clone(), length).await.map_err(hopeless)?;
    let last = scan.groups.last().ok_or_else(|| hopeless("nothing whole is in the file".to_owned()))?;
    let desc = scan.init.desc();
    let (width, height) = size_of(&desc);
    let Some(known) = library.repo().get(id).await? else { return Ok(None) };
    let end = last.wall_end().max(head.span.start.add_micros(1));
    let bytes = last.end_offset();
    if bytes < length {
        // First the file: a row that tells of more than it holds is found by the next repair.
        deposit(spool, &**library.store(), &key, pieces(library.store().clone(), key.clone(), bytes)).await?;
    }
    let repaired = RecordingHead { bytes, span: WallRange::new(head.span.start, end), ..head.clone() };
    let row = Recording {
        span: repaired.span,
        bytes,
        init_len: u32::try_from(scan.init.len).unwrap_or(u32::MAX),
        codecs: fmp4::codecs(&desc),
        width,
        height,
        groups: scan.groups.iter().copied().collect::<GroupTable>(),
        ..known
    };
    library.repo().replace(&row).await?;
    Ok(Some(repaired))
}

/// The first `bytes` of a stored file, a piece at a time.
fn pieces(
    store: Arc<dyn SegmentStore>,
    key: StoreKey,
    bytes: u64,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    stream::try_unfold((store, key, 0), move |(store, key, at)| async move {
        if at >= bytes {
            return Ok(None);
        }
        let piece = store.read(&key, at..bytes.min(at + PIECE)).await?;
        let next = at + piece.len() as u64;
        Ok(Some((piece, (store, key, next))))
    })
}

/// Files of the store that no row tells of, with their lengths.
///
/// # Errors
/// The store can't be listed, or the index can't be read.
pub async fn orphans(library: &Library) -> Result<Vec<(String, u64)>, VerifyError> {
    let mut known = HashSet::new();
    let mut after = None;
    loop {
        let before = WallTime::from_unix_micros(i64::MAX);
        let page = library.repo().oldest(None, after, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.span.start, last.id));
        known.extend(page.iter().map(|head| head.id));
    }
    known.extend(library.repo().unfinished(u64::from(u32::MAX)).await?.iter().map(|row| row.id));
    let mut files = library.store().list(None);
    let mut orphans = Vec::new();
    while let Some(file) = files.next().await {
        let file = file?;
        let name = file.key.as_str();
        let id = name.rsplit('/').next().and_then(|name| name.strip_suffix(".mp4")?.parse().ok());
        // Other files, such as those of bookmarks, are not the index's.
        if id.is_some_and(|id: RecordingId| !known.contains(&id)) {
            orphans.push((name.to_owned(), file.len));
        }
    }
    Ok(orphans)
}
