//! Thinning: of an old recording only the key pictures stay, each of them shown until the next.
//!
//! Where a key picture of H.265 counts on from those before it, it is marked as a broken link.
//!
//! The file keeps its initialisation section, its key in the store and its place in time; sound is dropped. Every key
//! picture is a chunk and a group of its own. The new file replaces the old one in one step, and then the row follows. A
//! crash in between leaves a row that tells more than the file holds, and a copy of the new file in the spool: by that the
//! next start knows of it and rebuilds the row from the file; so does thinning the recording again.

use crate::clip::broken_link;
use crate::library::{Library, LibraryError};
use crate::read::{self, Init, Sample};
use crate::recorder::key_of;
use crate::recorder::spool::SpoolPlace;
use crate::store::deposit;
use bytes::Bytes;
use mp4_atom::{Atom, Encode, Mdat, Mfhd, Moof, Prft, ReferenceTime, Tfdt, Tfhd, Traf, Trun, TrunEntry};
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use vas_core::media::{Codec, VideoCodec};
use vas_core::model::{GapReason, Group, MEDIA_CLOCK, Recording};
use vas_core::ports::IndexError;
use vas_core::ports::store::{BadKey, MAX_READ, StoreError, StoreKey};
use vas_core::{ErrorKind, HasKind, MediaTime, RecordingId};

/// Flags of a picture that needs no other (ISO/IEC 14496-12, section 8.8.3.1).
const SYNC: u32 = 2 << 24;
/// What names of thinned files in the spool end with.
const ENDING: &str = ".thin";
/// Why encoding can't fail.
const TAKES_ALL: &str = "a vector takes everything, and offsets were read from 32 bits";

/// Why a recording can't be thinned. It is as it was before, unless the index failed last.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThinError {
    /// It has no pictures, or none that decoding can start with.
    #[error("the recording has no key pictures; keep it or delete it")]
    NoPictures,
    /// Its file does not hold what its row says.
    #[error("recording {recording} is damaged: {problem}; see `vas-server recordings verify`")]
    Damaged {
        /// The recording.
        recording: RecordingId,
        /// What is wrong with it.
        problem: String,
    },
    /// It can't be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index failed; the file is thinned already, and thinning it again mends the row.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The new file can't be written.
    #[error("the thinned file can't be written to the spool; check the disk")]
    Spool(#[from] io::Error),
    /// Its file has no name in a store.
    #[error(transparent)]
    Key(#[from] BadKey),
}

impl HasKind for ThinError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoPictures => ErrorKind::InvalidInput,
            Self::Damaged { .. } | Self::Key(_) => ErrorKind::Internal,
            Self::Library(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Spool(_) => ErrorKind::Unavailable,
        }
    }
}

/// Thins a complete recording, by way of a file in the spool, and gives its new row, which is in the index then. One
/// that is thinned already is left alone.
///
/// # Errors
/// [`ThinError`].
pub async fn thin(
    library: &Library,
    spool: &SpoolPlace,
    recording: &Recording,
) -> Result<Recording, ThinError> {
    if recording.thinned {
        return Ok(recording.clone());
    }
    let key = key_of(recording)?;
    let name = spool_name(recording.id);
    let row = if library.store().len(&key).await? < recording.bytes {
        rebuilt(library, &key, recording).await?
    } else {
        let written = write(library, spool, &name, recording).await;
        let put = match written {
            Ok(row) => {
                library.store().put_copy(&key, &spool.path(&name)).await.map(|_| row).map_err(Into::into)
            }
            Err(error) => Err(error),
        };
        if put.is_err() {
            deposit::discard(spool, &name).await;
        }
        put?
    };
    // The copy in the spool tells of what was begun until the row is right.
    library.repo().replace(&row).await?;
    deposit::discard(spool, &name).await;
    Ok(row)
}

/// The name of a thinned file in the spool.
fn spool_name(id: RecordingId) -> PathBuf {
    PathBuf::from(format!("{id}{ENDING}"))
}

/// The recording whose thinning a file of the spool tells of; `None`: it is another file.
pub(crate) fn begun_by(name: &Path) -> Option<RecordingId> {
    name.to_str()?.strip_suffix(ENDING)?.parse().ok()
}

