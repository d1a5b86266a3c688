//! Access units: what flows from cameras to consumers.

use super::format::TrackFormat;
use crate::id::TrackId;
use crate::time::{MediaTime, WallTime};
use bytes::Bytes;
use std::sync::Arc;

/// Where decoding can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An instantaneous decoder refresh, or the key frame of AV1 and VP8: nothing after it refers to anything
    /// before it.
    Idr,
    /// H.265's clean random access: leading pictures after it may refer to pictures before it.
    Cra,
    /// H.264's recovery point of zero frames, as cameras with open groups send.
    RecoveryPoint,
}

/// What an access unit is to those who route it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnitKind {
    /// A picture that decoding can start at.
    Key(KeyKind),
    /// A picture that needs others before it.
    Delta {
        /// No other picture refers to it: leaving it out hurts no other picture.
        disposable: bool,
        /// It may be predicted from pictures that are shown after it, and where the format reorders
        /// ([`VideoFormat::max_reorder`](super::VideoFormat::max_reorder)) it is then decoded out of the order in
        /// which it is shown. In a stream without reordering it says nothing.
        bipredictive: bool,
    },
    /// A packet of sound.
    Audio,
}

impl UnitKind {
    /// A picture that needs others before it and that others may need.
    pub const REFERENCE: Self = Self::Delta { disposable: false, bipredictive: false };
}

/// One picture or one packet of sound; immutable and shared, never copied on its way.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// The track it belongs to.
    pub track: TrackId,
    /// Its place in the stream, over all tracks, without gaps. Given by [`crate::hub::StreamWriter::push`].
    pub seq: u64,
    /// The session of the source it came from: rises each time a source publishes the stream anew, and with it
    /// media times start over. Given by [`crate::hub::StreamWriter::push`].
    pub epoch: u32,
    /// When to show it, in the track's clock.
    pub pts: MediaTime,
    /// When to decode it, in the track's clock; equals `pts` where the camera doesn't reorder.
    pub dts: MediaTime,
    /// UTC of its arrival on this machine.
    pub received: WallTime,
    /// UTC of its capture: by the camera's sender reports where it sends them, else `received`.
    pub captured: WallTime,
    /// What it is to those who route it.
    pub kind: UnitKind,
    /// Packets known to be lost on the track immediately before this unit.
    pub lost_before: u32,
    /// How to decode it.
    pub format: Arc<TrackFormat>,
    /// The payload. H.264 and H.265: NAL units with 4-byte length prefixes, without parameter sets that equal
    /// the format's unless the camera repeats them. AV1: a temporal unit in the low-overhead format, every OBU with
    /// its size, without temporal delimiter, as [`av1::temporal_unit`](super::av1::temporal_unit) makes it. VP8: the
    /// frame. Audio: one frame of the codec, without headers.
    pub data: Bytes,
}

impl AccessUnit {
    /// Whether decoding of a video track can start here.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        matches!(self.kind, UnitKind::Key(_))
    }

    /// Whether it is a picture.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        !matches!(self.kind, UnitKind::Audio)
    }
}
