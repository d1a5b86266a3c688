//! Files are made of real media and judged by ffmpeg, which has written the same media to MP4 itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in helpers as well")]

mod judged;
mod read_back;
#[path = "../../../fuzz/src/recording.rs"]
mod recording;
mod refused;
mod segmented;
mod source;
mod tools;

/// What `fuzz/src/recording.rs` finds beside it when it is built for the fuzzer.
mod targets {
    pub(crate) struct Target {
        pub(crate) name: &'static str,
        pub(crate) run: fn(&[u8]),
    }
}
