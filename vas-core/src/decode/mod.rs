//! Pictures from H.264 and H.265, and JPEG from pictures; for snapshots and thumbnails, not for playing.
//!
//! ```text
//! CodedPicture ... --Group::decode--> Picture --jpeg::encode--> bytes
//!  key to wanted                       4:2:0, 8 bits
//! ```
//!
//! All of it computes and none of it waits: it belongs on a thread of [`DecodePool`], which bounds how many decode at
//! once and takes the caller back when one doesn't come to an end. The decoders are libraries in Rust; none of their
//! types is seen outside this module, and what their parsers leave unbounded is bounded before they see it
//! (the `guard` modules).
//!
//! Deliberately absent: AV1 and VP8 ([`DecodeError::Codec`]), output of every picture in order, hardware.

mod colours;
mod deadline;
mod error;
mod group;
mod h264;
mod h265;
pub mod jpeg;
mod picture;
mod pool;
mod reading;
#[cfg(test)]
mod tests;

pub use deadline::Deadline;
pub use error::{DecodeError, PoolError};
pub use group::{CodedPicture, Decoded, Group, Wanted};
pub use picture::{Matrix, Picture, Plane, Range};
pub use pool::{DecodePool, PoolConfig};
pub use reading::{DecodeLimits, PictureDecoder};
