//! Pictures of H.264 and H.265 through the decoders.
//!
//! The decoders are libraries that may panic on damaged bits: whoever uses them catches that, and so does this target.
//! What is looked for is what nobody can catch: memory without bound, no end, and panics of our own.

use crate::targets::Target;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::Duration;
use vas_core::SystemClock;
use vas_core::decode::jpeg::{JpegOptions, encode};
use vas_core::decode::{Deadline, DecodeLimits, PictureDecoder};
use vas_core::media::{VideoCodec, VideoFormat, nal};

/// Streams with start codes, whose parameter sets are their own.
pub(crate) const TARGETS: [Target; 2] = [
    Target { name: "decode_h264", run: |bytes| decode(VideoCodec::H264, bytes) },
    Target { name: "decode_h265", run: |bytes| decode(VideoCodec::H265, bytes) },
];

fn decode(codec: VideoCodec, bytes: &[u8]) {
    forgive_decoders();
    let format = VideoFormat { codec, ..VideoFormat::vp8(16, 16) };
    // Small enough for the second and the memory that an input has.
    let limits = DecodeLimits { max_pixels: 256 * 256, ..DecodeLimits::default() };
    let deadline = Deadline::new(SystemClock::shared(), Duration::from_secs(10));
    let result = catch_unwind(AssertUnwindSafe(|| {
        let Ok(mut decoder) = PictureDecoder::new(&format, limits, &deadline) else { return };
        for unit in nal::annexb_units(bytes) {
            if let Ok(Some(picture)) = decoder.decode(&nal::join([unit]), &deadline) {
                let jpeg = encode(&picture, JpegOptions { max_width: Some(100), ..JpegOptions::default() });
                assert!(jpeg.is_ok_and(|jpeg| jpeg.data.starts_with(&[0xff, 0xd8])));
            }
        }
    }));
    // A panic that was not forgiven has ended the process.
    drop(result);
}

/// Lets panics of the decoders pass; the fuzzer ends with all others.
fn forgive_decoders() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            if !panic.location().is_some_and(|place| place.file().contains("rust_h26")) {
                hook(panic);
            }
        }));
    });
}
