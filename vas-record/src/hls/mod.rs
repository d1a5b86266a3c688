//! HTTP Live Streaming (RFC 8216, and draft-pantos-hls-rfc8216bis, cited here as rfc8216bis): live from memory, and
//! of any recorded time.
//!
//! ```text
//! Subscription --feed--> Segmenter --> LiveStream --+--> low-latency playlist, parts, segments (CMAF)
//!                                                   +--> .ts playlist, segments by TsCache
//! rows of recordings --> Plan ----------------------+--> VOD playlist over byte ranges of files (CMAF)
//!                                                   +--> .ts playlist, segments by TsCache
//! ```
//!
//! Texts and bytes are made here; who may have them, and under which names, is the caller's: every URI in a playlist
//! comes from a [`Names`] or [`FileNames`] of his.
//!
//! Deliberately absent: HTTP, signatures, transcoding of pictures.

pub mod live;
pub mod multivariant;
mod names;
mod text;
mod ts_cache;
pub mod vod;

pub use names::{FileNames, Names};
pub use ts_cache::{TsCache, TsCacheError, TsKey, TsSource};
