//! What the segmenter makes of a stream: sections, which describe, and chunks, which hold the media.

use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::media::StreamDesc;
use vas_core::model::GapReason;

/// What one initialisation section describes without a break, a *run*: one session of the source in one format. Media
/// times are counted within it, from 0 at its first picture.
#[derive(Clone, Debug)]
pub struct Section {
    /// Names the run.
    pub run: Uuid,
    /// `ftyp` and `moov`, which stand at the start of every file of the run.
    pub init: Bytes,
    /// The tracks in the file's order; what MP4 does not carry is left out.
    pub desc: Arc<StreamDesc>,
    /// The codecs as RFC 6381 names them, separated by commas.
    pub codecs: String,
    /// Width of the pictures in pixels; 0: there are none.
    pub width: u32,
    /// Height of the pictures in pixels; 0: there are none.
    pub height: u32,
    /// The session of the source ([`AccessUnit::epoch`](vas_core::media::AccessUnit::epoch)).
    pub epoch: u32,
}

/// The smallest piece of a recording: a `moof` with its `mdat`, and a `prft` before them.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// What describes it.
    pub section: Arc<Section>,
    /// `prft`, `moof` and `mdat`.
    pub data: Bytes,
    /// Where it begins in the run, in ticks of 90 kHz: the decoding time of its first picture, or of its first packet
    /// of sound where there are no pictures. A run's decoding and its presentation both start at 0, so that this is
    /// when the chunk begins to be shown too, but for the leading pictures of an open group.
    pub media: i64,
    /// How long it lasts, in ticks of 90 kHz: to the next chunk of the run, unless media is missing between them.
    pub duration: u32,
    /// UTC of the capture of what is shown at `media`. Never before that of the chunk before, whatever the machine's
    /// clock did.
    pub wall: WallTime,
    /// It begins with a key picture; always, where there are no pictures.
    pub key: bool,
    /// Pictures in it; packets of sound where there are no pictures.
    pub pictures: u16,
    /// Packets of pictures known to be lost before or in it.
    pub lost: u32,
    /// Media is missing before it, for this reason.
    pub gap: Option<GapReason>,
}
