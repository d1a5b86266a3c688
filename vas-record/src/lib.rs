//! This crate writes fragmented MP4: access units in, an initialisation section and chunks out.
//!
//! ```text
//! StreamDesc --new--> Fmp4Writer --init_section--> ftyp moov            once, at the start of a file
//! AccessUnit --push------^   `-----take_chunk----> moof mdat, moof mdat ...
//! ```
//!
//! ```
//! use vas_core::testing;
//! use vas_record::mux::fmp4::Fmp4Writer;
//!
//! let mut writer = Fmp4Writer::new(&testing::video_desc())?;
//! let mut file = writer.init_section().to_vec();
//! writer.push(&testing::key_picture(0))?;
//! for n in 1..50 {
//!     writer.push(&testing::delta_picture(n))?;
//! }
//! file.extend(writer.finish().expect("fifty pictures are pending"));
//! # Ok::<(), vas_record::mux::fmp4::MuxError>(())
//! ```
//!
//! Deliberately absent: files and sockets (the caller puts the bytes where it wants them), tasks, clocks, and
//! decoding or encoding. This crate opens nothing and waits for nothing.

pub mod mux;
