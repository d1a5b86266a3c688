//! Tests of the whole system with real parts: cameras on GStreamer, viewers in Chromium, files from ffmpeg.
//!
//! The first group of modules is the harness (each with tests of its own), the second the rules of the tree.

#![expect(clippy::print_stdout, reason = "figures that are measured are printed")]

mod chromium;
mod gst_camera;
mod live;
mod load;
mod media;
mod page;
mod ports;
mod process;
mod recovery;
mod server;
mod sfu;
mod tidy;
mod turn;
mod wait;
mod whep;
