//! Clips: an MP4 file of exactly the pictures that were taken in a stretch of wall time, made of stored files without
//! decoding or encoding anything.
//!
//! ```text
//! range --plan--> ClipInfo, heads, pieces --stream--> bytes      first pass: tables; second pass: media
//! ```
//!
//! A picture belongs to a clip when its wall time ([`Timeline`]) is not before the start of the range and before its end.
//! What is needed to decode it, from the key picture before the range and from beyond its end, is in the file and hidden
//! by its edit list. Pictures that lead the first key picture and can't be decoded are left out. Gaps are cut out, and
//! what follows them goes on at once, in H.265 with a key picture that is marked
//! as a broken link; a change of parameters is another sample entry of the same track. Sound has the
//! range of the pictures to within one packet.
//!
//! The first pass reads the media it takes and keeps 4 bytes a sample of an even track, at most 20, and 32 bytes for
//! each piece of about half a second. The second pass holds about two megabytes and knows the length of the output from
//! the start, so that it can begin anywhere in it. Every piece is checked: a file that was thinned meanwhile ends the
//! stream with an error.
//!
//! Deliberately absent: HTTP, files to write to, a cache.

mod assembly;
mod cutter;
mod error;
mod footage;
mod fragmented;
mod link;
mod movie;
mod output;
mod plan;
mod progressive;
mod section;
mod sound;
mod table;
mod timeline;

pub use error::ClipError;
pub use footage::Footage;
pub use timeline::Timeline;

pub(crate) use link::broken_link;

use assembly::Piece;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use vas_core::model::{GapReason, Recording, WallRange};
use vas_core::{DeviceId, WallTime};

/// The longest clip where nobody says otherwise.
pub const DEFAULT_LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The forms of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClipFormat {
    /// An MP4 file with its tables at the start, which every player and editor takes. Exact to the picture.
    #[default]
    Progressive,
    /// An initialisation section and fragments of about a second. Time 0 is that of the first picture asked for; those
    /// that it is decoded from come before 0, where the player decides whether they are seen. After the last one, those
    /// that it was decoded from may be shown.
    Fragmented,
}

/// What to make a clip of.
#[derive(Clone, Copy, Debug)]
pub struct ClipRequest {
    /// The device.
    pub device: DeviceId,
    /// 0: the main stream; 1: the sub stream.
    pub layer: u8,
    /// The stretch of wall time.
    pub range: WallRange,
    /// The form.
    pub format: ClipFormat,
    /// The longest range that is allowed.
    pub longest: Duration,
}

/// What is in a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipInfo {
    /// UTC of its first picture.
    pub start: WallTime,
    /// UTC at the end of its last picture.
    pub end: WallTime,
    /// Where wall time passes without pictures between the two, and why; in order.
    pub gaps: Vec<(WallRange, GapReason)>,
    /// Pictures that are shown; packets of sound where there are no pictures.
    pub pictures: u64,
    /// How long it plays.
    pub duration: Duration,
    /// Bytes of the whole output.
    pub bytes: u64,
    /// The codecs as in RFC 6381, with commas between.
    pub codecs: String,
}

/// A clip that is planned and can be streamed any number of times.
#[derive(Debug)]
pub struct Clip {
    info: ClipInfo,
    /// What stands before the piece of a number.
    heads: Vec<(u32, Bytes)>,
    pieces: Vec<Piece>,
    recordings: Vec<Recording>,
}

/// Plans a clip: reads what lies in the range once. Stops when it is dropped.
///
/// # Errors
/// [`ClipError::NoRecording`], [`ClipError::TooLong`], [`ClipError::Damaged`], [`ClipError::Library`].
pub async fn plan(footage: &dyn Footage, request: &ClipRequest) -> Result<Clip, ClipError> {
    let asked = Duration::from_micros(request.range.micros().unsigned_abs());
    if asked > request.longest {
        return Err(ClipError::TooLong { asked, most: request.longest });
    }
    if request.range.is_empty() {
        return Err(ClipError::NoRecording);
    }
    let plan::Planned { cutter, recordings } =
        plan::plan(footage, request.device, request.layer, request.range).await?;
    let (Some(start), Some(leader)) = (cutter.start, &cutter.assembly.leader) else {
        return Err(ClipError::NoRecording);
    };
    let duration = u128::from(cutter.length) * 1_000_000 / u128::from(leader.timescale.get());
    let heads = match request.format {
        ClipFormat::Progressive => vec![(0, progressive::head(&cutter.assembly, start, cutter.length))],
        ClipFormat::Fragmented => fragmented::heads(&cutter.assembly, start, cutter.sound_starts()),
    };
    let bytes = heads.iter().map(|(_, head)| head.len() as u64).sum::<u64>() + cutter.assembly.media_len();
    let info = ClipInfo {
        start,
        end: cutter.end,
        gaps: cutter.gaps,
        pictures: cutter.pictures,
        duration: Duration::from_micros(u64::try_from(duration).unwrap_or(u64::MAX)),
        bytes,
        codecs: cutter.assembly.codecs(),
    };
    Ok(Clip { info, heads, pieces: cutter.assembly.pieces, recordings })
}

impl Clip {
    /// What is in it.
    #[must_use]
    pub const fn info(&self) -> &ClipInfo {
        &self.info
    }

    /// The bytes `range` of its output, in pieces; of all of it with `0..info().bytes`. Nothing is read ahead of who
    /// takes them, and dropping the stream ends it.
    ///
    /// # Errors
    /// The stream ends with [`ClipError::Changed`] when a file has been replaced since the clip was planned, and with
    /// [`ClipError::Library`].
    #[must_use]
    pub fn stream(
        self: Arc<Self>,
        footage: Arc<dyn Footage>,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, ClipError>> {
        output::stream(self, footage, range).boxed()
    }
}