/// Takes up a thinning that was interrupted: where the file is thinned already, the row follows; where it is not, it stays
/// as it is. Whether the row had to follow.
///
/// # Errors
/// [`ThinError`]; it is tried again at the next start.
pub(crate) async fn take_up(
    library: &Library,
    spool: &SpoolPlace,
    id: RecordingId,
) -> Result<bool, ThinError> {
    let row = library.repo().get(id).await?.filter(|row| !row.thinned);
    let mut mended = false;
    if let Some(row) = row {
        let key = key_of(&row)?;
        let length = match library.store().len(&key).await {
            Ok(length) => length,
            // Another's to find: nothing was thinned.
            Err(StoreError::NotFound { .. }) => row.bytes,
            Err(error) => return Err(error.into()),
        };
        if length < row.bytes {
            library.repo().replace(&rebuilt(library, &key, &row).await?).await?;
            mended = true;
        }
    }
    deposit::discard(spool, &spool_name(id)).await;
    Ok(mended)
}

/// Writes the thinned file of a recording to the spool, and gives its row.
async fn write(
    library: &Library,
    spool: &SpoolPlace,
    name: &Path,
    recording: &Recording,
) -> Result<Recording, ThinError> {
    let kept = kept(recording.groups.as_slice());
    let init = library.init(recording).await?;
    if recording.width == 0 || kept.is_empty() {
        return Err(ThinError::NoPictures);
    }
    let section = library.init_bytes(recording).await?;
    let mut bytes = section.len() as u64;
    let mut file = deposit::append(deposit::create(spool, name).await?, section).await?;
    let mut groups = Vec::with_capacity(kept.len());
    for (sequence, kept) in (1..).zip(&kept) {
        let picture = key_picture(library, recording, &init, kept.group).await?;
        let chunk = chunk(sequence, &init, kept, &picture);
        let size = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        groups.push(Group {
            offset: bytes,
            size,
            duration: kept.duration(),
            pictures: 1,
            gap: kept.gap,
            lost: kept.lost,
            ..*kept.group
        });
        bytes += u64::from(size);
        file = deposit::append(file, chunk).await?;
    }
    deposit::sync(file).await?;
    Ok(Recording { bytes, thinned: true, groups: groups.into_iter().collect(), ..recording.clone() })
}

/// The row of a recording whose file is thinned, although the row does not say so.
async fn rebuilt(library: &Library, key: &StoreKey, recording: &Recording) -> Result<Recording, ThinError> {
    let damaged = |problem: &str| ThinError::Damaged { recording: recording.id, problem: problem.to_owned() };
    let bytes = library.store().len(key).await?;
    if bytes > MAX_READ {
        return Err(damaged("its file is shorter than the index says"));
    }
    let file = library.store().read(key, 0..bytes).await?;
    let scan = read::scan(Cursor::new(file)).map_err(|error| damaged(&error.to_string()))?;
    let is_thinned = scan.groups.iter().all(|group| group.key && group.pictures == 1);
    if scan.valid_len != bytes || scan.groups.is_empty() || !is_thinned {
        return Err(damaged("its file is shorter than the index says"));
    }
    // Losses and the reasons of gaps are in the old row alone.
    let told = kept(recording.groups.as_slice());
    let whole = |group: &Group| {
        let known = told.iter().find(|kept| kept.group.media == group.media);
        known.map_or(*group, |kept| Group { gap: kept.gap, lost: kept.lost, ..*group })
    };
    let groups = scan.groups.iter().map(whole).collect();
    Ok(Recording { bytes, thinned: true, groups, ..recording.clone() })
}

/// A key picture that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept<'a> {
    /// The group that begins with it.
    group: &'a Group,
    /// Up to when it is shown, in ticks of 90 kHz.
    until: i64,
    gap: Option<GapReason>,
    lost: u32,
}

impl Kept<'_> {
    fn duration(&self) -> u32 {
        u32::try_from(self.until.saturating_sub(self.group.media).max(1)).unwrap_or(u32::MAX)
    }
}

/// The key pictures of a file. Each lasts until the next or, where a gap comes first, until the gap.
fn kept(groups: &[Group]) -> Vec<Kept<'_>> {
    let mut all: Vec<Kept<'_>> = Vec::new();
    let (mut gap, mut lost) = (None, 0_u32);
    for group in groups {
        gap = gap.or(group.gap);
        lost = lost.saturating_add(group.lost);
        if group.key {
            if let Some(last) = all.last_mut().filter(|_| gap.is_none()) {
                last.until = group.media;
            }
            all.push(Kept {
                group,
                until: group.media_end(),
                gap: gap.take(),
                lost: std::mem::take(&mut lost),
            });
        } else if let Some(last) = all.last_mut().filter(|_| gap.is_none()) {
            last.until = group.media_end();
        }
    }
    all
}

