//! What goes from a producer to the shards: a picture or a packet of sound, packetised once.

use crate::packetize::PacketRun;
use vas_core::WallTime;

/// RTP ticks per millisecond of video.
pub(crate) const TICKS_PER_MS: u32 = 90;

/// A picture or a packet of sound as RTP payloads, shared by every viewer of every shard.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Its number within the layer, without gaps.
    pub(crate) index: u64,
    /// RTP timestamp of the layer's own clock (90 kHz, of sound the codec's), continuous over restarts of the camera.
    /// Each consumer adds an offset of its own.
    pub(crate) timestamp: u32,
    /// UTC of its capture.
    pub(crate) captured: WallTime,
    /// Whether decoding can start here; true of all sound.
    pub(crate) key: bool,
    /// Whether no other picture needs it.
    pub(crate) disposable: bool,
    /// Whether pictures before this one were left out, so that only a key picture may follow.
    pub(crate) discontinuity: bool,
    /// The payloads.
    pub(crate) run: PacketRun,
}

impl Frame {
    /// Bytes that holding it costs.
    pub(crate) fn size(&self) -> usize {
        self.run.bytes() + size_of::<Self>()
    }
}
