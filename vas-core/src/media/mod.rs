//! Media as it flows: codecs, track formats, access units and the parts of a bitstream that routing needs.

pub mod av1;
pub mod bits;
pub mod capture;
pub mod codec;
mod fmtp;
pub mod format;
pub mod h264;
pub mod h265;
pub mod nal;
pub mod reorder;
pub mod stamp;
pub mod timeline;
pub mod unit;
pub mod vp8;

pub use codec::{AudioCodec, Codec, VideoCodec};
pub use format::{AudioFormat, FormatError, StreamDesc, Track, TrackFormat, VideoFormat};
pub use unit::{AccessUnit, KeyKind, UnitKind};