/// Reads the first picture of a group.
async fn key_picture(
    library: &Library,
    recording: &Recording,
    init: &Init,
    group: &Group,
) -> Result<Sample, ThinError> {
    let damaged = |problem: String| ThinError::Damaged { recording: recording.id, problem };
    if u64::from(group.size) > MAX_READ {
        return Err(damaged(format!("a group of {} bytes is too large", group.size)));
    }
    let bytes = library.read(recording, group.offset..group.end_offset()).await?;
    let fragment = read::fragments(bytes).next().transpose().map_err(|error| damaged(error.to_string()))?;
    let samples = fragment.map(|fragment| fragment.samples).unwrap_or_default();
    let leader = init.leader().number;
    let first = samples.into_iter().find(|sample| sample.track == leader).filter(|sample| sample.key);
    let mut first = first.ok_or_else(|| damaged("a group does not begin with a key picture".to_owned()))?;
    if init.leader().format.codec() == Codec::Video(VideoCodec::H265) {
        first.data = broken_link(&first.data).into();
    }
    Ok(first)
}

/// The chunk of one picture: `prft`, `moof`, `mdat`.
fn chunk(sequence: u32, init: &Init, kept: &Kept<'_>, picture: &Sample) -> Bytes {
    let track = init.leader();
    let duration = MediaTime::new(kept.duration().into(), MEDIA_CLOCK).rescale(track.timescale).ticks();
    let entry = TrunEntry {
        duration: Some(u32::try_from(duration).unwrap_or(u32::MAX)),
        size: Some(picture.data.len() as u32),
        flags: Some(SYNC),
        cts: Some(picture.pts.saturating_sub(picture.dts)),
    };
    let dts = picture.dts.unsigned_abs();
    let prft = Prft {
        reference_track_id: track.number,
        ntp_timestamp: kept.group.wall.to_ntp(),
        media_time: dts,
        utc_time_semantics: ReferenceTime::Input,
    };
    let mut moof = Moof {
        mfhd: Mfhd { sequence_number: sequence },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: track.number, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: dts }),
            trun: vec![Trun { data_offset: Some(0), samples: vec![entry].into() }],
            ..Traf::default()
        }],
    };
    let mut out = Vec::with_capacity(picture.data.len() + 256);
    prft.encode(&mut out).expect(TAKES_ALL);
    let start = out.len();
    moof.encode(&mut out).expect(TAKES_ALL);
    // The offset counts from the moof, whose size does not depend on it.
    moof.traf[0].trun[0].data_offset = i32::try_from(out.len() - start + 8).ok();
    out.truncate(start);
    moof.encode(&mut out).expect(TAKES_ALL);
    out.extend_from_slice(&(picture.data.len() as u32 + 8).to_be_bytes());
    out.extend_from_slice(Mdat::KIND.as_ref());
    out.extend_from_slice(&picture.data);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::WallTime;

    fn group(media: i64, key: bool, gap: Option<GapReason>, lost: u32) -> Group {
        let wall = WallTime::from_unix_micros(media);
        Group { offset: 0, size: 0, media, duration: 90_000, wall, pictures: 25, key, gap, lost }
    }

    #[test]
    fn a_key_picture_lasts_until_the_next_or_the_gap() {
        let groups = [
            group(0, true, Some(GapReason::Started), 0),
            group(90_000, false, None, 3),
            group(180_000, true, None, 1),
            group(900_000, false, Some(GapReason::Silence), 0),
            group(990_000, true, None, 0),
            group(1_080_000, false, None, 0),
        ];
        let kept = kept(&groups);
        let told: Vec<_> =
            kept.iter().map(|kept| (kept.group.media, kept.until, kept.gap, kept.lost)).collect();
        assert_eq!(
            told,
            [
                (0, 180_000, Some(GapReason::Started), 0),
                (180_000, 270_000, None, 4),
                (990_000, 1_170_000, Some(GapReason::Silence), 0),
            ]
        );
    }
}
