//! Real streams by x264 and x265, judged by ffmpeg.

mod bits;
mod damaged;
mod fields;
mod hostile;
mod jpegs;
mod pool;
mod source;
mod speed;
mod streams;
mod wanted;
