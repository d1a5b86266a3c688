//! Why there is no picture.

use crate::error::{ErrorKind, HasKind};
use crate::media::VideoCodec;

/// Why a picture was not decoded. The reasons in it are constant texts: they hold nothing of the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is no decoder for the codec.
    #[error("pictures of {} can't be decoded here; use a stream of H.264 or H.265", .0.encoding_name())]
    Codec(VideoCodec),
    /// The stream uses a part of its codec that the decoder lacks.
    #[error("the stream uses what the decoder lacks: {0}")]
    Unsupported(&'static str),
    /// The bits are not a picture.
    #[error("the picture is damaged: {0}")]
    Damaged(&'static str),
    /// The pictures are larger than allowed.
    #[error("a picture of {pixels} pixels is larger than the {max} allowed")]
    TooLarge {
        /// Luma samples of a picture as it is coded, before cropping.
        pixels: u64,
        /// The limit.
        max: u64,
    },
    /// The first picture given is not one that decoding can start at.
    #[error("decoding can't start without a key picture; ask for a later time")]
    NoKey,
    /// Every picture that can be shown is later than the time asked for.
    #[error("no picture at or before the time asked for; ask for a later time")]
    NothingBefore,
    /// The time was over before there was a picture.
    #[error("decoding takes longer than allowed; try again when less is being decoded")]
    TimedOut,
    /// Nobody waits for the picture any more.
    #[error("decoding was given up; nobody waits for the picture")]
    Abandoned,
    /// The bytes of a plane don't fit its size: a fault of the decoder.
    #[error("the decoder gave a picture that contradicts itself")]
    Inconsistent,
}

impl HasKind for DecodeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Codec(_) | Self::Unsupported(_) | Self::TooLarge { .. } => ErrorKind::InvalidInput,
            Self::Damaged(_) => ErrorKind::Protocol,
            Self::NoKey | Self::NothingBefore => ErrorKind::NotFound,
            Self::TimedOut | Self::Abandoned => ErrorKind::Timeout,
            Self::Inconsistent => ErrorKind::Internal,
        }
    }
}

/// Why work was not done by a [`DecodePool`](super::DecodePool).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// As much is waiting as may wait.
    #[error("too many pictures are being decoded; try again in a few seconds")]
    Busy,
    /// The work has not ended in its time. Its thread goes on and keeps its place until it ends.
    #[error("decoding did not end in its time; try another picture")]
    TimedOut,
    /// The work panicked.
    #[error("the decoder failed; the picture is probably damaged, try another one")]
    Panicked,
    /// The operating system gave no thread.
    #[error("no thread could be started; raise the limit on threads")]
    NoThread,
}

impl HasKind for PoolError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy => ErrorKind::Exhausted,
            Self::TimedOut => ErrorKind::Timeout,
            Self::Panicked => ErrorKind::Protocol,
            Self::NoThread => ErrorKind::Internal,
        }
    }
}
