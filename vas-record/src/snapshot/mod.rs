//! Snapshots: the picture of a moment as JPEG, decoded in this process.
//!
//! ```text
//! hub, cached group -----.
//!                         >-- CodedPicture ... --DecodePool--> Picture --> JPEG
//! groups of a recording -'    key to wanted
//! ```
//!
//! A snapshot shows the nearest picture at or before the time asked for, and says the time of the picture it shows.
//! Bits that can't be decoded make an error with a reason.

mod keys;
mod live;
mod recorded;
#[cfg(test)]
mod tests;

pub use keys::{KeyPicture, Storyboard, StoryboardRequest, live_key, recorded_key, storyboard};
pub use live::{LiveGroup, live, live_group};
pub use recorded::{RecordedSnapshotError, recorded, recording_for};

use bytes::Bytes;
use vas_core::decode::jpeg::{self, JpegError, JpegOptions};
use vas_core::decode::{
    CodedPicture, DecodeError, DecodeLimits, DecodePool, Decoded, Group, PoolError, Wanted,
};
use vas_core::media::VideoFormat;
use vas_core::{ErrorKind, HasKind, WallTime};

/// A picture as JPEG.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The file.
    pub jpeg: Bytes,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// UTC of the picture's capture.
    pub time: WallTime,
    /// Whether it is the picture that was asked for; otherwise an earlier one: the group was longer than what may be
    /// decoded, or the time was over, or packets were lost after it.
    pub exact: bool,
}

/// Why there is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The stream is not in the hub, or was removed from it.
    #[error("the stream is not live; start it first")]
    NotLive,
    /// No key picture has come in the time that may be waited.
    #[error("the stream has sent no key picture; try again when it plays")]
    NoPicture,
    /// The picture can't be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The picture can't be made a JPEG.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// Decoding did not happen.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl HasKind for SnapshotError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotLive => ErrorKind::Conflict,
            Self::NoPicture => ErrorKind::NotReady,
            Self::Decode(error) => error.kind(),
            Self::Jpeg(error) => error.kind(),
            Self::Pool(error) => error.kind(),
        }
    }
}

/// Takes a snapshot of the picture that is wanted out of `pictures`, a key picture and what was sent after it at least
/// up to that one, all in `format`.
///
/// # Errors
/// The codec has no decoder, the pictures are damaged, or there is too much to decode; see [`SnapshotError`].
pub async fn snapshot(
    pool: &DecodePool,
    format: VideoFormat,
    pictures: Vec<CodedPicture>,
    wanted: Wanted,
    options: JpegOptions,
) -> Result<Snapshot, SnapshotError> {
    let result = pool.run(move |deadline| -> Result<Snapshot, SnapshotError> {
        let limits = DecodeLimits::default();
        let Decoded { picture, index, exact } =
            Group::new(&pictures)?.decode(&format, wanted, limits, deadline)?;
        let jpeg = jpeg::encode(&picture, options)?;
        let time = pictures[index].time;
        Ok(Snapshot { jpeg: jpeg.data.into(), width: jpeg.width, height: jpeg.height, time, exact })
    });
    result.await?
}
