//! Clips of real media, judged by ffmpeg, which decodes them and honours their edit lists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in helpers as well")]

mod archive;
mod exact;
mod fragmented;
mod long;
mod media;
mod planner;
mod shapes;
mod sound;
mod thin;
mod tools;
