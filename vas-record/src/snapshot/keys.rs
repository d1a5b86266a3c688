//! Key pictures: what can be shown of a time for the price of one picture.

use super::recorded::{key_picture, recording_for};
use super::{RecordedSnapshotError, Snapshot, SnapshotError, snapshot};
use crate::library::Library;
use bytes::Bytes;
use std::time::Duration;
use vas_core::decode::jpeg::{self, JpegOptions, Sheet};
use vas_core::decode::{
    CodedPicture, Deadline, DecodeError, DecodeLimits, DecodePool, Group, Picture, Wanted,
};
use vas_core::hub::{StartAt, StreamHub};
use vas_core::media::VideoFormat;
use vas_core::{DeviceId, StreamId, WallTime};

/// How long a live key picture is waited for.
const KEY_PATIENCE: Duration = Duration::from_secs(2);
/// Pictures that are decoded before others have their turn.
const BATCH: usize = 8;
/// Quality of storyboards: small and many.
const SHEET_QUALITY: u8 = 70;

/// A key picture that is not decoded yet.
#[derive(Clone, Debug)]
pub struct KeyPicture {
    /// How to decode it.
    pub format: VideoFormat,
    /// The picture.
    pub picture: CodedPicture,
}

/// Takes a snapshot of the newest key picture of a stream.
///
/// # Errors
/// As for [`live`](super::live()).
pub async fn live_key(
    pool: &DecodePool,
    hub: &StreamHub,
    stream: StreamId,
    options: JpegOptions,
) -> Result<Snapshot, SnapshotError> {
    let mut subscription = hub.subscribe(stream, StartAt::LastKey).map_err(|_| SnapshotError::NotLive)?;
    let group = tokio::time::timeout(KEY_PATIENCE, super::live_group(&mut subscription)).await;
    let group = group.map_err(|_| SnapshotError::NoPicture)??;
    drop(subscription);
    let format = group.format.video().ok_or(SnapshotError::NoPicture)?.clone();
    let key = group.pictures.into_iter().take(1).collect();
    snapshot(pool, format, key, Wanted::Newest, options).await
}

/// Takes a snapshot of the key picture nearest to `time` at or before it.
///
/// # Errors
/// [`RecordedSnapshotError`].
pub async fn recorded_key(
    pool: &DecodePool,
    library: &Library,
    device: DeviceId,
    layer: u8,
    time: WallTime,
    options: JpegOptions,
) -> Result<Snapshot, RecordedSnapshotError> {
    let row = recording_for(library, device, layer, time).await?.ok_or(RecordedSnapshotError::NoRecording)?;
    let key = key_picture(library, &row, time).await?.ok_or(RecordedSnapshotError::NoRecording)?;
    Ok(snapshot(pool, key.format, vec![key.picture], Wanted::Newest, options).await?)
}

/// Which pictures a storyboard has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoryboardRequest {
    /// The device.
    pub device: DeviceId,
    /// The time of the first picture.
    pub start: WallTime,
    /// Microseconds from one picture to the next.
    pub step: i64,
    /// Pictures.
    pub count: usize,
    /// Pictures in a row at most.
    pub columns: usize,
    /// Width of a picture in pixels.
    pub width: u32,
}

/// Small pictures of equal size in one JPEG, row by row.
#[derive(Clone, Debug)]
pub struct Storyboard {
    /// The file.
    pub jpeg: Bytes,
    /// Pictures in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Width and height of a picture in pixels.
    pub tile: (usize, usize),
    /// UTC of each picture; `None`: nothing is recorded there, and its place is dark.
    pub times: Vec<Option<WallTime>>,
}

