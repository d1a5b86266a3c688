//! MPEG-2 transport streams (ISO/IEC 13818-1) as HLS wants them (RFC 8216, section 3.2): segments computed one by one,
//! each from its own chunks alone, that still join without a seam.
//!
//! - H.264 and H.265 in Annex B form, an access unit delimiter before each picture and the parameter sets before each
//!   key picture; AAC with ADTS headers.
//! - Times are those of the run, moved by constants so that no decoding time is negative and none lies after its
//!   presentation, and cut to 33 bits.
//! - Each PID of a segment has a multiple of sixteen packets, so that its continuity counter, which starts at 0, ends
//!   where that of the next segment starts.
//!
//! Deliberately absent: AV1 and VP8, which HLS does not know in transport streams; Opus and G.711, which it does not
//! know either and which are left out.

mod adts;
mod packets;
mod units;

use crate::read::{Fragment, Init};
use bytes::Bytes;
use packets::Packetizer;
use units::Tracks;
use vas_core::media::Codec;
use vas_core::{ErrorKind, HasKind};

/// Why a transport stream can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TsError {
    /// The pictures have a codec that transport streams don't carry.
    #[error("{0} is not carried in MPEG-TS; play the CMAF form")]
    Unsupported(Codec),
    /// There is neither a track of pictures nor one of AAC.
    #[error("there is no track that MPEG-TS carries; play the CMAF form")]
    NoTracks,
}

impl HasKind for TsError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// A segment of the first track of pictures and the first of AAC: `fragments` in order, as `init` describes them.
///
/// Broken samples come out broken: a NAL unit that ends past its sample ends the sample.
///
/// # Errors
/// [`TsError`]: the tracks are not such as a transport stream carries.
pub fn segment<'a>(init: &Init, fragments: impl IntoIterator<Item = &'a Fragment>) -> Result<Bytes, TsError> {
    let tracks = Tracks::of(init)?;
    let units = tracks.units(fragments);
    Ok(Packetizer::new(tracks.streams()).segment(&units))
}
