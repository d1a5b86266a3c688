//! Files are made of real media and judged by ffmpeg, which has written the same media to MP4 itself.

mod judged;
mod refused;
mod source;
mod tools;
