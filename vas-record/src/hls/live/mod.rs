//! Live HLS from memory: low-latency CMAF, and whole segments as MPEG-TS.
//!
//! [`LiveWindow`] holds the last half minute of a stream and decides what a segment is. [`LiveStream`] shares it among
//! requests and lets them wait for what is about to come. [`feed`] fills it from the hub: with times that count from the
//! Unix epoch, so that all renditions of a camera have one timeline and players may change between them, and, with the
//! feature `transcode`, with Opus in place of G.711, which players of HLS don't decode.

mod feed;
mod playlist;
#[cfg(feature = "transcode")]
mod sound;
mod stream;
mod window;

pub use feed::{FeedEnd, feed};
pub use playlist::RenditionReport;
pub use stream::{LiveError, LiveStream, Reload};
pub use window::{LiveWindow, SegmentMedia};

use crate::hls::text::SECOND;
use std::time::Duration;

/// How a live stream is cut and how much of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveConfig {
    /// A segment ends before the first key picture after this much of it.
    pub segment: Duration,
    /// What no segment exceeds when it is rounded to seconds (`EXT-X-TARGETDURATION`): a longer group of pictures is cut
    /// inside. Whole seconds, 1 at least.
    pub target: Duration,
    /// What the parts are expected to stay under; players hold back three times as much from the live edge.
    pub part: Duration,
    /// How much a playlist lists. At least six times `target`, so that players may ask for changes alone.
    pub listed: Duration,
    /// Most bytes of media that are kept. What this cuts short of `listed` is not listed.
    pub max_bytes: usize,
    /// The discontinuity number (`EXT-X-DISCONTINUITY-SEQUENCE`) of the first segment.
    ///
    /// Renditions of one camera, whose times have one origin, begin with the same one (rfc8216bis, section 6.2.4): that
    /// which the other has come to ([`LiveStream::discontinuity`]).
    pub discontinuity: u64,
}

impl Default for LiveConfig {
    /// Segments of 4 s with key pictures every 1, 2 or 4 s, up to 5 s otherwise; parts of half a second; 40 s listed, at
    /// most 48 MiB.
    fn default() -> Self {
        Self {
            segment: Duration::from_millis(3_500),
            target: Duration::from_secs(5),
            part: Duration::from_millis(500),
            listed: Duration::from_secs(40),
            max_bytes: 48 << 20,
            discontinuity: 0,
        }
    }
}

impl LiveConfig {
    /// The target duration in seconds.
    fn target_seconds(&self) -> u64 {
        self.target.as_secs().max(1)
    }

    /// The longest segment, in ticks of 90 kHz: it still rounds to the target duration.
    fn longest(&self) -> u64 {
        self.target_seconds() * SECOND + SECOND / 2 - 1
    }

    /// The longest that a request waits for media (rfc8216bis, section 6.2.5.2).
    fn patience(&self) -> Duration {
        Duration::from_secs(3 * self.target_seconds())
    }
}

/// A duration in ticks of 90 kHz.
fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos() * u128::from(SECOND) / 1_000_000_000).unwrap_or(u64::MAX)
}
