//! Recording: every second of a stream kept, found again, played and proved.
//!
//! ```text
//! hub --units--> segmenter --chunks--> recorder --files of a minute--> store (disk, S3 or both)
//!                    |                     `------rows-------------> index (a database, by a trait)
//!                    `--chunks--> hls::live (parts and segments in memory)
//!
//! library (index + store + files being written) --> hls::vod, mux::mpegts, clip, snapshot    views, computed when asked
//! retention, thin, recovery, verify                                                         what keeps it in order
//! ```
//!
//! Nothing is stored twice: HLS segments, MPEG-TS, playlists of any range and clips are views of one stored form,
//! fragmented MP4 with a table of groups of about one second for each file.
//!
//! ```
//! use vas_core::testing;
//! use vas_record::segmenter::{Output, Segmenter, SegmenterConfig};
//!
//! let mut segmenter = Segmenter::new(SegmenterConfig::default());
//! let (desc, mut out) = (testing::video_desc().into(), Vec::new());
//! for second in 0..2 {
//!     segmenter.push(&testing::key_picture(second * 25), &desc, &mut out);
//!     for n in 1..25 {
//!         segmenter.push(&testing::delta_picture(second * 25 + n), &desc, &mut out);
//!     }
//! }
//! segmenter.flush(&mut out);
//! let mut file = Vec::new();
//! for output in &out {
//!     match output {
//!         Output::Section(section) => file.extend_from_slice(&section.init),
//!         Output::Chunk(chunk) => file.extend_from_slice(&chunk.data),
//!     }
//! }
//! let scan = vas_record::read::scan(std::io::Cursor::new(file))?;
//! assert_eq!(scan.groups.iter().map(|group| group.pictures).sum::<u32>(), 50);
//! # Ok::<(), vas_record::read::ReadError>(())
//! ```
//!
//! Deliberately absent: a database (the index is a trait of `vas-core`), HTTP, and encoding: what a camera sent is what
//! is stored, and what a clip holds.

pub mod clip;
pub mod hls;
pub mod library;
pub mod mux;
pub mod read;
pub mod recorder;
pub mod recovery;
pub mod retention;
pub mod segment;
pub mod segmenter;
#[cfg(feature = "snapshot")]
pub mod snapshot;
pub mod store;
pub mod thin;
pub mod verify;
