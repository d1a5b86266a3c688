//! Reads what [`Fmp4Writer`](crate::mux::fmp4::Fmp4Writer) wrote.
//!
//! A file may have been cut off by a crash or damaged by its disk, so that nothing in it is trusted: reading never panics,
//! and takes no more memory than a small multiple of what is given. mp4-atom decodes the configuration of decoders; the
//! boxes around them are walked here, since that library follows their nesting by recursion, however deep.
//!
//! - [`init`]: the tracks and their formats, from the start of a file.
//! - [`fragments`]: the samples of a file or of a stretch of it that is in memory.
//! - [`scan`]: the groups of a file of any size, and up to where it is good.

mod boxes;
mod error;
mod fragment;
mod init;
mod moof;
mod scan;

pub use error::{BoxKind, ReadError};
pub use fragment::{Fragment, Fragments, Sample, fragments};
pub use init::{Init, Track, init};
pub use scan::{Scan, scan};
