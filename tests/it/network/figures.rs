//! What a viewer saw of the picture and of the network over some time, whichever viewer it is.

use serde_json::Value;
use std::fmt;
use vas_examples::viewer::ViewerStats;

/// Totals since the start of a viewer; or, subtracted, those of a part of its time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// Pictures shown or decoded.
    pub(super) pictures: u64,
    /// Times that the picture stood still, and for how many seconds in all (webrtc-stats, `freezeCount`).
    pub(super) freezes: u64,
    pub(super) frozen: f64,
    /// Packets of media that did not come in their first transmission.
    pub(super) lost: u64,
    /// Of these, how many a retransmission brought.
    pub(super) repaired: u64,
    /// Requests for key pictures.
    pub(super) key_requests: u64,
}

impl Figures {
    /// Of the viewer of `vas_examples`.
    pub(super) fn of_viewer(stats: &ViewerStats) -> Self {
        Self {
            pictures: stats.shown,
            freezes: stats.freezes,
            frozen: stats.frozen.as_secs_f64(),
            lost: stats.lost + stats.recovered,
            repaired: stats.recovered,
            key_requests: stats.keyframe_requests,
        }
    }

    /// Of Chromium's inbound-rtp statistics, where `packetsLost` counts first transmissions and
    /// `retransmittedPacketsReceived` everything of the RTX stream.
    pub(super) fn of_chromium(stats: &Value) -> Self {
        let video = &stats["video"];
        let count =
            |name: &str| video[name].as_i64().and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        Self {
            pictures: count("framesDecoded"),
            freezes: count("freezeCount"),
            frozen: video["totalFreezesDuration"].as_f64().unwrap_or(0.0),
            lost: count("packetsLost"),
            repaired: count("retransmittedPacketsReceived"),
            key_requests: count("pliCount"),
        }
    }

    /// What happened since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            pictures: self.pictures.saturating_sub(before.pictures),
            freezes: self.freezes.saturating_sub(before.freezes),
            frozen: self.frozen - before.frozen,
            lost: self.lost.saturating_sub(before.lost),
            repaired: self.repaired.saturating_sub(before.repaired),
            key_requests: self.key_requests.saturating_sub(before.key_requests),
        }
    }

    /// Whether retransmission brought at least `share` of what was lost. Chromium's counts are taken at slightly
    /// different times, hence one packet of grace.
    pub(super) fn repaired_at_least(&self, share: f64) -> bool {
        (self.repaired + 1) as f64 >= self.lost as f64 * share
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, freezes, frozen, lost, repaired, key_requests } = self;
        write!(
            f,
            "{pictures} pictures, {freezes} freezes of {frozen:.2} s in all; {lost} packets lost, {repaired} \
             repaired; {key_requests} key pictures asked for"
        )
    }
}
