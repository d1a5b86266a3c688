//! Tests of the whole system with real parts: cameras on GStreamer, viewers in Chromium, files from ffmpeg.
//!
//! The first group of modules is the harness (each with tests of its own), the second the rules of the tree.

#![expect(clippy::print_stdout, reason = "figures that are measured are printed")]

mod accounts;
mod bundle;
mod chromium;
mod contract;
mod coturn;
mod dashboard;
mod doors;
mod gst_camera;
mod layers;
mod live;
mod load;
mod media;
mod network;
mod ports;
mod postgres;
mod process;
mod recording;
mod recovery;
mod relay;
mod server;
mod sfu;
mod tidy;
mod turn;
mod wait;
mod ways;
mod whep;
mod whip;
