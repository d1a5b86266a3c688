//! Thumbnails and storyboards: key pictures, small, for walls and timelines.
//!
//! They have threads of their own to decode on, fewer than there are cores: somebody who drags along a timeline must
//! not keep others from their snapshots.

use super::kept::{Kept, Weighed};
use super::timeline::SETTLED;
use crate::control::recording::NotRecording;
use crate::control::{Control, ControlError, sub_stream};
use std::sync::Arc;
use std::time::Duration;
use vas_core::decode::jpeg::JpegOptions;
use vas_core::decode::{DecodePool, PoolConfig};
use vas_core::hub::StreamHub;
use vas_core::{DeviceId, ErrorKind, HasKind, SharedClock, StreamId, WallTime};
use vas_record::library::Library;
use vas_record::snapshot::{
    RecordedSnapshotError, Snapshot, SnapshotError, Storyboard, StoryboardRequest, live_key, recorded_key,
    storyboard,
};

/// Bytes of thumbnails, and of storyboards, that are kept: some thousand of the ones and some hundred of the others.
const ROOM: usize = 32 << 20;
/// Pictures that are kept at most.
const COUNT: usize = 8_192;
/// A live picture is given to all who ask within this.
const FRESH: Duration = Duration::from_secs(1);
/// A picture of the past does not change; one that was removed by retention is not shown for much longer.
const PAST: Duration = Duration::from_secs(600);
/// Up to this width in pixels the sub stream is large enough.
const SMALL: u32 = 640;
/// Callers that wait to have something decoded.
const WAITING: usize = 64;

/// Thumbnails and storyboards.
#[derive(Debug)]
pub(crate) struct Pictures {
    pool: DecodePool,
    hub: StreamHub,
    thumbnails: Kept<Of, Snapshot>,
    storyboards: Kept<StoryboardRequest, Storyboard>,
    clock: SharedClock,
}

/// What a thumbnail is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Live(StreamId, u32),
    Recorded(DeviceId, WallTime, u32),
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PictureError {
    /// There is no such stream, or the database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// There is no storage.
    #[error(transparent)]
    Storage(#[from] NotRecording),
    /// The stream shows nothing that can be decoded.
    #[error(transparent)]
    Live(#[from] SnapshotError),
    /// Neither does the recording.
    #[error(transparent)]
    Recorded(#[from] RecordedSnapshotError),
}

impl HasKind for PictureError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Control(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Live(error) => error.kind(),
            Self::Recorded(error) => error.kind(),
        }
    }
}

impl Weighed for Snapshot {
    fn bytes(&self) -> usize {
        self.jpeg.len() + size_of::<Self>()
    }
}

impl Weighed for Storyboard {
    fn bytes(&self) -> usize {
        self.jpeg.len() + self.times.len() * size_of::<Option<WallTime>>() + size_of::<Self>()
    }
}

impl Pictures {
    pub(super) fn new(hub: StreamHub, clock: SharedClock) -> Self {
        let config = PoolConfig { waiting: WAITING, ..PoolConfig::default() };
        Self {
            pool: DecodePool::new(config, clock.clone()),
            hub,
            thumbnails: Kept::new(ROOM, COUNT, clock.clone()),
            storyboards: Kept::new(ROOM, COUNT, clock.clone()),
            clock,
        }
    }

    async fn live(&self, stream: StreamId, width: u32) -> Result<Arc<Snapshot>, SnapshotError> {
        let make = async || {
            let options = JpegOptions { max_width: Some(width), ..JpegOptions::default() };
            if width <= SMALL
                && let Ok(small) = live_key(&self.pool, &self.hub, sub_stream(stream), options).await
            {
                return Ok(small);
            }
            live_key(&self.pool, &self.hub, stream, options).await
        };
        self.thumbnails.get(Of::Live(stream, width), FRESH, make).await
    }

    async fn recorded(
        &self,
        library: &Library,
        device: DeviceId,
        time: WallTime,
        width: u32,
    ) -> Result<Arc<Snapshot>, RecordedSnapshotError> {
        let make = async || {
            let options = JpegOptions { max_width: Some(width), ..JpegOptions::default() };
            let layers = if width <= SMALL { [1, 0] } else { [0, 1] };
            let first = recorded_key(&self.pool, library, device, layers[0], time, options).await;
            match first {
                Err(RecordedSnapshotError::NoRecording) => {
                    recorded_key(&self.pool, library, device, layers[1], time, options).await
                }
                done => done,
            }
        };
        self.thumbnails.get(Of::Recorded(device, time, width), self.fresh(time), make).await
    }

    async fn storyboard(
        &self,
        library: &Library,
        request: StoryboardRequest,
    ) -> Result<Arc<Storyboard>, RecordedSnapshotError> {
        let fresh = self.fresh(end_of(&request));
        self.storyboards.get(request, fresh, || storyboard(&self.pool, library, &request)).await
    }

    /// How long a picture of a time is kept.
    fn fresh(&self, time: WallTime) -> Duration {
        if is_past(time, self.clock.wall()) { PAST } else { FRESH }
    }
}

/// The time of a storyboard's last picture.
pub(crate) fn end_of(request: &StoryboardRequest) -> WallTime {
    let steps = i64::try_from(request.count.saturating_sub(1)).unwrap_or(i64::MAX);
    request.start.add_micros(request.step.saturating_mul(steps))
}

/// Whether what is shown of a time changes no more.
pub(crate) const fn is_past(time: WallTime, now: WallTime) -> bool {
    now.micros_since(time) > SETTLED
}

impl Control {
    /// The newest key picture of a stream, at most a second old, `width` pixels wide at most. Whether the stream can be
    /// watched is the caller's to know.
    ///
    /// # Errors
    /// [`PictureError`].
    pub(crate) async fn live_thumbnail(
        &self,
        stream: StreamId,
        width: u32,
    ) -> Result<Arc<Snapshot>, PictureError> {
        Ok(self.dashboard().pictures().live(stream, width).await?)
    }

    /// The key picture of a stream's device nearest to `time` at or before it.
    ///
    /// # Errors
    /// [`PictureError`].
    pub(crate) async fn recorded_thumbnail(
        &self,
        stream: StreamId,
        time: WallTime,
        width: u32,
    ) -> Result<Arc<Snapshot>, PictureError> {
        let device = self.stream(stream).await?.device.id;
        let engine = self.recordings().engine()?;
        Ok(self.dashboard().pictures().recorded(engine.library(), device, time, width).await?)
    }

    /// A storyboard of a stream's device; `of` gives the request for that device.
    ///
    /// # Errors
    /// [`PictureError`].
    pub(crate) async fn storyboard(
        &self,
        stream: StreamId,
        of: impl FnOnce(DeviceId) -> StoryboardRequest,
    ) -> Result<Arc<Storyboard>, PictureError> {
        let device = self.stream(stream).await?.device.id;
        let engine = self.recordings().engine()?;
        Ok(self.dashboard().pictures().storyboard(engine.library(), of(device)).await?)
    }
}