/// Makes a storyboard of key pictures, each the nearest at or before its time; of the sub stream where that was
/// recorded, which is cheaper to decode and large enough.
///
/// # Errors
/// [`RecordedSnapshotError::NoRecording`] when nothing at all is recorded there; otherwise as for a snapshot. A picture
/// that is damaged leaves its place dark.
pub async fn storyboard(
    pool: &DecodePool,
    library: &Library,
    request: &StoryboardRequest,
) -> Result<Storyboard, RecordedSnapshotError> {
    let columns = request.columns.clamp(1, request.count.max(1));
    let rows = request.count.div_ceil(columns);
    let mut board =
        Board { width: request.width, columns, rows, sheet: None, times: vec![None; request.count] };
    let mut batch: Vec<(usize, KeyPicture)> = Vec::with_capacity(BATCH);
    for index in 0..request.count {
        let steps = i64::try_from(index).unwrap_or(i64::MAX);
        let time = request.start.add_micros(request.step.saturating_mul(steps));
        if let Some(key) = key_at(library, request.device, time).await? {
            batch.push((index, key));
        }
        if batch.len() == BATCH || index + 1 == request.count {
            board = board.with(pool, std::mem::take(&mut batch)).await?;
        }
    }
    board.finish(pool).await
}

/// The key picture that shows a time, of the smaller layer that has one.
async fn key_at(
    library: &Library,
    device: DeviceId,
    time: WallTime,
) -> Result<Option<KeyPicture>, RecordedSnapshotError> {
    for layer in [1, 0] {
        if let Some(row) = recording_for(library, device, layer, time).await?
            && let Some(key) = key_picture(library, &row, time).await?
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// A storyboard in the making.
struct Board {
    width: u32,
    columns: usize,
    rows: usize,
    /// Made when the first picture tells the shape of all.
    sheet: Option<Sheet>,
    times: Vec<Option<WallTime>>,
}

impl Board {
    /// Decodes pictures into their places.
    async fn with(
        mut self,
        pool: &DecodePool,
        batch: Vec<(usize, KeyPicture)>,
    ) -> Result<Self, SnapshotError> {
        if batch.is_empty() {
            return Ok(self);
        }
        pool.run(move |deadline| {
            // Short steps ask for one key picture several times.
            let mut last: Option<(WallTime, Picture)> = None;
            for (index, key) in batch {
                let time = key.picture.time;
                if last.as_ref().is_none_or(|(known, _)| *known != time) {
                    last = match decode(&key, deadline) {
                        Ok(picture) => Some((time, picture)),
                        Err(error @ (DecodeError::TimedOut | DecodeError::Abandoned)) => {
                            return Err(error.into());
                        }
                        Err(error) => {
                            tracing::debug!(%error, "a picture of a storyboard stays dark");
                            continue;
                        }
                    };
                }
                if let Some((_, picture)) = &last {
                    self.place(index, time, picture)?;
                }
            }
            Ok(self)
        })
        .await?
    }

    fn place(&mut self, index: usize, time: WallTime, picture: &Picture) -> Result<(), SnapshotError> {
        let (columns, rows, width) = (self.columns, self.rows, self.width);
        let height = u64::from(width) * picture.height() as u64 / picture.width().max(1) as u64;
        let height = u32::try_from(height).unwrap_or(width).clamp(2, width.saturating_mul(4));
        let sheet = self.sheet.get_or_insert_with(|| Sheet::new(columns, rows, width, height));
        sheet.place(index, picture)?;
        if let Some(place) = self.times.get_mut(index) {
            *place = Some(time);
        }
        Ok(())
    }

    async fn finish(self, pool: &DecodePool) -> Result<Storyboard, RecordedSnapshotError> {
        let Self { columns, rows, sheet, times, .. } = self;
        let sheet = sheet.ok_or(RecordedSnapshotError::NoRecording)?;
        let tile = sheet.tile();
        let coded = pool.run(move |_| -> Result<_, SnapshotError> {
            let options = JpegOptions { quality: SHEET_QUALITY, max_width: None };
            let picture = sheet.into_picture()?;
            Ok(picture.map(|picture| jpeg::encode(&picture, options)).transpose()?)
        });
        let coded = coded.await.map_err(SnapshotError::from)??;
        let jpeg = coded.ok_or(RecordedSnapshotError::NoRecording)?.data.into();
        Ok(Storyboard { jpeg, columns, rows, tile, times })
    }
}

fn decode(key: &KeyPicture, deadline: &Deadline) -> Result<Picture, DecodeError> {
    let pictures = std::slice::from_ref(&key.picture);
    let decoded =
        Group::new(pictures)?.decode(&key.format, Wanted::Newest, DecodeLimits::default(), deadline);
    Ok(decoded?.picture)
}
