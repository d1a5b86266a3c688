//! The RTSP server and the test camera against real peers: ffmpeg, ffprobe, GStreamer, and a bare socket.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in helpers as well")]

mod camera;
mod client;
mod players;
mod protocol;
mod replay;
mod sources;
mod tools;
