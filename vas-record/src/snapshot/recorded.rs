//! Snapshots of what was recorded.

use super::{KeyPicture, Snapshot, SnapshotError, snapshot};
use crate::clip::Timeline;
use crate::library::{Library, LibraryError};
use crate::read::{self, Init};
use std::ops::Range;
use vas_core::decode::jpeg::JpegOptions;
use vas_core::decode::{CodedPicture, DecodeError, DecodePool, Group as DecodedGroup, Wanted};
use vas_core::media::TrackFormat;
use vas_core::model::{Group, MEDIA_CLOCK, Recording};
use vas_core::ports::store::MAX_READ;
use vas_core::{DeviceId, ErrorKind, HasKind, MediaTime, WallTime};

/// A picture is still "the nearest before" when the recording ended at most this long before the time, in microseconds.
const NEAR: i64 = 5_000_000;

/// Why there is no snapshot of a time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordedSnapshotError {
    /// Nothing was recorded then.
    #[error("nothing is recorded at this time")]
    NoRecording,
    /// The recording can't be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The picture can't be decoded.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl HasKind for RecordedSnapshotError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRecording => ErrorKind::NotFound,
            Self::Library(error) => error.kind(),
            Self::Snapshot(error) => error.kind(),
        }
    }
}

/// The recording that a snapshot of `time` would be taken from; `None` where nothing was recorded then.
///
/// # Errors
/// The index failed.
pub async fn recording_for(
    library: &Library,
    device: DeviceId,
    layer: u8,
    time: WallTime,
) -> Result<Option<Recording>, LibraryError> {
    let found = library.at_or_before(device, layer, time).await?;
    Ok(found.filter(|row| time.micros_since(row.span.end) <= NEAR))
}

/// Takes a snapshot of the nearest picture at or before `time`.
///
/// # Errors
/// [`RecordedSnapshotError`].
pub async fn recorded(
    pool: &DecodePool,
    library: &Library,
    device: DeviceId,
    layer: u8,
    time: WallTime,
    options: JpegOptions,
) -> Result<Snapshot, RecordedSnapshotError> {
    let row = recording_for(library, device, layer, time).await?.ok_or(RecordedSnapshotError::NoRecording)?;
    let all = row.groups.as_slice();
    let chosen = groups_for(all, time).ok_or(RecordedSnapshotError::NoRecording)?;
    let init = library.init(&row).await?;
    let TrackFormat::Video(format) = &init.leader().format else {
        return Err(RecordedSnapshotError::NoRecording);
    };
    let mut pictures = read_groups(library, &row, &init, &all[chosen.clone()]).await?;
    let wanted = Wanted::At(time);
    if DecodedGroup::new(&pictures).and_then(|group| group.find(wanted)) == Err(DecodeError::NothingBefore)
        && let Some(key) = all[..chosen.start].iter().rposition(|group| group.key)
    {
        // The time is that of a picture which is shown before the key picture that it was sent after.
        let earlier = read_groups(library, &row, &init, &all[key..chosen.start]).await?;
        pictures.splice(..0, earlier);
    }
    Ok(snapshot(pool, format.clone(), pictures, wanted, options).await?)
}

/// The key picture of a recording that is nearest to `time` at or before it; the first one where none is. `None` where
/// the recording has none, or has a gap there.
pub(super) async fn key_picture(
    library: &Library,
    row: &Recording,
    time: WallTime,
) -> Result<Option<KeyPicture>, RecordedSnapshotError> {
    let groups = row.groups.as_slice();
    let last = groups.partition_point(|group| group.wall <= time).max(1);
    let Some(shown) = groups.get(..last) else { return Ok(None) };
    if shown.last().is_some_and(|group| !row.thinned && time.micros_since(group.wall_end()) > NEAR) {
        return Ok(None);
    }
    let Some(key) = shown.iter().rposition(|group| group.key) else { return Ok(None) };
    let init = library.init(row).await?;
    let TrackFormat::Video(format) = &init.leader().format else { return Ok(None) };
    let pictures = read_groups(library, row, &init, &groups[key..=key]).await?;
    let picture = pictures.into_iter().next();
    Ok(picture.map(|picture| KeyPicture { format: format.clone(), picture }))
}

/// The groups from the last key picture at or before `time` up to the one after that which `time` lies in: pictures that
/// are shown before a key picture may be sent after it. From the first key picture where none is before.
fn groups_for(groups: &[Group], time: WallTime) -> Option<Range<usize>> {
    let last = groups.partition_point(|group| group.wall <= time).max(1);
    let key = groups.get(..last)?.iter().rposition(|group| group.key)?;
    // What comes after a gap is shown later, whatever the order of sending.
    let next = groups.get(last).is_some_and(|next| next.gap.is_none());
    Some(key..last + usize::from(next))
}

/// The pictures of neighbouring groups. Of what is longer than what may be held, the start: an earlier picture is better
/// than none.
async fn read_groups(
    library: &Library,
    row: &Recording,
    init: &Init,
    groups: &[Group],
) -> Result<Vec<CodedPicture>, RecordedSnapshotError> {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return Ok(Vec::new()) };
    let bytes = library.read(row, first.offset..last.end_offset().min(first.offset + MAX_READ)).await?;
    pictures(row, init, bytes)
}

/// The pictures in a stretch of a file, with the times of their capture.
fn pictures(
    row: &Recording,
    init: &Init,
    bytes: bytes::Bytes,
) -> Result<Vec<CodedPicture>, RecordedSnapshotError> {
    let leader = init.leader();
    let TrackFormat::Video(format) = &leader.format else { return Ok(Vec::new()) };
    let Some(timeline) = Timeline::new(row.groups.as_slice()) else { return Ok(Vec::new()) };
    let mut pictures = Vec::new();
    for fragment in read::fragments(bytes) {
        let fragment = match fragment {
            Ok(fragment) => fragment,
            // What was cut off, or is damaged, comes after what is there.
            Err(_) if !pictures.is_empty() => break,
            Err(source) => return Err(LibraryError::Damaged { id: row.id, source }.into()),
        };
        for sample in fragment.samples.into_iter().filter(|sample| sample.track == leader.number) {
            let Some(kind) = format.classify(&sample.data) else { continue };
            let media = MediaTime::new(sample.pts, leader.timescale).rescale(MEDIA_CLOCK).ticks();
            let time = timeline.wall_of(media);
            pictures.push(CodedPicture { pts: sample.pts, time, kind, data: sample.data });
        }
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_reach_from_the_key_picture_to_the_time() {
        let group = |second: i64, key| Group {
            offset: second as u64,
            size: 1,
            media: second * 90_000,
            duration: 90_000,
            wall: WallTime::from_unix_micros(second * 1_000_000),
            pictures: 25,
            key,
            gap: None,
            lost: 0,
        };
        let groups = [group(0, true), group(1, false), group(2, true), group(3, false)];
        let at = |micros| groups_for(&groups, WallTime::from_unix_micros(micros)).unwrap();
        assert_eq!(at(1_500_000), 0..3);
        assert_eq!(at(2_000_000), 2..4);
        assert_eq!(at(9_000_000), 2..4);
        assert_eq!(at(-1), 0..2);
        assert!(groups_for(&groups[1..2], WallTime::from_unix_micros(9)).is_none());
    }
}
