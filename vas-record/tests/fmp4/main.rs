//! Files are made of real media and judged by ffmpeg, which has written the same media to MP4 itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in helpers as well")]

mod judged;
mod refused;
mod source;
mod tools;
