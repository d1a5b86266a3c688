//! Frame headers, as far as routing needs them.

use super::sequence::{FrameSyntax, SequenceHeader};
use super::{Obu, obu_type, obus};
use crate::media::bits::BitReader;
use crate::media::unit::{KeyKind, UnitKind};

/// `frame_type` of a frame without references at which decoding can start once it is shown (section 6.8.2).
const KEY_FRAME: u32 = 0;
/// `frame_type` of any other frame without references.
const INTRA_ONLY_FRAME: u32 = 2;
/// `frame_type` of a switch frame.
const SWITCH_FRAME: u32 = 3;

/// What a frame is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// Shown, without references, and all references start with it.
    Key,
    /// Kept for frames to come.
    Reference,
    /// `refresh_frame_flags` of 0: kept for no other frame.
    Disposable,
}

/// Classifies a temporal unit; `None` when it holds no frame.
///
/// A temporal unit whose first frame is a shown key frame is a key. Where none of its frames is kept as a reference it
/// is disposable. Its frames are read by its own sequence header, else by `known`, the stream's; without any, every
/// temporal unit counts as [`UnitKind::REFERENCE`]. AV1 shows temporal units in their order, whatever they refer to,
/// so that none counts as bipredictive.
#[must_use]
pub fn classify(data: &[u8], known: Option<&SequenceHeader>) -> Option<UnitKind> {
    let own = super::sequence_header(data).and_then(SequenceHeader::parse);
    let sequence = own.as_ref().or(known);
    let headers = obus(data).filter(|obu| matches!(obu.kind(), obu_type::FRAME | obu_type::FRAME_HEADER));
    let read = |obu| sequence.and_then(|sequence| read_header(obu, &sequence.frame));
    let mut disposable = true;
    let mut any = false;
    for frame in headers.map(read) {
        match frame {
            Some(Frame::Key) if !any => return Some(UnitKind::Key(KeyKind::Idr)),
            Some(Frame::Disposable) => {}
            _ => disposable = false,
        }
        any = true;
    }
    any.then_some(UnitKind::Delta { disposable, bipredictive: false })
}

/// Reads a frame header (section 5.9.2) as far as `refresh_frame_flags`.
fn read_header(obu: Obu<'_>, syntax: &FrameSyntax) -> Option<Frame> {
    if syntax.reduced_still_picture {
        return Some(Frame::Key);
    }
    let mut r = BitReader::plain(obu.payload);
    if r.flag()? {
        // show_existing_frame: of a key frame it renews all references, and which it is depends on earlier frames.
        return Some(Frame::Reference);
    }
    let frame_type = r.bits(2)?;
    let show_frame = r.flag()?;
    if show_frame && frame_type == KEY_FRAME {
        return Some(Frame::Key);
    }
    if show_frame {
        r.skip(syntax.presentation_time_bits)?;
    } else {
        r.flag()?; // showable_frame
    }
    let error_resilient = frame_type == SWITCH_FRAME || r.flag()?;
    r.flag()?; // disable_cdf_update
    let screen_content_tools = match syntax.screen_content_tools {
        Some(all) => all,
        None => r.flag()?,
    };
    if screen_content_tools && syntax.select_integer_mv {
        r.flag()?; // force_integer_mv
    }
    r.skip(syntax.frame_id_bits)?;
    if frame_type == SWITCH_FRAME {
        return Some(Frame::Reference);
    }
    r.flag()?; // frame_size_override_flag
    r.skip(syntax.order_hint_bits)?;
    if !error_resilient && !matches!(frame_type, KEY_FRAME | INTRA_ONLY_FRAME) {
        r.skip(3)?; // primary_ref_frame
    }
    if let Some(model) = syntax.decoder_model
        && r.flag()?
    {
        let (temporal_id, spatial_id) = obu.layer();
        let covers = |idc: u16| idc == 0 || (idc >> temporal_id & 1 == 1 && idc >> (spatial_id + 8) & 1 == 1);
        let removal_times = model.points.into_iter().flatten().filter(|&idc| covers(idc)).count();
        r.skip(model.removal_time_bits * removal_times as u32)?;
    }
    Some(if r.bits(8)? == 0 { Frame::Disposable } else { Frame::Reference })
}
