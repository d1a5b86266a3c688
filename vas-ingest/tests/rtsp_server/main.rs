//! The RTSP server and the test camera against real peers: ffmpeg, ffprobe, GStreamer, and a bare socket.

mod camera;
mod client;
mod players;
mod protocol;
mod replay;
mod sources;
mod tools;
