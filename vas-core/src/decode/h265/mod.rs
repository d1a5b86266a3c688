//! H.265 by `rust_h265`.

mod guard;
mod sps;

use super::colours::Colours;
use super::picture::to_8_bits;
use super::reading::DecodeLimits;
use super::{Deadline, DecodeError, Picture, Plane};
use crate::media::{h265, nal};
use guard::{Guard, Verdict};
use rust_h265::{DecodeError as LibraryError, Decoder, Frame, PixelData};
use std::fmt;

/// The decoder and what stands before it.
pub(super) struct Engine {
    guard: Guard,
    decoder: Decoder,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A picture as the decoder gave it, and what the stream says of its colours.
pub(super) struct Raw {
    frame: Frame,
    colours: Colours,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({}x{})", self.frame.width, self.frame.height)
    }
}

impl Engine {
    pub(super) fn new(limits: DecodeLimits) -> Self {
        // The guard bounds sizes; the library's own bound of memory for one picture stays.
        Self { guard: Guard::new(limits), decoder: Decoder::new() }
    }

    pub(super) const fn coded_pixels(&self) -> u64 {
        self.guard.coded_pixels()
    }

    /// Decodes NAL units with length prefixes: parameter sets, or an access unit to its end.
    pub(super) fn decode(&mut self, data: &[u8], deadline: &Deadline) -> Result<Option<Raw>, DecodeError> {
        let mut picture = None;
        for unit in nal::units(data) {
            deadline.check()?;
            let Some(parsed) = rust_h265::parse_nal(unit) else { continue };
            // Units of other layers (depth, other views) are not for this decoder.
            if parsed.nuh_layer_id != 0 {
                continue;
            }
            // The guard judges what the library makes of emulation prevention bytes, so that both read the same bits.
            if self.guard.judge(h265::nal_unit_type(unit), &parsed.rbsp)? == Verdict::Decode
                && let Some(frame) = self.decoder.decode_nal(&parsed).map_err(|error| refused(&error))?
            {
                picture = Some(frame);
            }
        }
        // The library ends a picture when the next one starts. Access units are whole, so it has ended here.
        while let Some(frame) = self.decoder.flush() {
            picture = Some(frame);
        }
        Ok(picture.map(|frame| Raw { frame, colours: self.guard.colours() }))
    }
}

fn refused(error: &LibraryError) -> DecodeError {
    match *error {
        LibraryError::UnexpectedEof => DecodeError::Damaged("its data end early"),
        LibraryError::InvalidSyntax(reason) => DecodeError::Damaged(reason),
        LibraryError::Unsupported(reason) | LibraryError::ResourceLimit(reason) => {
            DecodeError::Unsupported(reason)
        }
        _ => DecodeError::Damaged("the decoder refuses it"),
    }
}

impl Raw {
    pub(super) fn into_picture(self) -> Result<Picture, DecodeError> {
        let Self { frame, colours } = self;
        let (width, height) = (frame.width as usize, frame.height as usize);
        let y = Plane::new(width, height, bytes(frame.y, frame.bit_depth))?;
        let chroma = |samples| {
            let samples = bytes(samples, frame.bit_depth);
            match frame.chroma_format_idc {
                1 => Plane::new(width.div_ceil(2), height.div_ceil(2), samples),
                3 => Ok(Plane::new(width, height, samples)?.reduced(2, 2)),
                _ => Err(DecodeError::Unsupported("a chroma format other than 4:2:0 and 4:4:4")),
            }
        };
        Picture::new(colours, [y, chroma(frame.u)?, chroma(frame.v)?])
    }
}

fn bytes(samples: PixelData, depth: u8) -> Vec<u8> {
    match samples {
        PixelData::U8(samples) => samples,
        PixelData::U16(samples) => samples.into_iter().map(|sample| to_8_bits(sample, depth)).collect(),
    }
}
