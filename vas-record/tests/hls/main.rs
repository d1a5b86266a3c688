//! HLS and MPEG-TS: playlists are held against the rules of rfc8216bis, and what they name is played by ffmpeg.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in helpers as well")]

mod live;
mod media;
mod played;
mod rules;
#[path = "../fmp4/source.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod source;
#[path = "../fmp4/tools.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod tools;
mod vod;
mod window;
